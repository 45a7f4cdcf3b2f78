"""Decode plain PNG pictures by a decoder that takes half of Pillow's time: most of an import is decoding.

Plain are small pictures of 8-bit grey or RGB without transparency, frames or Exif. For all others, and for files that
this decoder refuses, Pillow decides. Both give the same pixels, as PNG loses nothing.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from threading import Lock
from typing import Final

from PIL import Image, ImageFile

_MOST_PIXELS: Final = 2**20
"""The decoder holds Python's lock, for 15 ms with as many pixels. More would hold up the window."""
_CHANNELS: Final = {"L": "mono", "RGB": "rgb"}
_INTERLACED_AT: Final = 28
"""Place of the byte that is 0 if the lines of a picture come in their order (PNG specification, 11.2.1)."""
_PLAIN: Final = frozenset({b"IHDR", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"tIME", b"tEXt"})
"""Kinds of chunks that neither change how the picture is shown nor add others."""
_EXIF_AS_TEXT: Final = b"Raw profile type"
_MOST_CHUNKS: Final = 4096
_CHUNK: Final = struct.Struct(">L4s")
_busy = Lock()


def plain_pixels(image: ImageFile.ImageFile, content: bytes) -> Image.Image | None:
    """The pixels of an opened picture; None if it is not plain, or if it is left to Pillow for another reason.

    While one thread decodes here, others are sent to Pillow, which lets go of Python's lock: together they keep the
    cores busy.

    Args:
        image: `content`, opened and not yet loaded.
    """
    if image.format != "PNG" or image.width * image.height > _MOST_PIXELS or len(image.tile) != 1:
        return None
    is_simple = image.mode in _CHANNELS and image.tile[0].args == image.mode and content[_INTERLACED_AT] == 0
    if not is_simple or not _is_plain(content):
        return None
    import kornia_rs

    if not _busy.acquire(blocking=False):
        return None
    try:
        size = (image.height, image.width)
        pixels = kornia_rs.io.decode_image_png_u8(content, size, _CHANNELS[image.mode])
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # what goes wrong in Rust is no `Exception`
        return None
    finally:
        _busy.release()
    picture = Image.fromarray(pixels if image.mode == "RGB" else pixels[..., 0])
    picture.info = image.info
    return picture


def _is_plain(content: bytes) -> bool:
    found = list(islice(chunks_of(content), _MOST_CHUNKS))
    is_whole = found[-1:] and found[-1][0] == b"IEND"
    return bool(is_whole) and all(kind in _PLAIN and not _is_exif(kind, content, at) for kind, at in found)


def _is_exif(kind: bytes, content: bytes, at: int) -> bool:
    return kind == b"tEXt" and content.startswith(_EXIF_AS_TEXT, at + 8)


def chunks_of(content: bytes) -> Iterator[tuple[bytes, int]]:
    """The kind and the place of each chunk of a PNG, as far as its bytes go."""
    at, kind = 8, b""
    while at + 8 <= len(content) and kind != b"IEND":
        length, kind = _CHUNK.unpack_from(content, at)
        yield kind, at
        at += 12 + length
