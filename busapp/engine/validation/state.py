"""Progress of a cross-validation, and its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from busapp.engine.contract.validation import RecordedFold, UsedGenerator
from busapp.engine.events import CheckpointSaved, Event, from_line, to_line
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.recipes import same_recipe
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.resumption import surroundings_changed
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.utils.words import many
from busapp.engine.validation.fixed_parts import Study
from busapp.errors import CannotResume

if TYPE_CHECKING:
    from busapp.engine.classifiers.learning import AnyLearner


@dataclass
class State:
    """Progress of a run: all folds before `fold` (counted from 1) and `epoch` epochs of that fold are done.

    `logits` float32 (n, classes) and `fold_of` int64 (n,) hold the test results. `fold_of` is 0 for an image that has
    not been tested yet.
    """

    fingerprint: str
    logits: np.ndarray
    fold_of: np.ndarray
    fold: int = 1
    epoch: int = 0
    seconds: float = 0.0
    folds: str = ""
    """Digest of the stored folds; empty in checkpoints of earlier versions."""
    devices: list[str] = field(default_factory=list)
    """Devices that computed the run, in their order."""
    pixels: str = ""
    """Checksum of the selection's pixels; empty in checkpoints of earlier versions."""
    finished: list[RecordedFold] = field(default_factory=list)
    leaky_generators: set[str] = field(default_factory=set)
    generators: list[UsedGenerator] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    """Events of the work that the last save finished, as lines of JSON."""
    began: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds that the run has taken in all: `seconds` before its last resumption, plus the time since it
        `began`."""
        return self.seconds + time.monotonic() - self.began

    @classmethod
    def of(cls, study: Study, learner: AnyLearner) -> State:
        """Load the state from the run's checkpoint and restore the learner; without a checkpoint, a new state. Raises
        `CannotResume`."""
        fingerprint, n = study.fingerprint, len(study.selection.records)
        if not study.run.checkpoint.exists():
            logits = np.zeros((n, len(study.selection.classes)), dtype=np.float32)
            return cls(fingerprint, logits, np.zeros(n, dtype=np.int64))
        arrays, header = load_checkpoint(study.run.checkpoint)
        try:
            _check(header, study)
            stages = header.pop("stages")
            state = cls(
                **{**header, "leaky_generators": set(header["leaky_generators"])},
                logits=arrays.pop("logits"),
                fold_of=arrays.pop("fold_of"),
            )
            learner.freeze(stages)
            learner.restore(arrays)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # the last is torch's, for another network
            raise CannotResume(
                "The checkpoint belongs to another run",
                file=study.run.checkpoint,
                remedy="Start a new run with the same settings.",
            ) from error
        return state

    def save(self, run: Run, learner: AnyLearner, *finished: Event) -> Iterator[Event]:
        """Write the run's checkpoint, then announce the events that it `finished`: announced work is never lost.

        Random states are not saved, since the random numbers of an epoch depend only on seed, fold and epoch.
        """
        self.last = [to_line(event) for event in finished]
        header = {
            "fingerprint": self.fingerprint,
            "settings": learner.settings.kept(),
            "training": learner.recipe.model_dump(),  # another version may have other parts under that name
            "folds": self.folds,
            "devices": self.devices,
            "pixels": self.pixels,
            "fold": self.fold,
            "epoch": self.epoch,
            "seconds": self.elapsed(),
            "finished": self.finished,
            "leaky_generators": sorted(self.leaky_generators),
            "generators": self.generators,
            "last": self.last,
            "stages": learner.stages,  # another machine might choose another number
        }
        arrays = {**learner.arrays(), "logits": self.logits, "fold_of": self.fold_of}
        save_checkpoint(run.checkpoint, arrays, header)
        yield from finished
        yield CheckpointSaved(epoch=self.epoch, fold=self.fold)

    def continued_on(self, device: str, pixels: str) -> Iterator[Event]:
        """Record the device and the checksum of the pixels, and report which of them differs from before."""
        before = self.devices[-1] if self.devices else ""
        yield from surroundings_changed(device=(before, device), pixels=(self.pixels, pixels))
        self.devices = self.devices if before == device else [*self.devices, device]
        self.pixels = pixels

    def unsaid(self, run: Run) -> list[Event]:
        """Events in the checkpoint that the run could not announce before it was killed."""
        said = {to_line(event) for event in run.events()}
        return [event for line in self.last if line not in said and (event := from_line(line)) is not None]


def _check(header: dict[str, Any], study: Study) -> None:
    """Raise `CannotResume` unless the checkpoint fits the study's images and the run's settings."""
    settings = header.pop("settings", None)  # missing in checkpoints of earlier versions
    if settings is not None and ValidateSettings.model_validate(settings) != study.settings:
        raise CannotResume(
            "The checkpoint was made with other settings",
            file=study.run.checkpoint,
            remedy="Start a new run with the same settings.",
        )
    if not same_recipe(header.pop("training", None), study.settings.training):
        raise CannotResume(
            f"The recipe {study.settings.recipe} has changed since the run was started",
            file=study.run.id,
            remedy="Start a new run with the same settings, or resume this one with the version of the "
            "program that began it.",
        )
    if header["fingerprint"] == study.fingerprint:
        return
    chosen = select(study.workspace, study.settings)
    if header["fingerprint"] == replace(study, selection=chosen).fingerprint:
        missing = many(len(chosen.records) - len(study.selection.records), "image")
        raise CannotResume(
            f"{missing} that the run was started with can no longer be read",
            file=study.run.id,
            remedy="Import the same images again, which brings them back, or start a new run.",
        )
    raise CannotResume(
        "The dataset has changed since the run was started",
        file=study.run.id,
        remedy="Undo the changes, or start a new run.",
    )
