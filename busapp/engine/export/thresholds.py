"""The part of a model that comes from the out-of-fold predictions of its run: the temperature, the thresholds to
abstain, and the agreement of its heat maps with the masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from busapp.engine import metrics
from busapp.engine.images.heat_map import HeatMap
from busapp.engine.images.preprocessing import read_image
from busapp.engine.models.abstention import Conformal, Novelty, OutOfFold
from busapp.engine.models.heat_map_truth import HeatMapTruth, Mask, heat_map_truth
from busapp.engine.results.predictions import Prediction
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage

if TYPE_CHECKING:
    from busapp.engine.validation.evidence import Evidence

COVERAGE: Final = 0.9
"""Fraction of the images of every class whose conformal set should contain the class."""
FAMILIAR: Final = 0.97
"""Fraction of the study's own images, out of fold, that count as familiar. The most unlike images do not."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds in a model file."""

    temperature: float
    conformal: Conformal
    novelty: Novelty | None


@dataclass(frozen=True)
class OutOfFoldPredictions:
    """Out-of-fold predictions as arrays: `logits` (n, classes), `true` and `folds` int (n,), `novelty` (n,), None if
    the run did not save it."""

    classes: tuple[str, ...]
    logits: npt.NDArray[np.float64]
    true: npt.NDArray[np.intp]
    folds: npt.NDArray[np.intp]
    novelty: npt.NDArray[np.float32] | None

    @classmethod
    def of(
        cls, rows: Sequence[Prediction], classes: Sequence[str], evidence: "Evidence | None"
    ) -> "OutOfFoldPredictions":
        return cls(
            classes=tuple(classes),
            logits=np.array([[row.logits[name] for name in classes] for row in rows]),
            true=np.array([classes.index(row.true) for row in rows], dtype=np.intp),
            folds=np.array([row.fold for row in rows], dtype=np.intp),
            novelty=None if evidence is None else evidence.novelty,
        )

    def part(self, chosen: npt.NDArray[np.bool_]) -> "OutOfFoldPredictions":
        novelty = None if self.novelty is None else self.novelty[chosen]
        return OutOfFoldPredictions(self.classes, self.logits[chosen], self.true[chosen], self.folds[chosen], novelty)


def thresholds(tested: OutOfFoldPredictions) -> Thresholds:
    """Return the thresholds for a model with these out-of-fold predictions."""
    temperature = metrics.temperature(tested.logits, tested.true)
    probabilities = metrics.softmax(tested.logits / temperature)
    least = {
        name: _least_probability(probabilities[tested.true == index, index])
        for index, name in enumerate(tested.classes)
    }
    novelty = None
    if tested.novelty is not None:
        limit = float(np.quantile(tested.novelty, FAMILIAR, method="higher"))
        novelty = Novelty(limit=max(limit, 1e-6))
    return Thresholds(temperature, Conformal(coverage=COVERAGE, least_probability=least), novelty)


def _least_probability(of_true: npt.NDArray[np.float64]) -> float:
    """Return the largest threshold that the probabilities of the true class reach often enough, with the correction of
    conformal prediction for a finite sample; 0 if there are too few images to rule the class out."""
    enlarged = len(of_true) + 1
    missed = enlarged - metrics.least_count(COVERAGE, enlarged)
    return float(np.sort(of_true)[missed - 1]) if missed else 0.0


def out_of_fold(tested: OutOfFoldPredictions, heat_maps: HeatMapTruth | None) -> OutOfFold:
    """Test the thresholds: on each fold's images with the thresholds from the other folds. A hold-out has no other
    folds, so it uses its own."""
    several = len(np.unique(tested.folds)) > 1
    novel, several_possible = np.zeros(len(tested.true), dtype=bool), np.zeros(len(tested.true), dtype=bool)
    covered, probabilities = np.zeros(len(tested.true), dtype=bool), np.zeros(tested.logits.shape)
    for fold in np.unique(tested.folds):
        inside = tested.folds == fold
        given = thresholds(tested.part(~inside) if several else tested)
        probabilities[inside] = metrics.softmax(tested.logits[inside] / given.temperature)
        for place in np.flatnonzero(inside):
            possible = given.conformal.possible(dict(zip(tested.classes, probabilities[place].tolist(), strict=True)))
            covered[place] = tested.classes[tested.true[place]] in possible
            several_possible[place] = len(possible) > 1
        if given.novelty is not None and tested.novelty is not None:
            novel[inside] = tested.novelty[inside] > given.novelty.limit
    answered = ~novel & ~several_possible
    right = probabilities.argmax(axis=1) == tested.true
    of_class = [tested.true == index for index in range(len(tested.classes))]
    return OutOfFold(
        n=len(tested.true),
        ece=metrics.calibration_error(probabilities, tested.true),
        coverage={
            name: float(covered[own].mean()) for name, own in zip(tested.classes, of_class, strict=True) if own.any()
        },
        n_novel=int(novel.sum()),
        n_undecided=int((several_possible & ~novel).sum()),
        accuracy_of_answers=float(right[answered].mean()) if answered.any() else None,
        own_thresholds=not several,
        heat_maps=heat_maps,
    )


def truth_of_heat_maps(
    rows: Sequence[Prediction],
    classes: Sequence[str],
    evidence: "Evidence",
    mask_of: Callable[[Prediction], Mask | None],
    to_map: Callable[[npt.NDArray[np.float32], tuple[int, int]], HeatMap],
) -> HeatMapTruth | None:
    """Compare the out-of-fold heat maps of the predicted classes, made by `to_map` of activation maps and the
    pictures' sizes (width, height), with the masks from `mask_of`, which have the sizes of their pictures."""
    heat_maps, masks, right = [], [], []
    for row, maps in zip(rows, evidence.maps, strict=True):
        mask = mask_of(row)
        if mask is not None and mask.any():
            height, width = mask.shape
            heat_maps.append(to_map(maps[classes.index(row.predicted)].astype(np.float32), (width, height)))
            masks.append(mask)
            right.append(row.predicted == row.true)
    return heat_map_truth(heat_maps, masks, np.array(right, dtype=bool))


def masks_of(workspace: Workspace) -> Callable[[Prediction], Mask | None]:
    """Return a function that loads the lesion mask of an image, bool (h, w); None if it has none, or its file is
    missing."""
    hashes = {record.id: record.mask for record in workspace.catalog.images(kind="real")}

    def mask_of(row: Prediction) -> Mask | None:
        sha256 = hashes.get(row.image_id)
        try:
            return None if sha256 is None else np.asarray(read_image(workspace.mask_path(sha256)).convert("L")) > 0
        except UnreadableImage:
            return None

    return mask_of
