"""Results of `diagnose` and `export`, and the listings of models.

A key that is not required is missing in results of older versions, or where it does not apply.
"""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from busapp.engine.contract.dataset import SkippedFile
from busapp.engine.contract.validation import Summary

_Class = TypedDict("_Class", {"class": str})
"""`class` is a keyword of Python, so that no class statement can declare it."""


class SimilarEntry(TypedDict):
    """An image that the model was trained on. A `distance` of 1 is usual between images of the study."""

    sha256: str
    class_name: str
    distance: float


class DiagnosedImage(TypedDict):
    """One image of `diagnose`.

    `predicted` is None where the model abstains; `reasons` are sentences. `probabilities` by class are in [0, 1], empty
    for an image that cannot be read, which has an `error`. `remarks` are sentences about what was done to the picture
    when it was read. A loop has the `frame` that was diagnosed, counted from 1,
    and the number of its `frames`. With labels, `true` is the class of the label, empty without one, and `not_counted`
    the reason why the external validation does not count the image.
    """

    file: str
    predicted: str | None
    probabilities: dict[str, float]
    abstained: bool
    reasons: list[str]
    milliseconds: float
    possible: NotRequired[list[str]]
    novelty: NotRequired[float | None]
    similar: NotRequired[list[SimilarEntry]]
    remarks: NotRequired[list[str]]
    frame: NotRequired[int]
    frames: NotRequired[int]
    true: NotRequired[str]
    not_counted: NotRequired[str]
    error: NotRequired[str]


class Counted(TypedDict):
    """The part of `DiagnosedImage` that an external validation adds."""

    true: str
    not_counted: NotRequired[str]


class ExternalResult(TypedDict):
    """An external validation: `n` images of `n_patients` were counted.

    `counts` are images by class, `left_out` images by the reason, `other_classes` images by a class that the model does
    not know. `measured` is `metrics.summary` of all counted images, each for its most probable class; None for fewer
    than two images or classes. Accuracies are in [0, 1].
    """

    n: int
    n_patients: int
    counts: dict[str, int]
    left_out: dict[str, int]
    other_classes: dict[str, int]
    n_answered: int
    accuracy_of_answers: float | None
    accuracy_of_answers_ci95: list[float]
    classes: list[str]
    measured: Summary | None


class DiagnoseResult(TypedDict):
    """Result of `diagnose`. `images` are in the order in which they were given; `external` needs labels."""

    model: str
    cautions: list[str]
    images: list[DiagnosedImage]
    skipped: list[SkippedFile]
    external: NotRequired[ExternalResult]


class FileAgreement(TypedDict):
    """One exported file compared with the network, on images that the network was trained on.

    `same_class` counts images of the same predicted class. Differences are of probabilities, accuracies in [0, 1].
    """

    file: str
    bytes: int
    n_images: int
    same_class: int
    largest_difference: float
    mean_difference: float
    accuracy: float
    original_accuracy: float


class ModelInStudy(TypedDict, total=False):
    """The part of `ExportResult` for the format `onnx`: `model` is the path of the file in the study."""

    model: str


class ExportResult(ModelInStudy):
    """Result of `export` for a validation run."""

    run: str
    format: str
    folder: str
    temperature: float
    agreement: list[FileAgreement]


class GeneratorExportResult(_Class):
    """Result of `export` for a synthesis run: the paths of the generator and of its description."""

    generator: str
    description: str
    run: str


class ExpectedImage(TypedDict):
    """An example image of an exported folder, and by file and output what the files answer to it: nested lists."""

    image: str
    prepared: str
    true_class: str
    expected: dict[str, dict[str, list[Any]]]


class ExpectedAnswers(TypedDict):
    """`examples/expected.json` of an exported folder."""

    classes: list[str]
    tolerance_of_a_probability: dict[str, float]
    images: list[ExpectedImage]


class ListedModel(TypedDict):
    """A model in a list. One that cannot be opened has an `error`; all others have the keys after it."""

    name: str
    path: str
    origin: str
    retired: bool
    bytes: int
    error: NotRequired[str]
    sha256: NotRequired[str]
    accuracy: NotRequired[float]
    accuracy_ci95: NotRequired[Sequence[float] | None]
    protocol: NotRequired[str]
    n_images: NotRequired[int]
    n_groups: NotRequired[int]
    leaks: NotRequired[dict[str, int]]
    created: NotRequired[str]


class InspectedModel(ListedModel):
    """Everything about one model. `card` has lines, `cautions` sentences; `description` is the model file's own."""

    card: list[str]
    cautions: list[str]
    description: dict[str, Any]
