"""An opened model file: its description and its answers. Uses ONNX Runtime only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from busapp.engine.contract.validation import Framing
from busapp.engine.images.heat_map import MAP_SHIFT
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.models.abstention import Conformal, Novelty, OutOfFold
from busapp.engine.models.file import REMEDY, Session, check_interface, open_session, read_model_file
from busapp.engine.utils.arrays import Floats
from busapp.errors import BadModel

MAX_MODEL_BYTES: Final = 500_000_000
OUTPUTS: Final = ("logits", "maps", "distances", "novelty")


class Provenance(BaseModel):
    """A model's training data, and the result of the cross-validation of its run.

    `recipe` is empty in older models. `network` is a title. `accuracy` is a fraction, out of fold. `leaks` are the
    counts in the validation's result. `created` is ISO 8601.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    run: str
    study: str
    phantoms: bool
    system: str
    protocol: str
    recipe: str = ""
    network: str = "MobileNetV2"
    epochs: int
    n_images: int
    n_groups: int
    n_synthetic: int
    class_counts: dict[str, int]
    accuracy: float
    accuracy_ci95: tuple[float, float] | None
    leaks: dict[str, int]
    busapp: str
    created: str


class KnownImage(NamedTuple):
    """A training image of a model: its content hash and its class."""

    sha256: str
    class_name: str


class ModelDescription(BaseModel):
    """The metadata property `busapp` of a model file, as JSON. Models of earlier versions lack
    entries of `Preparation`: their images are not prepared so.

    `map_shift`: the output `maps` lies this number of cells too far right and down (`heat_map.MAP_SHIFT`), and
    `map_span`: the image is this number of cells wide and high; None if it is that of the output.
    `mirrored`: the answers are means over an image and its mirror image.
    `known`: the training images to which the output `distances` refers, in its order.
    Models of earlier versions lack `conformal` or `novelty` and never abstain for that reason.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    image_size: Annotated[int, Field(ge=16, le=4096)]
    equalise: bool = False
    framing: Framing = "stretch"
    denoise: bool = False
    segment: bool = False
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    provenance: Provenance
    map_shift: Annotated[float, Field(gt=-1, lt=1)] = MAP_SHIFT
    map_span: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    mirrored: bool = False
    conformal: Conformal | None = None
    novelty: Novelty | None = None
    known: tuple[KnownImage, ...] = ()
    out_of_fold: OutOfFold | None = None

    @model_validator(mode="after")
    def _is_about_its_classes(self) -> Self:
        if self.conformal is not None and set(self.conformal.least_probability) != set(self.classes):
            raise ValueError("the conformal thresholds are of other classes")
        return self

    @property
    def preprocessing(self) -> Preprocessing:
        """The preparation of an image for the model."""
        return Preprocessing(self.image_size, self.equalise, self.framing, self.denoise, self.segment)


@dataclass(frozen=True)
class Answers:
    """A model file's answers to n images, float32: `logits` (n, classes), activation `maps` (n, classes, h, w),
    `distances` (n, known) to its training images, with no columns if the file does not list them, and the `novelty` of
    each image, None if the file does not have it."""

    logits: Floats
    maps: Floats
    distances: Floats
    novelty: Sequence[float | None]


@dataclass(frozen=True)
class Model:
    """A model file that was checked and is ready to run."""

    path: Path
    description: ModelDescription
    session: Session = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: Path, threads: int | None = None) -> "Model":
        """Open a model of this program, to compute in `threads` threads; None: one for each core. One thread is best if
        several images are diagnosed at once.

        Raises:
            BadModel: the file is missing, too large, damaged, or was made by another program or a newer version.
        """
        content = read_model_file(path, MAX_MODEL_BYTES)
        return cls.from_bytes(content, path, threads)

    @classmethod
    def from_bytes(cls, content: bytes, path: Path, threads: int | None = None) -> "Model":
        """Open a model whose bytes were read from `path`; `threads` as for `load`.

        Raises:
            BadModel: see `load`.
        """
        session = open_session(content, path, threads)
        about = session.property("busapp")
        if about is None:
            raise BadModel("The ONNX file is not a model of busapp: it has no description", file=path, remedy=REMEDY)
        try:
            model = cls(path, ModelDescription.model_validate_json(about), session)
        except (ValidationError, RecursionError) as error:
            raise BadModel("The model was not made by this version of busapp", file=path, remedy=REMEDY) from error
        check_interface(session, model.classes, model.description.image_size, len(model.description.known), path)
        return model

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.description.classes

    @property
    def provenance(self) -> Provenance:
        """Its training data."""
        return self.description.provenance

    def card(self) -> list[str]:
        """Describe the model in three lines: data, accuracy with its interval and protocol, origin."""
        about = self.provenance
        counts = ", ".join(f"{name} {count}" for name, count in about.class_counts.items())
        low, high = about.accuracy_ci95 or (0.0, 1.0)  # one group alone says nothing about others
        prepared = self.description.preprocessing.in_full
        return [
            f"Trained on {about.n_images} images in {about.n_groups} groups ({counts}) and {about.n_synthetic} "
            f"synthetic ones{f', all {prepared}' if prepared else ''}; study {about.study}",
            f"Accuracy {about.accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}, in cross-validation: "
            f"{about.system}, protocol {about.protocol}{f', recipe {about.recipe}' if about.recipe else ''}",
            f"Made {about.created} by busapp {about.busapp}, run {about.run}",
        ]

    @property
    def cautions(self) -> list[str]:
        """Warnings that every reader of this model's answers needs, as sentences."""
        found = []
        if self.provenance.phantoms:
            found.append("This model was trained on simulated phantoms and knows nothing about patients.")
        if self.provenance.protocol == "published" or any(self.provenance.leaks.values()):
            found.append("This model's accuracy was measured with a protocol that leaks. Expect less on new images.")
        if self.description.novelty is None:
            found.append("This model does not detect images unlike its training images. It may answer any picture.")
        return found

    def run(self, pixels: Pixels) -> Answers:
        """Return the model file's answers to pixels uint8 (n, size, size, 3).

        Raises:
            BadModel: the model fails on them.
        """
        knows = bool(self.description.known)
        try:
            outputs = self.session.run(OUTPUTS if knows else OUTPUTS[:2], {"pixels": pixels})
        except Exception as error:  # see open_session
            raise BadModel("The model cannot be run", file=self.path, remedy="Export it again.") from error
        distances = outputs[2] if knows else np.empty((len(pixels), 0), np.float32)
        novelty = outputs[3].tolist() if knows else [None] * len(pixels)
        answers = Answers(outputs[0], outputs[1], distances, novelty)
        if not all(np.isfinite(output).all() for output in outputs):
            raise BadModel("The model's answer is not a number", file=self.path, remedy="Train and export it again.")
        return answers
