"""Images and masks as they travel: decoded, and encoded anew from nothing but their pixels."""

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from PIL import Image, ImageChops

from busapp.engine.catalog import ImageRecord
from busapp.engine.preprocessing import read_image
from busapp.engine.sharing.coco import regions
from busapp.engine.workspace import Workspace
from busapp.errors import UnreadableImage

WORKERS: Final = 4
"""Decoding and encoding let other threads work meanwhile."""
_AHEAD: Final = 2 * WORKERS
"""Images in memory at most: being encoded, or waiting to be written."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image as a PNG of `width` × `height` pixels, its mask as one if it has one, and the mask's `regions` for
    COCO. `mask_problem` says why a mask could not be read."""

    png: bytes
    width: int
    height: int
    mask: bytes | None = None
    regions: list[dict[str, Any]] = field(default_factory=list)
    mask_problem: str = ""


def png(picture: Image.Image) -> bytes:
    """An RGB image as a PNG without metadata: 8-bit RGB, or grey where its three channels are equal."""
    red, green, blue = picture.split()
    is_grey = not any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
    return _bare(red if is_grey else picture)


def _bare(picture: Image.Image) -> bytes:
    # Pillow hands on a colour profile and more from `info`; an image made of the bytes alone has none.
    copy = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    stream = io.BytesIO()
    copy.save(stream, "PNG")
    return stream.getvalue()


def encode(workspace: Workspace, image: ImageRecord, with_regions: bool) -> Encoded:
    """Encode an image and its mask, and find the mask's regions if asked to.

    Raises:
        UnreadableImage: the image cannot be read; of a mask that cannot, the result says so.
    """
    picture = read_image(workspace.image_path(image))
    content = png(picture)
    if image.mask is None:
        return Encoded(content, picture.width, picture.height)
    try:
        mask = read_image(workspace.mask_path(image.mask)).convert("L").point(lambda value: 255 if value else 0)
    except UnreadableImage as error:
        return Encoded(content, picture.width, picture.height, mask_problem=error.what)
    found = regions(np.asarray(mask, dtype=bool)) if with_regions else []
    return Encoded(content, picture.width, picture.height, _bare(mask), found)


def encode_ahead(
    pool: ThreadPoolExecutor, workspace: Workspace, images: Sequence[ImageRecord], with_regions: bool
) -> Iterator[tuple[ImageRecord, Future[Encoded]]]:
    """Every image in its order, with what will come of it; a few are worked on ahead."""
    at_work: deque[tuple[ImageRecord, Future[Encoded]]] = deque()
    for image in images:
        at_work.append((image, pool.submit(encode, workspace, image, with_regions)))
        if len(at_work) == _AHEAD:
            yield at_work.popleft()
    while at_work:
        yield at_work.popleft()
