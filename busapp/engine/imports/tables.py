"""CSV tables with the class and the patient of each file.

The first line names the columns. The reader accepts what spreadsheets write: commas, semicolons or tabs; UTF-8, UTF-16
with a byte order mark, otherwise the Western European code page of Windows.
"""

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from busapp.engine.events import Skipped
from busapp.engine.imports.names import image_of_mask, is_text, natural_key
from busapp.engine.imports.sources import STEP, Entry, FileEntry, Label, Listing, Steps
from busapp.errors import BadInput, UnreadableImage

MAX_TABLE_BYTES: Final = 64 * 2**20
_FILE: Final = frozenset({"file", "filename", "filepath", "image", "imagefile", "imagename", "imagepath", "path"})
_CLASS: Final = frozenset({"class", "classname", "label", "diagnosis", "category", "pathology"})
_PATIENT: Final = frozenset({"patient", "patientid", "patientnumber", "subject", "subjectid", "case", "caseid"})
_NOT_TO_TRAIN_ON: Final = {
    "kind": ("synthetic", "It is a synthetic image, which must not come in as a real one"),
    "set_aside": (None, "It was set aside where it was exported"),
}
"""Columns of an export's `images.csv` that mark images not to be imported as real ones: the value that is skipped
(None: any), and the reason."""
_COLUMNS_REMEDY: Final = "Its first line must name the columns: file, class and, if patients are known, patient."
_ABSOLUTE: Final = re.compile(r"/|[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; empty cells and missing columns are ''. `number` is the row number in a spreadsheet, where
    the header is row 1. `reason_to_skip` is set if the row itself marks the image as unfit for training."""

    number: int
    file: str
    class_name: str
    patient: str = field(repr=False)
    reason_to_skip: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table. `has_classes` is true if it has a column of classes."""

    rows: list[Row]
    has_classes: bool


def read_table(entry: Entry, given: Path | str) -> Table:
    """Read a table.

    Raises:
        BadInput: the file is not a table, is larger than 64 MiB, or has no column of file names.
    """
    try:
        content = entry.read(MAX_TABLE_BYTES + 1)
    except UnreadableImage as error:
        raise BadInput(error.what, file=given, remedy="Check that it is there and that you may read it.") from error
    if len(content) > MAX_TABLE_BYTES:
        raise BadInput(f"The table is larger than {MAX_TABLE_BYTES // 2**20} MiB", file=given, remedy="Split it.")
    try:
        return _parsed(_decoded(content), given)
    except csv.Error as error:
        raise BadInput("The table cannot be read", file=given, remedy="Save it again as CSV.") from error


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _parsed(text: str, given: Path | str) -> Table:
    first, _, rest = text.partition("\n")
    has_hint = first.lower().startswith("sep=")  # a line that Excel writes for itself
    if has_hint:
        text, first = rest, rest.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), skipinitialspace=True)
    header: list[str] = next(reader, [])
    names = [re.sub(r"[^a-z]", "", name.lower()) for name in header]
    file, class_name, patient = (
        next((at for at, name in enumerate(names) if name in wanted), None) for wanted in (_FILE, _CLASS, _PATIENT)
    )
    if file is None:
        raise BadInput("The table has no column that names the files", file=given, remedy=_COLUMNS_REMEDY)

    def cell(row: list[str], column: int | None) -> str:
        return row[column].strip() if column is not None and column < len(row) else ""

    def reason_to_skip(row: list[str]) -> str | None:
        for column, (value, reason) in _NOT_TO_TRAIN_ON.items():
            found = cell(row, header.index(column)) if column in header else ""
            if found and value in (None, found):
                return reason
        return None

    rows = [
        Row(reader.line_num + has_hint, cell(row, file), cell(row, class_name), cell(row, patient), reason_to_skip(row))
        for row in reader
        if any(map(str.strip, row))
    ]
    return Table(rows, class_name is not None)


def list_table(source: Path, given: Path, *, needs_classes: bool) -> Steps[Listing]:
    """List the files that a table names, with their labels, and the masks that lie beside them.

    Paths are relative to the table. Rows are skipped if their path leads out of the table's folder, if the file does
    not exist, if they have no class, or if another row gives the same file a different class or patient.

    Raises:
        BadInput: as `read_table`, or the table has no column of classes and one is needed.
    """
    table = read_table(FileEntry("", source.name, source), given)
    if needs_classes and not table.has_classes:
        raise BadInput("The table has no column for the class", file=given, remedy=_COLUMNS_REMEDY)
    listing = Listing("Table", source.name, given, labels={})
    rows: dict[str, list[Row]] = {}
    for number, row in enumerate(table.rows):
        if number % STEP == 0:
            yield number
        path, reason = _path_of(row, source.parent)
        reason = reason or row.reason_to_skip
        if reason is None and needs_classes and not row.class_name:
            reason = "It has no class"
        if reason is not None:
            listing.skipped.append(Skipped(f"{source.name}, row {row.number}", reason))
        else:
            rows.setdefault(str(path), []).append(row)
    assert listing.labels is not None
    for number, (where, same) in enumerate(rows.items()):
        if number % STEP == 0:
            yield number
        if len({(row.class_name.casefold(), row.patient.casefold()) for row in same}) > 1:
            listing.skipped += [
                Skipped(f"{source.name}, row {row.number}", f"{row.file} has another class or patient in another row")
                for row in same
            ]
            continue
        listing.labels[where] = Label(same[0].class_name or None, same[0].patient or None)
        listing.entries.append(_entry(Path(where), source.parent))
    listing.entries += _masks_beside(listing, source.parent)
    return listing


def _path_of(row: Row, folder: Path) -> tuple[Path, str | None]:
    """The file that a row names, and the reason to skip it, None if there is none."""
    named = row.file.replace("\\", "/")
    if not named:
        return folder, "It names no file"
    if "\0" in named or not is_text(named):
        return folder, "The name of its file is not valid text"
    path = Path(os.path.normpath(folder / named))
    if not path.is_relative_to(folder) or (_ABSOLUTE.match(named) and not Path(named).is_absolute()):
        return path, f"{row.file} lies outside the folder of the table"
    try:
        is_there = path.is_file()
    except (OSError, ValueError):  # for instance a name that is too long
        is_there = False
    return path, None if is_there else f"There is no file {row.file}"


def _entry(path: Path, folder: Path) -> FileEntry:
    inside = path.parent.relative_to(folder).as_posix()
    return FileEntry("" if inside == "." else inside, path.name, path)


def _masks_beside(listing: Listing, folder: Path) -> Iterator[FileEntry]:
    """Masks of the table's images that the table itself does not name."""
    assert listing.labels is not None
    images: dict[Path, set[str]] = {}
    for where in listing.labels:
        images.setdefault(Path(where).parent, set()).add(Path(where).stem.lower())
    for beside, stems in images.items():
        for name in sorted((path.name for path in beside.iterdir() if is_text(path.name)), key=natural_key):
            path = beside / name
            if image_of_mask(name) in stems and str(path) not in listing.labels and path.is_file():
                yield _entry(path, folder)
