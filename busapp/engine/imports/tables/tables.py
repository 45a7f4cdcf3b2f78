"""Read tables: text with any separator, and the sheets of Excel workbooks.

The content of a file decides what it is, not its ending: picture archives write text into files called `.xls`.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from busapp.engine.imports.files.sources import Entry
from busapp.engine.imports.tables.workbooks import is_workbook, read_workbook
from busapp.errors import BadInput, UnreadableImage

MAX_TABLE_BYTES: Final = 64 * 2**20
_SEPARATORS: Final = ",;\t|"
_SAMPLE_ROWS: Final = 50
_SAMPLE_LETTERS: Final = 2**16
"""Rows, and letters, that decide which separator a table has."""
MAX_COLUMNS: Final = 1000
_TITLE_ROWS: Final = 20
"""Rows among which the line with the names of the columns must come."""
_CODE_PAGES: Final = ("cp1252", "cp850")
"""Western code pages of Windows and of its command line, in which Excel saves CSV."""
_PROTECTED: Final = re.compile(r'="(.*)"|\'(?=\d)(.*)', re.DOTALL)
"""`="0042"` and `'0042`: how people make a spreadsheet keep a number's zeros."""


class Row(NamedTuple):
    """One row of a table. `number` is its number in a spreadsheet, counted from 1. Missing cells are ''."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawTable:
    """The rows of a table or of one sheet of a workbook, without empty ones. `header` is the first line of more than
    one cell; `header_line` is its number. `sheet` is the name of the sheet, '' for text."""

    header: tuple[str, ...]
    rows: list[Row] = field(repr=False)
    header_line: int = 1
    sheet: str = ""


def read_tables(entry: Entry, given: Path | str) -> list[RawTable]:
    """Read the table in a file, or all sheets of a workbook.

    Raises:
        BadInput: the file is not a table, is larger than 64 MiB, or is a workbook that cannot be read.
    """
    try:
        content = entry.read(MAX_TABLE_BYTES + 1)
    except UnreadableImage as error:
        raise BadInput(error.what, file=given, remedy="Check that it is there and that you may read it.") from error
    if len(content) > MAX_TABLE_BYTES:
        raise BadInput(f"The table is larger than {MAX_TABLE_BYTES // 2**20} MiB", file=given, remedy="Split it.")
    if is_workbook(content):
        sheets: Mapping[str, Iterable[tuple[int, Sequence[str]]]] = read_workbook(content, given)
    else:
        sheets = {"": _text_rows(_decoded(content))}
    try:
        tables = [table for name, rows in sheets.items() if (table := _table(rows, name)) is not None]
    except csv.Error as error:
        raise BadInput("The table cannot be read", file=given, remedy="Save it again as CSV.") from error
    if any(len(table.header) > MAX_COLUMNS for table in tables):
        what = f"The table has more than {MAX_COLUMNS:,} columns"
        raise BadInput(what, file=given, remedy="Keep only the columns that describe the images.")
    return tables


def _table(rows: Iterable[tuple[int, Sequence[str]]], sheet: str = "") -> RawTable | None:
    """Tell the header from the rows. A title stands in one cell above them."""
    found = [
        Row(number, tuple(cells))
        for number, row in rows
        if any(cells := [_plain(cell) for cell in row[: MAX_COLUMNS + 1]])
    ]
    if not found:
        return None
    widths = [sum(map(bool, row.cells)) for row in found[:_TITLE_ROWS]]
    at = next((at for at, width in enumerate(widths) if width > 1), 0)
    return RawTable(found[at].cells, found[at + 1 :], found[at].number, sheet)


def _plain(cell: str) -> str:
    cell = cell.strip()
    protected = _PROTECTED.fullmatch(cell) if cell.startswith(("=", "'")) else None
    return (protected[1] or protected[2] or "").strip() if protected else cell


# -- text ----------------------------------------------------------------------------------------------------


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return content.decode("utf-32", "replace")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    zeros = content[:1000].count(0)
    if zeros > len(content[:1000]) / 4:  # UTF-16 without its mark
        return content.decode("utf-16-be" if content[0] == 0 else "utf-16-le", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        texts = [content.decode(page, "replace") for page in _CODE_PAGES]
        return max(texts, key=_letters)  # the first of the best


def _letters(text: str) -> int:
    """Letters among the characters beyond ASCII: names hold few others."""
    return sum(map(str.isalpha, re.findall(r"[^\x00-\x7f]", text)))


def _text_rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    skipped = 0
    hint = re.match(r'"?sep=(.)"?\r?\n?', text, re.IGNORECASE)  # a line that Excel writes for itself
    if hint:
        text, skipped = text[hint.end() :], 1
    for number, row in _rows(text, hint[1] if hint else _separator(text)):
        yield number + skipped, row


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    for row in reader:
        if any(row):
            yield reader.line_num, row


def _separator(text: str) -> str:
    """The separator that cuts most rows into the same number of cells; of several, the one that cuts most."""
    text = text[:_SAMPLE_LETTERS]

    def order(separator: str) -> tuple[float, int]:
        try:
            widths = [len(row) for _, row in islice(_rows(text, separator), _SAMPLE_ROWS) if any(map(str.strip, row))]
        except csv.Error:
            return 0, 0
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        return (round(widths.count(usual) / len(widths), 1), usual) if usual > 1 else (0, 0)

    return max(_SEPARATORS, key=order)
