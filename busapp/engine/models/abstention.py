"""When a model abstains: the image is blank, unlike the model's training images, or fits several classes.

The thresholds come from images on which the networks of the cross-validation were not trained. The model file contains
them.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from PIL import Image, ImageStat
from pydantic import BaseModel, ConfigDict, Field

from busapp.engine.models.heat_map_truth import HeatMapTruth

BLANK_DEVIATION: Final = 2.0
"""Smallest standard deviation of the grey values (of 255). An image below it shows nothing to diagnose."""

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Conformal(BaseModel):
    """Thresholds for the classes that cannot be ruled out: those with a probability of at least `least_probability`.

    For each class, at least the fraction `coverage` (in (0, 1)) of its images is expected to have the class in the set,
    if the images come from the same source as the study's (split conformal prediction by class: Vovk 2012, Sadinle et
    al. 2019).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    coverage: Annotated[float, Field(gt=0, lt=1)]
    least_probability: dict[str, _Finite]

    def possible(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """Return the conformal set, most probable class first. The most probable class is always in the set: an empty
        set would say nothing, and an additional class never lowers the coverage."""
        ordered = sorted(probabilities, key=lambda name: -probabilities[name])
        first, *others = ordered
        return first, *(name for name in others if probabilities[name] >= self.least_probability[name])


class Novelty(BaseModel):
    """Threshold for images unlike the model's training images: those with a novelty above `limit`. The file's output
    `novelty` is about 1 for usual images."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    limit: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class OutOfFold(BaseModel):
    """Performance of a model's temperature and thresholds on images that were used neither to train the networks nor to
    choose the thresholds: the images of each fold, with thresholds from the other folds. All but counts are fractions
    in [0, 1].

    A hold-out has no other folds. Its thresholds were chosen on the same images: `own_thresholds`.

    `ece` is the expected calibration error; `coverage` is, by class, the fraction of images whose conformal set
    contains their class. Of `n` images, `n_novel` were unlike the training images and `n_undecided` had several
    possible classes. The rest were answered; the fraction `accuracy_of_answers` of the answers was right, None without
    answers.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    n: Annotated[int, Field(ge=1)]
    ece: float
    coverage: dict[str, float]
    n_novel: int
    n_undecided: int
    own_thresholds: bool = False
    accuracy_of_answers: float | None
    heat_maps: HeatMapTruth | None = None

    @property
    def n_answered(self) -> int:
        return self.n - self.n_novel - self.n_undecided

    def sentences(self) -> list[str]:
        """Return sentences about calibration and abstention, about coverage, and about heat maps."""
        said = [
            f"Expected calibration error {self.ece:.3f}. Of {self.n} images, out of fold, {self.n_answered} "
            f"({self.n_answered / self.n:.0%}) were answered"
            + (f", {self.accuracy_of_answers:.1%} of them right" if self.accuracy_of_answers is not None else "")
            + f"; {self.n_undecided} were not decided, and {self.n_novel} were unlike the model's training images.",
            "The true class was among the possible ones in "
            + ", ".join(f"{share:.0%} of {name}" for name, share in self.coverage.items())
            + ".",
        ]
        if self.own_thresholds:
            said[0] += " The thresholds were chosen on these same images, which makes them look better than they are."
        return said + (self.heat_maps.sentences() if self.heat_maps else [])


def is_blank(image: Image.Image) -> bool:
    """True if an RGB image shows nothing at all."""
    return max(ImageStat.Stat(image).stddev) < BLANK_DEVIATION  # from the histogram: ten times as fast as numpy


def reasons_to_abstain(*, blank: bool, novel: bool, possible: tuple[str, ...]) -> tuple[str, ...]:
    """Return the reasons to abstain as sentences, the most important only; empty if the model answers."""
    if blank:
        return ("The image is blank: it shows no tissue.",)
    if novel:
        return (
            "The image does not look like the model's training images. It may not be a breast ultrasound, or it may "
            "come from a machine or view that the model does not know.",
        )
    if len(possible) > 1:
        return (f"Not decided: {joined_with_or(possible)}.",)
    return ()


def joined_with_or(classes: tuple[str, ...]) -> str:
    """`benign`, `benign or malignant`, `benign, malignant or normal`."""
    *others, last = classes
    return f"{', '.join(others)} or {last}" if others else last
