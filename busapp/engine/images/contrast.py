"""How deep values become 256 greys, so that the picture in them is seen."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.float64]

_FEW: Final = 5000
"""One pixel in this many, and always one, may stand far out without the contrast being set by it. A hot pixel of a
detector does; callipers and letters have more pixels."""
_DEPTHS: Final = (8, 10, 12, 14)
"""Bits that machines use for a value and store in 16."""
_LEAST_CONTRAST: Final = 0.25
_LEAST_SHADES: Final = 0.1
_NATURAL: Final = 0.5


def main_range(values: npt.NDArray[Any], counts: npt.NDArray[np.intp] | None = None) -> tuple[float, float]:
    """The smallest and the largest of one or more numbers, without a few that stand far out: those that are further
    from all others than all others are from each other. With `counts`, each value counts as often as it says."""
    if counts is None:
        flat = values.ravel()
        total = flat.size
    else:
        order = np.flatnonzero(counts)[values[counts > 0].argsort()]
        flat, ends = values[order], counts[order].cumsum()
        total = int(ends[-1])
    least, largest = float(flat.min()), float(flat.max())
    few = max(1, total // _FEW)
    if total <= 2 * few + 1 or least == largest:
        return least, largest
    ranks = [few, total - 1 - few]
    within = np.partition(flat, ranks)[ranks] if counts is None else flat[np.searchsorted(ends, ranks, side="right")]
    low, high = within.astype(np.float64).tolist()
    spread = high - low
    if spread > 0 and largest - high > spread:
        largest = float(flat[flat <= np.float64(high + spread)].max())
    if spread > 0 and low - least > spread:
        least = float(flat[flat >= np.float64(low - spread)].min())
    return least, largest


def bits_used(largest: float) -> int:
    """The usual number of bits that hold values up to `largest`: 8, 10, 12, 14 or 16."""
    return next((bits for bits in _DEPTHS if largest < 1 << bits), 16)


def hides(shown: Levels, plain: Levels, counts: npt.NDArray[np.intp], possible: npt.NDArray[np.bool_]) -> bool:
    """True if a window leaves nothing of a picture: a quarter of its contrast, or shades of grey in a tenth of it.

    A window that was made for all values that the picture could have is right, even if the picture is dark.

    Args:
        shown: the brightness of every value through the window; 0 and less is black, 1 and more is white.
        plain: the same without the window.
        counts: the number of pixels of every value.
        possible: true for the values that the picture could have.
    """
    in_general = shown[possible].clip(0.0, 1.0)
    if np.ptp(in_general) >= _NATURAL and _has_shade(in_general).mean() >= _NATURAL:
        return False
    contrast = _spread(plain, counts)
    if _spread(shown, counts) < _LEAST_CONTRAST * contrast:
        return True
    shades = counts * _has_shade(plain)
    return bool((shades * _has_shade(shown)).sum() < _LEAST_SHADES * shades.sum())


def _has_shade(levels: Levels) -> npt.NDArray[np.bool_]:
    """True where a level is neither black nor white in 256 greys."""
    return (levels > 0.5 / 255) & (levels < 1 - 0.5 / 255)


def _spread(levels: Levels, counts: npt.NDArray[np.intp]) -> float:
    """The standard deviation of the pixels."""
    greys = levels.clip(0.0, 1.0)
    mean = np.average(greys, weights=counts)
    return float(np.sqrt(np.average((greys - mean) ** 2, weights=counts)))
