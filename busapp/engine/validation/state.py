"""How far a cross-validation is, and its checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from busapp.engine.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.events import CheckpointSaved
from busapp.engine.runs import Run
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
    finished: list[dict[str, Any]] = field(default_factory=list)
    leaky_generators: set[str] = field(default_factory=set)
    generators: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds that the run has taken, all its parts together: `seconds` before this part `began`."""
        return self.seconds + time.monotonic() - self.began

    @classmethod
    def of(cls, study: Study, learner: Learner) -> State:
        """The state in the run's checkpoint, with the learner as it was then, else a new one."""
        fingerprint, n = study.fingerprint, len(study.selection.records)
        if not study.run.checkpoint.exists():
            logits = np.zeros((n, len(study.selection.classes)), dtype=np.float32)
            return cls(fingerprint, logits, np.zeros(n, dtype=np.int64))
        arrays, header = load_checkpoint(study.run.checkpoint)
        if header["fingerprint"] != fingerprint:
            raise CannotResume(
                "The dataset has changed since the run was started",
                file=study.run.id,
                remedy="Undo the changes, or start a new run.",
            )
        stages = header.pop("stages")
        state = cls(
            **{**header, "leaky_generators": set(header["leaky_generators"])},
            logits=arrays.pop("logits"),
            fold_of=arrays.pop("fold_of"),
        )
        learner.freeze(stages)
        learner.restore(arrays)
        return state

    def save(self, run: Run, learner: Learner) -> CheckpointSaved:
        """Write the run's checkpoint. Random states are no part of it, since every epoch draws its own from the
        numbers of seed, fold and epoch."""
        header = {
            "fingerprint": self.fingerprint,
            "fold": self.fold,
            "epoch": self.epoch,
            "seconds": self.elapsed(),
            "finished": self.finished,
            "leaky_generators": sorted(self.leaky_generators),
            "generators": self.generators,
            "stages": learner.stages,  # another machine might choose otherwise
        }
        arrays = {**learner.arrays(), "logits": self.logits, "fold_of": self.fold_of}
        save_checkpoint(run.checkpoint, arrays, header)
        return CheckpointSaved(epoch=self.epoch, fold=self.fold)
