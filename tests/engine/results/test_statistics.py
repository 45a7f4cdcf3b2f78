"""The result of a validation run is complete for every run: new, old or stopped before its end."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from busapp.engine import jobs
from busapp.engine.events import EpochEnded, Event, Finished, FoldEnded, Progress
from busapp.engine.results import statistics
from busapp.engine.results.predictions import FILE, Prediction, write_predictions
from busapp.engine.settings import ImportSettings, ValidateSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_json
from busapp.errors import BadInput
from busapp.summaries import summary

CLASSES = ("benign", "malignant", "normal")
OLD = frozenset(
    [
        "accuracy",
        "accuracy_ci95",
        "auc",
        "balanced_accuracy",
        "classes",
        "confusion",
        "counts",
        "epochs",
        "leaks",
        "n_groups",
        "n_images",
        "n_synthetic",
        "n_tested",
        "protocol",
        "seconds",
        "seed",
        "sensitivity",
        "sensitivity_ci95",
        "specificity",
        "specificity_ci95",
        "switches",
        "system",
        "train_accuracy",
    ]
)
"""Keys of the first results, beside `folds`."""


def tiny(**changes: Any) -> ValidateSettings:
    given = {"folds": 2, "epochs": 2, "image_size": 32, "width": 0.25, "batch_size": 8, "pretrained": False}
    return ValidateSettings.model_validate({**given, **changes})


def epoch(fold: int, number: int, test_accuracy: float) -> EpochEnded:
    return EpochEnded(fold, 2, number, 2, 0.5, 0.9, 0.5, test_accuracy, 100.0)


def made_up_run(study: Workspace, events: list[Event], *, folds: int = 2) -> Run:
    """A run that recorded these events and was then stopped, with predictions for its finished folds."""
    run = study.new_run("validate", tiny().model_dump(mode="json"))
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30 * folds):
        true = number % 3
        logits = rng.normal(size=3) + 2 * np.eye(3)[true]
        named = dict(zip(CLASSES, logits.tolist(), strict=True))
        predicted = CLASSES[int(logits.argmax())]
        fold = 1 + number // 30
        rows.append(Prediction(number, f"{number}.png", "0", number // 2, fold, CLASSES[true], predicted, named))
    if rows:
        write_predictions(run, rows, CLASSES)

    def job() -> Iterator[Event]:
        yield from events

    for _ in record(run, job()):  # type: ignore[arg-type]
        pass
    run.info.state = "cancelled"
    run.save()
    return run


def test_an_older_result_is_completed_from_its_predictions(phantom_study: Workspace) -> None:
    *_, last = jobs.start(phantom_study, tiny())
    assert isinstance(last, Finished)
    run = phantom_study.runs("validate")[0]
    whole = statistics.of_run(run)
    assert whole == json.loads(json.dumps(last.result, allow_nan=False)), "a new result says everything by itself"
    assert {"macro_auc_ci95", "class_accuracy_ci95", "fold_range", "calibration", "operating_points"} <= whole.keys()
    assert whole["recipe"] == "paper" and whole["training"]["label_smoothing"] == 0.0
    kept = ("fold", "train_accuracy", "test_accuracy", "confusion", "n_train", "n_test", "n_synthetic")
    old = {key: whole[key] for key in OLD} | {"folds": [{key: fold[key] for key in kept} for fold in whole["folds"]]}
    write_json(run.folder / "result.json", old)
    completed = statistics.of_run(run)
    lost = whole.keys() - completed.keys()
    assert "training" in lost and not lost & {"calibration", "picked_epoch", "recipe", "macro_auc"}
    for measure in ("macro_auc", "balanced_accuracy_ci95", "picked_epoch"):
        assert completed[measure] == pytest.approx(whole[measure], abs=1e-6)
    assert completed["fold_range"] == whole["fold_range"]
    assert [fold["n_train"] for fold in completed["folds"]] == [fold["n_train"] for fold in whole["folds"]]
    assert completed["folds"][0]["auc"] == whole["folds"][0]["auc"]


def test_the_job_knows_its_best_epochs_when_it_writes_its_result(phantom_study: Workspace) -> None:
    events = list(jobs.start(phantom_study, tiny(epochs=3, learning_rate=0.01)))
    assert isinstance(events[-1], Finished)
    result = events[-1].result
    seen = [event for event in events if isinstance(event, EpochEnded)]
    best = {fold: max(event.test_accuracy for event in seen if event.fold == fold) for fold in (1, 2)}
    sizes = {fold["fold"]: fold["n_test"] for fold in result["folds"]}
    assert result["picked_epoch"] == pytest.approx(sum(best[fold] * sizes[fold] for fold in best) / 24)
    assert result["picked_epoch"] >= result["accuracy"]


def test_the_finished_folds_of_a_stopped_run_are_accounted_for(phantom_study: Workspace) -> None:
    events = [epoch(1, 1, 0.8), epoch(1, 2, 0.7), FoldEnded(1, 2, 0.95, 0.7, [[1]]), epoch(2, 1, 1.0)]
    found = statistics.of_run(made_up_run(phantom_study, events, folds=1))
    json.dumps(found, allow_nan=False)
    assert (found["system"], found["protocol"], found["recipe"]) == ("system1", "strict", "paper")
    assert (found["n_tested"], found["n_groups"], found["train_accuracy"]) == (30, 15, 0.95)
    assert found["accuracy_ci95"][0] < found["accuracy"] < found["accuracy_ci95"][1]
    assert [fold["train_accuracy"] for fold in found["folds"]] == [0.95]
    assert found["picked_epoch"] == 0.8, "the second fold is not finished"
    assert found["operating_points"] == dict.fromkeys(CLASSES)
    assert "n_images" not in found and "leaks" not in found


def test_the_best_epoch_counts_by_the_images_of_its_fold() -> None:
    folds = [{"fold": 1, "n_test": 10}, {"fold": 2, "n_test": 30}]
    events: list[Event] = [Progress(1, 2, "…"), epoch(1, 1, 0.5), epoch(1, 2, 0.4), epoch(2, 1, 0.7), epoch(2, 2, 0.9)]
    assert statistics.picked_epoch(events, folds) == pytest.approx((10 * 0.5 + 30 * 0.9) / 40)
    again = [*events, epoch(2, 2, 0.6)]
    assert statistics.picked_epoch(again, folds) == pytest.approx((10 * 0.5 + 30 * 0.7) / 40), "the last one counts"
    assert statistics.picked_epoch(events[:3], folds) is None
    assert statistics.picked_epoch(events, []) is None


def test_what_is_no_validation_or_has_no_finished_fold_is_said(phantom_study: Workspace) -> None:
    imported = phantom_study.new_run("import", ImportSettings(sources=(Path("somewhere"),)).kept())
    with pytest.raises(BadInput, match="not a validation run"):
        statistics.of_run(imported)
    run = made_up_run(phantom_study, [epoch(1, 1, 0.5)], folds=0)
    with pytest.raises(BadInput, match="finished fold"):
        statistics.of_run(run)
    write_predictions(run, [], CLASSES)
    with pytest.raises(BadInput, match="no predictions"):
        statistics.of_run(run)
    (run.folder / FILE).write_text("nonsense\n1\n", encoding="utf-8")
    with pytest.raises(BadInput, match="no readable predictions"):
        statistics.of_run(run)


def test_the_window_needs_neither_scikit_learn_nor_scipy_for_it(phantom_study: Workspace) -> None:
    run = made_up_run(phantom_study, [epoch(1, 1, 0.5), epoch(2, 1, 0.5)])
    code = (
        "import sys\nfrom pathlib import Path\nfrom busapp.engine.results import comparison, statistics\n"
        f"from busapp.engine.study.runs import Run\nrun = Run.open(Path({str(run.folder)!r}))\nstatistics.of_run(run)\n"
        "from busapp.engine.results.predictions import read_predictions\n"
        "comparison.paired(read_predictions(run), read_predictions(run))\n"
        "print([name for name in ('sklearn', 'scipy', 'torch', 'PySide6') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_the_account_in_words_says_what_was_measured_and_what_leaks(phantom_study: Workspace) -> None:
    *_, last = jobs.start(phantom_study, tiny(protocol="published", folds=4))
    assert isinstance(last, Finished)
    lines = summary("validate", last.result)
    assert lines[0].startswith("system1, protocol published, recipe paper: accuracy ")
    assert "over 4 folds" in lines[1]
    ends = {line[: lines[1].index("over 4 folds")].rstrip()[-1] for line in lines[2:15]}
    assert ends <= {")", "%", "–"}, "the ranges stand in a column of their own"
    assert sum(line.startswith("  sensitivity ") for line in lines) == 3
    assert any(line.startswith("If an image counts as malignant from about") for line in lines)
    assert any("(ECE)" in line for line in lines)
    assert any(line.startswith("With the best epoch of each fold picked") for line in lines)
    assert lines[-1].startswith("This number leaks: weights are carried from fold to fold; near-duplicates fall")
    assert "weights of the one before: 3" in lines[-1] and "generators" not in lines[-1]
