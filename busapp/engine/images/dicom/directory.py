"""Read a DICOMDIR: the list of the files on a disc or in an export (DICOM PS3.3, F; PS3.10, 8).

The elements are walked through one by one, without building the tree of records. So a malicious list costs no more
than its size.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from busapp.engine.images.signatures import HEAD, is_dicom_directory
from busapp.errors import UnreadableImage

MAX_DIRECTORY: Final = 64 * 2**20
"""Bytes of the largest DICOMDIR that is read. One of 10,000 images has 5 MiB."""
MAX_LISTED: Final = 50_000
"""Files that a DICOMDIR may list."""
_MAX_ELEMENTS: Final = 15 * MAX_LISTED
"""Elements that are walked through, in about a second."""
_GROUP_SWAPPED: Final = 0x0400
_ITEM_GROUP: Final = 0xFFFE
_ITEM: Final = 0xFFFEE000
_RECORDS: Final = 0x00041220
_IS_USED: Final = 0x00041410
_FILE: Final = 0x00041500
_UNDEFINED: Final = 0xFFFFFFFF
_LONG: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Types of value whose length takes four bytes, after two that are reserved (PS3.5, 7.1.2)."""
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\:]")
_VERSION: Final = re.compile(r"\.?(;\d+)?$")

FileId = tuple[str, ...]
"""The folders and the name of a listed file, relative to the folder of the DICOMDIR, as the disc spells them."""


def listed_files(content: bytes, *, file: Path | str) -> list[FileId]:
    """The files that a DICOMDIR lists, each once, in its order.

    Each part of a path is a plain name: paths that lead out of the folder are left out.

    Raises:
        UnreadableImage: it is damaged, is no DICOMDIR, is larger than 64 MiB, or lists more than 50,000 files.
    """
    listed: dict[FileId, None] = {}
    is_used = True
    try:
        if len(content) > MAX_DIRECTORY or not is_dicom_directory(content[:HEAD]):
            raise ValueError
        for number, (tag, value) in enumerate(_elements(content)):
            if number > _MAX_ELEMENTS:
                raise ValueError
            if tag == _ITEM:
                is_used = True
            elif tag == _IS_USED:
                is_used = value != b"\0\0"
            elif tag == _FILE and is_used and (parts := _parts(value)):
                listed[parts] = None
                if len(listed) > MAX_LISTED:
                    raise ValueError
    except (ValueError, struct.error):
        raise UnreadableImage(
            "The list of files (DICOMDIR) is damaged", file=file, remedy="Import the folder that contains it."
        ) from None
    return list(listed)


def as_compared(file_id: FileId) -> FileId:
    """Parts of a path as they are compared. Systems spell the names of a disc in capitals or small letters, with or
    without the version number of ISO 9660 (`IMG1.;1`)."""
    return tuple(_VERSION.sub("", part).casefold() for part in file_id)


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and value of every element, also of those inside of records; items and sequences have no value.

    The standard prescribes types of value in the file. Elements without one are read too, since some programs write
    them.

    Raises:
        ValueError, struct.error: the file ends inside an element.
    """
    at, order = 132 if content[128:132] == b"DICM" else 0, "<"
    while at + 8 <= len(content):
        group, element = struct.unpack_from(f"{order}HH", content, at)
        if group == _GROUP_SWAPPED and order == "<":  # big-endian, behind a header that is always little-endian
            order = ">"
            continue
        tag, vr = group << 16 | element, content[at + 4 : at + 6]
        if group == _ITEM_GROUP or not vr.isalpha() or not vr.isupper():
            length, at = struct.unpack_from(f"{order}L", content, at + 4)[0], at + 8
        elif vr in _LONG:
            length, at = struct.unpack_from(f"{order}L", content, at + 8)[0], at + 12
        else:
            length, at = struct.unpack_from(f"{order}H", content, at + 6)[0], at + 8
        if group == _ITEM_GROUP or tag == _RECORDS or length == _UNDEFINED:  # go on inside
            yield tag, b""
            continue
        if at + length > len(content):
            raise ValueError
        yield tag, content[at : at + length]
        at += length


def _parts(value: bytes) -> FileId | None:
    """The path in a record; None if it is empty or leads out of the folder."""
    parts = tuple(part.strip(" \0") for part in value.decode("utf-8", "replace").split("\\"))
    is_safe = all(part not in ("", ".", "..") and not _UNSAFE.search(part) for part in parts)
    return parts if is_safe else None
