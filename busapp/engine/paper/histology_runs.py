"""Table 2, Figures 10 and 11 and the spread over folds of the paper on histology patches (Zion and Tripathy), from a
study's own runs of any network. Only jobs import this."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from busapp.engine.events import EpochEnded
from busapp.engine.paper.histology_table import COLUMNS, HEAD, FoldSpread, Table2, fold_accuracies
from busapp.engine.paper.paper_frame import DESCRIPTION, Drawing, Row, described, file_names, framed, leaks_of
from busapp.engine.paper.published_histology import AUTHORS, PAPER, PROPOSED
from busapp.engine.paper.table_drawing import draw_table
from busapp.engine.results.measured import Measured
from busapp.engine.utils.figures import BLUE, ORANGE

_PARTS: Final = (("train", BLUE, "--"), ("test", ORANGE, "-"))
_SHADE: Final = 0.15
_HEAD: Final = ("run", "network", *DESCRIPTION[1:])


def run_drawings(table: Table2, *, phantoms: bool) -> Iterator[Drawing]:
    """Table 2 and the folds of all runs, Figures 10 and 11 of each run."""
    title = f"{AUTHORS}, Table 2: {'published, and ' if table.with_paper else ''}measured here"
    yield Drawing(
        f"{PAPER}-table2",
        lambda: draw_table(title, COLUMNS, table.lines, table.notes(phantoms), first=3.5),
        HEAD,
        table.numbers,
    )
    yield _folds(table, phantoms)
    for one, name in zip(table.runs, file_names(table.runs), strict=True):
        epochs = _epochs_of(one)
        if epochs:
            yield _curves(one, epochs, 10, f"{PAPER}-figure10-{name}", phantoms)
            yield _curves(one, epochs, 11, f"{PAPER}-figure11-{name}", phantoms)


def _described(one: Measured) -> Row:
    run, *rest = described(one)
    return run, one.network_title, *rest


# -- Figures 10 and 11 -------------------------------------------------------------------------------------------------


def _epochs_of(one: Measured) -> list[EpochEnded]:
    """The epochs of all folds, by fold. For an epoch that a resumed run recorded twice, the last record."""
    latest = {(event.fold, event.epoch): event for event in one.run.events() if isinstance(event, EpochEnded)}
    return [latest[key] for key in sorted(latest)]


def _curves(one: Measured, epochs: Sequence[EpochEnded], number: int, name: str, phantoms: bool) -> Drawing:
    """Accuracy and loss over the epochs, train and test: the mean and the range of the folds (Figure 10), or each fold
    (Figure 11)."""
    n_folds = len({event.fold for event in epochs})
    quantities = [f"{part}_{quantity}" for quantity in ("accuracy", "loss") for part, *_ in _PARTS]
    rows: list[Row]
    if number == 10:
        ends = ("", "_lowest", "_highest")
        head = [*_HEAD, "epoch", "folds", *(f"{name}{end}" for name in quantities for end in ends)]
        rows = [
            (*_described(one), epoch, len(events), *(value for name in quantities for value in _mean(events, name)))
            for epoch, events in _by_epoch(epochs).items()
        ]
    else:
        head = [*_HEAD, "fold", "epoch", *quantities]
        rows = [(*_described(one), e.fold, e.epoch, *(getattr(e, name) for name in quantities)) for e in epochs]

    def draw() -> Figure:
        figure = Figure(figsize=(8.4, 3.7))
        title = f"{AUTHORS}, Figure {number}: {one.title_with_network}"
        framed(
            figure,
            title,
            [*((note, "0.35") for note in _notes(one, number, n_folds)), *leaks_of([one], with_network=True)],
            phantoms,
        )
        drawn: Any = figure.subplots(1, 2)
        for axes, quantity in zip(drawn, ("accuracy", "loss"), strict=True):
            for part, colour, style in _PARTS:
                if number == 10:
                    _draw_mean(axes, epochs, f"{part}_{quantity}", colour, style, part)
                else:
                    _draw_each(axes, epochs, f"{part}_{quantity}", colour, style, part)
            _finish(axes, quantity)
        return figure

    return Drawing(name, draw, tuple(head), rows)


def _notes(one: Measured, number: int, n_folds: int) -> list[str]:
    """What the figure shows, as the paper does not say how Figures 10 and 11 differ."""
    if n_folds == 1:
        return ["Accuracy and loss of one hold-out. The paper describes Figures 10 and 11 with the same sentence."]
    shown = (
        "Figure 10 is the mean over the folds, shaded from the lowest to the highest fold."
        if number == 10
        else "Figure 11 is every fold by itself."
    )
    notes = [f"The paper describes Figures 10 and 11 with the same sentence. Here {shown}"]
    if number == 11:
        accuracies = fold_accuracies(one)
        (low, lowest), (high, highest) = ((accuracies.index(end), end) for end in (min(accuracies), max(accuracies)))
        notes.append(
            f"Test accuracy of the folds: lowest {100 * lowest:.1f} % (fold {low + 1}), highest {100 * highest:.1f} % "
            f"(fold {high + 1})."
        )
    return notes


def _by_epoch(epochs: Sequence[EpochEnded]) -> dict[int, list[EpochEnded]]:
    numbers = sorted({event.epoch for event in epochs})
    return {number: [event for event in epochs if event.epoch == number] for number in numbers}


def _mean(events: Sequence[EpochEnded], name: str) -> tuple[float, float, float]:
    """Mean, lowest and highest value over the folds."""
    values = [getattr(event, name) for event in events]
    return float(np.mean(values)), min(values), max(values)


def _draw_mean(axes: Axes, epochs: Sequence[EpochEnded], name: str, colour: str, style: str, label: str) -> None:
    by_epoch = _by_epoch(epochs)
    mean, low, high = zip(*(_mean(events, name) for events in by_epoch.values()), strict=True)
    numbers = list(by_epoch)
    axes.plot(numbers, mean, style, color=colour, linewidth=1.6, label=label, marker=_marker(numbers))
    if len(numbers) > 1:
        axes.fill_between(numbers, low, high, color=colour, alpha=_SHADE, linewidth=0)
    else:
        axes.vlines(numbers, low, high, color=colour, alpha=3 * _SHADE)


def _draw_each(axes: Axes, epochs: Sequence[EpochEnded], name: str, colour: str, style: str, label: str) -> None:
    for place, fold in enumerate(sorted({event.fold for event in epochs})):
        points = [event for event in epochs if event.fold == fold]
        numbers = [event.epoch for event in points]
        values = [getattr(event, name) for event in points]
        named = label if place == 0 else None
        axes.plot(numbers, values, style, color=colour, linewidth=1.0, alpha=0.8, label=named, marker=_marker(numbers))


def _marker(numbers: Sequence[int]) -> str | None:
    return "o" if len(numbers) == 1 else None


def _finish(axes: Axes, quantity: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_ylabel(quantity, fontsize=8)
    axes.set_title(quantity, fontsize=9)
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=7.5)
    axes.legend(fontsize=7.5)


# -- the spread over folds ---------------------------------------------------------------------------------------------


def _folds(table: Table2, phantoms: bool) -> Drawing:
    """Test accuracy of each fold of each run, beside the published range."""
    runs = table.runs
    rows: list[Row] = [
        (*_described(one), fold, accuracy)
        for one in runs
        for fold, accuracy in enumerate(fold_accuracies(one), start=1)
    ]

    def draw() -> Figure:
        notes = ["Each point is the test accuracy of one fold, each line reaches from the lowest to the highest."]
        if table.with_paper:
            notes.append(
                f"Grey: {_published_range()}, without saying over what; dashed: its accuracy of "
                f"{100 * PROPOSED.accuracy:.0f} %. It names neither protocol nor images."
            )
        figure = Figure(figsize=(8.4, 1.5 + 0.55 * len(runs) + 0.15 * len(runs)))
        lines = [*((note, "0.35") for note in notes), *leaks_of(runs, with_network=True)]
        framed(figure, f"{AUTHORS}: lowest and highest test accuracy over the folds", lines, phantoms)
        axes = figure.subplots()
        if table.with_paper and PROPOSED.lowest is not None and PROPOSED.highest is not None:
            axes.axvspan(100 * PROPOSED.lowest, 100 * PROPOSED.highest, color="0.85", linewidth=0)
            axes.axvline(100 * PROPOSED.accuracy, color="0.45", linestyle="--", linewidth=1)
        for place, one in enumerate(runs):
            _draw_spread(axes, place, one)
        labels = ["\n".join(textwrap.wrap(f"{'⚠ ' if one.leaks else ''}{one.title_with_network}", 34)) for one in runs]
        axes.set_yticks(range(len(runs)), labels, fontsize=7.5, parse_math=False)
        axes.set_ylim(len(runs) - 0.4, -0.6)
        axes.set_xlabel("test accuracy (%)", fontsize=8.5)
        axes.grid(axis="x", alpha=0.25)
        axes.set_axisbelow(True)
        axes.tick_params(axis="x", labelsize=8)
        return figure

    return Drawing(f"{PAPER}-folds", draw, (*_HEAD, "fold", "accuracy"), rows)


def _published_range() -> str:
    low, high = PROPOSED.lowest or 0.0, PROPOSED.highest or 0.0
    return f"the paper's {100 * low:.1f} to {100 * high:.2f} %"


def _draw_spread(axes: Axes, place: int, one: Measured) -> None:
    accuracies = [100 * each for each in fold_accuracies(one)]
    folds = FoldSpread.of(accuracies)
    colour = ORANGE if one.leaks else BLUE
    axes.plot([folds.lowest, folds.highest], [place, place], color=colour, linewidth=1.4)
    axes.plot(accuracies, [place] * len(accuracies), "o", color=colour, markersize=4.5, alpha=0.8)
    words = f"{folds.lowest:.1f} to {folds.highest:.1f}: {folds.spread:.1f} points"
    axes.annotate(
        words if len(accuracies) > 1 else f"{folds.lowest:.1f}, one hold-out",
        ((folds.lowest + folds.highest) / 2, place),
        (0, 6),
        textcoords="offset points",
        fontsize=7,
        ha="center",
    )
