"""Read Excel workbooks (`.xlsx`, `.xlsm`): what each cell shows, as text.

A workbook is a ZIP archive of XML files. It is checked as other archives are. Document types, with which XML can
declare text that expands without end, are refused: no spreadsheet program writes them.
"""

import datetime
import io
import re
import zipfile
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from busapp.engine.imports.files.archives import checked_zip
from busapp.engine.utils.quiet import no_warnings
from busapp.errors import BadInput

Sheet = list[tuple[int, list[str]]]
"""Rows with their numbers, counted from 1."""

MAX_XML_BYTES: Final = 256 * 2**20
"""Bytes of all XML of a workbook."""
MAX_CELLS: Final = 1_000_000
"""Cells of a workbook, of which openpyxl reads some 200,000 in a second."""
_MAX_TAGS: Final = 6 * MAX_CELLS
"""Tags in all XML. They are counted before the workbook is read, which would take long."""
_MAX_ROWS: Final = 2**20
"""Rows of a sheet in Excel."""
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_CHUNK: Final = 2**16
_EXACT_DIGITS: Final = 15
"""Digits of a number that a spreadsheet keeps."""
_ZEROS: Final = re.compile(r'(?:"([^"]*)")?(0+)')
"""Number formats that show leading zeros: `0000000`, `"P-"000`."""
_MERGED: Final = re.compile(rb'mergeCell\s[^>]*?\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_SAVE_AS: Final = "Open it in a spreadsheet program and save it as .xlsx without a password, or as CSV."


def is_workbook(content: bytes) -> bool:
    """True if a file is a workbook of any kind, also of one that cannot be read."""
    return content.startswith((_ZIP, _OLE))


def read_workbook(content: bytes, given: Path | str) -> dict[str, Sheet]:
    """The sheets of a workbook by name, with the last computed values of formulas. A cell merged from several rows
    counts for each of them.

    Raises:
        BadInput: it is encrypted, of an old kind, damaged, too large, or may be a bomb.
    """
    if content.startswith(_OLE):
        what = "The workbook is encrypted" if _ENCRYPTED in content else "This is an Excel file of the old kind (.xls)"
        raise BadInput(what, file=given, remedy=_SAVE_AS)
    with checked_zip(io.BytesIO(content), given) as archive:
        names = set(archive.namelist())
        if "xl/workbook.bin" in names or "content.xml" in names or "[Content_Types].xml" not in names:
            raise BadInput("This is no table of a kind that is read", file=given, remedy=_SAVE_AS)
        if sum(member.file_size for member in archive.infolist()) > MAX_XML_BYTES:
            raise _too_large(given)
        try:
            tags = sum(_tags_of(archive, member, given) for member in archive.infolist())
            if tags > _MAX_TAGS:
                raise _too_large(given)
            return _sheets(content, given)
        except BadInput:
            raise
        except Exception as error:  # for a damaged workbook openpyxl raises errors of any kind
            raise BadInput("The workbook is damaged", file=given, remedy=_SAVE_AS) from error


def _too_large(given: Path | str) -> BadInput:
    return BadInput(
        f"The workbook has more than {MAX_CELLS:,} cells",
        file=given,
        remedy="Save only the sheet that names the images, as CSV.",
    )


def _tags_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo, given: Path | str) -> int:
    """The number of tags in a file. Raises `BadInput` if it declares a document type."""
    declared: list[str] = []
    begun: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda name, *_: declared.append(name)
    parser.StartElementHandler = lambda name, _: begun.append(name)
    is_xml, tags = True, 0
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            tags += chunk.count(b"<")
            if is_xml and not begun:  # a document type comes before the first element
                try:
                    parser.Parse(chunk)
                except expat.ExpatError:  # a picture, or damaged
                    is_xml = False
            if declared:
                raise BadInput("The workbook declares entities, as only malicious ones do", file=given, remedy=_SAVE_AS)
    return tags


def _sheets(content: bytes, given: Path | str) -> dict[str, Sheet]:
    from openpyxl import load_workbook

    with no_warnings():  # about parts of workbooks that openpyxl does not keep
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            left = MAX_CELLS
            sheets: dict[str, Sheet] = {}
            for sheet in book.worksheets:
                rows: Sheet = []
                sheet.reset_dimensions()  # what a file declares as its size is often wrong
                for number, row in enumerate(sheet.iter_rows(), 1):
                    left -= len(row)
                    if left < 0 or number > _MAX_ROWS:
                        raise _too_large(given)
                    if any(cell.value is not None for cell in row):
                        rows.append((number, [_shown(cell) for cell in row]))
                with sheet._get_source() as source:
                    _fill_merged(rows, source.read())
                sheets[sheet.title] = rows
            return sheets
        finally:
            book.close()


def _shown(cell: Any) -> str:
    """The text that a person sees in a cell."""
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() if abs(value) >= 10**_EXACT_DIGITS:
            return f"{value:.5E}"  # as a spreadsheet shows it: the other digits are lost
        case float() if value.is_integer():
            return _number(int(value), cell)
        case int():
            return _number(value, cell)
        case datetime.datetime():
            return str(value.date() if value.time() == datetime.time() else value)
        case _:
            return "" if cell.data_type == "e" else str(value)


def _number(value: int, cell: Any) -> str:
    if abs(value) >= 10**_EXACT_DIGITS and not str(abs(value))[_EXACT_DIGITS:].strip("0"):
        return f"{value:.5E}"
    zeros = _ZEROS.fullmatch(cell.number_format or "") if value >= 0 else None
    return f"{zeros[1] or ''}{value:0{len(zeros[2])}d}" if zeros else str(value)


def _fill_merged(rows: Sheet, xml: bytes) -> None:
    """Repeat a cell that is merged downwards in each of its rows. Wide ones are titles."""
    by_number = dict(rows)
    left = MAX_CELLS
    for first, top, last, bottom in _MERGED.findall(xml):
        at = _column(first)
        value = next(iter(by_number.get(int(top), [])[at : at + 1]), "")
        if first != last or not value:
            continue
        for number in range(int(top) + 1, min(int(bottom), _MAX_ROWS) + 1):
            left -= 1
            if left < 0:
                return
            cells = by_number.get(number)
            if cells is not None:
                cells.extend([""] * (at + 1 - len(cells)))
                cells[at] = cells[at] or value


def _column(letters: bytes) -> int:
    """The place of a column, counted from 0: A is 0, AA is 26."""
    at = 0
    for letter in letters:
        at = at * 26 + letter - ord("A") + 1
    return at - 1
