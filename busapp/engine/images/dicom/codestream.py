"""What the first bytes of a compressed frame say about it: kind, size and colours, without decoding it.

Source: ITU-T T.81, B.2.2 (JPEG), T.87, C.2.2 (JPEG-LS), T.800, A.5.1 (JPEG 2000).
"""

import struct
from typing import Final, Literal, NamedTuple

_CODESTREAM: Final = b"\xff\x4f\xff\x51"
_BOXES: Final = b"\0\0\0\x0cjP  "
_JPEG_LS: Final = 55
_MAX_SEGMENTS: Final = 10_000
"""Most segments before the one with the picture's size. Usual files have a dozen."""


class Codestream(NamedTuple):
    """The description that a compressed frame contains itself. `process` is the number of its start-of-frame marker (0
    to 15 for JPEG, 55 for JPEG-LS), -1 for JPEG 2000. `bits` are those of each value."""

    family: Literal["JPEG", "JPEG-LS", "JPEG 2000"]
    process: int
    bits: int
    width: int
    height: int
    samples: int


def codestream_of(encoded: bytes) -> Codestream | None:
    """The description in a frame, or in the beginning of one; None if there is none."""
    if encoded.startswith(b"\xff\xd8"):
        return _jpeg(encoded)
    if encoded.startswith((_CODESTREAM, _BOXES)):
        return _jpeg_2000(encoded)
    return None


def _jpeg(encoded: bytes) -> Codestream | None:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 10 > len(encoded) or encoded[at] != 0xFF:
            break
        marker, length = encoded[at + 1], int.from_bytes(encoded[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            bits, height, width, samples = struct.unpack_from(">BHHB", encoded, at + 4)
            process = marker - 0xC0
            return Codestream("JPEG-LS" if process == _JPEG_LS else "JPEG", process, bits, width, height, samples)
        else:
            at += 2 + length
    return None


def _jpeg_2000(encoded: bytes) -> Codestream | None:
    # The boxes around a codestream can contradict it, so only the codestream counts.
    start = encoded.find(_CODESTREAM)
    if start < 0 or len(encoded) < start + 43:
        return None
    right, bottom, left, top = struct.unpack_from(">4L", encoded, start + 8)
    (samples,) = struct.unpack_from(">H", encoded, start + 40)
    return Codestream("JPEG 2000", -1, (encoded[start + 42] & 0x7F) + 1, right - left, bottom - top, samples)
