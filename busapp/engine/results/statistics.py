"""The complete result of any validation run: finished, unfinished, or of a version that computed fewer measures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import numpy as np

from busapp.engine import metrics
from busapp.engine.contract.validation import FoldResult, MeasuredFold, RecordedFold, UsedFeatures, ValidationResult
from busapp.engine.events import EpochEnded, Event, FoldEnded
from busapp.engine.networks.registry import NETWORKS, replaced
from busapp.engine.results.predictions import FILE, read_predictions
from busapp.engine.results.stored_results import validation_result
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.runs import Run
from busapp.errors import BadInput

_NEWER: Final = frozenset(
    {
        "balanced_accuracy_ci95",
        "class_accuracy",
        "auc_ci95",
        "macro_auc",
        "fold_range",
        "calibration",
        "operating_points",
        "picked_epoch",
        "recipe",
    }
)
"""Keys that the first results lacked."""


def of_run(run: Run) -> ValidationResult:
    """The complete result of a validation run, by the contract of `busapp validate --json`.

    For a finished run it is the run's own result; keys that an older one lacks are computed from its predictions. For
    an unfinished run it covers the finished folds: `n_tested` and `n_groups` count the images tested so far, and the
    keys that the job adds at its end are missing (`n_images`, `n_synthetic`, `counts`, `leaks`, `seconds`).

    Raises:
        BadInput: the run is not a validation, or has no readable predictions of a finished fold.
    """
    if run.info.kind != "validate":
        raise BadInput("This is not a validation run", file=run.id, remedy="Name one of `busapp validate`.")
    result = validation_result(run)
    if result is not None and result.keys() >= _NEWER:
        return result
    rows = read_predictions(run)
    if not rows or not rows[0].logits:
        raise BadInput(
            "The run has no predictions", file=run.folder / FILE, remedy="Choose a validation run with a finished fold."
        )
    classes = list(rows[0].logits)
    folds = np.array([row.fold for row in rows], dtype=np.intp)
    measured = metrics.summary(
        np.array([classes.index(row.true) for row in rows], dtype=np.intp),
        np.array([list(row.logits.values()) for row in rows]),
        np.array([row.group for row in rows], dtype=np.int64),
        classes,
        folds=folds,
        seed=run.info.settings.get("seed", 0),
    )
    events = list(run.events())
    recorded: Sequence[RecordedFold | FoldResult] = _ended_folds(events) if result is None else result["folds"]
    known: Mapping[str, object] = _so_far(run, classes, recorded) if result is None else result
    completed = {
        "recipe": "paper",  # of older results, which do not name it
        "n_tested": len(rows),
        "n_groups": len({row.group for row in rows}),
        **measured,
        **known,
        "folds": with_recorded(measured["folds"], recorded),
        "picked_epoch": picked_epoch(events, measured["folds"]),
    }
    return cast(ValidationResult, completed)


def with_recorded(measured: Sequence[MeasuredFold], recorded: Iterable[RecordedFold | FoldResult]) -> list[FoldResult]:
    """The folds as `metrics.summary` measured them, each completed by what the job recorded (`train_accuracy`, …)."""
    by_number: dict[int, Mapping[str, object]] = {fold["fold"]: fold for fold in recorded}
    return [cast(FoldResult, {**fold, **by_number.get(fold["fold"], {})}) for fold in measured]


def picked_epoch(events: Iterable[Event], folds: Iterable[MeasuredFold]) -> float | None:
    """The accuracy in [0, 1] if every fold reported the epoch that did best on its test images.

    This leak is not a switch of a protocol, since it changes only the report. Samrin 2024, section 3.3: "replicated
    with 20 epochs, giving 86% as the best accuracy".

    Args:
        events: events of the run. If a resumed run recorded an epoch twice, the last record counts.
        folds: the folds to count.

    Returns:
        Mean of the best accuracies, weighted by test images; None if a fold has no recorded epoch.
    """
    tested = {(event.fold, event.epoch): event.test_accuracy for event in events if isinstance(event, EpochEnded)}
    best: dict[int, float] = {}
    for (fold, _), accuracy in tested.items():
        best[fold] = max(accuracy, best.get(fold, 0.0))
    sizes = {fold["fold"]: fold["n_test"] for fold in folds}
    if not sizes or not sizes.keys() <= best.keys():
        return None
    return float(sum(best[fold] * n for fold, n in sizes.items()) / sum(sizes.values()))


def _ended_folds(events: Iterable[Event]) -> list[RecordedFold]:
    """The finished folds of a run, from its events."""
    last = {event.fold: event for event in events if isinstance(event, FoldEnded)}
    return [
        {"fold": number, "train_accuracy": event.train_accuracy, "test_accuracy": event.test_accuracy}
        for number, event in last.items()
    ]


def _so_far(run: Run, classes: list[str], recorded: Sequence[RecordedFold | FoldResult]) -> dict[str, object]:
    """The keys of an unfinished run's result that follow from its settings and its finished folds."""
    settings = ValidateSettings.model_validate(run.info.settings)
    trained = [fold["train_accuracy"] for fold in recorded]
    return {
        "system": settings.system,
        "protocol": settings.protocol,
        "switches": settings.leaks.model_dump(),
        "recipe": settings.recipe,
        "network": settings.network,
        **used_features(settings),
        "training": settings.training.model_dump(),
        "classes": classes,
        "seed": settings.seed,
        "epochs": settings.passes,
        **settings.preprocessing.kept,
        "train_accuracy": float(np.mean(trained)) if trained else None,
    }


def used_features(settings: ValidateSettings) -> UsedFeatures:
    """What a network that classifies features takes; nothing for others."""
    method = NETWORKS[settings.network].features
    if method is None:
        return {}
    missing, _ = replaced(settings.network, settings.feature_networks)
    count: UsedFeatures = {"selected_features": settings.selected_features} if method.selects else {}
    return {
        "feature_networks": [one.name for one in settings.members],
        "replaced_networks": missing,
        "with_weights": settings.pretrained,
        **count,
    }
