"""Find the frames of a DICOM file: how many there are, and where the pieces of each compressed frame lie.

The number in the header is wrong in many files. So the frames are counted where they can be.
Source: DICOM PS3.5, A.4 (encapsulated pixels).
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final

from pydicom.uid import UID, RLELossless

from busapp.engine.images.dicom.file import UNDEFINED_LENGTH, DicomFile, cut_short, too_much
from busapp.engine.images.remarks import Remark

_ITEM: Final = 0xE000FFFE
_MAX_FRAGMENTS: Final = 100_000
_STARTS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
"""First bytes of a JPEG or JPEG-LS, of a JPEG 2000 codestream, and of one in boxes."""
_LONGEST_START: Final = 8
_DESCRIPTION: Final = 4096
"""Bytes of a frame in which it usually says its size."""

Piece = tuple[int, int]
"""Place in the file and length, in bytes."""


@dataclass(frozen=True)
class Frames:
    """The frames of a file. `pieces` are those of each compressed frame; empty if the frames are not compressed.

    `is_counted` is false if only the beginning of a loop was read, so that `count` is the number in its header. `first`
    is the beginning of the first compressed frame, as far as it was read.
    """

    count: int
    is_counted: bool = True
    remarks: tuple[Remark, ...] = ()
    pieces: Sequence[Sequence[Piece]] = ()
    first: bytes = b""


def uncompressed(declared: int, frame_bytes: int, length: int, *, may_differ: bool) -> Frames:
    """The frames in `length` bytes of uncompressed pixels. `declared` is the number in the header, 0 if it has none.

    Raises:
        UnreadableImage: there is no whole frame, or fewer than declared although `may_differ` is false.
    """
    there = length // frame_bytes
    if there < 1 or (there < declared and not may_differ):
        raise cut_short()
    # One byte may make the length even. More than that behind a single picture is padding.
    is_padded = declared <= 1 and length - there * frame_bytes > 1
    if there > declared and (is_padded or not may_differ):
        return Frames(max(1, declared))
    return _agreed(declared, there)


def compressed(dicom: DicomFile, stream: BinaryIO, declared: int, *, may_be_loop: bool) -> Frames:
    """The frames in the pieces of compressed pixels. `stream` is the file, or the beginning of it.

    Raises:
        UnreadableImage: there are far too many pieces.
    """
    assert dicom.pixels_at is not None
    table, pieces, is_whole = _pieces(stream, dicom.pixels_at)
    first = _beginning(stream, dicom.pixels_at + 8 + len(table))
    offsets = _offsets(dicom, table)
    if not is_whole:
        # A cut file has fewer frames than its header says, and is refused when they are read.
        count = declared or max(1, len(offsets))
        grouped = _grouped(pieces, offsets, stream, dicom.syntax, declared)
        is_counted = len(offsets) == count or not (declared > 1 or may_be_loop)
        return Frames(count, is_counted, (), grouped, first)
    grouped = _grouped(pieces, offsets, stream, dicom.syntax, declared)
    if not grouped:
        raise cut_short()
    agreed = _agreed(declared, len(grouped))
    return Frames(agreed.count, True, agreed.remarks, grouped, first)


def _agreed(declared: int, there: int) -> Frames:
    if declared > there:
        return Frames(there, remarks=(Remark.FEWER_FRAMES,))
    if 0 < declared < there:
        return Frames(there, remarks=(Remark.MORE_FRAMES,))
    return Frames(there, remarks=() if declared or there == 1 else (Remark.FRAMES_COUNTED,))


def encoded_frame(content: bytes, frames: Frames, index: int) -> bytes:
    """The codestream of a compressed frame, counted from 0. Raises `UnreadableImage`."""
    if index >= len(frames.pieces):
        raise cut_short()
    return b"".join(content[at : at + length] for at, length in frames.pieces[index])


def _pieces(stream: BinaryIO, at: int) -> tuple[bytes, list[Piece], bool]:
    """The table of offsets, the complete pieces after it, and true if nothing is cut off."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(at)
    found: list[Piece] = []
    while len(found) <= _MAX_FRAGMENTS:
        header = stream.read(8)
        if len(header) < 8:
            break
        tag, length = struct.unpack("<LL", header)
        begins = stream.tell()
        if tag != _ITEM or length == UNDEFINED_LENGTH:  # the end of the sequence, or damage
            return _table(stream, found), found[1:], tag != _ITEM
        if begins + length > size:
            break
        found.append((begins, length))
        stream.seek(begins + length)
    else:
        raise too_much()
    return _table(stream, found), found[1:], False


def _beginning(stream: BinaryIO, at: int) -> bytes:
    """The first bytes of the piece whose header is at this place."""
    stream.seek(at + 4)
    length = int.from_bytes(stream.read(4), "little")
    return stream.read(min(length, _DESCRIPTION))


def _table(stream: BinaryIO, found: Sequence[Piece]) -> bytes:
    if not found:
        return b""
    stream.seek(found[0][0])
    return stream.read(found[0][1])


def _offsets(dicom: DicomFile, table: bytes) -> tuple[int, ...]:
    """Where the frames begin, counted from the first piece; empty if the file does not say."""
    extended = dicom.values.binary("ExtendedOffsetTable")
    if extended:
        return struct.unpack(f"<{len(extended) // 8}Q", extended[: len(extended) // 8 * 8])
    return struct.unpack(f"<{len(table) // 4}L", table[: len(table) // 4 * 4])


def _grouped(
    pieces: Sequence[Piece], offsets: Sequence[int], stream: BinaryIO, syntax: UID | None, declared: int
) -> Sequence[Sequence[Piece]]:
    """The pieces of each frame. Of the ways to tell where a frame begins, the first one that gives the declared number
    is right; if none does, the first one that is possible."""
    ways = [_by_offsets(pieces, offsets), _by_content(pieces, stream, syntax)]
    if len(pieces) == declared:
        ways.append(list(range(len(pieces))))
    possible = [begins for begins in ways if begins]
    if not possible:
        return [pieces] if pieces else []
    begins = next((begins for begins in possible if len(begins) == declared), possible[0])
    return [pieces[first:last] for first, last in pairwise([*begins, len(pieces)])]


def _by_offsets(pieces: Sequence[Piece], offsets: Sequence[int]) -> list[int]:
    """The numbers of the pieces that begin a frame; none if the offsets cannot be right."""
    if not pieces or not offsets or offsets[0]:
        return []
    number_at = {at - pieces[0][0]: number for number, (at, _) in enumerate(pieces)}
    begins = [number_at.get(offset, -1) for offset in offsets]
    is_right = all(first < second for first, second in pairwise([-1, *begins]))
    return begins if is_right else []


def _by_content(pieces: Sequence[Piece], stream: BinaryIO, syntax: UID | None) -> list[int]:
    """The numbers of the pieces that begin like a codestream. Run lengths are never cut into pieces (PS3.5, G)."""
    if syntax == RLELossless:
        return list(range(len(pieces)))
    begins = []
    for number, (at, length) in enumerate(pieces):
        stream.seek(at)
        if stream.read(min(_LONGEST_START, length)).startswith(_STARTS):
            begins.append(number)
    return begins if begins and begins[0] == 0 else []
