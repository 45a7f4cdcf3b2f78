"""Small pictures of the study's images and masks: made once, and kept in the study's cache.

The cache can be deleted at any time: what is missing is made again when it is looked at.
"""

import io
from pathlib import Path
from typing import Final

from PIL import Image

from busapp.engine.study.workspace import Workspace

LONGEST_SIDE: Final = 224
"""Pixels; the largest size that the grid shows."""


def thumbnail_path(workspace: Workspace, sha256: str) -> Path:
    """Where the small picture of the image with this content hash is kept (JPEG); it need not be there yet."""
    return workspace.root / "cache" / "thumbnails" / sha256[:2] / f"{sha256}.jpg"


def make_thumbnail(picture: Image.Image) -> bytes:
    """The small picture as JPEG bytes, its longer side at most `LONGEST_SIDE`; `picture` stays as it is."""
    stream = io.BytesIO()
    _shrunk(picture.convert("RGB")).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def mask_thumbnail_path(workspace: Workspace, sha256: str) -> Path:
    """Where the small copy of the mask with this content hash is kept (PNG); it need not be there yet."""
    return workspace.root / "cache" / "masks" / sha256[:2] / f"{sha256}.png"


def make_mask_thumbnail(mask: Image.Image) -> bytes:
    """The mask as a small grey PNG, 255 inside the lesion (where `mask` is not black), 0 outside, between at its edge.

    Its size follows from that of `mask` as a thumbnail's does from its picture's.
    """
    stream = io.BytesIO()
    _shrunk(mask.convert("L").point(lambda value: 255 if value else 0)).save(stream, "PNG")
    return stream.getvalue()


def _shrunk(picture: Image.Image) -> Image.Image:
    ratio = LONGEST_SIDE / max(picture.size)
    if ratio >= 1:
        return picture
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    return picture.resize(size, Image.Resampling.BOX)
