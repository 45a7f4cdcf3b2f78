"""The folder for an app's developer: model files and all that is needed to use them without the study."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.contract.diagnosis import ExpectedAnswers, ExpectedImage, FileAgreement
from busapp.engine.export.phone.agreement import ConvertedFile, Example
from busapp.engine.export.phone.preparation import steps_in_numbers
from busapp.engine.export.phone.readme import readme
from busapp.engine.images.preprocessing import MEAN, STD, Pixels, read_image
from busapp.engine.models.model import ModelDescription
from busapp.engine.sharing.targets import Target
from busapp.engine.utils.files import safe_name
from busapp.engine.utils.png import bare_png, png
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput, UnreadableImage

N_EXAMPLES: Final = 3
TOLERANCE: Final = {False: 0.001, True: 0.02}
"""Tolerance of a probability in `expected.json`, by whether a file is rounded. Processors round differently."""
_SIGN: Final = "agreement.json"
"""File by which an earlier folder is recognised."""


def place_for(out: Path | None, default: Path) -> Path:
    """Return the absolute path for the folder: `out`, which must be empty or not exist. Without `out` it is `default`,
    where the new folder replaces an earlier one.

    Raises:
        BadInput: something else is there, or no folder can be there.
    """
    place = (out or default).expanduser().resolve()
    try:
        above = next((folder for folder in place.parents if folder.exists()), place)
        if not above.is_dir() or place.is_file():
            raise BadInput("This is not a folder", file=place, remedy="Choose another place with --out.")
        is_ours = out is None and (place / _SIGN).is_file()
        if place.exists() and any(place.iterdir()) and not is_ours:
            raise BadInput("This folder is not empty", file=place, remedy="Name an empty or a new folder with --out.")
    except OSError as error:
        raise BadInput("The place cannot be opened", file=place, remedy=f"{error.strerror}.") from error
    return place


def make_room(place: Path) -> None:
    """Remove an earlier folder at a path from `place_for`. Call it when the new one is complete."""
    if (place / _SIGN).is_file():
        shutil.rmtree(place)


@dataclass(frozen=True)
class Handout:
    """The content of the folder. `agreement` has an entry for each of `files`. `mirrored`: the model answers with the
    mean over an image and its mirror image."""

    description: ModelDescription
    files: Sequence[ConvertedFile]
    agreement: Sequence[FileAgreement]
    mirrored: bool

    def write(self, target: Target, examples: Sequence[Example]) -> None:
        """Write everything. A few of `examples` are chosen, by content hash.

        Raises:
            OSError: the disk is full or cannot be written to.
        """
        classes = self.description.classes
        for file in self.files:
            target.write(file.name, file.content)
        target.write("labels.txt", "".join(f"{name}\n" for name in classes).encode())
        target.write("preprocessing.json", _json(self.preprocessing()))
        target.write(_SIGN, _json(self._report()))
        shown = self._examples(target, choose(examples, len(classes)))
        target.write("examples/expected.json", _json(shown))
        words = readme(self.description, self.files, self.agreement, shown, mirrored=self.mirrored)
        target.write("README.md", words.encode())

    def preprocessing(self) -> dict[str, object]:
        """Return the content of `preprocessing.json`: numbers that a program can read."""
        size = self.description.image_size
        return {
            "width": size,
            "height": size,
            "channels": "RGB",
            "layout": "NHWC",
            "dtype": "uint8",
            "value_range": [0, 255],
            **steps_in_numbers(self.description.preprocessing),
            "normalisation": {
                "inside_the_model": True,
                "mean": [round(float(value), 6) for value in MEAN],
                "std": [round(float(value), 6) for value in STD],
            },
            "mirror_image_averaged_inside_the_model": self.mirrored,
            "temperature": self.description.temperature,
            "temperature_inside_the_model": not any(file.name.endswith(".onnx") for file in self.files),
        }

    def _report(self) -> dict[str, object]:
        return {
            "what": "Each file compared with the network that it was made from, on the network's training images. "
            "These accuracies show only how alike their answers are. The accuracy to expect on new images is that of "
            "the cross-validation.",
            "files": list(self.agreement),
            "cross_validation": self.description.provenance.model_dump(mode="json"),
            "notice": RESEARCH_USE,
        }

    def _examples(self, target: Target, chosen: Sequence[Example]) -> ExpectedAnswers:
        images: list[ExpectedImage] = []
        for example in chosen:
            try:
                original = read_image(example.path)
            except UnreadableImage:
                continue
            true = self.description.classes[example.label]
            name = f"{len(images) + 1}-{safe_name(true)}"
            pixels = self.description.preprocessing.pixels(original)
            target.write(f"examples/{name}.png", png(original))
            target.write(f"examples/{name}-prepared.png", bare_png(Image.fromarray(pixels)))
            images.append(
                {
                    "image": f"{name}.png",
                    "prepared": f"{name}-prepared.png",
                    "true_class": true,
                    "expected": {file.name: self._expected(file, pixels[None]) for file in self.files},
                }
            )
        tolerance = {file.name: TOLERANCE[file.rounded] for file in self.files}
        return {"classes": list(self.description.classes), "tolerance_of_a_probability": tolerance, "images": images}

    def _expected(self, file: ConvertedFile, pixels: Pixels) -> dict[str, list[Any]]:
        answers = file.run(pixels)
        probabilities = file.probabilities(answers, self.description.temperature)
        outputs: dict[str, npt.NDArray[Any]] = {**answers, "probabilities": probabilities}
        return {name: _rounded(values[0]) for name, values in outputs.items()}


def choose(examples: Sequence[Example], n_classes: int) -> list[Example]:
    """Choose a few images, from each class in turn, images without burned-in text first. The choice is always the same
    for a study."""
    ordered = sorted(examples, key=lambda example: (example.with_text, example.path.stem))
    of_class = [[example for example in ordered if example.label == label] for label in range(n_classes)]
    longest = max(map(len, of_class), default=0)
    in_turn = [images[place] for place in range(longest) for images in of_class if place < len(images)]
    return in_turn[:N_EXAMPLES]


def _rounded(values: npt.NDArray[Any]) -> list[Any]:
    """The values as nested lists with the 5 decimals that matter."""
    nested: list[Any] = np.round(values.astype(np.float64), 5).tolist()
    return nested


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
