"""Excel workbooks as seeds and bombs of the fuzzing, and a way to damage the XML in them."""

import datetime
import io
import random
import re
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise

from labelled_tables import workbook

SHEET = "xl/worksheets/sheet1.xml"
_ROWS = [["file", "class", "patient"], ["benign/1.png", "benign", 17], ["malignant/2", "malignant", 18.5]]


def with_member(content: bytes, name: str, inside: bytes) -> bytes:
    """A workbook in which one file is replaced or added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for other in old.namelist():
            if other != name:
                new.writestr(packed(other), old.read(other))
        new.writestr(packed(name), inside)
    return stream.getvalue()


def packed(name: str) -> zipfile.ZipInfo:
    """A member of a fixed date: the same case has the same bytes on every day."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _undated(content: bytes) -> bytes:
    core = "docProps/core.xml"
    return with_member(content, core, re.sub(rb">[^<>]*Z<", b">2024-01-15T00:00:00Z<", member(content, core)))


def member(content: bytes, name: str = SHEET) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def workbook_seeds() -> list[bytes]:
    plain = workbook({"Data": _ROWS})
    merged = b'</sheetData><mergeCells count="1"><mergeCell ref="C2:C3"/></mergeCells>'
    dates = [["Image", "Type", "Case"], ["1.png", True, datetime.date(2024, 1, 15)], ["=A2", "#N/A", 4.5e17]]
    books = [
        plain,
        workbook({"About": [["Field", "Meaning"]], "Data": [["Export of 2024"], [], *_ROWS]}),
        workbook({"Data": dates}, {"C": "0000000"}),
        with_member(plain, SHEET, member(plain).replace(b"</sheetData>", merged)),
    ]
    return list(map(_undated, books))


def workbook_xml_changed(content: bytes, rng: random.Random, blind: Callable[[bytes, random.Random], bytes]) -> bytes:
    """Damage one file of a workbook, and pack it again. Other files stay as they are."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            name = rng.choice(archive.namelist())
            inside = archive.read(name)[: 2**20]
        if rng.random() < 0.5:
            return with_member(content, name, blind(inside, rng))
        others = (
            b"A999999999",
            b"ZZZ9",
            b"-1",
            b"1e999",
            b"<!DOCTYPE a>",
            b"&lt;",
            b"\0",
            b"../../canary.png",
            b"9" * 5000,
        )
        words = [match.span() for match in re.finditer(rb'(?<=[">])[^"<>]+(?=["<])', inside)]
        start, end = rng.choice(words or [(0, 0)])
        return with_member(content, name, inside[:start] + rng.choice((*others, b"9" * 5000)) + inside[end:])
    except (zipfile.BadZipFile, zlib.error, IndexError, ValueError, KeyError, NotImplementedError, OSError, EOFError):
        return content
    except RuntimeError:  # a member that claims to be encrypted
        return content


_FAR = b'<row r="9999999999"><c r="XFD9"><v>1</v></c></row>'

# -- bombs -----------------------------------------------------------------------------------------------------


def _with_rows(rows: bytes) -> bytes:
    plain = workbook({"Data": _ROWS})
    return with_member(plain, SHEET, member(plain).replace(b"</sheetData>", rows + b"</sheetData>"))


def _entities() -> bytes:
    names = "abcdefghij"
    declared = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    text = f'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a "{"x" * 100}">{declared}]><sst><si><t>&j;</t></si></sst>'
    return with_member(workbook({"Data": _ROWS}), "xl/sharedStrings.xml", text.encode())


def _cells() -> bytes:
    row = b"<row>" + b"<c><v>1</v></c>" * 1000 + b"</row>"
    return _with_rows(row * 12_000)


def _wide_merges() -> bytes:
    plain = _with_rows(b"<row><c><v>1</v></c></row>" * 20_000)
    merged = b'<mergeCell ref="A1:A1048576"/>' * 20_000
    return with_member(plain, SHEET, member(plain).replace(b"</worksheet>", merged + b"</worksheet>"))


WORKBOOK_BOMBS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a workbook of entities", _entities),
    ("a workbook of twelve million cells", _cells),
    (
        "a workbook with cells far outside",
        lambda: _with_rows(b'<row r="9999999999"><c r="XFD9"><v>1</v></c></row>' * 999),
    ),
    ("a workbook of wide merged cells", _wide_merges),
)
