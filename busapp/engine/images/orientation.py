"""The orientation of a picture: how its rows and columns must be turned so that it is upright.

Source: CIPA DC-008 (Exif 2.32), tag 0x0112, the same as TIFF 6.0's tag Orientation. PNG and WebP have Exif in chunks.
"""

import struct
from contextlib import suppress
from typing import Final

from PIL import Image

_TAG: Final = 0x0112
_SHORT: Final = 3
_PREFIX: Final = b"Exif\0\0"
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING: Final = frozenset({5, 6, 7, 8})
"""Orientations that exchange width and height."""


def orientation_of(image: Image.Image) -> int:
    """The orientation of an opened image, 1 to 8; 1 if the file does not say it. A PNG may say it only after its
    pixels, so load it first; a TIFF must be asked before, because Pillow turns it and forgets the tag."""
    if image.format == "TIFF":
        found = image.tag_v2.get(_TAG, 1)  # type: ignore[attr-defined]
        return found if found in _TURNS else 1
    exif = image.info.get("exif", b"")
    if not exif and "Raw profile type exif" in image.info:  # as ImageMagick writes it into a PNG: a count, then hex
        with suppress(ValueError):
            exif = bytes.fromhex("".join(str(image.info["Raw profile type exif"]).split("\n")[3:]))
    return _in_exif(exif) if isinstance(exif, bytes) else 1


def _in_exif(exif: bytes) -> int:
    """The orientation in the first directory. Pillow's parser would read all of it, and has no limits."""
    tiff = exif.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    with suppress(struct.error):
        if order:
            (first,) = struct.unpack_from(f"{order}L", tiff, 4)
            (count,) = struct.unpack_from(f"{order}H", tiff, first)
            for at in range(first + 2, first + 2 + 12 * count, 12):
                tag, kind, _, value = struct.unpack_from(f"{order}HHLH", tiff, at)
                if tag == _TAG:
                    return value if kind == _SHORT and value in _TURNS else 1
    return 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The upright image, from one as it is stored."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
