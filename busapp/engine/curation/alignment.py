"""Align one picture with a window of another, and measure the correlation of their speckle.

Pictures are compared as textures: squares of `SIDE` pixels with brightness and contrast evened out locally, so that
gain, gamma, equalisation and shading do not matter.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Texture = npt.NDArray[np.int8]
"""int8 (…, SIDE, SIDE): grey values minus their local mean, divided by their local deviation, times `UNIT`."""
Windows = npt.NDArray[np.float32]
"""float32 (n, 4): top, bottom, left, right of the visible part, as fractions of the larger picture's sides."""

SIDE: Final = 128
UNIT: Final = 50.0
_LIMIT: Final = 2.5
"""Textures are clipped at this many local deviations, so that burned-in marks weigh no more than speckle."""
_REACH: Final = 8.0
"""Size of the local neighbourhood in pixels: the standard deviation of a Gaussian."""
_LEAST_DEVIATION: Final = 4.0
"""Grey values (0 to 255). The local deviation is never smaller, so that faint noise does not become as strong as
speckle."""

BLOCK: Final = 16
_FINE: Final = 3.0
"""Standard deviation of a Gaussian in pixels. Coarser variation is not speckle."""
_LEAST_SPECKLE: Final = 0.05 * UNIT
_LEAST_EVENNESS: Final = 0.5
"""Least evenness of a block of tissue: the squared mean of its absolute values, divided by its mean square. It is 0.64
for Gaussian noise, because speckle covers the whole block. It is lower at the outline of the scan, which all pictures
of one probe share, and at the wall of a cyst, where unrelated pictures can be aligned so that they correlate."""
_LEAST_BLOCKS: Final = 16
"""Of 64 blocks. With fewer blocks of tissue in both pictures the correlation is unknown."""
DISAGREEING: Final = 0.5
"""A block whose speckle correlates less than this shows something else: a mark or text."""


def texture(grey: Image.Image) -> Texture:
    """The texture of a grey picture (mode L) of any size and aspect: int8 (SIDE, SIDE)."""
    from scipy.ndimage import gaussian_filter

    values = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
    centred = values - gaussian_filter(values, _REACH)
    deviation = np.sqrt(gaussian_filter(centred**2, _REACH) + _LEAST_DEVIATION**2)
    evened: Texture = np.rint(np.clip(centred / deviation, -_LIMIT, _LIMIT) * UNIT).astype(np.int8)
    return evened


def resampling(start: Floats, end: Floats, size: int) -> Floats:
    """Matrices that stretch the part from `start` to `end` (n,) to the whole side by linear interpolation, with 0
    outside: float32 (n, size, size). `start` and `end` are fractions of a side of `size` samples."""
    along = ((np.arange(size) + 0.5) / size).astype(np.float32)
    positions = (start[:, None] + (end - start)[:, None] * along) * size - 0.5
    weights: Floats = np.maximum(0, 1 - np.abs(positions[:, :, None] - np.arange(size, dtype=np.float32)))
    return weights


def show(pictures: Floats, windows: Windows) -> Floats:
    """The parts of the pictures (n, size, size) in their windows, enlarged to the same shape."""
    size = pictures.shape[1]
    rows = resampling(windows[:, 0], windows[:, 1], size)
    columns = resampling(windows[:, 2], windows[:, 3], size)
    shown: Floats = np.matmul(np.matmul(rows, pictures), columns.transpose(0, 2, 1))
    return shown


def halved(pictures: Floats) -> Floats:
    """Pictures (n, size, size) reduced to half their size by averaging 2×2 pixels: (n, size / 2, size / 2)."""
    rows = pictures[:, 0::2] + pictures[:, 1::2]
    means: Floats = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return means


def align(large: Floats, small: Floats, windows: Windows, steps: int) -> Windows:
    """Move the windows so that their parts of the large pictures resemble the small pictures as much as possible.

    Gauss-Newton on the four sides of each window, which also fits the gain between the two pictures (Lucas and Kanade
    1981; Evangelidis and Psarakis 2008 for the gain). A window must start within about a wavelength of the texture.

    Args:
        large, small: float32 (n, size, size) each.
        windows: the starting windows.
        steps: the number of Gauss-Newton steps.
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
    slopes -= (slopes @ unit[:, :, None]) * unit[:, None, :]  # the part that the gain explains does not tell the place
    slopes *= gain[:, :, None]
    normal = slopes @ slopes.transpose(0, 2, 1)
    damping = 1e-3 * np.trace(normal, axis1=1, axis2=2) / 4 + 1e-3
    normal += damping[:, None, None] * np.eye(4, dtype=np.float32)
    moves = np.linalg.solve(normal, slopes @ (wanted - gain * flat)[:, :, None])[:, :, 0]
    result: Windows = np.clip(moves, -0.05, 0.05).astype(np.float32)
    return result


def correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Floats:
    """The correlation of each picture with its counterpart: float32 (n,), -1 to 1; 0 if one of them is even."""
    a, b = (_centred(pictures.reshape(len(pictures), -1).astype(np.float32)) for pictures in (first, second))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    result: Floats = (a * b).sum(axis=1) / np.maximum(lengths, 1e-3)
    return result


def speckle_correlation(large: Floats, small: Floats, windows: Windows) -> tuple[Floats, Floats]:
    """The correlation of the speckle of aligned pictures (n, SIDE, SIDE).

    It is the median over blocks of 16×16 pixels, so that callipers, arrows and text in fewer than half of the blocks
    have no influence.

    Returns:
        The median correlation of the blocks (n,), -1 to 1, NaN if too few blocks show tissue in both pictures; and
        the share of blocks that correlate less than `DISAGREEING` (n,), 0 to 1.
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
