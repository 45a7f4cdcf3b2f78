"""Finished runs made without training: validations with random predictions and curves, and syntheses with samples and
losses."""

from typing import Any

import numpy as np
from PIL import Image

from busapp.engine import metrics
from busapp.engine.catalog import NewImage
from busapp.engine.events import EpochEnded, GanEpochEnded, SamplesDrawn, to_line
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.gan.scores import SCORES_IN_WORDS
from busapp.engine.results.predictions import Prediction, write_predictions
from busapp.engine.settings import SynthesizeSettings, ValidateSettings
from busapp.engine.settings.systems import open_leaks
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_atomically, write_json
from busapp.engine.utils.png import bare_png

COUNTS = {
    "carry_weights": "weights_carried_over",
    "split_duplicates": "groups_split",
    "keep_conflicts": "conflicting_duplicates_kept",
    "generator_sees_test": "generators_that_saw_test_images",
    "selection_sees_test": "selections_that_saw_test_images",
}


def add_validation(workspace: Workspace, *, right: float = 0.8, folds: int = 4, epochs: int = 3, **given: Any) -> Run:
    """A finished run of `busapp validate` with these settings, as a version before the newest statistics wrote it.
    About the share `right` of its predictions is correct. Every open leak counts 3."""
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
        **settings.preprocessing.kept,
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


def add_synthesis(workspace: Workspace, class_name: str, *, epochs: int = 4, in_catalog: int = 2, **given: Any) -> Run:
    """A finished run of `busapp synthesize` for a class, trained on two images, with `in_catalog` images of noise in
    the catalog. Each score is 0.21 and its floor 0.01; those of FID are a hundred times as large."""
    settings = SynthesizeSettings.model_validate({"class_name": class_name, "image_size": 16, "epochs": epochs})
    run = workspace.new_run("synthesize", settings.kept(), settings.subject)
    GeneratorRecord(run.folder, class_name, frozenset("ab"), settings).save()
    lots = np.random.default_rng(len(workspace.runs("synthesize")))

    def picture(height: int, width: int) -> bytes:
        return bare_png(Image.fromarray(lots.integers(0, 255, (height, width, 3), np.uint8)))

    new = []
    for number in range(1, in_catalog + 1):
        sha256 = workspace.store_image(picture(16, 16), ".png")
        name = f"synthetic/{class_name}/{run.id}-{number:04d}.png"
        new.append(NewImage(name, sha256, ".png", class_name, 16, 16, kind="synthetic", run=run.id))
    workspace.catalog.add(new, "drawn")
    lines = []
    for epoch in range(1, epochs + 1):
        samples = f"samples/epoch-{epoch:05d}.png"
        write_atomically(run.folder / samples, picture(64, 80))
        lines += [GanEpochEnded(epoch, epochs, 1 + epoch / 10, 0.5, 0.7, 0.3, 99.0), SamplesDrawn(epoch, samples)]
    (run.folder / "events.jsonl").write_text("".join(to_line(event) + "\n" for event in lines), encoding="utf-8")
    scores: dict[str, float] = {}
    for name in SCORES_IN_WORDS:
        unit = 100 if name == "fid" else 1
        scores |= {name: 0.21 * unit, f"{name}_spread": 0.021 * unit}
        scores |= {f"{name}_floor": 0.01 * unit, f"{name}_floor_spread": 0.001 * unit}
    result = {
        "run": run.id,
        "class": class_name,
        "preset": settings.preset,
        "epochs": epochs,
        "seconds": 3.0,
        "images": in_catalog,
        "n_scored": 12,
        "copies": 0,
        "left_out": 0,
        **scores,
        **given,
    }
    write_json(run.folder / "result.json", result)
    run.info.state = "finished"
    run.save()
    return run
