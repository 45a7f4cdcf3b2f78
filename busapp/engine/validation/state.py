"""How far a cross-validation is, and its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from busapp.engine.contract.validation import RecordedFold, UsedGenerator
from busapp.engine.events import CheckpointSaved, Event, from_line, to_line
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.utils.words import many
from busapp.engine.validation.study import Study
from busapp.errors import CannotResume

if TYPE_CHECKING:
    from busapp.engine.classifiers.training import Learner


@dataclass
class State:
    """How far a run is: `epoch` epochs of fold `fold` (from 1) are done, and all folds before it.

    `logits` float32 (n, classes) and `fold_of` int64 (n,) hold what was tested, 0 where an image was not yet.
    """

    fingerprint: str
    logits: np.ndarray
    fold_of: np.ndarray
    fold: int = 1
    epoch: int = 0
    seconds: float = 0.0
    finished: list[RecordedFold] = field(default_factory=list)
    leaky_generators: set[str] = field(default_factory=set)
    generators: list[UsedGenerator] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    """What was finished when the state was last saved: events, as lines of JSON."""
    began: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds that the run has taken, all its parts together: `seconds` before this part `began`."""
        return self.seconds + time.monotonic() - self.began

    @classmethod
    def of(cls, study: Study, learner: Learner) -> State:
        """The state in the run's checkpoint, with the learner as it was then, else a new one. Raises `CannotResume`."""
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
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # torch's for weights of another network
            raise CannotResume(
                "The checkpoint is of another run",
                file=study.run.checkpoint,
                remedy="Start a new run with the same settings.",
            ) from error
        return state

    def save(self, run: Run, learner: Learner, *finished: Event) -> Iterator[Event]:
        """Write the run's checkpoint, then announce what was `finished` with it: what was announced is never lost.

        Random states are no part of it, since every epoch draws its own from the numbers of seed, fold and epoch.
        """
        self.last = [to_line(event) for event in finished]
        header = {
            "fingerprint": self.fingerprint,
            "settings": learner.settings.kept(),
            "training": learner.recipe.model_dump(),  # another version's recipe of that name may be another
            "fold": self.fold,
            "epoch": self.epoch,
            "seconds": self.elapsed(),
            "finished": self.finished,
            "leaky_generators": sorted(self.leaky_generators),
            "generators": self.generators,
            "last": self.last,
            "stages": learner.stages,  # another machine might choose otherwise
        }
        arrays = {**learner.arrays(), "logits": self.logits, "fold_of": self.fold_of}
        save_checkpoint(run.checkpoint, arrays, header)
        yield from finished
        yield CheckpointSaved(epoch=self.epoch, fold=self.fold)

    def unsaid(self, run: Run) -> list[Event]:
        """What the checkpoint has, but the run was killed before it could announce."""
        said = {to_line(event) for event in run.events()}
        return [event for line in self.last if line not in said and (event := from_line(line)) is not None]


def _check(header: dict[str, Any], study: Study) -> None:
    """Raise `CannotResume` unless the checkpoint is of the study's images and of the run's settings."""
    settings = header.pop("settings", None)  # those of earlier versions have none
    if settings is not None and ValidateSettings.model_validate(settings) != study.settings:
        raise CannotResume(
            "The checkpoint was made with other settings",
            file=study.run.checkpoint,
            remedy="Start a new run with the same settings.",
        )
    training = header.pop("training", None)
    if training is not None and training != study.settings.training.model_dump():
        raise CannotResume(
            f"The recipe {study.settings.recipe} is no longer what it was when the run was started",
            file=study.run.id,
            remedy="Start a new run with the same settings, or go on with the version of the program that began it.",
        )
    if header["fingerprint"] == study.fingerprint:
        return
    chosen = select(study.workspace, study.settings)
    if header["fingerprint"] == replace(study, selection=chosen).fingerprint:
        missing = many(len(chosen.records) - len(study.selection.records), "image")
        raise CannotResume(
            f"{missing} that the run was started with cannot be read any more",
            file=study.run.id,
            remedy="Import the same images again, which brings them back, or start a new run.",
        )
    raise CannotResume(
        "The dataset has changed since the run was started",
        file=study.run.id,
        remedy="Undo the changes, or start a new run.",
    )
