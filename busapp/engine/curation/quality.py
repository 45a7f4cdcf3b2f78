"""The quality of an image: its measures, and flags with the reasons why it may be unfit.

Each threshold is documented with its flag and with the data that it was measured on. The flags `text` and `callipers`
come from `marks.py`, with the thresholds there. `channels` is read from the header and has no threshold.
"""

import io
import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageStat

from busapp.engine.catalog import Measures
from busapp.engine.images.marks import Grey, find_marks
from busapp.engine.utils.quiet import no_warnings

FLAGS: Final = {
    "blank": "Nearly blank: hardly anything is visible.",
    "blur": "Blurred: speckle and edges are washed out.",
    "callipers": "Measuring crosses are drawn over the picture.",
    "channels": "Stored with other channels or another depth than 8-bit grey or RGB.",
    "colour": "Colour: Doppler, or coloured marks.",
    "margins": "Much of the picture is empty: a frame around the scan, or only black below it.",
    "text": "Letters or numbers are burned in: they may name the patient.",
    "tiny": "Tiny: a side has fewer than 64 pixels.",
    "unreadable": "The file cannot be read as an image.",
}
"""Every flag with its explanation for people. The caller that fails to decode a file gives `unreadable`."""

SIDE: Final = 256
"""Coverage, colour, texture and blur are measured with the longer side reduced to this many pixels."""

TINY_SIDE: Final = 64
"""`tiny`: the shorter side has fewer pixels."""
BLANK_DEVIATION: Final = 4.0
"""`blank`: the grey values (0 to 255) have a smaller standard deviation. BUSI's lowest is 27."""
COLOUR_SPREAD: Final = 32
COLOUR_SHARE: Final = 5e-4
"""`colour`: in more than this share of the pixels the channels differ by more than `COLOUR_SPREAD`. The cause is
Doppler or coloured callipers. Eight of BUSI's 780 images."""
BLUR_RATIO: Final = 0.01
"""`blur`: the variance of the Laplacian, divided by the variance of the grey values, is smaller. BUSI's lowest is
0.033. After a Gaussian blur of 2 pixels, 19 of 20 of its images fall below 0.007."""
CELL: Final = 8
CELL_SPREAD: Final = 4
"""A cell of 8×8 pixels is empty if its grey values differ by at most this. Speckle always differs by more."""
TEXT_CELLS: Final = 3
"""Textured stripes that are narrower than this many cells are text in the frame, not scan."""
MARGIN_COVERAGE: Final = 0.75
"""`margins`: the scan covers a smaller share of the picture. Four of BUSI's 780 images, which are black below the scan;
in 95% of them the scan covers 0.97 or more."""
GREY_LEVELS: Final = 32
"""Grey levels of the co-occurrence matrix behind `texture`. Its entropy is therefore at most 10 bits."""


class Quality(NamedTuple):
    """The flags of an image (keys of `FLAGS`, in alphabetical order), and its measures."""

    flags: list[str]
    measures: Measures


def assess_quality(content: bytes, picture: Image.Image) -> Quality:
    """Measure an image, and flag the reasons why it may be unfit.

    Args:
        content: the stored bytes. Their header tells the storage format.
        picture: the same image from `preprocessing.decode`: 8-bit RGB, any size.
    """
    grey = picture.convert("L")
    small_grey = np.asarray(_reduced(grey))
    spread = _channel_spread(picture)
    measures = _measures(picture, grey, small_grey, spread)
    marks = {mark.kind for mark in find_marks(np.asarray(grey))}
    found = {
        "blank": measures.contrast < BLANK_DEVIATION,
        "blur": _is_blurred(small_grey),
        "callipers": "calliper" in marks,
        "channels": _has_odd_channels(content),
        "colour": sum(spread.histogram()[COLOUR_SPREAD + 1 :]) > COLOUR_SHARE * picture.width * picture.height,
        "margins": measures.coverage < MARGIN_COVERAGE,
        "text": "text" in marks,
        "tiny": min(picture.size) < TINY_SIDE,
    }
    if found["blank"]:
        found["blur"] = found["margins"] = False  # an empty picture is neither sharp nor framed
    return Quality([flag for flag, holds in found.items() if holds], measures)


def measures_of(picture: Image.Image) -> Measures:
    """The measures alone of an 8-bit RGB picture of any size."""
    grey = picture.convert("L")
    return _measures(picture, grey, np.asarray(_reduced(grey)), _channel_spread(picture))


def _measures(picture: Image.Image, grey: Image.Image, small_grey: Grey, spread: Image.Image) -> Measures:
    statistics = ImageStat.Stat(grey)
    return Measures(
        coverage=_coverage(small_grey),
        brightness=statistics.mean[0],
        contrast=statistics.stddev[0],
        colour=_colourfulness(_reduced(picture)) if spread.getbbox() else 0.0,
        texture=_texture(small_grey),
    )


def _has_odd_channels(content: bytes) -> bool:
    with no_warnings():  # decoding has already reported whatever is odd in the file
        image = Image.open(io.BytesIO(content))
    if "transparency" in image.info:
        return True
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
        return bool(np.ptp(palette, axis=1).any())
    # Pillow returns channels of 2, 4, 5 and 16 bits as 8-bit ones. Only its decoder's arguments name them ("RGB;16B").
    other_depth = re.search(r";(2|4|15|16)(?!\d)", str(image.tile))
    return image.mode not in ("L", "RGB") or other_depth is not None


def _reduced(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return small


def _channel_spread(picture: Image.Image) -> Image.Image:
    """The difference of the largest and the smallest of the three channels: 8-bit, black where the picture is grey."""
    red, green, blue = picture.split()
    largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    smallest = ImageChops.darker(ImageChops.darker(red, green), blue)
    return ImageChops.subtract(largest, smallest)


def _coverage(grey: Grey) -> float:
    """The share of a picture inside the scan's convex hull. Sectors and trapezoids are convex, and shadows inside them
    belong to the scan. Lines of text in the frame are not included."""
    from scipy.ndimage import binary_opening, label

    height, width = (side // CELL for side in grey.shape)
    if min(height, width) < TEXT_CELLS:
        return 1.0
    cells = grey[: height * CELL, : width * CELL].reshape(height, CELL, width, CELL)
    textured = cells.max((1, 3)) - cells.min((1, 3)) > CELL_SPREAD
    scan = binary_opening(textured, np.ones((TEXT_CELLS, TEXT_CELLS), bool))
    labels = np.asarray(label(scan)[0])
    sizes = np.bincount(labels.ravel())[1:]
    if not len(sizes):
        return 0.0
    return _hull_area(labels == 1 + int(sizes.argmax())) / float(height * width)


def _hull_area(cells: npt.NDArray[np.bool_]) -> float:
    """The area of the convex hull of the true cells (at least one), in cells."""
    from scipy.spatial import ConvexHull

    (rows,) = np.nonzero(cells.any(axis=1))
    left = cells[rows].argmax(axis=1)
    right = cells.shape[1] - cells[rows, ::-1].argmax(axis=1)
    corners = [np.column_stack([row, column]) for row in (rows, rows + 1) for column in (left, right)]
    return float(ConvexHull(np.concatenate(corners)).volume)  # what Qhull calls volume is the area in a plane


def _colourfulness(picture: Image.Image) -> float:
    """Colourfulness: 0 for grey, about 15 for slightly coloured, 109 for extremely coloured pictures.

    Source: Hasler & Süsstrunk 2003, "Measuring colourfulness in natural images", Proc. SPIE 5007:87-95.
    """
    red, green, blue = np.moveaxis(np.asarray(picture, np.float32), 2, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    return float(np.hypot(red_green.std(), yellow_blue.std()) + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def _texture(grey: Grey) -> float:
    """Haralick's entropy, in bits, of the symmetric co-occurrences of neighbours to the right and below.

    Source: Haralick, Shanmugam & Dinstein 1973, "Textural features for image classification", IEEE Trans. SMC 3:610.
    """
    levels = (grey // (256 // GREY_LEVELS)).astype(np.intp)
    pairs = GREY_LEVELS * levels
    counts = np.bincount((pairs[:, :-1] + levels[:, 1:]).ravel(), minlength=GREY_LEVELS**2)
    counts += np.bincount((pairs[:-1] + levels[1:]).ravel(), minlength=GREY_LEVELS**2)
    matrix = counts.reshape(GREY_LEVELS, GREY_LEVELS)
    matrix = matrix + matrix.T
    share = matrix[matrix > 0] / max(matrix.sum(), 1)
    return float(-(share * np.log2(share)).sum())


def _is_blurred(grey: Grey) -> bool:
    from scipy.ndimage import laplace

    values = grey.astype(np.float32)
    return float(laplace(values).var()) < BLUR_RATIO * float(values.var())
