"""Images and masks for an export: decoded, and encoded again from their pixels alone."""

from dataclasses import dataclass, field

import numpy as np

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.preprocessing import read_image
from busapp.engine.sharing.coco import Region, regions
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.png import bare_png, png
from busapp.errors import UnreadableImage


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image as PNG bytes of `width` × `height` pixels, its mask as PNG bytes if it has one, and the mask's regions
    for COCO. `mask_problem` says why a mask cannot be read."""

    png: bytes
    width: int
    height: int
    mask: bytes | None = None
    regions: list[Region] = field(default_factory=list)
    mask_problem: str = ""


def encode(workspace: Workspace, with_regions: bool, image: ImageRecord) -> Encoded:
    """Encode an image and its mask; with `with_regions` also find the mask's regions.

    Raises:
        UnreadableImage: the image cannot be read. For a mask that cannot be read, see `Encoded.mask_problem`.
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
    return Encoded(content, picture.width, picture.height, bare_png(mask), found)
