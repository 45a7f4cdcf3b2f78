"""Show two pictures of one frame side by side, and overlay them to see their differences."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from busapp.engine.curation import alignment
from busapp.engine.curation.alignment import Floats

LONGEST_SIDE: Final = 1024
"""Pixels. Larger pictures are reduced, both by the same factor."""
_STARTS: Final = (0.0, 0.11, 0.22, 0.33)
"""Possible distances of a window from either end of a side, as fractions of the side."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two RGB pictures on black grounds of one size, at the same scale.

    `brought` is the second picture aligned with the first: of the same size, mirrored if necessary.
    `difference` is the absolute difference of the grey values of `first` and `brought`: uint8 (height, width). It is 0
    where one of them has no pixels. `mean` is the mean of `difference` where both have pixels.
    """

    first: Image.Image
    second: Image.Image
    brought: Image.Image
    difference: npt.NDArray[np.uint8]
    mean: float


def side_by_side(first: Image.Image, second: Image.Image, *, mirrored: bool, cropped: bool) -> SideBySide:
    """Overlay `first` with `second`.

    Args:
        first, second: RGB, of any sizes.
        mirrored: the second one shows the frame mirrored.
        cropped: one of them shows only a part of the other. Their speckle tells which one, and which part
            (`alignment.py`). Otherwise both show the same part, at any size.
    """
    turned = ImageOps.mirror(second) if mirrored else second
    first_place, second_place = _places(first, turned, cropped)
    left, top = (min(first_place[i], second_place[i]) for i in (0, 1))
    right, bottom = (max(first_place[i], second_place[i]) for i in (2, 3))
    factor = min(1.0, LONGEST_SIDE / max(right - left, bottom - top))
    size = max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor))

    def at(box: Box) -> tuple[int, int, int, int]:
        x0, y0 = round((box[0] - left) * factor), round((box[1] - top) * factor)
        return x0, y0, max(x0 + 1, round((box[2] - left) * factor)), max(y0 + 1, round((box[3] - top) * factor))

    one, brought = _on_ground(first, at(first_place), size), _on_ground(turned, at(second_place), size)
    inside = np.zeros((size[1], size[0]), bool)
    x0, y0, x1, y1 = (
        pick(a, b) for pick, a, b in zip((max, max, min, min), at(first_place), at(second_place), strict=True)
    )
    inside[y0:y1, x0:x1] = True
    grey = (np.asarray(picture.convert("L"), np.int16) for picture in (one, brought))
    difference = (np.abs(next(grey) - next(grey)) * inside).astype(np.uint8)
    mean = float(difference[inside].mean()) if inside.any() else 0.0
    return SideBySide(one, ImageOps.mirror(brought) if mirrored else brought, brought, difference, mean)


def _on_ground(picture: Image.Image, place: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    ground = Image.new("RGB", size)
    room = (place[2] - place[0], place[3] - place[1])
    ground.paste(picture.convert("RGB").resize(room, Image.Resampling.BICUBIC), place[:2])
    return ground


def _places(first: Image.Image, second: Image.Image, cropped: bool) -> tuple[Box, Box]:
    """The boxes of both pictures on a common ground, at the scale of the finer one."""
    if cropped:
        textures = [alignment.texture(picture.convert("L")).astype(np.float32)[None] for picture in (first, second)]
        (window, fit), (other, other_fit) = _best_window(*textures), _best_window(*reversed(textures))
        if fit >= other_fit:
            return _window_places(first, second, window)
        second_place, first_place = _window_places(second, first, other)
        return first_place, second_place
    width, height = max(first.size, second.size, key=lambda size: size[0] * size[1])
    return (0, 0, width, height), (0, 0, width, height)


def _window_places(large: Image.Image, small: Image.Image, window: Floats) -> tuple[Box, Box]:
    """The box of the whole large picture, and that of the small one at its window."""
    top, bottom, left, right = (float(edge) for edge in window)
    across = small.width / max(right - left, 0.05)
    factor = max(1.0, across / large.width)
    width, height = large.width * factor, large.height * factor
    return (0, 0, width, height), (left * width, top * height, right * width, bottom * height)


def _best_window(large: Floats, small: Floats) -> tuple[Floats, float]:
    """The window (4,) of the large texture (1, SIDE, SIDE) that fits the small one best; its correlation, -1 to 1."""
    parts = [(start, 1 - end) for start in _STARTS for end in _STARTS if start + end <= max(_STARTS)]
    windows = np.array([(*down, *along) for down in parts for along in parts], np.float32)
    middle = [alignment.halved(texture) for texture in (large, small)]
    coarse = [np.repeat(alignment.halved(texture), len(windows), axis=0) for texture in middle]
    windows = alignment.align(coarse[0], coarse[1], windows, steps=4)
    best = alignment.correlation(alignment.show(coarse[0], windows), coarse[1]).argsort()[-3:]
    fine = [np.repeat(texture, len(best), axis=0) for texture in middle]
    windows = alignment.align(fine[0], fine[1], windows[best], steps=4)
    fits = alignment.correlation(alignment.show(fine[0], windows), fine[1])
    return windows[fits.argmax()], float(fits.max())
