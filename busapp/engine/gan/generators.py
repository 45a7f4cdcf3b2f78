"""Generators of a study: finding the ones there are, deciding which may serve a fold, drawing from them.

A generator is a folder with `generator.keras` and `generator.json`. Keras is loaded by what trains or draws alone.
"""

import hashlib
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from busapp.engine import estimates
from busapp.engine.catalog import ImageRecord
from busapp.engine.estimates import Estimate
from busapp.engine.events import Event, Note, Progress
from busapp.engine.files import write_atomically
from busapp.engine.pixel_cache import load_pixels
from busapp.engine.preprocessing import Pixels, Preprocessing
from busapp.engine.runs import Run
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadModel, NotEnoughImages

_NOT_OF_TRAINING: Final = frozenset({"preset", "count", "sample_every", "checkpoint_every", "weights_file", "backend"})
_DESCRIPTION: Final = "generator.json"
_FOLDER: Final = "generators"
"""Where a validation run keeps the generators that it trains for its folds."""
_LONGEST_WORDS: Final = 40
"""Characters of a label in a folder's name; a label begins with its fold."""
_AT_ONCE: Final = 32
"""Images drawn between two events."""


class GeneratorFile(BaseModel):
    """`generator.json`: what a generator learned from, and how. `trained_on` are content hashes."""

    model_config = ConfigDict(extra="ignore")

    class_name: str
    trained_on: list[str]
    settings: SynthesizeSettings


@dataclass(frozen=True, slots=True)
class GeneratorRecord:
    """A trained generator and the images it saw, as content hashes."""

    folder: Path
    class_name: str
    trained_on: frozenset[str]
    settings: SynthesizeSettings

    @property
    def network_file(self) -> Path:
        return self.folder / "generator.keras"

    @property
    def is_of_validation(self) -> bool:
        """Whether a validation run trained it for itself."""
        return self.folder.parent.name == _FOLDER

    @property
    def name(self) -> str:
        """Its run, and for one that a validation run trained for itself, its place there."""
        if self.is_of_validation:
            return f"{self.folder.parent.parent.name}/{self.folder.name}"
        return self.folder.name

    def summary(self) -> dict[str, Any]:
        """What a validation's result says of a generator that it used."""
        return {
            "class": self.class_name,
            "generator": self.name,
            "preset": self.settings.preset,
            "epochs": self.settings.epochs,
            "image_size": self.settings.image_size,
            "n_trained_on": len(self.trained_on),
        }

    def save(self) -> None:
        """Write `generator.json`; with it the generator counts as finished."""
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
    """Whether two settings train the same generator: how often it is looked at, or drawn from, does not matter, nor
    what computes it."""
    return one.model_dump(exclude=set(_NOT_OF_TRAINING)) == other.model_dump(exclude=set(_NOT_OF_TRAINING))


def find_generators(workspace: Workspace, class_name: str) -> list[GeneratorRecord]:
    """The study's finished generators of a class, the newest run first; those that cannot be read are left out."""
    runs = workspace.root / "runs"
    described = [*runs.glob(f"*/{_DESCRIPTION}"), *runs.glob(f"*/{_FOLDER}/*/{_DESCRIPTION}")]
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
    """Whether it is known what the generator saw, and all of it is `allowed` (content hashes).

    An image that the study does not have any more counts as seen, and nobody can tell whose copy it was.
    """
    return bool(record.trained_on) and record.trained_on <= allowed


def real_hashes(workspace: Workspace, class_name: str | None = None) -> frozenset[str]:
    """Content hashes of the study's real images, of one class or all, those that are set aside among them."""
    return frozenset(image.sha256 for image in workspace.catalog.images(class_name=class_name, kind="real"))


def draw_in_parts(record: GeneratorRecord, count: int, seed: int) -> Iterator[Pixels]:
    """`count` images of the generator in parts of uint8 (up to 32, size, size, 3).

    The same seed draws the same images; more of them begin with the fewer.

    Raises:
        BadModel: the network cannot be read.
    """
    from busapp.engine.gan import dcgan
    from busapp.engine.gan.keras_setup import choose_framework, keras_on

    keras = keras_on(choose_framework(record.settings.backend))
    network = dcgan.load_generator(keras, record.network_file, record.settings)
    vectors = dcgan.noise(record.settings, count, dcgan.Stream.DRAWING, seed)
    for start in range(0, count, _AT_ONCE):
        yield dcgan.draw_from(keras, network, vectors[start : start + _AT_ONCE])


def draw(record: GeneratorRecord, count: int, seed: int) -> Pixels:
    """`count` images of the generator at once: uint8 (count, size, size, 3); see `draw_in_parts`."""
    size = record.settings.image_size
    return np.concatenate([np.empty((0, size, size, 3), np.uint8), *draw_in_parts(record, count, seed)])


def load_images(
    workspace: Workspace, images: Sequence[ImageRecord], size: int
) -> Generator[Event, None, tuple[Pixels, list[str]]]:
    """The images resized to `size`, uint8 (n, size, size, 3), and their content hashes; unreadable ones are skipped.

    Generators learn to draw plain images, so that one serves runs with and without equalisation.
    """
    loaded, pixels = yield from load_pixels(workspace, images, Preprocessing(size))
    return pixels, [image.sha256 for image in loaded]


# -- generators for the folds of a cross-validation -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoldImages:
    """What a fold gets: uint8 (count, size, size, 3), and the generator that drew them."""

    pixels: Pixels
    generator: GeneratorRecord


@dataclass(frozen=True, slots=True)
class Plan:
    """How many generators a cross-validation still has to train for one class, and how long that takes."""

    to_train: int
    estimate: Estimate


def _able(
    workspace: Workspace, class_name: str, forbidden: frozenset[str], settings: SynthesizeSettings
) -> list[GeneratorRecord]:
    """The study's generators, whoever had them trained, that were trained with these settings and saw nothing but
    real images of the study as it is now, none of them forbidden. The newest first."""
    allowed = real_hashes(workspace) - forbidden
    return [
        record
        for record in find_generators(workspace, class_name)
        if same_training(record.settings, settings) and qualifies(record, allowed)
    ]


def plan(
    workspace: Workspace,
    class_name: str,
    forbidden_per_fold: Sequence[frozenset[str]],
    settings: SynthesizeSettings,
    n_training: int,
) -> Plan:
    """What `fold_images` will have to train for these folds, each with about `n_training` images of the class."""
    of_class = real_hashes(workspace, class_name)

    def is_served(forbidden: frozenset[str]) -> bool:
        n_distinct = min(n_training, len(of_class - forbidden))
        able = [record.trained_on for record in _able(workspace, class_name, forbidden, settings)]
        if not forbidden:
            return any(seen <= of_class and len(seen) == n_distinct for seen in able)
        # Folds that leave images out differ in size, as groups are kept whole; `n_training` is their mean.
        return any(len(seen) >= int(0.9 * n_distinct) for seen in able)

    missing = {forbidden for forbidden in forbidden_per_fold if not is_served(forbidden)}
    units = len(missing) * settings.epochs * n_training
    return Plan(len(missing), estimates.expect(estimates.gan_key(settings), units))


def fold_images(
    workspace: Workspace,
    run: Run,
    class_name: str,
    training: Sequence[ImageRecord],
    forbidden: frozenset[str],
    count: int,
    settings: SynthesizeSettings,
    label: str,
) -> Generator[Event, None, FoldImages]:
    """`count` images for the training of one fold, from a generator that saw none of the `forbidden` images.

    Uses a generator of the study, also one that the user trained, where it was trained with equal settings
    (`same_training`): with nothing forbidden on exactly the `training` images; else on no fewer, all of them real
    images of the study and none forbidden, one trained on exactly these before any other. Where there is none, one is
    trained on `training`, in a folder of its own in the run; that training is gone on with if it was stopped before.
    `label` is words: `fold 3, malignant`.

    Raises:
        NotEnoughImages: none of the `training` images can be read, where one has to be trained.
        What `train_generator` raises.
    """
    wanted = frozenset(image.sha256 for image in training)
    able = [
        record
        for record in _able(workspace, class_name, forbidden, settings)
        if record.trained_on == wanted or (forbidden and len(record.trained_on) >= len(wanted))
    ]
    record = max(able, key=lambda record: record.trained_on == wanted, default=None)
    if record is None:
        record = yield from _train(workspace, run, training, settings, label)
    size = record.settings.image_size
    parts = [np.empty((0, size, size, 3), np.uint8)]
    for part in draw_in_parts(record, count, settings.seed):
        parts.append(part)
        yield Progress(sum(map(len, parts)), count, f"images for {label}")
    return FoldImages(np.concatenate(parts), record)


def _train(
    workspace: Workspace, run: Run, training: Sequence[ImageRecord], settings: SynthesizeSettings, label: str
) -> Generator[Event, None, GeneratorRecord]:
    from busapp.engine.gan.training import train_generator

    folder = run.folder / _FOLDER / _folder_name(label, settings.class_name)
    pixels, hashes = yield from load_images(workspace, training, settings.image_size)
    if not hashes:
        raise NotEnoughImages(
            f"There is no image that the generator for {label} could learn from",
            remedy="Import the images of the class again, choose fewer folds, or another system.",
        )
    with closing(train_generator(pixels, settings, folder, trained_on=hashes)) as trained:
        while True:
            try:
                event = next(trained)
            except StopIteration as end:
                record: GeneratorRecord = end.value.record
                return record
            if isinstance(event, Progress):
                yield Progress(event.done, event.total, f"generator for {label}: {event.what}")
            elif isinstance(event, Note):
                yield Note(f"generator for {label}: {event.text}", event.level)


def _folder_name(label: str, class_name: str) -> str:
    """A short name that can be read, and that no other class has: `her2+` and `her2-` differ in their hashes."""
    words = re.sub(r"[^\w-]+", "-", label)[:_LONGEST_WORDS]
    return f"{words}-{hashlib.sha256(class_name.encode()).hexdigest()[:8]}"
