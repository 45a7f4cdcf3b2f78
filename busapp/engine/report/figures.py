"""Figures of reports and diagnosis pages, drawn with matplotlib without a screen. Only jobs import this."""

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from busapp.engine.contract.side_by_side import Column
from busapp.engine.contract.validation import LeakEntry, ReliabilityBin
from busapp.engine.events import EpochEnded
from busapp.engine.utils.colours import class_colour, series_colour
from busapp.engine.utils.figures import BLUE, ORANGE

Values = npt.NDArray[np.floating[Any]]


def confusion_figure(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Confusion matrix with counts and, below each, its share of the true class (row), which sets the colour."""
    counts = np.asarray(confusion, dtype=np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.4 + 0.9 * len(classes), 1.0 + 0.8 * len(classes)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true in range(len(classes)):
        for predicted in range(len(classes)):
            share = float(shares[true, predicted])
            axes.text(
                predicted,
                true,
                f"{counts[true, predicted]}\n{100 * share:.0f} %",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if share > 0.55 else "black",
            )
    axes.set_xticks(range(len(classes)), classes, fontsize=8)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("true", fontsize=9)
    return figure


def curves_figure(epochs: Sequence[EpochEnded]) -> Figure:
    """Accuracy and loss over the epochs: folds as faint lines, their mean as a strong one; training dashed, test
    solid."""
    latest = {(event.fold, event.epoch): event for event in epochs}  # a resumed run records some epochs twice
    figure = Figure(figsize=(8.0, 2.8), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for part, colour, style in (("train", BLUE, "--"), ("test", ORANGE, "-")):
            _draw_folds(axes, latest, f"{part}_{quantity}", colour, style, part)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_ylabel(quantity, fontsize=9)
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=8)
    return figure


def columns_figure(columns: Sequence[Column]) -> Figure:
    """Accuracy and loss on the test images over the epochs, means over the folds, a curve for each column."""
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, column in enumerate(columns):
        numbers = [epoch["epoch"] for epoch in column["epochs"]]
        accuracies = [100 * epoch["test_accuracy"] for epoch in column["epochs"]]
        losses = [epoch["test_loss"] for epoch in column["epochs"]]
        for axes, values in ((left, accuracies), (right, losses)):
            marker = "o" if len(numbers) == 1 else None
            style = "-" if place % 2 else "--"  # or one curve would hide another
            axes.plot(numbers, values, style, color=series_colour(place), label=column["title"], marker=marker)
    for axes, name in ((left, "test accuracy in %"), (right, "test loss (nats)")):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_ylabel(name, fontsize=9)
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
    handles, labels = left.get_legend_handles_labels()
    for text in figure.legend(handles, labels, fontsize=8, loc="outside upper center", ncols=3).get_texts():
        text.set_parse_math(False)
    return figure


def roc_figure(curves: Mapping[str, tuple[Values, Values]], titles: Mapping[str, str]) -> Figure:
    """Receiver operating characteristics of each class against the rest.

    `curves` are false and true positive rates (k,) by class, `titles` the entries of the legend.
    """
    figure = Figure(figsize=(3.6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="0.6", linewidth=1)
    for (name, (false_rates, true_rates)), style in zip(curves.items(), cycle(("-", "--", "-.", ":")), strict=False):
        colour = class_colour(name, curves)
        axes.plot(false_rates, true_rates, style, color=colour, linewidth=1.4, label=titles[name])
    axes.set_xlabel("1 – specificity", fontsize=9)
    axes.set_ylabel("sensitivity", fontsize=9)
    axes.set_aspect("equal")
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=8)
    for text in axes.legend(fontsize=7, loc="lower right").get_texts():
        text.set_parse_math(False)
    return figure


def reliability_figure(bins: Sequence[ReliabilityBin]) -> Figure:
    """Accuracy against confidence, from `calibration["bins"]` of a result; below, the number of images in each bin."""
    figure = Figure(figsize=(3.6, 3.5), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], ":", color="0.6", linewidth=1)
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-", color=BLUE, markersize=4)
    axes.set_ylabel("accuracy", fontsize=9)
    axes.set_ylim(0, 1.03)
    below.bar([b["low"] for b in bins], [b["n"] for b in bins], [b["high"] - b["low"] for b in bins], align="edge")
    below.set_ylabel("images", fontsize=9)
    below.set_xlabel("confidence (largest probability)", fontsize=9)
    below.set_xlim(0, 1)
    for each in (axes, below):
        each.grid(alpha=0.25)
        each.tick_params(labelsize=8)
    return figure


def waterfall_figure(steps: Sequence[LeakEntry]) -> Figure:
    """The worth of each leak: accuracies from the published protocol to the strict one, from the `steps` of a `leaks`
    result, and between them the loss of accuracy from closing one leak."""
    figure = Figure(figsize=(8.0, 0.8 + 0.42 * (len(steps) + 1)), layout="constrained")
    axes = figure.subplots()
    values = [100 * step["accuracy"] for step in steps]
    for place, accuracy, colour in ((0, values[0], ORANGE), (len(steps), values[-1], BLUE)):
        axes.barh(place, accuracy, color=colour, height=0.6)
        axes.annotate(f" {accuracy:.1f} %", (accuracy, place), va="center", fontsize=8)
    for place, (before, after) in enumerate(pairwise(values), start=1):
        axes.barh(place, after - before, left=before, color="0.75", edgecolor="0.4", linewidth=0.8, height=0.6)
        change = f"{after - before:+.1f}".replace("-", "\N{MINUS SIGN}")
        axes.annotate(f" {change}", (max(before, after), place), va="center", fontsize=8)
    for place, accuracy in enumerate(values):
        axes.plot([accuracy, accuracy], [place, place + 1], ":", color="0.4", linewidth=0.8)
    closed = [f"without: {step['label']}" for step in steps[1:]]
    labels = ["published: everything leaks", *closed, "strict: nothing leaks"]
    axes.set_yticks(range(len(labels)), labels, fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(max(0.0, min(values) - 6), min(104.0, max(values) + 4))
    axes.set_xlabel("test accuracy in %", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_folds(
    axes: Axes, events: dict[tuple[int, int], EpochEnded], name: str, colour: str, style: str, label: str
) -> None:
    folds = sorted({fold for fold, _ in events})
    for fold in folds:
        points = sorted((epoch, getattr(event, name)) for (f, epoch), event in events.items() if f == fold)
        axes.plot(*zip(*points, strict=True), style, color=colour, alpha=0.25, linewidth=0.8)
    numbers = sorted({epoch for _, epoch in events})
    means = [np.mean([getattr(e, name) for (_, epoch), e in events.items() if epoch == n]) for n in numbers]
    axes.plot(numbers, means, style, color=colour, linewidth=1.8, label=label, marker="o" if len(means) == 1 else None)
