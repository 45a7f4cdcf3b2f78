"""Diagnosis: one model file, one image, and why. ONNX Runtime only; it never loads a training framework.

MobileNetV2 ends in average pooling and one linear layer, so that `classifier weights · features` is the map that
Grad-CAM would give, without gradients. The model file has it as its second output.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from busapp.engine.images.heat_map import MAP_SHIFT, HeatMap, to_heat_map
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.preprocessing import Pixels, Preprocessing, equalise
from busapp.engine.metrics import softmax
from busapp.engine.models.abstention import Conformal, Novelty, OutOfFold, is_blank, reasons_to_abstain
from busapp.engine.models.file import REMEDY, Session, check_interface, open_session, read_model_file
from busapp.errors import BadModel

RESEARCH_USE: Final = "Research use only. Not a medical device."
MAX_MODEL_BYTES: Final = 500_000_000
OUTPUTS: Final = ("logits", "maps", "distances", "novelty")
MOST_SIMILAR: Final = 5
"""So many of the most similar images that the model learned from are named."""


Floats = npt.NDArray[np.float32]


class Provenance(BaseModel):
    """What a model learned from, and how well that went in the cross-validation of its run.

    `recipe` is empty in older models; `accuracy` is a fraction, out of fold; `leaks` are the counts of the
    validation's result; `created` is ISO 8601.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    run: str
    study: str
    phantoms: bool
    system: str
    protocol: str
    recipe: str = ""
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
    """An image that a model learned from: its content hash and its class."""

    sha256: str
    class_name: str


class ModelDescription(BaseModel):
    """The metadata property `busapp` of a model file, as JSON. Without an entry `equalise` images are not equalised.

    `map_shift` is by how many cells the output `maps` lies right of and below what it is about (`heat_map.MAP_SHIFT`).
    `mirrored` says that its answers are means over an image and its mirror image.
    `known` are the images that the output `distances` of the file is about, in its order. Models without `conformal`
    or `novelty`, as earlier versions made them, never abstain for that reason.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    image_size: Annotated[int, Field(ge=16, le=4096)]
    equalise: bool = False
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    provenance: Provenance
    map_shift: Annotated[float, Field(ge=0, lt=1)] = MAP_SHIFT
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
        """How an image becomes what the model takes."""
        return Preprocessing(self.image_size, self.equalise)


@dataclass(frozen=True)
class Model:
    """A model file that was looked through and is ready to run."""

    path: Path
    description: ModelDescription
    session: Session = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: Path, threads: int | None = None) -> "Model":
        """Open a model of this program, which computes in so many threads; None: in one for each core. One is best
        where several images are diagnosed at once.

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
            raise BadModel("The ONNX file is no model of busapp: it says nothing of itself", file=path, remedy=REMEDY)
        try:
            model = cls(path, ModelDescription.model_validate_json(about), session)
        except (ValidationError, RecursionError) as error:
            raise BadModel("The model was not made by this version of busapp", file=path, remedy=REMEDY) from error
        check_interface(session, model.classes, model.description.image_size, len(model.description.known), path)
        return model

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the logits."""
        return self.description.classes

    @property
    def provenance(self) -> Provenance:
        """What it learned from."""
        return self.description.provenance

    def card(self) -> list[str]:
        """What the model is, in three lines: data, accuracy with its interval and protocol, origin."""
        about = self.provenance
        counts = ", ".join(f"{name} {count}" for name, count in about.class_counts.items())
        low, high = about.accuracy_ci95 or (0.0, 1.0)  # one group alone says nothing about others
        return [
            f"Learned from {about.n_images} images in {about.n_groups} groups ({counts}) and {about.n_synthetic} "
            f"synthetic ones{', all adaptively equalised' if self.description.equalise else ''}; study {about.study}",
            f"Accuracy {about.accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}, in cross-validation: "
            f"{about.system}, protocol {about.protocol}{f', recipe {about.recipe}' if about.recipe else ''}",
            f"Made {about.created} by busapp {about.busapp}, run {about.run}",
        ]

    @property
    def cautions(self) -> list[str]:
        """What everybody who reads this model's answers has to know, as sentences."""
        found = []
        if self.provenance.phantoms:
            found.append("This model learned from simulated phantoms and knows nothing of patients.")
        if self.provenance.protocol == "published" or any(self.provenance.leaks.values()):
            found.append("This model's accuracy was measured with a protocol that leaks; expect less on new images.")
        if self.description.novelty is None:
            found.append("This model does not notice images unlike those that it knows, and may answer to any picture.")
        return found


@dataclass(frozen=True)
class SimilarImage:
    """An image that the model learned from, and how far it is: 1 is usual between the study's images."""

    sha256: str
    class_name: str
    distance: float


@dataclass(frozen=True)
class Diagnosis:
    """What a model says about one image.

    `predicted` is the most probable class; where `abstained` is true it is no answer, and `reasons` say why.
    `probabilities` are calibrated and add up to 1. `heat_maps` holds the class activation map of every class.
    `possible` are the classes that cannot be ruled out, the most probable first; `novelty` is how unlike the known
    images this one is (about 1 is usual), None where the model cannot tell; `similar` are the nearest of them.
    """

    file: str
    predicted: str
    probabilities: dict[str, float]
    abstained: bool
    reasons: tuple[str, ...]
    milliseconds: float
    heat_maps: dict[str, HeatMap] = field(repr=False)
    possible: tuple[str, ...] = ()
    novelty: float | None = None
    similar: tuple[SimilarImage, ...] = ()

    @property
    def is_undecided(self) -> bool:
        """Whether there is no answer because several classes are possible, and for no graver reason."""
        return self.abstained and self.reasons == reasons_to_abstain(blank=False, novel=False, possible=self.possible)

    @property
    def heat_map(self) -> HeatMap:
        """The map of the most probable class."""
        return self.heat_maps[self.predicted]

    def as_json(self) -> dict[str, Any]:
        """The command-line contract's entry of one image."""
        return {
            "file": self.file,
            "predicted": None if self.abstained else self.predicted,
            "probabilities": self.probabilities,
            "abstained": self.abstained,
            "reasons": list(self.reasons),
            "milliseconds": self.milliseconds,
            "possible": list(self.possible),
            "novelty": self.novelty,
            "similar": [dict(vars(image)) for image in self.similar],
        }


class Diagnoser:
    """Runs a model over images. May be shared between threads."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def diagnose(self, image: Image.Image | Path, file: str = "") -> Diagnosis:
        """Classify one image, of a loop its middle frame. `file` is the name it is reported under; a path's own if it
        is left empty.

        Raises:
            UnreadableImage: the path is not that of a readable image.
            BadModel: the model fails on it.
        """
        if isinstance(image, Path):
            file = file or str(image)
            loop = open_picture(image)
            image = loop.frame(loop.middle)
        started = time.perf_counter()
        about, classes = self.model.description, self.model.classes
        plain = Image.fromarray(Preprocessing(about.image_size).pixels(image.convert("RGB")))
        prepared = equalise(plain) if about.equalise else plain
        answers = self.run(np.asarray(prepared)[None])
        p = softmax(answers.logits / about.temperature)[0]
        probabilities = {name: float(value) for name, value in zip(classes, p, strict=True)}
        predicted = classes[int(p.argmax())]
        possible = about.conformal.possible(probabilities) if about.conformal else (predicted,)
        novelty = answers.novelty[0]
        novel = about.novelty is not None and novelty is not None and novelty > about.novelty.limit
        # Equalised, noise is a picture: whether an image is blank is seen in the plain one.
        reasons = reasons_to_abstain(blank=is_blank(plain), novel=novel, possible=possible)
        maps = zip(classes, answers.maps[0], strict=True)
        return Diagnosis(
            file=file,
            predicted=predicted,
            probabilities=probabilities,
            abstained=bool(reasons),
            reasons=reasons,
            heat_maps={name: to_heat_map(seen, about.map_shift, mirrored=about.mirrored) for name, seen in maps},
            possible=possible,
            novelty=novelty,
            similar=self._similar(answers.distances[0]),
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
        )

    def _similar(self, distances: Floats) -> tuple[SimilarImage, ...]:
        nearest = np.argsort(distances)[:MOST_SIMILAR].tolist()
        known = self.model.description.known
        return tuple(
            SimilarImage(known[index].sha256, known[index].class_name, float(distances[index])) for index in nearest
        )

    def run(self, pixels: Pixels) -> "Answers":
        """What the model file answers to pixels uint8 (n, size, size, 3).

        Raises:
            BadModel: the model fails on them.
        """
        knows = bool(self.model.description.known)
        try:
            outputs = self.model.session.run(OUTPUTS if knows else OUTPUTS[:2], {"pixels": pixels})
        except Exception as error:  # see Model.load
            raise BadModel("The model cannot be run", file=self.model.path, remedy="Export it again.") from error
        distances = outputs[2] if knows else np.empty((len(pixels), 0), np.float32)
        novelty = outputs[3].tolist() if knows else [None] * len(pixels)
        answers = Answers(outputs[0], outputs[1], distances, novelty)
        if not all(np.isfinite(output).all() for output in outputs):
            raise BadModel(
                "The model's answer is not a number", file=self.model.path, remedy="Train and export it again."
            )
        return answers


@dataclass(frozen=True)
class Answers:
    """What a model file answers to n images, float32: `logits` (n, classes), activation `maps` (n, classes, h, w), and
    `distances` (n, known) to the images that it learned from, without columns where the file does not know them, and
    the `novelty` of each, None where the file does not know it."""

    logits: Floats
    maps: Floats
    distances: Floats
    novelty: Sequence[float | None]


def diagnose_one(model_path: Path, image: Image.Image | Path, file: str = "") -> Diagnosis:
    """Load a model and classify one image. Raises `BadModel` and `UnreadableImage`."""
    return Diagnoser(Model.load(model_path)).diagnose(image, file)
