"""The part of a DICOM picture that shows ultrasound: without the machine's banner, which names the patient."""

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from busapp.engine.images.banners import find_banners
from busapp.engine.images.marks import Box
from busapp.engine.images.remarks import Remark

if TYPE_CHECKING:
    from busapp.engine.images.dicom.file import Values

_AT_THE_EDGE: Final = 0.02
"""Part of the picture's height. Banners lie in the first or last rows, so regions that begin or end there may contain
one."""


def ultrasound_box(values: "Values", picture: Image.Image) -> tuple[Box | None, tuple[Remark, ...]]:
    """The box to which all frames like `picture`, the whole picture as stored, are cut; None if nothing is cut.

    It is the box around all ultrasound regions. If the file has none, or if they reach to the upper or lower edge, text
    around the picture is searched for and cut away too. A remark says if something was found.
    """
    regions = regions_box(values, *picture.size)
    margin = _AT_THE_EDGE * picture.height
    if regions and margin < regions[1] and regions[3] < picture.height - margin:
        return regions, ()
    part = picture.crop(regions) if regions else picture
    found = find_banners(np.asarray(part.convert("L")))
    said = ((Remark.BANNER_CUT, found.box is not None), (Remark.LETTERS, found.letters_remain))
    remarks = tuple(remark for remark, applies in said if applies)
    if found.box is None:
        return regions, remarks
    left, top = regions[:2] if regions else (0, 0)
    return (found.box[0] + left, found.box[1] + top, found.box[2] + left, found.box[3] + top), remarks


def regions_box(values: "Values", width: int, height: int) -> Box | None:
    """The box around all ultrasound regions, as far as they lie inside a picture of this size."""
    boxes = [
        box for region in values.items("SequenceOfUltrasoundRegions") if (box := _region_box(region, width, height))
    ]
    if not boxes:
        return None
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _region_box(region: "Values", width: int, height: int) -> Box | None:
    left, top, right, bottom = (
        region.whole_number(f"RegionLocation{corner}", -1) for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    )
    if not (0 <= left < min(right, width) and 0 <= top < min(bottom, height)):
        return None
    # The last pixel belongs to the region; some machines name the one after it.
    leads_out = right > width or bottom > height
    if leads_out and left == top == 0:  # a whole screen, but of another size
        return None
    return left, top, min(right + 1, width), min(bottom + 1, height)
