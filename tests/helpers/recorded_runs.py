"""Runs that the real recorder recorded from hand-made events, for the tabs to replay."""

import math

import numpy as np
from PIL import Image

from busapp.engine import metrics
from busapp.engine.events import (
    CheckpointSaved,
    EpochEnded,
    Event,
    Finished,
    FoldEnded,
    GanEpochEnded,
    Job,
    Note,
    SamplesDrawn,
)
from busapp.engine.results.predictions import Prediction, write_predictions
from busapp.engine.results.statistics import with_recorded
from busapp.engine.settings import SynthesizeSettings, ValidateSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace

SMALL = ValidateSettings(folds=2, epochs=3)
"""A cross-validation that is quickly replayed."""


def recorded(run: Run, job: Job) -> list[Event]:
    """Record all events of a job."""
    return list(record(run, job))


def synthesis_run(workspace: Workspace, *, epochs: int = 6, class_name: str = "malignant") -> Run:
    """Return a finished run with losses, samples, a checkpoint, scores and a warning."""
    settings = SynthesizeSettings.model_validate({"class_name": class_name, "epochs": epochs})
    run = workspace.new_run("synthesize", settings.model_dump(mode="json"), "Recorded synthesis")

    def job() -> Job:
        for epoch in range(1, epochs + 1):
            yield GanEpochEnded(epoch, epochs, 1 + 2 / epoch, 1 / epoch, 0.6 + 0.1 * math.sin(epoch), 0.3, 100.0)
            if epoch % 2 == 0:
                noise = np.random.default_rng(epoch).normal(110, 40, (4 * 32, 5 * 32, 3)).clip(0, 255)
                (run.folder / "samples").mkdir(exist_ok=True)
                Image.fromarray(noise.astype(np.uint8)).save(run.folder / f"samples/{epoch:06d}.png")
                yield SamplesDrawn(epoch, f"samples/{epoch:06d}.png")
                yield CheckpointSaved(epoch)
        yield Note("Only 5 of 8 images were kept: 2 that were drawn nearly equal training images.", "warning")
        yield Finished(
            {
                "run": run.id,
                "class": class_name,
                "preset": "quick",
                "backend": "tensorflow",
                "epochs": epochs,
                "steps": 4 * epochs,
                "seconds": 12.0,
                "g_loss": 1.2,
                "d_loss": 0.4,
                "images": 5,
                "kid": 0.213,
                "kid_spread": 0.021,
                "kid_floor": 0.012,
                "copies": 2,
            }
        )

    recorded(run, job())
    return run


def validation_events(
    workspace: Workspace, run: Run, settings: ValidateSettings, leaks: dict[str, int] | None = None
) -> Job:
    """Yield epochs, folds with their predictions, and the result. One benign image per fold is called malignant."""
    images = workspace.catalog.images()
    classes = workspace.catalog.classes()
    predictions: list[Prediction] = []
    folds = []
    for fold in range(1, settings.folds + 1):
        for epoch in range(1, settings.epochs + 1):
            train, test = 1 - 0.5 / epoch, 1 - 0.5 / epoch - 0.02 * fold
            yield EpochEnded(fold, settings.folds, epoch, settings.epochs, 1 - train, train, 1.1 - test, test, 200.0)
        confusion = [[0] * len(classes) for _ in classes]
        tested = images[fold - 1 :: settings.folds]
        wrong = next(image for image in tested if image.class_name == "benign")
        for image in tested:
            predicted = "malignant" if image is wrong else image.class_name
            confusion[classes.index(image.class_name)][classes.index(predicted)] += 1
            logits = {name: 2.0 * (name == predicted) for name in classes}
            predictions.append(
                Prediction(image.id, image.file, image.sha256, image.group, fold, image.class_name, predicted, logits)
            )
        write_predictions(run, predictions, classes)
        folds.append({"fold": fold, "train_accuracy": 0.99, "test_accuracy": 0.9, "confusion": confusion})
        yield FoldEnded(fold, settings.folds, 0.99, 0.9, confusion)
        yield CheckpointSaved(settings.epochs, fold)
    by_class = dict.fromkeys(classes, 0.925)
    measured = metrics.summary(
        np.array([classes.index(row.true) for row in predictions], dtype=np.intp),
        np.array([list(row.logits.values()) for row in predictions]),
        np.array([row.group for row in predictions], dtype=np.int64),
        classes,
        folds=np.array([row.fold for row in predictions], dtype=np.intp),
    )
    yield Finished(
        {
            **measured,
            "system": settings.system,
            "protocol": settings.protocol,
            "classes": classes,
            "n_images": len(images),
            "n_groups": len(images) - 1,
            "n_synthetic": 0,
            "seed": 0,
            "recipe": settings.recipe,
            "switches": settings.leaks.model_dump(),
            "epochs": settings.epochs,
            "train_accuracy": 0.99,
            "folds": with_recorded(measured["folds"], folds),
            "picked_epoch": 0.9,
            "accuracy": 0.9,
            "accuracy_ci95": [0.81, 0.96],
            "sensitivity": by_class,
            "sensitivity_ci95": {name: [0.8, 0.99] for name in classes},
            "specificity": by_class,
            "specificity_ci95": {name: [0.8, 0.99] for name in classes},
            "auc": by_class,
            "leaks": leaks or {"groups_split": 0, "weights_carried_over": 0},
        }
    )


def validation_run(
    workspace: Workspace, settings: ValidateSettings, leaks: dict[str, int] | None = None, name: str = ""
) -> Run:
    """Return a finished run."""
    run = workspace.new_run("validate", settings.model_dump(mode="json"), name or "Recorded validation")
    recorded(run, validation_events(workspace, run, settings, leaks))
    return run
