"""Validation runs as columns: their settings, and their measures with intervals; the paper's numbers on request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtWidgets import QWidget

from busapp.engine.paper import published_histology as histology
from busapp.engine.paper.published import PUBLISHED, SOURCE, Published
from busapp.engine.settings.systems import SystemName, counted_leaks
from busapp.engine.study.runs import Run
from busapp.engine.utils.words import low_to_high, many
from busapp.gui.widgets.number_cells import count_cell, measure_cell
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.words import when_in_words
from busapp.summaries.validation import equalisation_in_words, has_leaks

_NOT_PUBLISHED: Final = Cell("–", tip="The paper does not say")
_BY_ITS_PROTOCOL: Final = text("by its protocol", warns=True)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A finished run in a comparison: its letter there, and its numbers (an entry of `comparison.compare_runs`)."""

    letter: str
    run: Run
    result: Mapping[str, Any]

    @property
    def leaks(self) -> bool:
        """True if its numbers leak."""
        return has_leaks(self.result)

    @property
    def n_tested(self) -> int:
        """Number of tested images; in a hold-out, fewer than the run has."""
        return sum(map(sum, self.result["confusion"]))

    @property
    def training(self) -> str:
        """`10 folds, 20 epochs, seed 0`"""
        folds = "one hold-out" if self.result["n_folds"] == 1 else f"{self.result['n_folds']} folds"
        return f"{folds}, {many(self.result['epochs'], 'epoch')}, seed {self.result['seed']}"

    @property
    def in_words(self) -> str:
        """`B (system2, strict)`, or the name that the user gave it."""
        return f"{self.letter} ({self.run.info.name})"

    @property
    def heading(self) -> str:
        """Its letter, name and time; with a mark if it leaks."""
        return f"{_mark(self)}{self.letter} · {self.run.info.name}\n{when_in_words(self.run.info.created)}"


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    of_run: Callable[[ComparedRun], Cell]
    of_paper: Callable[[Published], Cell] = lambda _paper: _NOT_PUBLISHED
    of_histology: Cell = _NOT_PUBLISHED
    """Of the paper on histology patches."""


class CompareTable(NumbersTable):
    """One row for each measure, in a fixed order."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Runs side by side", sortable=False, parent=parent)

    def show_runs(self, runs: Sequence[ComparedRun], *, with_paper: bool) -> None:
        """Show these runs; `with_paper`: also the papers' numbers for their systems and networks."""
        classes = list(dict.fromkeys(name for run in runs for name in run.result["classes"]))
        systems = systems_of(runs) if with_paper else []
        headings = ["Measure\n(95 % interval)", *(run.heading for run in runs)]
        headings += [f"⚠ Paper · {system}\n{SOURCE}" for system in systems]
        of_histology = with_paper and has_histology(runs)
        headings += [f"⚠ Paper · {histology.PROPOSED.model}\n{histology.SOURCE}"] if of_histology else []
        cells = [
            [
                text(row.label),
                *map(row.of_run, runs),
                *(row.of_paper(PUBLISHED[system]) for system in systems),
                *([row.of_histology] if of_histology else []),
            ]
            for row in _rows(classes, synthetic=any(run.result["n_synthetic"] for run in runs))
        ]
        self.show_cells(headings, cells)


def systems_of(runs: Sequence[ComparedRun]) -> list[SystemName]:
    """The systems of these runs, each once."""
    return list(dict.fromkeys(run.result["system"] for run in runs))


def has_histology(runs: Sequence[ComparedRun]) -> bool:
    """True if the paper on histology patches describes the network of one of these runs, and it has two classes."""
    return any(
        histology.describes(run.run.info.settings.get("network", ""))
        and len(run.result["classes"]) == histology.CLASSES
        for run in runs
    )


def _rows(classes: Sequence[str], *, synthetic: bool) -> list[_Row]:
    return [
        _Row("System", lambda run: text(run.result["system"]), _system_of),
        _Row(
            "Protocol",
            _protocol,
            lambda _paper: text("⚠ published (leaks)", warns=True),
            text("⚠ not stated", warns=True),
        ),
        _Row("Recipe", _recipe, lambda _paper: text("paper")),
        _Row("Training", lambda run: text(run.training), lambda _paper: text("–", _NOT_PUBLISHED.tip)),
        _Row("Images tested", _images),
        *([_Row("Synthetic images in training", _synthetic)] if synthetic else []),
        _Row("Groups", lambda run: count_cell(run.result["n_groups"])),
        _Row("Accuracy (%)", _overall("accuracy"), lambda paper: _published(paper.accuracy, "%"), _OF_HISTOLOGY),
        _Row("Lowest and highest fold (%)", _fold_range, of_histology=_RANGE_OF_HISTOLOGY),
        _Row("Balanced accuracy (%)", _overall("balanced_accuracy")),
        *(_of_class("sensitivity", "Sensitivity", name) for name in classes),
        *(_of_class("specificity", "Specificity", name) for name in classes),
        *(_of_class("auc", "AUC", name) for name in classes),
        _Row("Calibration error (ECE)", _calibration),
        _Row("Train accuracy (%)", _train_accuracy, lambda paper: _published(paper.train_accuracy, "%")),
        _Row("Leaks", _leaks, lambda _paper: _BY_ITS_PROTOCOL),
    ]


def _of_class(measure: str, title: str, name: str) -> _Row:
    return _Row(
        f"{title}, {name}",
        lambda run: _measure(
            run, run.result[measure].get(name), run.result[f"{measure}_ci95"].get(name), in_per_cent=False
        ),
        lambda paper: _published(getattr(paper, measure, {}).get(name), ""),
    )


# -- a run ---------------------------------------------------------------------------------------------------


def _mark(run: ComparedRun) -> str:
    return "⚠ " if run.leaks else ""


def _protocol(run: ComparedRun) -> Cell:
    protocol = run.result["protocol"]
    return text(f"{_mark(run)}{protocol} ({'leaks' if run.leaks else 'leaks nothing'})", warns=run.leaks)


def _recipe(run: ComparedRun) -> Cell:
    return text(f"{run.result['recipe']}{equalisation_in_words(run.result)}")


def _images(run: ComparedRun) -> Cell:
    return count_cell(run.n_tested, f"Of {run.result['n_images']:,} real images in the run")


def _synthetic(run: ComparedRun) -> Cell:
    return count_cell(run.result["n_synthetic"])


def _overall(measure: str) -> Callable[[ComparedRun], Cell]:
    return lambda run: _measure(run, run.result[measure], run.result[f"{measure}_ci95"])


def _fold_range(run: ComparedRun) -> Cell:
    found = run.result["fold_range"]["accuracy"]
    if found is None:
        return Cell("–")
    low, high = (100 * value for value in found)
    words = f"{_mark(run)}{low_to_high(found)}"
    return Cell(words, low=low, high=high, tip="Test accuracies of single folds", warns=run.leaks)


def _calibration(run: ComparedRun) -> Cell:
    found = run.result["calibration"]
    return _measure(run, found["ece"], found["ece_ci95"], in_per_cent=False)


def _train_accuracy(run: ComparedRun) -> Cell:
    tip = "On the images that it was trained on; it says nothing about new ones"
    return measure_cell(run.result["train_accuracy"], None, tip=tip)


def _leaks(run: ComparedRun) -> Cell:
    counted = counted_leaks(run.result["leaks"])
    if not run.leaks:
        return text("none")
    return text("\n".join(counted), warns=True) if counted else _BY_ITS_PROTOCOL


def _measure(
    run: ComparedRun, value: float | None, interval: Sequence[float] | None, *, in_per_cent: bool = True
) -> Cell:
    if value is None:
        return Cell("–", tip="Not defined: no image of the class, or none of the others, was tested")
    leaking = "This number leaks. " if run.leaks else ""
    tip = f"{leaking}In brackets the 95 % interval, by bootstrap over {run.result['n_groups']:,} groups."
    return measure_cell(value, interval, in_per_cent=in_per_cent, leaks=run.leaks, tip=tip)


# -- the paper -----------------------------------------------------------------------------------------------


def _system_of(paper: Published) -> Cell:
    return text(next(system for system, known in PUBLISHED.items() if known is paper))


def _published(value: float | None, unit: str) -> Cell:
    """A cell with the published decimals; the paper gives no intervals."""
    if value is None:
        return _NOT_PUBLISHED
    words, shown = (f"{100 * value:.1f}", 100 * value) if unit == "%" else (f"{value:.2f}", value)
    return Cell(f"⚠ {words}", shown, tip="Published without an interval, by a protocol that leaks", warns=True)


_OF_HISTOLOGY: Final = Cell(
    f"⚠ {histology.as_printed(histology.PROPOSED.accuracy)}",
    100 * histology.PROPOSED.accuracy,
    tip="Published without an interval and without a protocol",
    warns=True,
)
_RANGE_OF_HISTOLOGY: Final = Cell(
    f"⚠ {low_to_high((histology.PROPOSED.lowest or 0.0, histology.PROPOSED.highest or 0.0), decimals=1)}",
    tip="Published without saying over what it ranges",
    warns=True,
)
