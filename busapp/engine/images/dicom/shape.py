"""The shape of a DICOM picture's pixels, and the picture with square ones.

Source: DICOM PS3.3, C.8.5.5 (ultrasound regions), C.7.6.2 and 10.7 (pixel spacing), C.7.6.3.1.7 (pixel aspect ratio),
C.7.6.16.2.1 (pixel measures).
"""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from busapp.engine.images.dicom.file import Values
from busapp.engine.images.preprocessing import MAX_PIXELS
from busapp.engine.images.remarks import Remark

_CENTIMETRES: Final = 3
_TWO_DIMENSIONAL: Final = 1
_EQUAL: Final = 0.01
"""Pixels whose sides differ by less are square. Machines round the sizes that they write."""
_MOST: Final = 4.0
"""Pixels that are said to be higher or wider than this ratio are a mistake in the file."""


@dataclass(frozen=True)
class PixelShape:
    """`ratio` is the height of a pixel divided by its width, 1 if it is square or unknown. `spacing_mm` is the side of
    a pixel of the stretched picture in millimetres, None if unknown."""

    ratio: float = 1.0
    spacing_mm: float | None = None
    remarks: tuple[Remark, ...] = ()


def shape_of(values: Values) -> PixelShape:
    """The shape of the pixels: from the two-dimensional regions, or else from the spacing of the whole picture, or else
    from its aspect ratio.

    Regions of different shapes count for nothing, and regions of different scales give no spacing.
    """
    sizes = _region_sizes(values) or _spacings(values)
    ratios = [_ratio(height, width) for height, width in sizes or [_aspect(values)]]
    first = ratios[0]
    if first is None or any(other is None or not _alike(other, first) for other in ratios):
        return PixelShape(remarks=(Remark.RATIO_IGNORED,))
    spacings = [min(size) for size in sizes]
    spacing = spacings[0] if spacings and all(_alike(other, spacings[0]) for other in spacings) else None
    return PixelShape(first, spacing, () if first == 1.0 else (Remark.STRETCHED,))


def _alike(one: float, other: float) -> bool:
    return abs(one / other - 1) <= _EQUAL


def _ratio(height: float, width: float) -> float | None:
    """None if it cannot be right."""
    if not (0 < height <= _MOST * width and 0 < width <= _MOST * height):
        return None
    ratio = height / width
    return 1.0 if _alike(ratio, 1.0) else ratio


def _region_sizes(values: Values) -> list[tuple[float, float]]:
    """Height and width in millimetres of the pixels of each two-dimensional region. If a region only says how wide they
    are, the aspect ratio of the whole picture gives their height."""
    height_of_whole, width_of_whole = _aspect(values)
    ratio_of_whole = height_of_whole / width_of_whole
    sizes = []
    for region in values.items("SequenceOfUltrasoundRegions"):
        in_centimetres = region.number("PhysicalUnitsXDirection") == _CENTIMETRES
        if region.number("RegionSpatialFormat") == _TWO_DIMENSIONAL and in_centimetres:
            width = 10.0 * abs(region.number("PhysicalDeltaX") or 0.0)
            says_height = region.number("PhysicalUnitsYDirection") == _CENTIMETRES and "PhysicalDeltaY" in region
            height = 10.0 * abs(region.number("PhysicalDeltaY") or 0.0) if says_height else width * ratio_of_whole
            if _is_plausible(width):
                sizes.append((height, width))
    return sizes


def _spacings(values: Values) -> list[tuple[float, float]]:
    """Height and width in millimetres of a pixel, as far as they are plausible. Enhanced files have them among what is
    common to all frames, or with each frame; then those of the first frame count."""
    for holder, keyword in ((values, "PixelSpacing"), *_measures(values), (values, "ImagerPixelSpacing")):
        pair = _pair(holder, keyword)
        if pair and _is_plausible(pair[1]):
            return [pair]
    return []


def _measures(values: Values) -> list[tuple[Values, str]]:
    return [
        (measures, "PixelSpacing")
        for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        for group in values.items(groups)[:1]
        for measures in group.items("PixelMeasuresSequence")[:1]
    ]


def _aspect(values: Values) -> tuple[float, float]:
    """Height and width of a pixel in any unit. The width is not 0; a height of 0 cannot be right either."""
    height, width = _pair(values, "PixelAspectRatio") or (1.0, 1.0)
    return (height, width) if width else (0.0, 1.0)


def _pair(values: Values, keyword: str) -> tuple[float, float] | None:
    """Two numbers: between rows, and between columns."""
    numbers = values.numbers(keyword)
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _is_plausible(spacing_mm: float) -> bool:
    return 0.0 < spacing_mm < 100.0


def with_square_pixels(picture: Image.Image, shape: PixelShape) -> tuple[Image.Image, float | None]:
    """Stretch a picture so that its pixels are square, and return it with their side in millimetres.

    The side along which the pixels are longer grows, so that nothing of the picture is lost. If the result had more
    than 64 million pixels, the other side shrinks instead.
    """
    if shape.ratio == 1.0:
        return picture, shape.spacing_mm
    factor = max(shape.ratio, 1 / shape.ratio)
    shrinks = picture.width * picture.height * factor > MAX_PIXELS
    down, across = (shape.ratio, 1.0) if (shape.ratio > 1) != shrinks else (1.0, 1 / shape.ratio)
    size = max(1, round(picture.width * across)), max(1, round(picture.height * down))
    spacing = shape.spacing_mm
    return picture.resize(size, Image.Resampling.BILINEAR), spacing * factor if shrinks and spacing else spacing
