"""Generators for the folds of a cross-validation: finds those of the study that may be used, and trains missing
ones."""

import hashlib
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

from busapp.engine import speeds
from busapp.engine.catalog import ImageRecord
from busapp.engine.events import Event, Note, Progress
from busapp.engine.gan.drawing import Drawn, draw_new
from busapp.engine.gan.generators import (
    OF_VALIDATION,
    GeneratorRecord,
    find_generators,
    load_images,
    qualifies,
    real_hashes,
    same_training,
)
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.speeds import Estimate
from busapp.engine.study.checkpoints import Arrays
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.steps import mapped
from busapp.errors import NotEnoughImages

_LONGEST_WORDS: Final = 40
"""Most characters of a label in a folder's name. A label begins with its fold."""


@dataclass(frozen=True, slots=True)
class FoldImages:
    """Synthetic images for a fold, and the generator that drew them."""

    drawn: Drawn
    generator: GeneratorRecord


@dataclass(frozen=True, slots=True)
class Plan:
    """Number of generators that a cross-validation still has to train for one class, and the time that it takes."""

    to_train: int
    estimate: Estimate


def _able(workspace: Workspace, forbidden: frozenset[str], settings: SynthesizeSettings) -> list[GeneratorRecord]:
    """The study's generators, newest first, that were trained with these settings and only on real images that the
    study still has, none of them forbidden. It does not matter which job trained them. Those of all classes are there
    for their discriminators."""
    allowed = real_hashes(workspace) - forbidden
    return [
        record
        for record in find_generators(workspace, settings.class_name)
        if same_training(record.settings, settings) and qualifies(record, allowed)
    ]


def plan(
    workspace: Workspace,
    forbidden_per_fold: Sequence[frozenset[str]],
    settings: SynthesizeSettings,
    n_training: int,
) -> Plan:
    """The generators that `fold_images` will have to train for these folds, each on about `n_training` images of the
    class."""
    of_class = real_hashes(workspace, settings.class_name or None)

    def is_served(forbidden: frozenset[str]) -> bool:
        n_distinct = min(n_training, len(of_class - forbidden))
        able = [record.trained_on for record in _able(workspace, forbidden, settings)]
        if not forbidden:
            return any(seen <= of_class and len(seen) == n_distinct for seen in able)
        # The training parts of folds differ in size, since groups stay whole; `n_training` is the mean.
        return any(len(seen) >= int(0.9 * n_distinct) for seen in able)

    missing = {forbidden for forbidden in forbidden_per_fold if not is_served(forbidden)}
    units = len(missing) * settings.epochs * n_training
    return Plan(len(missing), speeds.expect(speeds.gan_key(settings), units))


def fold_images(
    workspace: Workspace,
    run: Run,
    training: Sequence[ImageRecord],
    forbidden: frozenset[str],
    count: int,
    settings: SynthesizeSettings,
    label: str,
) -> Generator[Event, None, FoldImages]:
    """Up to `count` images for the training of one fold, from a generator that was trained on none of the `forbidden`
    images (`fold_generator`, with its errors). Skips copies and images that the study has set aside (`draw_new`)."""
    record = yield from fold_generator(workspace, run, training, forbidden, settings, label)
    drawn = yield from draw_new(workspace, record, count, f"images for {label}")
    return FoldImages(drawn, record)


def fold_generator(
    workspace: Workspace,
    run: Run,
    training: Sequence[ImageRecord],
    forbidden: frozenset[str],
    settings: SynthesizeSettings,
    label: str,
) -> Generator[Event, None, GeneratorRecord]:
    """A generator of the class of `settings`, or of all classes, that was trained on none of the `forbidden` images.

    Uses a generator of the study, also one that the user trained, if its settings are equal (`same_training`):
    - With nothing forbidden, it must be trained on exactly the `training` images.
    - Otherwise it must be trained on at least as many images, all real images of the study and none forbidden. A
      generator trained on exactly the `training` images is preferred.
    If the study has no such generator, trains one on `training`, in a folder of its own in the run; a training that was
    stopped before is resumed. `label` is for sentences: `fold 3, malignant`.

    Raises:
        NotEnoughImages: a generator has to be trained, and none of the `training` images can be read.
        Also the errors of `train_generator`.
    """
    wanted = frozenset(image.sha256 for image in training)
    able = [
        record
        for record in _able(workspace, forbidden, settings)
        if record.trained_on == wanted or (forbidden and len(record.trained_on) >= len(wanted))
    ]
    record = max(able, key=lambda record: record.trained_on == wanted, default=None)
    if record is None:
        record = yield from _train(workspace, run, training, settings, label)
    return record


def fold_discriminator(
    workspace: Workspace,
    run: Run,
    training: Sequence[ImageRecord],
    forbidden: frozenset[str],
    settings: SynthesizeSettings,
    label: str,
) -> Generator[Event, None, tuple[GeneratorRecord, Arrays]]:
    """A GAN as by `fold_generator`, on images of all classes, and the weights of its discriminator.

    Raises:
        BadModel: the discriminator is damaged.
        Also the errors of `fold_generator`.
    """
    from busapp.engine.gan.discriminator_file import read_discriminator

    record = yield from fold_generator(workspace, run, training, forbidden, settings, f"{label}, all classes")
    return record, read_discriminator(record)


def _train(
    workspace: Workspace, run: Run, training: Sequence[ImageRecord], settings: SynthesizeSettings, label: str
) -> Generator[Event, None, GeneratorRecord]:
    from busapp.engine.gan.training import train_generator

    folder = run.folder / OF_VALIDATION / _folder_name(label, settings.class_name)
    pixels, hashes = yield from load_images(workspace, training, settings.image_size)
    if not hashes:
        raise NotEnoughImages(
            f"There is no image to train the generator for {label} on",
            remedy="Import the images of the class again, choose fewer folds, or another system.",
        )

    def labelled(event: Event) -> Event | None:
        if isinstance(event, Progress):
            return Progress(event.done, event.total, f"generator for {label}: {event.what}")
        if isinstance(event, Note):
            return Note(f"generator for {label}: {event.text}", event.level)
        return None

    trained = yield from mapped(train_generator(pixels, settings, folder, trained_on=hashes), labelled)
    return trained.record


def _folder_name(label: str, class_name: str) -> str:
    """A short readable name that is different for every class: `her2+` and `her2-` differ in their hashes."""
    words = re.sub(r"[^\w-]+", "-", label)[:_LONGEST_WORDS]
    return f"{words}-{hashlib.sha256(class_name.encode()).hexdigest()[:8]}"
