"""Noise removal and segmentation, as a preparation of images for a network.

Source: Ragab et al. 2022 (Biology 11(3):439): "wiener filtering and contrast enhancement", then "optimal multi-level
thresholding" by Kapur's entropy. Their abstract does not say more, so this is assumed: the filter's window, one
threshold instead of several, the side that is kept, and black for the other. The threshold is searched for among all
levels: for one threshold, no search by chance (theirs is the Chaotic Krill Herd Algorithm) can find a better one.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

WINDOW: Final = 3
"""Side of the filter's window, in pixels of the prepared square: the default of MATLAB's `wiener2` and of SciPy."""

_Counts = npt.NDArray[np.int64]


def denoise(image: Image.Image) -> Image.Image:
    """An RGB image with less noise by a Wiener filter on its luma: the same size, RGB; grey stays grey.

    Each pixel moves towards the mean of its window: all the way where the window's variance does not exceed the noise,
    hardly where it is far larger, as at edges. The noise is the mean of all windows' variances. At its border the image
    is continued by its mirror image.

    Source: Lee 1980, as in MATLAB's `wiener2` and `scipy.signal.wiener`.
    """
    luma, blue, red = image.convert("YCbCr").split()
    cleaned = Image.fromarray(np.rint(wiener(np.asarray(luma))).astype(np.uint8))
    return Image.merge("YCbCr", (cleaned, blue, red)).convert("RGB")


def wiener(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Grey levels (h, w) after the filter, float64 in [0, 255]. Sums are whole numbers, so that an even image stays
    exactly as it is."""
    wide = np.pad(levels.astype(np.int32), WINDOW // 2, mode="symmetric")
    height, width = levels.shape
    n, total, squares = WINDOW**2, np.zeros_like(wide, shape=levels.shape), np.zeros_like(wide, shape=levels.shape)
    for row, column in np.ndindex(WINDOW, WINDOW):
        window = wide[row : row + height, column : column + width]
        total += window
        squares += window**2
    mean, variance = total / n, (n * squares - total**2) / n**2
    noise = float(variance.mean())
    kept = np.zeros(levels.shape)
    np.divide(variance - noise, variance, out=kept, where=variance > noise)
    return np.asarray(mean + kept * (levels - mean), np.float64)


def kapur_threshold(counts: _Counts) -> int | None:
    """The threshold of largest entropy of a histogram, int (levels,): the levels up to it are one part, those above it
    the other. Of equally good ones the lowest; None if fewer than two levels occur.

    The entropy is the sum of those of the two parts, each with shares of its own pixels.

    Source: Kapur, Sahoo and Wong 1985.
    """
    # With n pixels in a part, its entropy -sum(c/n log(c/n)) is log(n) - sum(c log(c)) / n.
    weighted = np.cumsum(counts * np.log(np.maximum(counts, 1)))
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    splits = (below > 0) & (above > 0)
    if not splits.any():
        return None
    n_below, n_above = np.maximum(below, 1), np.maximum(above, 1)
    entropy = np.log(n_below) - weighted[:-1] / n_below + np.log(n_above) - (weighted[-1] - weighted[:-1]) / n_above
    best = np.where(splits, entropy, -np.inf)
    return int(np.argmax(best >= best.max() - 1e-9))


def segment(image: Image.Image) -> Image.Image:
    """An RGB image in which everything up to Kapur's threshold of its luma is black, and the rest is as it was.

    The brighter part is kept: a lesion is usually darker than the tissue around it, so that it becomes a black shape
    with a sharp outline. If the darker part were kept, black tissue would hide that outline. An image of one grey level
    is returned unchanged.
    """
    luma = np.asarray(image.convert("YCbCr").getchannel("Y"))
    threshold = kapur_threshold(np.bincount(luma.ravel(), minlength=256))
    if threshold is None:
        return image
    return Image.fromarray(np.where((luma > threshold)[..., None], np.asarray(image), np.uint8(0)))
