"""How far drawn images are from real ones, on any network's features: KID, FID, precision and recall.

Sources: the kernel Inception distance (Bińkowski et al. 2018, "Demystifying MMD GANs"), the unbiased estimate of the
squared maximum mean discrepancy with the polynomial kernel (x·y / d + 1)³; the Fréchet Inception distance (Heusel et
al. 2017, "GANs trained by a two time-scale update rule"); precision and recall by the 3 nearest neighbours
(Kynkäänniemi et al. 2019, "Improved precision and recall metric"). All three took Inception's features; here they are
those of the classifier's backbone, so that the numbers cannot be compared with theirs.

Each is the mean over random subsets of one and the same size n, and beside each stands its floor: the same score of
real images against other real images, in sets of the same size. FID grows as n falls, and precision and recall depend
on n, too: a number is to be read against its own floor, and against nothing of another n.

For every subset one image of each group of near-duplicates is taken at random, and what was taken is cut into two
halves at random: a real one that drawn images are compared with, and the other for the floor. Near-duplicates on both
sides would make the floor better than anything that was not copied could be, and on one side they would make that
more like itself than two pictures of different patients ever are, which KID and FID take for a difference. So KID is
unbiased at any n, and around 0 on either side where nothing tells the images apart.
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
"""Images of a subset: so that each has three neighbours."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean and standard deviation over the subsets. They overlap, so that the latter is no standard error."""

    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What `judge` measures, of drawn images against real ones, and each `_floor` of real against real.

    `kid`: around 0 where both come from one distribution. `fid`: 0 or more, the smaller the nearer. `precision`: the
    share of drawn images that lie among real ones, `recall` the share of real ones that lie among drawn ones; in
    [0, 1]. `n_scored`: images of each set.
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
    """What a score is called, how it is read, and with how many decimals it is written."""

    title: str
    meaning: str
    decimals: int


SCORES_IN_WORDS: Final = {
    "kid": InWords("KID", "smaller is nearer to real, around 0 where nothing tells the two apart", 3),
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
    """Images of a subset: half of the distinct real images, of which `groups` are the groups, or all that were drawn
    where those are fewer."""
    return min(n_drawn, len(set(groups)) // 2)


def judge(real: Features, drawn: Features, groups: Sequence[int], *, seed: int = 0) -> Generator[int, None, Scores]:
    """Score drawn images against real ones, whose `groups` are given; yields how many of the 100 subsets are done.

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
    """Places of `size` images twice, at random, of no group more than one."""
    shuffled = random.permutation(len(groups))
    _, first_of_group = np.unique(groups[shuffled], return_index=True)
    chosen = shuffled[random.permutation(first_of_group)]
    return chosen[:size], chosen[size : 2 * size]


def kid(first: Features, second: Features) -> float:
    """The unbiased squared discrepancy of two equally large sets; the diagonals are left out."""
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
    of the singular values of XYᵀ: a small matrix where there are fewer images than features, and no root of a
    singular covariance is taken.
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
    """The share of drawn images that are no farther from some real one than its third nearest real neighbour is."""
    apart = _distances(real, drawn)
    return float((apart <= _radii(real)[:, None]).any(axis=0).mean())


def recall(real: Features, drawn: Features) -> float:
    """The share of real images that are no farther from some drawn one than its third nearest drawn neighbour is."""
    return precision(drawn, real)


def _radii(features: Features) -> npt.NDArray[np.float64]:
    """How far the third nearest of the others is from each: squared, (n,)."""
    radii: npt.NDArray[np.float64] = np.partition(_distances(features, features), NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return radii


def _distances(x: Features, y: Features) -> npt.NDArray[np.float64]:
    """Squared Euclidean distances (n of x, n of y)."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    squared: npt.NDArray[np.float64] = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.maximum(squared, 0.0)


_MEASURES: Final[dict[str, Callable[[Features, Features], float]]] = {
    "kid": kid,
    "fid": fid,
    "precision": precision,
    "recall": recall,
}
