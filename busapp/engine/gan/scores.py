"""How far drawn images are from real ones: the kernel Inception distance (KID), on any network's features.

Source: Bińkowski et al. 2018, "Demystifying MMD GANs": the unbiased estimate of the squared maximum mean discrepancy
with the polynomial kernel (x·y / d + 1)³. Unlike FID it does not grow when there are few images, and a class of BUSI
has few.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
"""(n, d): one row per image."""

SUBSETS: Final = 100
LARGEST_SUBSET: Final = 1000
FEWEST: Final = 4
"""Two in each half: below that there is no unbiased estimate."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean and standard deviation over the subsets. Around 0 where both come from one distribution."""

    mean: float
    spread: float


def kid(real: Features, drawn: Features, *, seed: int = 0) -> Score:
    """KID over random subsets, each half as large as the smaller set, at most 1,000 images.

    Raises:
        ValueError: fewer than 4 images in one of them.
    """
    size = _subset_size(min(len(real), len(drawn)))
    among_real, among_drawn, between = _kernel(real, real), _kernel(drawn, drawn), _kernel(real, drawn)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(SUBSETS):
        x = random.choice(len(real), size, replace=False)
        y = random.choice(len(drawn), size, replace=False)
        values.append(_discrepancy(among_real[np.ix_(x, x)], among_drawn[np.ix_(y, y)], between[np.ix_(x, y)]))
    return Score(float(np.mean(values)), float(np.std(values)))


def kid_floor(real: Features, *, seed: int = 0) -> Score:
    """Real against real: KID between two random halves, at most 1,000 images each. The best that can be hoped for.

    Raises:
        ValueError: fewer than 4 images.
    """
    size = _subset_size(len(real))
    kernel = _kernel(real, real)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(SUBSETS):
        order = random.permutation(len(real))
        x, y = order[:size], order[size : 2 * size]
        values.append(_discrepancy(kernel[np.ix_(x, x)], kernel[np.ix_(y, y)], kernel[np.ix_(x, y)]))
    return Score(float(np.mean(values)), float(np.std(values)))


def _subset_size(images: int) -> int:
    if images < FEWEST:
        raise ValueError(f"KID needs at least {FEWEST} images, not {images}")
    return min(images // 2, LARGEST_SUBSET)


def _kernel(x: Features, y: Features) -> npt.NDArray[np.float64]:
    products = x.astype(np.float64) @ y.astype(np.float64).T
    kernel: npt.NDArray[np.float64] = (products / x.shape[1] + 1) ** 3
    return kernel


def _discrepancy(xx: npt.NDArray[np.float64], yy: npt.NDArray[np.float64], xy: npt.NDArray[np.float64]) -> float:
    """The unbiased squared discrepancy of two equally large sets; the diagonals are left out."""
    n = len(xx)
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2 * xy.mean())
