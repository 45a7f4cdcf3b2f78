"""Thumbnails of the study's images and masks: made once, and kept in the study's cache.

The cache can be deleted at any time. Missing thumbnails are made again when they are shown.
"""

import io
from pathlib import Path
from typing import Final

from PIL import Image

from busapp.engine.study.workspace import Workspace

SHOWN_SIDE: Final = 224
"""Pixels of the longer side in the largest size that the grid shows."""
LONGEST_SIDE: Final = 256
"""Pixels of the longer side of the largest thumbnail."""


def thumbnail_path(workspace: Workspace, sha256: str) -> Path:
    """Path of the thumbnail (JPEG) of the image with this content hash. The file may not exist yet."""
    return workspace.root.joinpath("cache", "thumbnails", sha256[:2], f"{sha256}.jpg")


def make_thumbnail(picture: Image.Image) -> bytes:
    """A thumbnail as JPEG bytes, its longer side at most `LONGEST_SIDE`. `picture` is not changed."""
    return as_jpeg(shrunk(picture if picture.mode == "RGB" else picture.convert("RGB")))


def as_jpeg(small: Image.Image) -> bytes:
    """A shrunk RGB picture as JPEG bytes."""
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def mask_thumbnail_path(workspace: Workspace, sha256: str) -> Path:
    """Path of the thumbnail (PNG) of the mask with this content hash. The file may not exist yet."""
    return workspace.root.joinpath("cache", "masks", sha256[:2], f"{sha256}.png")


def make_mask_thumbnail(mask: Image.Image) -> bytes:
    """A thumbnail of a mask as grey PNG bytes: 255 inside the lesion (where `mask` is not black), 0 outside, values
    between at its edge. The thumbnail has the same size as that of the picture.
    """
    stream = io.BytesIO()
    shrunk(mask.convert("L").point(lambda value: 255 if value else 0)).save(stream, "PNG")
    return stream.getvalue()


def shrunk(picture: Image.Image) -> Image.Image:
    """The picture in the size of a thumbnail; itself if it is no larger."""
    longest = max(picture.size)
    factor = max(1, longest // SHOWN_SIDE)
    if longest <= factor * LONGEST_SIDE:
        return picture.reduce(factor) if factor > 1 else picture  # takes a third of the time of `resize`
    ratio = SHOWN_SIDE / longest
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    return picture.resize(size, Image.Resampling.BOX)
