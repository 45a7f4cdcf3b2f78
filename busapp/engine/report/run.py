"""The chapter on one validation run: its protocol, its numbers with their intervals, and its figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from busapp.engine import metrics
from busapp.engine.contract.validation import OperatingPoint, ValidationResult
from busapp.engine.events import EpochEnded
from busapp.engine.images.steps import in_full
from busapp.engine.networks.registry import DEFAULT, beside_the_paper
from busapp.engine.report import figures
from busapp.engine.report.blocks import Block, Heading, Illustration, Illustrations, Paragraph, Table
from busapp.engine.report.words import number, number_cell, per_cent_cell
from busapp.engine.results.measured import Measured, as_trained
from busapp.engine.results.predictions import read_predictions
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.figures import to_png
from busapp.engine.utils.words import NONE, from_to, low_to_high, per_cent

_SHOWN_CHANGES = 5


def protocol(workspace: Workspace, one: Measured, title: str) -> list[Block]:
    """The settings and data of a run, its leaks, and the changes of the dataset since."""
    run, result = one.run, one.result
    device = f", on {result['device']}" if result.get("device") else ""
    settings = as_trained(run)
    network = "" if settings.network == DEFAULT else f" Network: {settings.network_in_words}."
    network += "".join(f" {each}" for each in beside_the_paper(settings.network, settings.feature_networks))
    if not settings.starts_from_imagenet and not settings.members:
        network += " Trained from scratch, without ImageNet weights."
    steps = in_full(result)
    prepared = f" Images {steps}." if steps else ""
    drawn = [fold.get("n_synthetic", 0) for fold in result["folds"]]
    synthetic = f" {from_to(min(drawn), max(drawn))} synthetic images in every training fold." if any(drawn) else ""
    aside = result.get("n_set_aside")
    left_out = f" {aside:,} images excluded: near-duplicates of them have another class." if aside else ""
    blocks: list[Block] = [
        Heading(title, 3),
        Paragraph(
            f"Run {run.id}{f', “{run.info.name}”' if run.info.name != run.id else ''}: {one.size}, "
            f"{result['seconds']:.0f} s{device}, seed {result['seed']}.{left_out}{synthetic}{network}{prepared}",
            tone="quiet",
        ),
        leakage(one),
    ]
    changed = workspace.changed_since(run)
    if changed:
        latest = f" (the latest of {len(changed)} changes)" if len(changed) > _SHOWN_CHANGES else ""
        what = "; ".join(changed[-_SHOWN_CHANGES:])
        blocks.append(Paragraph(f"Since this run began, the dataset has changed{latest}: {what}."))
    if one.incomplete:
        blocks.append(Paragraph(one.incomplete, "Some measures are missing.", "warning"))
    return blocks


def leakage(one: Measured) -> Paragraph:
    """The leaks of the protocol, and how often each occurred."""
    if one.leaks:
        counted = f" Counted: {'; '.join(one.counted)}." if one.counted else " None of it was counted here."
        return Paragraph(f"Let through: {'; '.join(one.leaks)}.{counted}", "This number leaks.", "warning")
    return Paragraph(
        "Groups of near-duplicates are whole on one side of each fold, every fold starts from fresh weights, and "
        "near-duplicates with contradicting labels are left out.",
        "Nothing leaks that this program knows of.",
        "notice",
    )


def measures(one: Measured) -> list[Block]:
    """The measures of all classes together, by class, and by fold."""
    result = one.result
    by_name: Mapping[str, Any] = result  # keys are put together below
    ranges: Mapping[str, Any] = result.get("fold_range") or {}

    def row(name: str, key: str) -> tuple[str, ...]:
        return name, per_cent(by_name.get(key)), low_to_high(by_name.get(f"{key}_ci95")), low_to_high(ranges.get(key))

    overall = [row("accuracy", "accuracy"), row("balanced accuracy", "balanced_accuracy")]
    area = result.get("macro_auc_ci95")
    overall.append(
        ("mean AUC", number(result.get("macro_auc")), " to ".join(map(number, area)) if area else NONE, NONE)
    )
    trained = [fold["train_accuracy"] for fold in result["folds"] if fold.get("train_accuracy") is not None]
    span = [min(trained), max(trained)] if trained else None
    overall.append(("train accuracy, last epoch", per_cent(result.get("train_accuracy")), NONE, low_to_high(span)))
    picked = result.get("picked_epoch")
    if picked is not None:
        overall.append(("accuracy with each fold's best epoch picked by its test images", per_cent(picked), NONE, NONE))
    blocks: list[Block] = [
        Table(
            ("all classes", "measured", "95 % interval", "folds, lowest to highest"),
            overall,
            frozenset({1, 2, 3}),
        ),
        _by_class(result, ranges),
    ]
    points = {name: point for name, point in (result.get("operating_points") or {}).items() if point}
    if points:
        blocks.append(_operating_points(points))
    if len(result["folds"]) > 1 and all("test_accuracy" in fold for fold in result["folds"]):
        blocks.append(_folds(result))
    return blocks


def _by_class(result: Mapping[str, Any], ranges: Mapping[str, Any]) -> Table:
    def cell(key: str, name: str, words: Any) -> str:
        value, intervals = (result.get(key) or {}).get(name), result.get(f"{key}_ci95") or {}
        span = (ranges.get(key) or {}).get(name)
        folds = f"\nfolds {low_to_high(span, decimals=0)}" if span else ""
        return f"{words(value, intervals.get(name))}{folds}"

    rows = [
        (
            name,
            cell("sensitivity", name, per_cent_cell),
            cell("specificity", name, per_cent_cell),
            cell("class_accuracy", name, per_cent_cell),
            cell("auc", name, number_cell),
        )
        for name in result["classes"]
    ]
    return Table(
        ("class", "sensitivity", "specificity", "accuracy against the rest", "AUC"),
        rows,
        frozenset({1, 2, 3, 4}),
        "By class, with 95 % intervals, and the range from the lowest to the highest fold (in per cent):",
    )


def _operating_points(points: Mapping[str, OperatingPoint]) -> Table:
    rows = [
        (
            name,
            per_cent(point["target_sensitivity"], decimals=0),
            number(point["threshold"]),
            per_cent_cell(point["sensitivity"], point["sensitivity_ci95"]),
            per_cent_cell(point["specificity"], point["specificity_ci95"]),
        )
        for name, point in points.items()
    ]
    return Table(
        ("class", "target sensitivity", "threshold", "sensitivity measured", "specificity measured"),
        rows,
        frozenset({1, 2, 3, 4}),
        "Operating points: an image counts as the class if its probability reaches a threshold. The measures of a fold "
        "use a threshold from the predictions of the other folds; the threshold shown is from all, for new images.",
    )


def _folds(result: ValidationResult) -> Table:
    classes = result["classes"]
    rows = [
        (
            str(fold["fold"]),
            str(fold.get("n_test", NONE)),
            per_cent(fold.get("train_accuracy")),
            per_cent(fold["test_accuracy"]),
            per_cent(fold.get("balanced_accuracy")),
            *(per_cent((fold.get("sensitivity") or {}).get(name), decimals=0) for name in classes),
        )
        for fold in result["folds"]
    ]
    head = ("fold", "test images", "train accuracy", "test accuracy", "balanced", *(f"sens. {c}" for c in classes))
    return Table(head, rows, frozenset(range(len(head))), "By fold:")


def confusion_and_roc(one: Measured, title: str) -> list[Block]:
    """The confusion matrix, and the receiver operating characteristics."""
    result = one.result
    matrix = to_png(figures.confusion_figure(result["confusion"], result["classes"]))
    pictures = [Illustration(matrix, f"confusion matrix of {title}", 0.45)]
    if not one.incomplete:
        pictures.append(Illustration(to_png(_roc(one)), f"receiver operating characteristics of {title}", 0.45))
    return [Illustrations(pictures)]


def _roc(one: Measured) -> Any:
    rows = read_predictions(one.run)
    classes = one.classes
    true = np.array([classes.index(row.true) for row in rows])
    scores = metrics.softmax(np.array([[row.logits[name] for name in classes] for row in rows]))
    curves = {name: metrics.roc(true == k, scores[:, k])[:2] for k, name in enumerate(classes)}
    titles = {name: f"{name}: AUC {number(one.result['auc'][name])}" for name in classes}
    return figures.roc_figure(curves, titles)


def calibration(one: Measured, title: str) -> list[Block]:
    """The agreement of confidence and accuracy; empty if it was not measured."""
    known = one.result.get("calibration")
    if not known:
        return []
    interval = known.get("ece_ci95")
    within = f" (95 % interval {number(interval[0])} to {number(interval[1])})" if interval else ""
    scaled = known.get("ece_scaled")
    after = "" if scaled is None else f", {number(scaled)} with temperatures fitted on the other folds"
    figure = to_png(figures.reliability_figure(known["bins"]))
    return [
        Paragraph(
            f"Calibration: expected calibration error {number(known['ece'])}{within}{after}. A model of this run "
            f"divides its logits by {number(known['temperature'], 2)}."
        ),
        Illustrations([Illustration(figure, f"reliability of {title}", 0.45)]),
    ]


def curves(one: Measured, title: str) -> list[Block]:
    """Accuracy and loss over the epochs."""
    epochs: Sequence[EpochEnded] = [event for event in one.run.events() if isinstance(event, EpochEnded)]
    if not epochs:
        return []
    return [Illustration(to_png(figures.curves_figure(epochs)), f"accuracy and loss of {title}", 1.0)]
