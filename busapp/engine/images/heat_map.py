"""Heat maps: the places in an image that show a class, in perceptually even colours."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.images.framing import Region, placed

HeatMap = npt.NDArray[np.float32]
"""float32 (h, w) in [0, 1], coarse (from the network's last feature map: 7×7 cells for 224 pixels). 1 marks the place
that shows the class most clearly in this image."""

MAP_SHIFT: Final = 15.5 / 32
"""Cells by which each cell of MobileNetV2's last feature map lies to the right of and below the pixels that it shows.

Each of the network's five strides of two pads one pixel on every side. So cell i shows the pixels around 32 i, not
those around 32 i + 15.5, its place in the grid. Without this correction, as in the usual Grad-CAM, a map misses small
lesions by half a cell in both directions."""

_FEWEST_CELLS: Final = 48
"""Cells along each side of a network's part of a picture, in the heat map of the whole picture."""
_MOST_CELLS: Final = 256
_FINE: Final = 256
"""Pixels on the longer side of a map enlarged for its contours."""

# matplotlib's magma at 17 even steps; in between, linear interpolation is off by at most 3 of 255.
_MAGMA = (
    "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 "
    "cf4070 e55064 f4695c fb8761 fea571 fec287 fde0a1 fcfdbf"
)


def _colours() -> npt.NDArray[np.uint8]:
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _MAGMA.split()])
    steps = np.linspace(0, 255, len(anchors))
    return np.stack([np.interp(np.arange(256), steps, channel) for channel in anchors.T], axis=1).astype(np.uint8)


COLOURS: Final = _colours()
"""The perceptually even colours of heat maps, dark to bright: uint8 (256, 3), RGB."""


def to_heat_map(
    activation: npt.NDArray[np.float32], shift: float = 0.0, *, span: float | None = None, mirrored: bool = False
) -> HeatMap:
    """The heat map of a class activation map, float32 (h, w). As in Grad-CAM, only evidence for the class counts,
    relative to the strongest evidence.

    `shift` is the distance in cells by which the activation's cells lie to the right of and below the pixels that they
    show (`MAP_SHIFT`). With it, the heat map is moved to its right place, on a grid of four times as many cells. In a
    `mirrored` map, the mean over an image and its mirror image, the horizontal shifts cancel out. `span` is the number
    of cells, not always a whole one, that the image is wide and high; None if it is that of the activation.
    """
    positive = np.maximum(activation, 0)
    height, width = positive.shape
    if shift or span not in (None, width):
        across, down = (span or width), (span or height)
        left = (width - across) / 2 if mirrored else shift
        columns, right = _padded(width, left, across)
        rows, below = _padded(height, shift, down)
        padded = Image.fromarray(positive[rows][:, columns].astype(np.float32))  # a tenth of the time of np.pad
        box = (right, below, right + across, below + down)
        positive = np.maximum(np.asarray(padded.resize((4 * width, 4 * height), Image.Resampling.BICUBIC, box)), 0)
    return (positive / max(float(positive.max()), 1e-12)).astype(np.float32)


def on_picture(heat_map: HeatMap, region: Region, size: tuple[int, int]) -> HeatMap:
    """The heat map of a whole picture of `size` (width, height), from that of the `region` that a network saw. It is 0
    outside the region, about which the network says nothing. It is unchanged if the region is the whole picture, else
    at most `_MOST_CELLS` cells wide and high."""
    if region == (0, 0, *size):
        return heat_map
    left, top, right, bottom = region
    # More cells than given: enlarged smoothly, evidence at the region's edge reaches half a cell beyond it.
    finer = max(2, math.ceil(_FEWEST_CELLS / min(heat_map.shape)))
    rows, columns = (finer * cells for cells in heat_map.shape)
    across = min(_MOST_CELLS, math.ceil(columns * size[0] / (right - left)))
    down = min(_MOST_CELLS, math.ceil(rows * size[1] / (bottom - top)))
    whole = placed(Image.fromarray(heat_map), region, size, (across, down))
    positive = np.maximum(np.asarray(whole, np.float32), 0)
    return (positive / max(float(positive.max()), 1e-12)).astype(np.float32)


def _padded(cells: int, begin: float, length: float) -> tuple[npt.NDArray[np.intp], float]:
    """Which of a row of cells to take so that the part of this length from `begin` on lies inside, its cells at the
    edges repeated, and where the part begins then."""
    before, after = max(0, math.ceil(-begin)), max(1, math.ceil(begin + length - cells))
    return np.clip(np.arange(-before, cells + after), 0, cells - 1), begin + before


def colour_heat_map(heat_map: HeatMap, size: tuple[int, int]) -> Image.Image:
    """The map in `COLOURS`, smoothly enlarged to `size` (width, height): RGB."""
    levels = Image.fromarray((heat_map * 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return Image.fromarray(COLOURS[np.asarray(levels)])


def contours(heat_map: HeatMap, size: tuple[int, int], level: float = 0.5) -> list[npt.NDArray[np.float64]]:
    """The lines along which the map, smoothly enlarged to `size` (width, height), has this level: (n, 2) each, x and y
    in pixels from the image's upper left corner. 0.5 is half of the strongest evidence. Empty without evidence."""
    from contourpy import contour_generator

    width, height = size
    shrunk = min(1.0, _FINE / max(size))
    columns, rows = max(2, round(width * shrunk)), max(2, round(height * shrunk))
    fine = np.asarray(Image.fromarray(heat_map).resize((columns, rows), Image.Resampling.BICUBIC))
    x = (np.arange(columns) + 0.5) * (width / columns)
    y = (np.arange(rows) + 0.5) * (height / rows)
    return [np.asarray(line, np.float64) for line in contour_generator(x, y, fine).lines(level)]


def overlay(image: Image.Image, heat_map: HeatMap, opacity: float = 0.45) -> Image.Image:
    """The map blended over the image, at the image's size: RGB. `opacity` is 0 (image only) to 1 (map only)."""
    return Image.blend(image.convert("RGB"), colour_heat_map(heat_map, image.size), opacity)
