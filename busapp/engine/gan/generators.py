"""Generators of a study: finding them, checking what they were trained on, drawing from them.

A generator is a folder with `generator.keras` and `generator.json`. Only training and drawing load Keras.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from busapp.engine.catalog import ImageRecord
from busapp.engine.contract.synthesis import GeneratorSummary
from busapp.engine.events import Event
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.pixel_cache import load_pixels
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_atomically
from busapp.errors import BadModel

_NOT_OF_TRAINING: Final = frozenset({"preset", "count", "sample_every", "checkpoint_every", "weights_file", "backend"})
_DESCRIPTION: Final = "generator.json"
OF_VALIDATION: Final = "generators"
"""Folder of a validation run with the generators that it trains for its folds."""
_AT_ONCE: Final = 32
"""Number of images drawn between two events."""


class GeneratorFile(BaseModel):
    """`generator.json`: the training images of a generator, as content hashes, and its settings."""

    model_config = ConfigDict(extra="ignore")

    class_name: str
    trained_on: list[str]
    settings: SynthesizeSettings


@dataclass(frozen=True, slots=True)
class GeneratorRecord:
    """A trained generator and its training images, as content hashes."""

    folder: Path
    class_name: str
    trained_on: frozenset[str]
    settings: SynthesizeSettings

    @property
    def network_file(self) -> Path:
        return self.folder / "generator.keras"

    @property
    def is_of_validation(self) -> bool:
        """True if a validation run trained it for its own use."""
        return self.folder.parent.name == OF_VALIDATION

    @property
    def name(self) -> str:
        """The id of its run; for a generator of a validation, followed by its folder there."""
        if self.is_of_validation:
            return f"{self.folder.parent.parent.name}/{self.folder.name}"
        return self.folder.name

    def summary(self) -> GeneratorSummary:
        """Return the entry of this generator in the result of a validation that used it."""
        return {
            "class": self.class_name,
            "generator": self.name,
            "preset": self.settings.preset,
            "epochs": self.settings.epochs,
            "image_size": self.settings.image_size,
            "n_trained_on": len(self.trained_on),
        }

    def save(self) -> None:
        """Write `generator.json`, which marks the generator as finished."""
        described = GeneratorFile(
            class_name=self.class_name, trained_on=sorted(self.trained_on), settings=self.settings
        )
        write_atomically(self.folder / _DESCRIPTION, described.model_dump_json(indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> "GeneratorRecord":
        """Read a generator's description. Raises `BadModel` where it cannot be read."""
        try:
            described = GeneratorFile.model_validate_json((folder / _DESCRIPTION).read_bytes())
        except (OSError, ValidationError) as error:
            raise BadModel(
                "The generator's description cannot be read",
                file=folder / _DESCRIPTION,
                remedy="Train the generator again.",
            ) from error
        return cls(folder, described.class_name, frozenset(described.trained_on), described.settings)


def same_training(one: SynthesizeSettings, other: SynthesizeSettings) -> bool:
    """True if two settings train the same generator. Settings of samples, checkpoints, counts, scores and framework do
    not matter."""
    return one.model_dump(exclude=set(_NOT_OF_TRAINING)) == other.model_dump(exclude=set(_NOT_OF_TRAINING))


def find_generators(workspace: Workspace, class_name: str) -> list[GeneratorRecord]:
    """Finished generators of a class, newest run first. Generators that cannot be read are skipped."""
    runs = workspace.root / "runs"
    described = [*runs.glob(f"*/{_DESCRIPTION}"), *runs.glob(f"*/{OF_VALIDATION}/*/{_DESCRIPTION}")]
    found = []
    for path in sorted(described, key=lambda path: path.relative_to(runs).parts, reverse=True):
        try:
            record = GeneratorRecord.load(path.parent)
        except BadModel:
            continue
        if record.class_name == class_name and record.network_file.exists():
            found.append(record)
    return found


def qualifies(record: GeneratorRecord, allowed: frozenset[str]) -> bool:
    """True if the generator's training images are known and are all `allowed` (content hashes).

    A training image that is no longer in the study is not allowed: nobody can tell whether it was a copy of a held-out
    image.
    """
    return bool(record.trained_on) and record.trained_on <= allowed


def real_hashes(workspace: Workspace, class_name: str | None = None) -> frozenset[str]:
    """Content hashes of the study's real images, of one class or of all, including those that are set aside."""
    return frozenset(image.sha256 for image in workspace.catalog.images(class_name=class_name, kind="real"))


def draw_in_parts(record: GeneratorRecord, count: int, start: int = 0) -> Iterator[Pixels]:
    """Yield the images `start` to `start + count` of the generator's stream, in parts of uint8 (up to 32, size, size,
    3).

    A generator has a single stream of noise, so that its images can be numbered: an index always gives the same image.

    Raises:
        BadModel: the network cannot be read.
    """
    from busapp.engine.gan import dcgan
    from busapp.engine.gan.keras_setup import choose_framework, keras_on

    keras = keras_on(choose_framework(record.settings.backend))
    network = dcgan.load_generator(keras, record.network_file, record.settings)
    end = start + count
    # Whole batches that always begin at the same indices: the last bits of a sum depend on the batch.
    batches = range(start // _AT_ONCE * _AT_ONCE, end, _AT_ONCE)
    vectors = dcgan.noise(record.settings, batches.stop + _AT_ONCE, dcgan.Stream.DRAWING)
    for begin in batches:
        batch = dcgan.draw_from(keras, network, vectors[begin : begin + _AT_ONCE])
        yield batch[max(0, start - begin) : end - begin]


def draw(record: GeneratorRecord, count: int) -> Pixels:
    """Draw the first `count` images of the generator at once: uint8 (count, size, size, 3); see `draw_in_parts`."""
    size = record.settings.image_size
    return np.concatenate([np.empty((0, size, size, 3), np.uint8), *draw_in_parts(record, count)])


def load_images(
    workspace: Workspace, images: Sequence[ImageRecord], size: int
) -> Generator[Event, None, tuple[Pixels, list[str]]]:
    """Load the images, resized to `size`: uint8 (n, size, size, 3), and their content hashes. Unreadable images are
    skipped.

    Generators are trained on plain images, so that runs with and without equalisation can use the same one.
    """
    loaded, pixels = yield from load_pixels(workspace, images, Preprocessing(size))
    return pixels, [image.sha256 for image in loaded]
