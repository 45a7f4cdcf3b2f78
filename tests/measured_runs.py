"""Finished validation runs with predictions and curves, made without training: what is right is drawn by lot."""

from typing import Any

import numpy as np

from busapp.engine import metrics
from busapp.engine.events import EpochEnded, to_line
from busapp.engine.files import write_json
from busapp.engine.predictions import Prediction, write_predictions
from busapp.engine.runs import Run
from busapp.engine.settings import ValidateSettings
from busapp.engine.systems import open_leaks
from busapp.engine.workspace import Workspace

COUNTS = {
    "carry_weights": "weights_carried_over",
    "split_duplicates": "groups_split",
    "keep_conflicts": "conflicting_duplicates_kept",
    "generator_sees_test": "generators_that_saw_test_images",
}


def add_validation(workspace: Workspace, *, right: float = 0.8, folds: int = 4, epochs: int = 3, **given: Any) -> Run:
    """A finished run of `busapp validate` with these settings, as a version before the newest statistics left it: about
    this share of its images is right. Every open leak counts 3."""
    settings = ValidateSettings.model_validate({"folds": folds, "epochs": epochs, **given})
    run = workspace.new_run("validate", settings.kept(), settings.subject)
    records = workspace.catalog.images(kind="real")
    classes = sorted({record.class_name for record in records})
    folds = 1 if settings.system == "existing" else folds
    lots = np.random.default_rng(len(workspace.runs("validate")))
    true = np.array([classes.index(record.class_name) for record in records])
    logits = lots.normal(size=(len(records), len(classes)))
    called = np.where(lots.random(len(records)) < right, true, lots.integers(len(classes), size=len(records)))
    logits[np.arange(len(records)), called] += 4
    rows = [
        Prediction(
            r.id, r.file, r.sha256, r.group, i % folds + 1, r.class_name, classes[int(logits[i].argmax())],
            dict(zip(classes, logits[i].tolist(), strict=True)),
        )
        for i, r in enumerate(records)
    ]  # fmt: skip
    write_predictions(run, rows, classes)
    of_fold = np.array([row.fold for row in rows])
    measured = metrics.summary(true, logits, np.array([r.group for r in records]), classes, folds=of_fold)
    open_ones = open_leaks(settings.system, settings.leaks)
    result = {
        "system": settings.system,
        "protocol": settings.protocol,
        "recipe": settings.recipe,
        "switches": settings.leaks.model_dump(),
        "classes": classes,
        "n_images": len(records),
        "n_tested": len(records),
        "n_groups": len({r.group for r in records}),
        "n_synthetic": 0,
        "n_set_aside": 0,
        "counts": {name: int((true == k).sum()) for k, name in enumerate(classes)},
        "seed": 0,
        "epochs": epochs,
        "equalise": settings.equalise,
        "seconds": 3.2,
        "device": "CPU",
        "folds": [{"fold": n, "train_accuracy": 0.95, "test_accuracy": 0.8} for n in range(1, folds + 1)],
        "train_accuracy": 0.95,
        **{
            key: measured[key]
            for key in ("confusion", "accuracy", "accuracy_ci95", "sensitivity", "specificity", "auc")
        },
        "leaks": {name: 3 if switch in open_ones else 0 for switch, name in COUNTS.items()},
    }
    write_json(run.folder / "result.json", result)
    curves = [
        EpochEnded(f, folds, e, epochs, 1.0 / e, 0.5 + 0.1 * e, 1.1 / e, 0.4 + 0.1 * e, 10.0)
        for f in range(1, folds + 1)
        for e in range(1, epochs + 1)
    ]
    (run.folder / "events.jsonl").write_text("\n".join(to_line(epoch) for epoch in curves), encoding="utf-8")
    run.info.state = "finished"
    run.save()
    return run
