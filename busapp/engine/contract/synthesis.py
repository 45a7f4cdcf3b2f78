"""Results of `synthesize` and `balance`, the scores of synthetic images, and the account of a generator.

A key that is not required is missing in results of older versions.
"""

from typing import NotRequired, TypedDict

_Class = TypedDict("_Class", {"class": str})
"""`class` is a keyword of Python, so that no class statement can declare it."""


class ScoresResult(TypedDict):
    """Scores of synthetic images against real ones, each with its standard deviation (`_spread`) over random subsets.

    A `_floor` is the same score of real images against other real images. All are None where the images were not
    scored. `n_scored`: images of each subset. See `busapp.engine.gan.scores.Scores` for the ranges.
    """

    n_scored: NotRequired[int | None]
    kid: float | None
    kid_spread: NotRequired[float | None]
    kid_floor: float | None
    kid_floor_spread: NotRequired[float | None]
    fid: NotRequired[float | None]
    fid_spread: NotRequired[float | None]
    fid_floor: NotRequired[float | None]
    fid_floor_spread: NotRequired[float | None]
    precision: NotRequired[float | None]
    precision_spread: NotRequired[float | None]
    precision_floor: NotRequired[float | None]
    precision_floor_spread: NotRequired[float | None]
    recall: NotRequired[float | None]
    recall_spread: NotRequired[float | None]
    recall_floor: NotRequired[float | None]
    recall_floor_spread: NotRequired[float | None]


class SynthesizeResult(_Class, ScoresResult):
    """Result of `synthesize`. `images` were added to the study; `copies` of training images and `left_out` images,
    which the study had set aside before, were not. Losses are the last epoch's."""

    run: str
    preset: str
    backend: NotRequired[str]
    epochs: int
    steps: int
    seconds: float
    g_loss: float
    d_loss: float
    images: int
    copies: int
    left_out: NotRequired[int]


class BalancedClass(_Class):
    """A class that lacked images. `images` were added to it, drawn by `generator`, the name of a run.

    `trained`: true if the generator was trained for this. `problem` is a sentence if no image could be drawn, else
    empty. With a problem all keys between `images` and `problem` are None.
    """

    lacked: int
    images: int
    generator: str | None
    preset: str | None
    epochs: int | None
    n_trained_on: int | None
    trained: bool | None
    copies: int | None
    left_out: int | None
    problem: str


class BalanceResult(TypedDict):
    """Result of `balance`. `counts` are the images in use after it, by class; `images` were added to all classes."""

    run: str
    images: int
    counts: dict[str, int]
    classes: list[BalancedClass]


class GeneratorSummary(_Class):
    """A generator that a validation used. `generator` is its name, `image_size` in pixels."""

    generator: str
    preset: str
    epochs: int
    image_size: int
    n_trained_on: int
