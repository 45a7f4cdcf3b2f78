"""Load pictures in Netpbm's formats (PBM, PGM, PPM). The mammograms of MIAS come as PGM.

Pillow reads the header, and pixels of the usual depths. For others it calls Python for each value, which takes minutes
for a large picture.
"""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from busapp.errors import UnreadableImage

MOST_IN_TEXT: Final = 30_000_000
"""Values in a picture that is written out in digits; reading them takes half a second. Large pictures are stored in
bytes."""
_MOST_BYTES: Final = 16
"""Bytes that a number takes with the blanks and comments after it, on average."""
_COMMENT: Final = re.compile(rb"#[^\r\n]*")

_BLANK: Final = b" \t\r\n\v\f"


def loaded(image: ImageFile.ImageFile, content: bytes) -> Image.Image:
    """Load a picture that Pillow has opened: mode 1, L, RGB or F; I;16, with the values as stored, for deep grey.

    Raises:
        ValueError: values are missing, or out of range.
        UnreadableImage: it is too large to be written out in digits.
    """
    codec, _, offset, arguments = image.tile[0]
    if codec == "raw":
        image.load()
        return image
    bands = len(image.getbands())
    count = image.width * image.height * bands
    if codec == "ppm_plain" and count > MOST_IN_TEXT:
        raise UnreadableImage("The picture is written out in digits, and too large for that", remedy="Save it as PNG.")
    if image.mode == "1":
        digits = np.frombuffer(_COMMENT.sub(b"", content[offset:]).translate(None, _BLANK), np.uint8, count)
        values, largest = ord("1") - digits.astype(np.int16), 1  # in these files 1 is black
    else:
        largest = int(arguments[-1])  # type: ignore[index]
        values = _numbers(content, offset, count, largest) if codec == "ppm" else _written_out(content, offset, count)
    if values.min() < 0 or values.max() > largest:
        raise ValueError("a value is larger than the header says")
    shape = (image.height, image.width, bands)[: 3 if bands > 1 else 2]
    if largest > 255 and bands == 1:
        return Image.fromarray(values.astype(np.uint16).reshape(shape))
    in_bytes = np.rint(np.arange(largest + 1) * (255 / largest)).astype(np.uint8)
    return Image.fromarray(in_bytes[values].reshape(shape))


def _numbers(content: bytes, offset: int, count: int, largest: int) -> npt.NDArray[Any]:
    return np.frombuffer(content, ">u2" if largest > 255 else np.uint8, count, offset)


def _written_out(content: bytes, offset: int, count: int) -> npt.NDArray[Any]:
    """The first `count` numbers of a text."""
    text = _COMMENT.sub(b" ", content[offset : offset + _MOST_BYTES * (count + 1000)])
    values = np.fromstring(text, np.int64, sep=" ")  # asked for a count, it would fill missing values with zeros
    if len(values) < count:
        raise ValueError("values are missing")
    return values[:count]
