"""Diagnosis: one model file, one image, and why. ONNX Runtime only; it never loads a training framework.

MobileNetV2 ends in average pooling and one linear layer, so that `classifier weights · features` is the map that
Grad-CAM would give, without gradients. The model file has it as its second output.
"""

import csv
import io
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from busapp import paths
from busapp.engine.events import Finished, ImageDiagnosed, Job, Note, Progress, Skipped
from busapp.engine.files import write_atomically
from busapp.engine.heat_map import HeatMap, overlay, to_heat_map
from busapp.engine.metrics import softmax
from busapp.engine.model_file import REMEDY, Session, check_interface, open_session, read_model_file
from busapp.engine.preprocessing import IMAGE_SUFFIXES, Pixels, Preprocessing, read_image
from busapp.engine.runs import Run
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, BadModel, UnreadableImage

RESEARCH_USE: Final = "Research use only. Not a medical device."
MAX_MODEL_BYTES: Final = 500_000_000
BLANK_DEVIATION: Final = 2.0
"""An image whose grey values deviate less than this (of 255) shows nothing that could be diagnosed."""


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


class ModelDescription(BaseModel):
    """The metadata property `busapp` of a model file, as JSON. Without an entry `equalise` images are not equalised."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    image_size: Annotated[int, Field(ge=16, le=4096)]
    equalise: bool = False
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    provenance: Provenance

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
    def load(cls, path: Path) -> "Model":
        """Open a model of this program.

        Raises:
            BadModel: the file is missing, too large, damaged, or was made by another program or a newer version.
        """
        content = read_model_file(path, MAX_MODEL_BYTES)
        return cls.from_bytes(content, path)

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> "Model":
        """Open a model whose bytes were read from `path`.

        Raises:
            BadModel: see `load`.
        """
        session = open_session(content, path)
        about = session.property("busapp")
        if about is None:
            raise BadModel("The ONNX file is no model of busapp: it says nothing of itself", file=path, remedy=REMEDY)
        try:
            model = cls(path, ModelDescription.model_validate_json(about), session)
        except (ValidationError, RecursionError) as error:
            raise BadModel("The model was not made by this version of busapp", file=path, remedy=REMEDY) from error
        check_interface(session, model.classes, model.description.image_size, path)
        if not model._fits():
            raise BadModel("The model is not what its description says", file=path, remedy=REMEDY)
        return model

    def _fits(self) -> bool:
        inputs = [(node.name, node.type) for node in self.session.get_inputs()]
        outputs = {node.name: node.shape for node in self.session.get_outputs()}
        return (
            inputs == [("pixels", "tensor(uint8)")]
            and list(outputs) == ["logits", "maps"]
            and outputs["logits"][1:] == [len(self.classes)]
        )

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
        return found


@dataclass(frozen=True)
class Diagnosis:
    """What a model says about one image.

    `predicted` is the most probable class; where `abstained` is true it is no answer, and `reasons` say why.
    `probabilities` are calibrated and add up to 1. `heat_maps` holds the class activation map of every class.
    """

    file: str
    predicted: str
    probabilities: dict[str, float]
    abstained: bool
    reasons: tuple[str, ...]
    milliseconds: float
    heat_maps: dict[str, HeatMap] = field(repr=False)

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
        }


class Diagnoser:
    """Runs a model over images. May be shared between threads."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def diagnose(self, image: Image.Image | Path, file: str = "") -> Diagnosis:
        """Classify one image. `file` is the name it is reported under; a path's own if it is left empty.

        Raises:
            UnreadableImage: the path is not that of a readable image.
            BadModel: the model fails on it.
        """
        if isinstance(image, Path):
            file = file or str(image)
            image = read_image(image)
        started = time.perf_counter()
        image, preprocessing = image.convert("RGB"), self.model.description.preprocessing
        logits, maps = self.run(preprocessing.pixels(image)[None])
        probabilities = softmax(logits / self.model.description.temperature)[0]
        milliseconds = (time.perf_counter() - started) * 1000
        reasons = reasons_to_abstain(Preprocessing(preprocessing.size).pixels(image))  # equalised, noise is a picture
        return Diagnosis(
            file=file,
            predicted=self.model.classes[int(probabilities.argmax())],
            probabilities={name: float(p) for name, p in zip(self.model.classes, probabilities, strict=True)},
            abstained=bool(reasons),
            reasons=reasons,
            milliseconds=round(milliseconds, 2),
            heat_maps={name: to_heat_map(m) for name, m in zip(self.model.classes, maps[0], strict=True)},
        )

    def run(self, pixels: Pixels) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits (n, classes) and activation maps (n, classes, h, w), float32, of pixels uint8 (n, size, size, 3).

        Raises:
            BadModel: the model fails on them.
        """
        try:
            logits, maps = self.model.session.run(["logits", "maps"], {"pixels": pixels})
        except Exception as error:  # see Model.load
            raise BadModel("The model cannot be run", file=self.model.path, remedy="Export it again.") from error
        if not np.isfinite(logits).all():
            raise BadModel(
                "The model's answer is not a number", file=self.model.path, remedy="Train and export it again."
            )
        return logits, maps


def diagnose_one(model_path: Path, image: Image.Image | Path, file: str = "") -> Diagnosis:
    """Load a model and classify one image. Raises `BadModel` and `UnreadableImage`."""
    return Diagnoser(Model.load(model_path)).diagnose(image, file)


def reasons_to_abstain(pixels: Pixels) -> tuple[str, ...]:
    """Why an image, uint8 (h, w, 3), cannot be diagnosed by anybody; empty where it may be."""
    if float(pixels.std(axis=(0, 1)).max()) < BLANK_DEVIATION:
        return ("The image is blank: it shows no tissue.",)
    return ()


def default_model(workspace: Workspace) -> Path:
    """The newest model of the study, else the one that ships.

    Raises:
        BadInput: there is neither.
    """
    shipped = sorted(paths.models_dir().glob("*.onnx"))
    for path in (*workspace.models(), *shipped):
        return path
    raise BadInput(
        "There is no model to diagnose with",
        remedy="Cross-validate a system and export the run (`busapp export RUN`), or name a model file.",
    )


def find_images(given: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and the images of each folder by name, without lesion masks (`…_mask.png`)."""
    for path in given:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            is_mask = re.search(r"_mask(_\d+)?$", found.stem) is not None
            if found.suffix.lower() in IMAGE_SUFFIXES and found.is_file() and not is_mask:
                yield found


def diagnose_images(workspace: Workspace, settings: DiagnoseSettings, run: Run) -> Job:
    """Job: classify images with one model, and write the table, the pages and the overlays that were asked for.

    Result: `model`, `cautions`, `images` (one entry each, in the order given; an unreadable one has `error`) and
    `skipped`.

    Raises:
        BadModel: the model cannot be used.
        BadInput: there is no model, or no image among those given can be read.
    """
    model = Model.load(settings.model or default_model(workspace))
    yield from (Note(caution, "warning") for caution in model.cautions)
    images = list(find_images(settings.images))
    if not images:
        raise BadInput("There are no images in the folder", file=settings.images[0], remedy="Choose another.")
    diagnoser, entries, skipped = Diagnoser(model), [], []
    with ExitStack() as outputs:
        pages = None
        if settings.pdf:
            from busapp.engine.figures import DiagnosisPages  # matplotlib takes 0.3 s to import

            pages = outputs.enter_context(DiagnosisPages(settings.pdf, model))
        heatmaps = HeatMapFolder(settings.heatmaps) if settings.heatmaps else None
        for done, path in enumerate(images):
            yield Progress(done, len(images), f"image {done + 1} of {len(images)} · {path.name}")
            try:
                picture = read_image(path)
            except UnreadableImage as error:
                if len(images) == 1:
                    raise
                skipped.append({"file": str(path), "reason": str(error)})
                entries.append(_unreadable(path, error))
                yield Skipped(str(path), str(error))
                continue
            diagnosis = diagnoser.diagnose(picture, str(path))
            entries.append(diagnosis.as_json())
            if heatmaps:
                heatmaps.write(picture, diagnosis)
            if pages:
                pages.add(picture, diagnosis)
            yield ImageDiagnosed(diagnosis.as_json())
    if len(skipped) == len(images):
        raise BadInput("None of the images can be read", file=images[0], remedy="Check that they open in a viewer.")
    if settings.csv:
        write_table(settings.csv, entries, model.classes)
    yield Progress(len(images), len(images), "done")
    yield Finished(
        {"model": str(model.path), "cautions": model.cautions, "images": entries, "skipped": skipped},
    )


def _unreadable(path: Path, error: UnreadableImage) -> dict[str, Any]:
    return {
        "file": str(path),
        "predicted": None,
        "probabilities": {},
        "abstained": True,
        "reasons": [error.what],
        "milliseconds": 0.0,
        "error": str(error),
    }


def write_table(path: Path, entries: list[dict[str, Any]], classes: tuple[str, ...]) -> None:
    """One row per image as CSV (UTF-8); probabilities in [0, 1], empty where the image could not be read."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["file", "predicted", "abstained", "reasons", *(f"probability:{c}" for c in classes), "use"])
    for entry in entries:
        probabilities = [entry["probabilities"].get(name, "") for name in classes]
        answer = entry["predicted"] or ""
        reasons = " ".join(entry["reasons"])
        writer.writerow([entry["file"], answer, entry["abstained"], reasons, *probabilities, RESEARCH_USE])
    write_atomically(path, stream.getvalue().encode())


class HeatMapFolder:
    """Overlays as PNG files, named after the images; images of one name from different folders get a number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()

    def write(self, image: Image.Image, diagnosis: Diagnosis) -> Path:
        """Write one overlay of the predicted class and return where it is."""
        stem, number = Path(diagnosis.file).stem, 1
        name = stem
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        content = io.BytesIO()
        overlay(image, diagnosis.heat_map).save(content, "PNG")
        path = self._folder / f"{name}.heatmap.png"
        write_atomically(path, content.getvalue())
        return path
