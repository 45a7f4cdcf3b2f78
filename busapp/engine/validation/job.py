"""The job that cross-validates a classifier, under the paper's protocol or under one that leaks nothing.

Train accuracy, which the paper reports too, is the running accuracy of a fold's last epoch: each training image counts
as the network answered when it was trained on it. Test accuracy is measured after the last epoch; no epoch is picked by
its test images.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from busapp.engine import metrics
from busapp.engine.contract.validation import UsedGenerator
from busapp.engine.curation.job import curated_first
from busapp.engine.events import EpochEnded, Event, Finished, FoldEnded, Job, Note, Progress
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.progress import in_progress
from busapp.engine.results.predictions import write_predictions
from busapp.engine.settings import ValidateSettings
from busapp.engine.speeds import classifier_key, classifier_units, remember
from busapp.engine.study.checkpoints import Arrays
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import Fold, make_folds, select
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.arrays import Indices, checksum
from busapp.engine.validation.evidence import keep_evidence
from busapp.engine.validation.fixed_parts import Study
from busapp.engine.validation.folds import folds_of
from busapp.engine.validation.result import run_result, tested_predictions
from busapp.engine.validation.state import State
from busapp.engine.validation.training_data import Synthetic, balance, load_selection, may_have_seen

if TYPE_CHECKING:
    from busapp.engine.classifiers.feature_store import FeatureStore
    from busapp.engine.classifiers.learning import AnyLearner


def validate(workspace: Workspace, settings: ValidateSettings, run: Run) -> Job:
    """Train and test on every fold, and report the measures and the leaks.

    Writes `folds.csv` into the run's folder before the training, and `predictions.csv` and `evidence.safetensors` anew
    after each fold. Continues from the run's checkpoint if it has one. The result is a `ValidationResult`.

    Raises:
        NotEnoughImages: see `make_folds`.
        BadInput, MissingWeights: see `classifiers.building.build`.
        CannotResume: the dataset or the settings differ from those that the run began with, its folds are not known
            (`folds.folds_of`), or its checkpoint is damaged.
        TrainingDiverged: a loss is not a finite number.
    """
    yield from curated_first(workspace, run)
    chosen = select(workspace, settings)
    # Too few images, and below missing weights, are reported before hundreds of images are loaded.
    folds = () if run.checkpoint.exists() else make_folds(chosen, settings)
    yield Progress(0, 1, "preparing the network")
    from busapp.engine.classifiers.building import check_neighbours
    from busapp.engine.classifiers.learning import learner_for
    from busapp.engine.utils.devices import device_name

    if folds:
        check_neighbours(settings, chosen.labels, folds)
    learner = learner_for(len(chosen.classes), settings)
    selection, pixels = yield from load_selection(workspace, chosen, settings.preprocessing)
    everything = tuple(workspace.catalog.images(kind="real"))
    study = Study(workspace, settings, run, selection, everything)
    state = State.of(study, learner)
    is_new = not state.folds  # or of an earlier version
    study = replace(study, folds=(yield from folds_of(study, state)))
    for text in study.notes():
        yield Note(text)
    for text in study.warnings():
        yield Note(text, "warning")
    yield from state.continued_on(device_name(learner.device), checksum(pixels))
    yield from state.unsaid(run)
    if is_new:
        yield from state.save(run, learner)
    yield from _cross_validate(study, state, learner, pixels)
    yield Finished({**run_result(study, state, learner.stages)})


def _cross_validate(study: Study, state: State, learner: AnyLearner, pixels: Pixels) -> Job:
    n_folds = len(study.folds)
    if state.fold > n_folds:
        return
    real = yield from _prepared(learner, pixels, "images")
    synthetic: Synthetic | None = None
    discriminator: Arrays | None = None
    store, labels = real, study.selection.labels
    shared = study.settings.leaks.generator_sees_test
    for number in range(state.fold, n_folds + 1):
        fold, words = study.folds[number - 1], "all folds" if shared else f"fold {number}"
        if study.lacks and (synthetic is None or not shared):
            synthetic = yield from _drawn(study, fold, words)
            store, labels = yield from _joined(study, learner, real, synthetic)
        if synthetic is not None:
            state.leaky_generators |= synthetic.generators_that_saw(study.forbidden(fold))
            state.generators += [used for used in synthetic.generators if used not in state.generators]
        if state.epoch == 0:
            if study.settings.needs_discriminator and (discriminator is None or not shared):
                discriminator = yield from _discriminator(study, state, fold, words)
            carry_weights = "carry_weights" in study.settings.open_leaks and number > 1
            learner.begin_fold(carry_weights=carry_weights, discriminator=discriminator)
        yield from _train_fold(study, state, learner, store, labels)


def _prepared(learner: AnyLearner, pixels: Pixels, name: str) -> Generator[Event, None, FeatureStore]:
    what = "features" if learner.settings.members else "frozen stages"
    return (yield from in_progress(learner.prepare(pixels), 0, len(pixels), f"{what}: {len(pixels)} {name}"))


def _drawn(study: Study, fold: Fold, label: str) -> Generator[Event, None, Synthetic]:
    """Synthetic images from one generator per class, shared by all folds or trained on the training images of this fold
    alone."""
    trained, forbidden = study.for_generators(fold)
    return (yield from balance(study.workspace, study.run, study.selection, trained, forbidden, study.settings, label))


def _discriminator(study: Study, state: State, fold: Fold, label: str) -> Generator[Event, None, Arrays]:
    """The weights of a discriminator, of a GAN for all folds or of one for this fold alone."""
    from busapp.engine.gan.generators import real_hashes
    from busapp.engine.validation.fold_generators import fold_discriminator

    trained, forbidden = study.for_generators(fold)
    record, weights = yield from fold_discriminator(
        study.workspace, study.run, trained, forbidden, study.settings.gan, label
    )
    if may_have_seen(record.trained_on, study.forbidden(fold), real_hashes(study.workspace)):
        state.leaky_generators.add(record.name)
    used = cast(UsedGenerator, record.summary())
    state.generators += [used] if used not in state.generators else []
    return weights


def _joined(
    study: Study, learner: AnyLearner, real: FeatureStore, synthetic: Synthetic
) -> Generator[Event, None, tuple[FeatureStore, Indices]]:
    """Real and synthetic images in one store. The synthetic ones come last, so that no test part includes them."""
    drawn = yield from _prepared(learner, synthetic.pixels, "synthetic images")
    return real.joined(drawn), np.concatenate([study.selection.labels, synthetic.labels])


def _train_fold(study: Study, state: State, learner: AnyLearner, store: FeatureStore, labels: Indices) -> Job:
    """Train the remaining epochs of the current fold, and save each before it is announced; then test the fold."""
    settings, number, n_folds = study.settings, state.fold, len(study.folds)
    fold, n_real = study.folds[number - 1], len(study.selection.records)
    train = np.concatenate([fold.train, np.arange(n_real, len(labels))])
    work = [settings.passes * study.images_of(each) + len(each.train) + len(each.test) for each in study.folds]
    total, before = sum(work), sum(work[: number - 1])
    for epoch in range(state.epoch + 1, settings.passes + 1):
        at = before + (epoch - 1) * study.images_of(fold)
        where = f"fold {number} of {n_folds} · epoch {epoch} of {settings.passes}"
        training = learner.train_one_epoch(store, labels, train, number, epoch)
        trained = yield from in_progress(training, at, total, where)
        testing = learner.evaluate(store, labels, fold.test)
        logits, tested = yield from in_progress(testing, at + len(train), total, f"{where} · testing")
        seconds = trained.seconds + tested.seconds
        epoch_ended = EpochEnded(
            fold=number,
            folds=n_folds,
            epoch=epoch,
            epochs=settings.passes,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            test_loss=tested.loss,
            test_accuracy=tested.accuracy,
            images_per_second=len(train) / trained.seconds,
        )
        if epoch < settings.passes:
            state.epoch = epoch
            yield from state.save(study.run, learner, epoch_ended)
    remember(classifier_key(settings), seconds / classifier_units(len(train), len(fold.test), 1))
    state.logits[fold.test], state.fold_of[fold.test] = logits, number
    matrix = metrics.confusion(labels[fold.test], logits.argmax(axis=1), len(study.selection.classes)).tolist()
    fold_ended = FoldEnded(number, n_folds, trained.accuracy, tested.accuracy, matrix)
    state.finished.append(
        {
            "fold": number,
            "train_accuracy": fold_ended.train_accuracy,
            "test_accuracy": fold_ended.test_accuracy,
            "confusion": fold_ended.confusion,
            "n_train": len(fold.train),
            "n_test": len(fold.test),
            "n_synthetic": len(labels) - n_real,
        }
    )
    at, where = before + settings.passes * study.images_of(fold), f"fold {number} of {n_folds} · what the network sees"
    yield from keep_evidence(study.run, study.selection, fold, learner, store.pixels, at, total, where)
    state.fold, state.epoch = number + 1, 0
    write_predictions(study.run, tested_predictions(study, state), study.selection.classes)
    yield from state.save(study.run, learner, epoch_ended, fold_ended)
