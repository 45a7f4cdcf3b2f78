"""The part of a picture that the network sees.

Source of the central square: Zion and Tripathy, section 3 ("resized to have a minimum side length of 256 pixels,
followed by extracting the central 256×256 square from the image", of which the network takes 224×224).
"""

from fractions import Fraction
from typing import Final

from PIL import Image

from busapp.engine.contract.validation import Framing

Region = tuple[float, float, float, float]
"""A part of a picture: left, top, right and bottom edge, in its pixels, not always whole ones."""

SHORT_SIDE: Final = Fraction(256, 224)
"""The shorter side of a picture whose central square has a side of 1."""

ONLY_CENTRE: Final = "The network sees only the central square of the picture. Outside it there is no evidence."


def placed(
    square: Image.Image, region: Region, size: tuple[int, int], grid: tuple[int, int] | None = None
) -> Image.Image:
    """A picture of `size` (width, height), 0 everywhere except in its `region`, which shows the square. It is drawn on
    a grid of other pixels if `grid` (width, height) is given."""
    left, top, right, bottom = region
    wide, high = grid or size
    across, down = square.width / (right - left), square.height / (bottom - top)
    to_square = (size[0] / wide * across, 0, -left * across, 0, size[1] / high * down, -top * down)
    return square.transform((wide, high), Image.Transform.AFFINE, to_square, Image.Resampling.BICUBIC)


def resized(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height of a picture resized for a central square of `side` pixels, aspect kept: 256 pixels on the
    shorter side for a square of 224."""
    short = round(side * SHORT_SIDE)
    return tuple(max(short, round(length * Fraction(short, min(size)))) for length in size)  # type: ignore[return-value]


def region_of(size: tuple[int, int], framing: Framing, side: int) -> Region:
    """The part of a picture of `size` (width, height) that becomes the square of `side` pixels.

    For `centre` it is what is left if the picture is resized (`resized`) and then cut, from (width - side) // 2 and
    (height - side) // 2 on. Resizing this part alone gives the same pixels, and takes no memory for a long strip.
    """
    if framing == "stretch":
        return 0, 0, size[0], size[1]
    begins, ends = [], []
    for length, new in zip(size, resized(size, side), strict=True):
        begin = (new - side) // 2
        begins.append(begin * length / new)
        ends.append((begin + side) * length / new)
    return begins[0], begins[1], ends[0], ends[1]
