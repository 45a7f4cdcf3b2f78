"""Lay one picture over a window of another and say how far their speckle agrees.

Pictures are compared as textures: squares of `SIDE` pixels with brightness and contrast evened out locally, so that
gain, gamma, equalisation and shading do not matter.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Texture = npt.NDArray[np.int8]
"""int8 (…, SIDE, SIDE): grey values less their local mean, over their local deviation, times `UNIT`."""
Windows = npt.NDArray[np.float32]
"""float32 (n, 4): top, bottom, left, right of what is shown, as fractions of the larger picture's sides."""

SIDE: Final = 128
UNIT: Final = 50.0
_LIMIT: Final = 2.5
"""Local deviations at which textures are cut off, so that burned-in marks weigh no more than speckle."""
_REACH: Final = 8.0
"""Pixels that count as local: the standard deviation of a Gaussian."""
_LEAST_DEVIATION: Final = 4.0
"""Grey values (0 to 255), so that faint noise is not made as strong as speckle."""

BLOCK: Final = 16
_FINE: Final = 3.0
"""Pixels: what varies over more is no speckle. The standard deviation of a Gaussian."""
_LEAST_SPECKLE: Final = 0.05 * UNIT
_LEAST_EVENNESS: Final = 0.5
"""Blocks of tissue have speckle all over: the square of its mean size is a larger part of its mean square, 0.64 for
Gaussian noise. Others lie at the outline of the scan, which all pictures of one probe have in common, or at the wall of
a cyst, where unrelated ones can be made to agree."""
_LEAST_BLOCKS: Final = 16
"""Of 64: with fewer blocks of tissue in both pictures nothing is said."""
DISAGREEING: Final = 0.5
"""A block whose speckle correlates less than this shows something else: a mark, a text."""


def texture(grey: Image.Image) -> Texture:
    """The texture of a grey picture (mode L) of any size and aspect: int8 (SIDE, SIDE)."""
    from scipy.ndimage import gaussian_filter

    values = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
    centred = values - gaussian_filter(values, _REACH)
    deviation = np.sqrt(gaussian_filter(centred**2, _REACH) + _LEAST_DEVIATION**2)
    evened: Texture = np.rint(np.clip(centred / deviation, -_LIMIT, _LIMIT) * UNIT).astype(np.int8)
    return evened


def resampling(start: Floats, end: Floats, size: int) -> Floats:
    """Matrices that resample the part from `start` to `end` (n, fractions of a side of `size` samples) to the whole
    side, linear, 0 outside: float32 (n, size, size)."""
    along = ((np.arange(size) + 0.5) / size).astype(np.float32)
    positions = (start[:, None] + (end - start)[:, None] * along) * size - 0.5
    weights: Floats = np.maximum(0, 1 - np.abs(positions[:, :, None] - np.arange(size, dtype=np.float32)))
    return weights


def show(pictures: Floats, windows: Windows) -> Floats:
    """What the windows show of the pictures (n, size, size): the same shape."""
    size = pictures.shape[1]
    rows = resampling(windows[:, 0], windows[:, 1], size)
    columns = resampling(windows[:, 2], windows[:, 3], size)
    shown: Floats = np.matmul(np.matmul(rows, pictures), columns.transpose(0, 2, 1))
    return shown


def halved(pictures: Floats) -> Floats:
    """Means of squares of two pixels: (n, size / 2, size / 2) of (n, size, size)."""
    rows = pictures[:, 0::2] + pictures[:, 1::2]
    means: Floats = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return means


def align(large: Floats, small: Floats, windows: Windows, steps: int) -> Windows:
    """Move the windows so that what they show of the large pictures resembles the small ones most.

    Gauss-Newton on the four sides of each window, the gain between the two pictures fitted along (Lucas and Kanade
    1981; Evangelidis and Psarakis 2008 for the gain). A window must begin within about a wavelength of the texture.

    Args:
        large, small: float32 (n, size, size) each.
        windows: where to begin.
        steps: how often to move.
    """
    for _ in range(steps):
        windows = windows + _move(large, small, windows)
    return windows


def _move(large: Floats, small: Floats, windows: Windows) -> Windows:
    """One Gauss-Newton step, at most a twentieth of a side."""
    count, size, _ = large.shape
    shown = show(large, windows)
    down, right = np.gradient(shown, np.float32(1 / size), axis=(1, 2))
    down /= np.maximum(windows[:, 1] - windows[:, 0], 0.1)[:, None, None]
    right /= np.maximum(windows[:, 3] - windows[:, 2], 0.1)[:, None, None]
    along = (np.arange(size, dtype=np.float32) + 0.5) / size
    slopes = np.stack(
        [down * (1 - along)[:, None], down * along[:, None], right * (1 - along), right * along], axis=1
    ).reshape(count, 4, -1)
    slopes -= slopes.mean(axis=2, keepdims=True)
    flat, wanted = _centred(shown.reshape(count, -1)), _centred(small.reshape(count, -1))
    lengths = np.linalg.norm(flat, axis=1, keepdims=True) + 1e-3
    unit = flat / lengths
    gain = np.maximum((unit * wanted).sum(axis=1, keepdims=True) / lengths, 0.2)
    slopes -= (slopes @ unit[:, :, None]) * unit[:, None, :]  # what the gain explains says nothing of the place
    slopes *= gain[:, :, None]
    normal = slopes @ slopes.transpose(0, 2, 1)
    damping = 1e-3 * np.trace(normal, axis1=1, axis2=2) / 4 + 1e-3
    normal += damping[:, None, None] * np.eye(4, dtype=np.float32)
    moves = np.linalg.solve(normal, slopes @ (wanted - gain * flat)[:, :, None])[:, :, 0]
    result: Windows = np.clip(moves, -0.05, 0.05).astype(np.float32)
    return result


def correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Floats:
    """Of each picture with its counterpart: float32 (n,), -1 to 1; 0 where one is even."""
    a, b = (_centred(pictures.reshape(len(pictures), -1).astype(np.float32)) for pictures in (first, second))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    result: Floats = (a * b).sum(axis=1) / np.maximum(lengths, 1e-3)
    return result


def speckle_correlation(large: Floats, small: Floats, windows: Windows) -> tuple[Floats, Floats]:
    """How far the speckle agrees once the pictures (n, SIDE, SIDE) are laid over each other.

    The median over blocks of 16×16 pixels decides, so that callipers, arrows and text in fewer than half of them
    do not.

    Returns:
        The median correlation of the blocks (n,), -1 to 1, NaN where too few of them show tissue in both; and the
        share of blocks that disagree (n,), 0 to 1.
    """
    from scipy.ndimage import gaussian_filter

    a, b = (
        _blocks(pictures - gaussian_filter(pictures, (0, _FINE, _FINE))) for pictures in (show(large, windows), small)
    )
    covered = _blocks(show(np.ones_like(large), windows)).min(axis=2) > 0.99
    usable = covered & _is_tissue(a) & _is_tissue(b)
    a, b = _centred(a), _centred(b)
    energies = [np.sqrt((blocks**2).mean(axis=2)) for blocks in (a, b)]
    each = (a * b).mean(axis=2) / np.maximum(energies[0] * energies[1], 1e-3)
    counted = usable.sum(axis=1)
    enough = counted >= _LEAST_BLOCKS
    median = np.full(len(each), np.nan, np.float32)
    if enough.any():
        median[enough] = np.nanmedian(np.where(usable, each, np.nan)[enough], axis=1)
    disagreeing: Floats = (usable & (each < DISAGREEING)).sum(axis=1) / np.maximum(counted, 1)
    return median, disagreeing


def _is_tissue(blocks: Floats) -> npt.NDArray[np.bool_]:
    square = (blocks**2).mean(axis=2)
    evenness = np.abs(blocks).mean(axis=2) ** 2 / np.maximum(square, 1e-3)
    tissue: npt.NDArray[np.bool_] = (square > _LEAST_SPECKLE**2) & (evenness > _LEAST_EVENNESS)
    return tissue


def _centred(values: Floats) -> Floats:
    centred: Floats = values - values.mean(axis=-1, keepdims=True)
    return centred


def _blocks(pictures: Floats) -> Floats:
    count, size, _ = pictures.shape
    squares = pictures.reshape(count, size // BLOCK, BLOCK, size // BLOCK, BLOCK)
    return squares.transpose(0, 1, 3, 2, 4).reshape(count, -1, BLOCK * BLOCK)
