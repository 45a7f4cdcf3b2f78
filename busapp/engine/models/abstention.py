"""When a model has to keep silent: the image is blank, unlike all that the model knows, or fits several classes.

The thresholds come from images that the networks of the cross-validation had not seen, and travel in the model file.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from PIL import Image, ImageStat
from pydantic import BaseModel, ConfigDict, Field

from busapp.engine.models.heat_map_truth import HeatMapTruth

BLANK_DEVIATION: Final = 2.0
"""An image whose grey values deviate less than this (of 255) shows nothing that could be diagnosed."""

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Conformal(BaseModel):
    """Which classes cannot be ruled out: those whose probability is at least `least_probability` of the class.

    Of the images of each class at least the share `coverage` (in (0, 1)) is expected to have it in its set, as long as
    they come from where the study's come from (split conformal prediction by class: Vovk 2012, Sadinle et al. 2019).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    coverage: Annotated[float, Field(gt=0, lt=1)]
    least_probability: dict[str, _Finite]

    def possible(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """The conformal set, the most probable first. The most probable class is always in it: a set without any class
        would say nothing, and one class more covers no less."""
        ordered = sorted(probabilities, key=lambda name: -probabilities[name])
        first, *others = ordered
        return first, *(name for name in others if probabilities[name] >= self.least_probability[name])


class Novelty(BaseModel):
    """How unlike the images that the model learned from an image may be: beyond `limit` it is none of their kind. The
    file's output `novelty` tells how unlike it is, about 1 where that is usual."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    limit: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class OutOfFold(BaseModel):
    """How a model's temperature and thresholds fare on images that neither the networks nor they had seen: those of
    each fold, judged with what the other folds gave. All but counts are shares in [0, 1].

    Of a hold-out, which has no other folds, they had seen them: `own_thresholds`.

    `ece` is the expected calibration error; `coverage` by class the share of images whose conformal set has their
    class; of `n` images `n_novel` were called unlike what the model knows and `n_undecided` had several possible
    classes; the rest were answered, `accuracy_of_answers` of them right, None if there are none.
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
        """A sentence each: calibration, silence, and heat maps."""
        said = [
            f"Expected calibration error {self.ece:.3f}. Of {self.n} images, out of fold, {self.n_answered} "
            f"({self.n_answered / self.n:.0%}) were answered"
            + (f", {self.accuracy_of_answers:.1%} of them right" if self.accuracy_of_answers is not None else "")
            + f"; {self.n_undecided} were not decided, and {self.n_novel} were called unlike what the model knows.",
            "The true class was among the possible ones in "
            + ", ".join(f"{share:.0%} of {name}" for name, share in self.coverage.items())
            + ".",
        ]
        if self.own_thresholds:
            said[0] += " The thresholds were chosen on these same images, which makes them look better than they are."
        return said + (self.heat_maps.sentences() if self.heat_maps else [])


def is_blank(image: Image.Image) -> bool:
    """Whether an RGB image shows nothing at all."""
    return max(ImageStat.Stat(image).stddev) < BLANK_DEVIATION  # by its histogram: a tenth of the time of numpy's


def reasons_to_abstain(*, blank: bool, novel: bool, possible: tuple[str, ...]) -> tuple[str, ...]:
    """Why there is no answer, a sentence each; empty where there is one. What cannot be judged at all is not said to be
    undecided between classes as well."""
    if blank:
        return ("The image is blank: it shows no tissue.",)
    if novel:
        return (
            "The image does not look like those that the model learned from: it may be no breast ultrasound, or come "
            "from a machine or view that the model does not know.",
        )
    if len(possible) > 1:
        return (f"Not decided: {joined_with_or(possible)}.",)
    return ()


def joined_with_or(classes: tuple[str, ...]) -> str:
    """`benign`, `benign or malignant`, `benign, malignant or normal`."""
    *others, last = classes
    return f"{', '.join(others)} or {last}" if others else last
