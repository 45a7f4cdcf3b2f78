"""CSV tables for people, as the user's spreadsheet opens them. One setting of the user holds for the window and the
command line. Tables that only this program reads (predictions, drawn images) do not follow it."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from busapp import paths
from busapp.engine.utils.files import write_json

Separator = Literal["comma", "semicolon"]
_CHARACTERS: Final[dict[Separator, str]] = {"comma": ",", "semicolon": ";"}


@dataclass(frozen=True, slots=True)
class TableStyle:
    """How to write a table. With a semicolon between cells, numbers have a decimal comma, as a spreadsheet set to
    German, French or Spanish expects both. With `mark`, the file begins with a byte-order mark, without which Excel
    does not recognise UTF-8."""

    separator: Separator = "comma"
    mark: bool = False

    def in_words(self) -> str:
        """`separated by semicolons, with decimal commas, in UTF-8 with a byte-order mark`."""
        numbers = "semicolons, with decimal commas" if self.separator == "semicolon" else "commas, with decimal points"
        return f"separated by {numbers}, in UTF-8{' with a byte-order mark' if self.mark else ''}"


def table_style() -> TableStyle:
    """The style that the user chose last; commas without a mark if there is none, or if its file is damaged."""
    try:
        stored = json.loads(_file().read_text(encoding="utf-8"))
        separator, mark = stored["separator"], stored["mark"]
        return TableStyle(separator, mark) if separator in _CHARACTERS and isinstance(mark, bool) else TableStyle()
    except (OSError, ValueError, KeyError, TypeError):
        return TableStyle()


def choose_table_style(style: TableStyle) -> None:
    """Write all tables from now on in this style.

    Raises:
        OSError: the user's folder cannot be written to.
        NoSpace: the disk is full.
    """
    write_json(_file(), asdict(style))


def csv_bytes(rows: Iterable[Sequence[object]], style: TableStyle | None = None) -> bytes:
    """Rows, the headings first, as the content of a CSV file in the user's style, or in `style`. None becomes an empty
    cell. Give numbers as numbers: words that look like one are left as they are."""
    style = style or table_style()
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=_CHARACTERS[style.separator], lineterminator="\n")
    writer.writerows([_cell(value, style) for value in row] for row in rows)
    return (codecs.BOM_UTF8 if style.mark else b"") + text.getvalue().encode()


def _cell(value: object, style: TableStyle) -> object:
    if style.separator == "semicolon" and isinstance(value, float | Decimal):
        return str(value).replace(".", ",")
    return value


def _file() -> Path:
    return paths.user_data_dir() / "tables.json"
