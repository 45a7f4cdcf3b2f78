"""The job that cross-validates a classifier, under the paper's protocol or under one that leaks nothing.

Train accuracy, as the paper reports it, is here the running accuracy of a fold's last epoch: each training image
as the network answered at the moment it learned from it. Test accuracy is that after the last epoch; no epoch is
picked by its test images.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from busapp.engine import metrics
from busapp.engine.catalog import ImageRecord
from busapp.engine.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.estimates import (
    Estimate,
    classifier_key,
    classifier_units,
    expect,
    lacking,
    remember,
)
from busapp.engine.events import (
    CheckpointSaved,
    EpochEnded,
    Event,
    Finished,
    FoldEnded,
    Job,
    Note,
    Progress,
)
from busapp.engine.predictions import Prediction, write_predictions
from busapp.engine.preprocessing import Pixels
from busapp.engine.runs import Run
from busapp.engine.settings import CurateSettings, ValidateSettings
from busapp.engine.splits import (
    Fold,
    Indices,
    Selection,
    fingerprint_of_groups,
    forbidden_hashes,
    groups_split,
    make_folds,
    select,
)
from busapp.engine.training_data import Synthetic, balance, in_progress, load_selection
from busapp.engine.workspace import Workspace
from busapp.errors import CannotResume

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.classifiers.training import Learner


def validate(workspace: Workspace, settings: ValidateSettings, run: Run) -> Job:
    """Train and test on every fold, and report what was measured and what leaked.

    Leaves `predictions.csv` in the run's folder, rewritten after each fold. Goes on from the run's checkpoint
    where there is one. The result is that of the command line's contract for `validate`.

    Raises:
        NotEnoughImages: see `make_folds`.
        BadInput: see `classifiers.mobilenet.build`; also when the weights are missing.
        CannotResume: the dataset is not the one that the run began with.
        TrainingDiverged: a loss is not a finite number.
    """
    yield from _curated(workspace, run)
    chosen = select(workspace, settings)
    make_folds(chosen, settings)  # too few images, or no weights, are said before hundreds of images are loaded
    yield Progress(0, 1, "preparing the network")
    from busapp.engine.classifiers.torch_setup import device_name
    from busapp.engine.classifiers.training import Learner

    learner = Learner(len(chosen.classes), settings)
    selection, pixels = yield from load_selection(workspace, chosen, settings.preprocessing)
    everything = tuple(workspace.catalog.images(kind="real"))
    study = Study(workspace, settings, run, selection, make_folds(selection, settings), everything)
    for text in study.notes():
        yield Note(text)
    state = State.of(study, learner)
    if state.fold == 1 and state.epoch == 0:
        yield state.save(run, learner)
    yield from _cross_validate(study, state, learner, pixels)
    yield Finished({**study.result(state), "device": device_name(learner.device), "frozen_stages": learner.stages})


def _curated(workspace: Workspace, run: Run) -> Job:
    """Groups must be known under any protocol: one keeps them whole, the other counts those it splits."""
    from busapp.engine.curation import curate, is_curated

    if not is_curated(workspace):
        yield Note("The study is curated first: near-duplicates have to be known.")
        for event in curate(workspace, _last_curation(workspace), run):
            if not isinstance(event, Finished):
                yield event
        # What it measures, it measures on the dataset as it is now, which its own check must not seem to have changed.
        run.info.dataset, run.info.revision = workspace.catalog.fingerprint(), workspace.catalog.revision()
        run.save()


def _last_curation(workspace: Workspace) -> CurateSettings:
    """The thresholds that the user chose last: new images are no reason to group the old ones by others."""
    for run in workspace.runs("curate"):
        if run.info.state == "finished":
            return CurateSettings.model_validate(run.info.settings)
    return CurateSettings()


@dataclass(frozen=True)
class Study:
    """What is fixed for a run before its training begins."""

    workspace: Workspace
    settings: ValidateSettings
    run: Run
    selection: Selection
    folds: list[Fold]
    everything: tuple[ImageRecord, ...]
    """All real images, also those that are set aside, as they were when the run (or its resumption) began."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything that the folds, and what generators must not have seen, depend on."""
        return f"{self.selection.fingerprint()} {fingerprint_of_groups(self.everything)}"

    @property
    def lacks(self) -> dict[str, int]:
        """Synthetic images by class that `system2` adds to every training fold."""
        return lacking(self.selection.counts) if self.settings.system == "system2" else {}

    def forbidden(self, fold: Fold) -> frozenset[str]:
        """Content hashes of a fold's test images and their group mates; and of what has come into the study since the
        run began, by importing or covering, as nobody knows what that resembles."""
        from busapp.engine.gan.generators import real_hashes

        known = frozenset(record.sha256 for record in self.everything)
        return forbidden_hashes(self.selection, fold, self.everything) | (real_hashes(self.workspace) - known)

    def images_of(self, fold: Fold) -> int:
        """Images that one epoch of a fold trains and tests on."""
        return len(fold.train) + sum(self.lacks.values()) + len(fold.test)

    def notes(self) -> list[str]:
        """What to say before it begins: how long, which generators are missing, what was set aside."""
        settings, n_synthetic = self.settings, sum(self.lacks.values())
        units = sum(
            classifier_units(len(fold.train) + n_synthetic, len(fold.test), settings.epochs) for fold in self.folds
        )
        training = expect(classifier_key(settings), units)
        folds = "1 fold" if len(self.folds) == 1 else f"{len(self.folds)} folds"
        said = [f"{folds} of {settings.epochs} epochs on {len(self.selection.records)} images: {training.in_words()}."]
        if self.selection.set_aside:
            said.append(f"{self.selection.set_aside} images are set aside: near-duplicates of them have another class.")
        return said + self._generator_notes(training)

    def _generator_notes(self, training: Estimate) -> list[str]:
        from busapp.engine.gan.generators import plan

        shared = self.settings.leaks.generator_sees_test
        forbidden = [frozenset[str]()] if shared else [self.forbidden(fold) for fold in self.folds]
        share = 1.0 if shared else np.mean([len(fold.train) / len(self.selection.records) for fold in self.folds])
        said, total = [], training
        for class_name, count in self.lacks.items():
            n_training = round(self.selection.counts[class_name] * share)
            planned = plan(self.workspace, class_name, forbidden, self.settings.generator(class_name), n_training)
            total += planned.estimate
            needed = (
                f"{planned.to_train} of {len(forbidden)} generators have to be trained, {planned.estimate.in_words()}"
                if planned.to_train
                else "the study has the generators for that"
            )
            said.append(f"{class_name} gets {count} synthetic images in training: {needed}.")
        return [*said, f"All together: {total.in_words()}."] if said else []

    def predictions(self, state: State) -> list[Prediction]:
        """What was tested so far, in the catalog's order."""
        classes = self.selection.classes
        return [
            Prediction(
                image_id=record.id,
                file=record.file,
                sha256=record.sha256,
                group=record.group,
                fold=int(state.fold_of[position]),
                true=record.class_name,
                predicted=classes[int(state.logits[position].argmax())],
                logits=dict(zip(classes, state.logits[position].tolist(), strict=True)),
            )
            for position, record in enumerate(self.selection.records)
            if state.fold_of[position]
        ]

    def result(self, state: State) -> dict[str, Any]:
        """The result by the command line's contract."""
        settings, selection = self.settings, self.selection
        tested = state.fold_of > 0
        measured = metrics.summary(
            selection.labels[tested],
            state.logits[tested],
            selection.groups[tested],
            selection.classes,
            seed=settings.seed,
        )
        train_accuracies = [fold["train_accuracy"] for fold in state.finished]
        return {
            "system": settings.system,
            "protocol": settings.protocol,
            "switches": settings.leaks.model_dump(),
            "classes": list(selection.classes),
            "n_images": len(selection.records),
            "n_tested": int(tested.sum()),
            "n_groups": len(set(selection.groups.tolist())),
            "n_synthetic": sum(self.lacks.values()),
            "n_set_aside": selection.set_aside,
            "counts": selection.counts,
            "images_fingerprint": selection.fingerprint(),
            "synthetic_counts": self.lacks,
            "generators": state.generators,
            "seed": settings.seed,
            "epochs": settings.epochs,
            "equalise": settings.equalise,
            "seconds": round(state.elapsed(), 3),
            "folds": state.finished,
            "train_accuracy": float(np.mean(train_accuracies)),
            **measured,
            "leaks": {
                "groups_split": groups_split(self.folds, selection.groups),
                "weights_carried_over": len(self.folds) - 1 if settings.leaks.carry_weights else 0,
                "generators_that_saw_test_images": len(state.leaky_generators),
                "conflicting_duplicates_kept": selection.conflicts,
            },
        }


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


def _cross_validate(study: Study, state: State, learner: Learner, pixels: Pixels) -> Job:
    n_folds = len(study.folds)
    if state.fold > n_folds:
        return
    real = yield from _prepared(learner, pixels, "images")
    synthetic: Synthetic | None = None
    store, labels = real, study.selection.labels
    shared = study.settings.leaks.generator_sees_test
    for number in range(state.fold, n_folds + 1):
        fold = study.folds[number - 1]
        if study.lacks and (synthetic is None or not shared):
            synthetic = yield from _drawn(study, fold, "all folds" if shared else f"fold {number}")
            store, labels = yield from _joined(study, learner, real, synthetic)
        if synthetic is not None:
            state.leaky_generators |= synthetic.generators_that_saw(study.forbidden(fold))
            state.generators += [used for used in synthetic.generators if used not in state.generators]
        if state.epoch == 0:
            learner.begin_fold(carry_weights=study.settings.leaks.carry_weights and number > 1)
        yield from _train_fold(study, state, learner, store, labels)
        state.fold, state.epoch = number + 1, 0
        write_predictions(study.run, study.predictions(state), study.selection.classes)
        yield state.save(study.run, learner)


def _prepared(learner: Learner, pixels: Pixels, name: str) -> Generator[Event, None, Tensor]:
    return (yield from in_progress(learner.prepare(pixels), 0, len(pixels), f"frozen stages: {len(pixels)} {name}"))


def _drawn(study: Study, fold: Fold, label: str) -> Generator[Event, None, Synthetic]:
    """One generator per class for all folds, or one for this fold that saw its training images alone."""
    shared = study.settings.leaks.generator_sees_test
    records = study.selection.records
    trained = records if shared else [records[position] for position in fold.train]
    forbidden = frozenset[str]() if shared else study.forbidden(fold)
    return (yield from balance(study.workspace, study.run, study.selection, trained, forbidden, study.settings, label))


def _joined(
    study: Study, learner: Learner, real: Tensor, synthetic: Synthetic
) -> Generator[Event, None, tuple[Tensor, Indices]]:
    """Real and synthetic images in one store; the synthetic ones stand behind, where no test part reaches."""
    drawn = yield from _prepared(learner, synthetic.pixels, "synthetic images")
    return learner.join(real, drawn), np.concatenate([study.selection.labels, synthetic.labels])


def _train_fold(study: Study, state: State, learner: Learner, store: Tensor, labels: Indices) -> Job:
    """The epochs of the fold that `state` is in, and its last test."""
    settings, number, n_folds = study.settings, state.fold, len(study.folds)
    fold, n_real = study.folds[number - 1], len(study.selection.records)
    train = np.concatenate([fold.train, np.arange(n_real, len(labels))])
    total = settings.epochs * sum(study.images_of(each) for each in study.folds)
    before = settings.epochs * sum(study.images_of(each) for each in study.folds[: number - 1])
    for epoch in range(state.epoch + 1, settings.epochs + 1):
        at = before + (epoch - 1) * study.images_of(fold)
        where = f"fold {number} of {n_folds} · epoch {epoch} of {settings.epochs}"
        training = learner.train_one_epoch(store, labels, train, (settings.seed, number, epoch))
        trained = yield from in_progress(training, at, total, where)
        testing = learner.evaluate(store, labels, fold.test)
        logits, tested = yield from in_progress(testing, at + len(train), total, f"{where} · testing")
        seconds = trained.seconds + tested.seconds
        yield EpochEnded(
            fold=number,
            folds=n_folds,
            epoch=epoch,
            epochs=settings.epochs,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            test_loss=tested.loss,
            test_accuracy=tested.accuracy,
            images_per_second=len(train) / trained.seconds,
        )
        if epoch < settings.epochs:
            state.epoch = epoch
            yield state.save(study.run, learner)
    remember(classifier_key(settings), seconds / classifier_units(len(train), len(fold.test), 1))
    state.logits[fold.test], state.fold_of[fold.test] = logits, number
    matrix = metrics.confusion(labels[fold.test], logits.argmax(axis=1), len(study.selection.classes)).tolist()
    ended = FoldEnded(number, n_folds, trained.accuracy, tested.accuracy, matrix)
    state.finished.append(
        {
            "fold": number,
            "train_accuracy": ended.train_accuracy,
            "test_accuracy": ended.test_accuracy,
            "confusion": ended.confusion,
            "n_train": len(fold.train),
            "n_test": len(fold.test),
            "n_synthetic": len(labels) - n_real,
        }
    )
    yield ended
