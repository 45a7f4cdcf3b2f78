"""The diagnosis of one image by one model file, and the evidence for it. It uses ONNX Runtime only and never loads a
training framework.

Every network ends in average pooling and one linear layer. Therefore `classifier weights · features` is the map that
Grad-CAM would give, without gradients. It is the second output of the model file.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from busapp.engine.contract.diagnosis import DiagnosedImage
from busapp.engine.images.heat_map import HeatMap, on_picture, to_heat_map
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.remarks import Decoded
from busapp.engine.metrics import softmax
from busapp.engine.models.abstention import is_blank, reasons_to_abstain
from busapp.engine.models.model import Model
from busapp.engine.utils.arrays import Floats

MOST_SIMILAR: Final = 5
"""Number of the most similar training images to list."""


@dataclass(frozen=True)
class SimilarImage:
    """A training image of the model and its distance; 1 is usual between the study's images."""

    sha256: str
    class_name: str
    distance: float


@dataclass(frozen=True)
class Diagnosis:
    """A model's answer for one image.

    `predicted` is the most probable class. If `abstained` is true, it is no answer, and `reasons` say why.
    `probabilities` are calibrated and add up to 1. `heat_maps` holds the class activation map of every class, each
    of the whole picture, and 0 where the network does not see it.
    `possible` are the classes that cannot be ruled out, most probable first. `novelty` measures how unlike the training
    images this one is (about 1 is usual); None if the model cannot tell. `similar` are the nearest training images.
    `remarks` are sentences about what was done to the picture when it was read.
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
    remarks: tuple[str, ...] = ()

    @property
    def is_undecided(self) -> bool:
        """True if the model abstains only because several classes are possible."""
        return self.abstained and self.reasons == reasons_to_abstain(blank=False, novel=False, possible=self.possible)

    @property
    def heat_map(self) -> HeatMap:
        """The map of the most probable class."""
        return self.heat_maps[self.predicted]

    def as_json(self) -> DiagnosedImage:
        """Return the entry of this image in the result of `diagnose`."""
        return {
            "file": self.file,
            "predicted": None if self.abstained else self.predicted,
            "probabilities": self.probabilities,
            "abstained": self.abstained,
            "reasons": list(self.reasons),
            "milliseconds": self.milliseconds,
            "possible": list(self.possible),
            "novelty": self.novelty,
            "similar": [
                {"sha256": image.sha256, "class_name": image.class_name, "distance": image.distance}
                for image in self.similar
            ],
            "remarks": list(self.remarks),
        }


class Diagnoser:
    """Runs a model over images. May be shared between threads."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def diagnose(self, image: Image.Image | Decoded | Path, file: str = "") -> Diagnosis:
        """Classify one image; for a loop, its middle frame. `file` is the name in the report; if empty, that of a path.

        Raises:
            UnreadableImage: the file at the path is not a readable image.
            BadModel: the model fails on it.
        """
        if isinstance(image, Path):
            file = file or str(image)
            loop = open_picture(image)
            image = loop.seen(loop.middle)
        remarks = tuple(remark.sentence for remark in image.remarks) if isinstance(image, Decoded) else ()
        image = image.picture if isinstance(image, Decoded) else image
        started = time.perf_counter()
        about, classes = self.model.description, self.model.classes
        preparing = about.preprocessing
        plain = preparing.framed(image.convert("RGB"))
        answers = self.model.run(np.asarray(preparing.finished(plain))[None])
        p = softmax(answers.logits / about.temperature)[0]
        probabilities = {name: float(value) for name, value in zip(classes, p, strict=True)}
        predicted = classes[int(p.argmax())]
        possible = about.conformal.possible(probabilities) if about.conformal else (predicted,)
        novelty = answers.novelty[0]
        novel = about.novelty is not None and novelty is not None and novelty > about.novelty.limit
        # Equalising turns noise into a picture, so the plain image shows whether it is blank.
        reasons = reasons_to_abstain(blank=is_blank(plain), novel=novel, possible=possible)
        maps = zip(classes, answers.maps[0], strict=True)
        return Diagnosis(
            file=file,
            predicted=predicted,
            probabilities=probabilities,
            abstained=bool(reasons),
            reasons=reasons,
            heat_maps={
                name: on_picture(
                    to_heat_map(seen, about.map_shift, span=about.map_span, mirrored=about.mirrored),
                    preparing.region(image.size),
                    image.size,
                )
                for name, seen in maps
            },
            possible=possible,
            novelty=novelty,
            similar=self._similar(answers.distances[0]),
            remarks=remarks,
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
        )

    def _similar(self, distances: Floats) -> tuple[SimilarImage, ...]:
        nearest = np.argsort(distances)[:MOST_SIMILAR].tolist()
        known = self.model.description.known
        return tuple(
            SimilarImage(known[index].sha256, known[index].class_name, float(distances[index])) for index in nearest
        )


def diagnose_one(model_path: Path, image: Image.Image | Path, file: str = "") -> Diagnosis:
    """Load a model and classify one image. Raises `BadModel` and `UnreadableImage`."""
    return Diagnoser(Model.load(model_path)).diagnose(image, file)
