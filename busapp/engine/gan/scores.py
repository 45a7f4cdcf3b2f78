"""Scores of the distance between drawn and real images, on any network's features: KID, FID, precision and recall.

Sources: the kernel Inception distance (Bińkowski et al. 2018, "Demystifying MMD GANs"), the unbiased estimate of the
squared maximum mean discrepancy with the polynomial kernel (x·y / d + 1)³; the Fréchet Inception distance (Heusel et
al. 2017, "GANs trained by a two time-scale update rule"); precision and recall by the 3 nearest neighbours
(Kynkäänniemi et al. 2019, "Improved precision and recall metric"). All three used Inception's features. Here the
features are those of the classifier's backbone, so that the numbers cannot be compared with theirs.

Each score is the mean over random subsets of the same size n. Each has a floor: the same score of real images against
other real images, in sets of the same size. FID grows as n falls, and precision and recall depend on n, too. Compare a
score only with its own floor, and never with a score at another n.

For every subset, one image of each group of near-duplicates is chosen at random. The chosen images are split at random
into two halves: the drawn images are compared with one half, and the other half is for the floor. Near-duplicates on
both sides would make the floor better than images that are not copies could ever reach. Near-duplicates on one side
would make that side more similar to itself than pictures of different patients ever are, which KID and FID take for a
difference. With this choice KID is unbiased at any n, and around 0 on either side if the images cannot be told apart.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from busapp.engine.contract.synthesis import ScoresResult

Features = npt.NDArray[np.floating]
"""(n, d): one row per image."""
Indices = npt.NDArray[np.intp]

SUBSETS: Final = 100
NEIGHBOURS: Final = 3
FEWEST: Final = NEIGHBOURS + 1
"""Smallest size of a subset, so that each image has three neighbours."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean and standard deviation over the subsets. The subsets overlap, so `spread` is no standard error."""

    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of drawn images against real ones, and as `_floor` of real images against real ones.

    `kid`: around 0 if both come from one distribution. `fid`: 0 or more, smaller is nearer. `precision`: the share of
    drawn images that lie among real ones; `recall`: the share of real images that lie among drawn ones; both in [0, 1].
    `n_scored`: images in each set.
    """

    n_scored: int
    kid: Score
    kid_floor: Score
    fid: Score
    fid_floor: Score
    precision: Score
    precision_floor: Score
    recall: Score
    recall_floor: Score


NAMES: Final = tuple(name for name in Scores.__slots__ if name != "n_scored")


class InWords(NamedTuple):
    """Title of a score, how to read it, and the number of decimals to write."""

    title: str
    meaning: str
    decimals: int


SCORES_IN_WORDS: Final = {
    "kid": InWords("KID", "smaller is nearer to real, around 0 if the two cannot be told apart", 3),
    "fid": InWords("FID", "smaller is nearer to real; biased at this n, compare only with its floor", 1),
    "precision": InWords("Precision", "share of drawn images that lie among real ones", 2),
    "recall": InWords("Recall", "share of real images that lie among drawn ones", 2),
}


def as_result(scores: Scores | None) -> ScoresResult:
    """The part of a job's result about scores; all None without scores."""
    found: dict[str, float | None] = {"n_scored": scores.n_scored if scores else None}
    for name in NAMES:
        score: Score | None = getattr(scores, name) if scores else None
        found |= {name: score.mean if score else None, f"{name}_spread": score.spread if score else None}
    return cast(ScoresResult, found)


def subset_size(n_drawn: int, groups: Sequence[int]) -> int:
    """Size of a subset: half the number of distinct `groups` of the real images, or the number of drawn images if that
    is smaller."""
    return min(n_drawn, len(set(groups)) // 2)


def judge(real: Features, drawn: Features, groups: Sequence[int], *, seed: int = 0) -> Generator[int, None, Scores]:
    """Score drawn images against real ones. `groups` are the groups of the real images. Yields the number of finished
    subsets, out of 100.

    Raises:
        ValueError: the subsets would have fewer than 4 images (see `subset_size`).
    """
    size = subset_size(len(drawn), groups)
    if size < FEWEST:
        raise ValueError(f"a subset needs at least {FEWEST} images, not {size}")
    random = np.random.default_rng(seed)
    of_group = np.asarray(groups)
    values: dict[str, list[float]] = {name: [] for name in NAMES}
    for done in range(1, SUBSETS + 1):
        one, other = (real[half] for half in _halves(of_group, size, random))
        some = drawn[random.choice(len(drawn), size, replace=False)]
        for suffix, second in (("", some), ("_floor", other)):
            for name, measure in _MEASURES.items():
                values[name + suffix].append(measure(one, second))
        yield done
    scores = {name: Score(float(np.mean(found)), float(np.std(found))) for name, found in values.items()}
    return Scores(size, **scores)


def _halves(groups: npt.NDArray[Any], size: int, random: np.random.Generator) -> tuple[Indices, Indices]:
    """Indices of two random sets of `size` images, with at most one image of each group in both together."""
    shuffled = random.permutation(len(groups))
    _, first_of_group = np.unique(groups[shuffled], return_index=True)
    chosen = shuffled[random.permutation(first_of_group)]
    return chosen[:size], chosen[size : 2 * size]


def kid(first: Features, second: Features) -> float:
    """The unbiased squared discrepancy of two equally large sets; the diagonals do not count."""
    n = len(first)
    xx, yy = _kernel(first, first), _kernel(second, second)
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2 * _kernel(first, second).mean())


def _kernel(x: Features, y: Features) -> npt.NDArray[np.float64]:
    products = x.astype(np.float64) @ y.astype(np.float64).T
    kernel: npt.NDArray[np.float64] = (products / x.shape[1] + 1) ** 3
    return kernel


def fid(first: Features, second: Features) -> float:
    """|m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁C₂)^½) of two sets' means and covariances.

    With the centred sets X and Y, divided by √(n − 1), C₁ is XᵀX and C₂ is YᵀY, and the trace of (C₁C₂)^½ is the sum
    of the singular values of XYᵀ. With fewer images than features this is a small matrix, and no root of a singular
    covariance is needed.
    """
    x, y = _centred(first), _centred(second)
    apart = first.mean(axis=0, dtype=np.float64) - second.mean(axis=0, dtype=np.float64)
    common = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return max(0.0, float(apart @ apart + (x**2).sum() + (y**2).sum() - 2 * common))


def _centred(features: Features) -> npt.NDArray[np.float64]:
    wide = features.astype(np.float64)
    centred: npt.NDArray[np.float64] = (wide - wide.mean(axis=0)) / np.sqrt(len(wide) - 1)
    return centred


def precision(real: Features, drawn: Features) -> float:
    """Share of drawn images that lie within reach of a real image: no farther than its third nearest real neighbour."""
    apart = _distances(real, drawn)
    return float((apart <= _radii(real)[:, None]).any(axis=0).mean())


def recall(real: Features, drawn: Features) -> float:
    """Share of real images that lie within reach of a drawn one: no farther than its third nearest drawn neighbour."""
    return precision(drawn, real)


def _radii(features: Features) -> npt.NDArray[np.float64]:
    """Squared distance of each image to its third nearest neighbour: (n,)."""
    radii: npt.NDArray[np.float64] = np.partition(_distances(features, features), NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return radii


def _distances(x: Features, y: Features) -> npt.NDArray[np.float64]:
    """Squared Euclidean distances (rows of x, rows of y)."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    squared: npt.NDArray[np.float64] = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.maximum(squared, 0.0)


_MEASURES: Final[dict[str, Callable[[Features, Features], float]]] = {
    "kid": kid,
    "fid": fid,
    "precision": precision,
    "recall": recall,
}
