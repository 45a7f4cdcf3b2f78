"""Table 1 of the paper from a study's own runs, beside the published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from busapp.engine.paper.paper_frame import Line, Row
from busapp.engine.paper.published import CLASSES, PUBLISHED, SOURCE, Published, contradictions
from busapp.engine.results.measured import Measured
from busapp.engine.settings.systems import SystemName

Interval = list[float] | None
_MEASURES: Final = ("sensitivity", "specificity")
_OVERALL: Final = ("train_accuracy", "accuracy")


@dataclass(frozen=True)
class Table1:
    """Table 1 in words (`lines` with the headings `columns`) and as numbers (`numbers` with the headings `head`).

    Numbers are fractions in [0, 1], None if there is none. `runs` are the study's own runs.
    """

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    head: tuple[str, ...]
    numbers: tuple[Row, ...]
    runs: tuple[Measured, ...]

    @property
    def contradictions(self) -> list[str]:
        """Sentences on what the paper contradicts itself in; empty if the table does not show its numbers."""
        return contradictions() if any(line.is_paper for line in self.lines) else []

    def notes(self, phantoms: bool) -> list[str]:
        """The notes below the table."""
        leaking = [f"⚠ {one.title} leaks: {'; '.join(one.leaks)}." for one in self.runs if one.leaks]
        notes = [*dict.fromkeys(leaking)]
        if any(line.is_paper for line in self.lines):
            notes.append(f"“The paper”: as published ({SOURCE}), under a protocol that leaks.")
        notes += self.contradictions
        if phantoms:
            notes.append("All images are simulated phantoms: these numbers say nothing about patients.")
        notes.append(
            "Below the numbers: 95 % intervals, by bootstrap over groups of near-duplicates. Train accuracy: the mean "
            "over the folds of the running accuracy of the last epoch."
        )
        return notes


def table1(measured: Sequence[Measured], *, with_paper: bool) -> Table1:
    """Sensitivity and specificity per class, train and test accuracy: the runs of each system, after its published row.

    Args:
        measured: the runs; they are grouped by system and otherwise keep their order.
        with_paper: True to add the published numbers. They are left out if no run has the paper's classes.
    """
    classes = list(dict.fromkeys(name for one in measured for name in one.classes))
    with_paper = with_paper and any(set(one.classes) == set(CLASSES) for one in measured)
    lines: list[Line] = []
    numbers: list[Row] = []
    for system, paper in PUBLISHED.items():
        if with_paper:
            lines.append(_paper_line(system, paper, classes))
            numbers.append(_paper_numbers(system, paper, classes))
        for one in measured:
            if one.system == system:
                lines.append(_line(one, classes))
                numbers.append(_numbers(one, classes))
    per_class = [f"{measure}_{name}{end}" for measure in _MEASURES for name in classes for end in ("", "_low", "_high")]
    head = ("source", "run", "system", "protocol", "leaks", "images", "groups", "folds", "epochs", *per_class)
    short = {"sensitivity": "Sensitivity", "specificity": "Specificity"}
    columns = (
        *(f"{short[measure]}\n{name}" for measure in _MEASURES for name in classes),
        "Train\naccuracy",
        "Test\naccuracy",
    )
    last = ("train_accuracy", "accuracy", "accuracy_low", "accuracy_high")
    return Table1(columns, tuple(lines), (*head, *last), tuple(numbers), tuple(measured))


def _paper_line(system: SystemName, paper: Published, classes: Sequence[str]) -> Line:
    per_class = [getattr(paper, measure).get(name) for measure in _MEASURES for name in classes]
    accuracies = (f"{100 * paper.train_accuracy:.2f} %", f"{100 * paper.accuracy:.2f} %")
    cells = (*("–" if value is None else f"{value:.2f}" for value in per_class), *accuracies)
    return Line(f"{system}, the paper", "⚠ published, leaks", True, True, tuple((cell, "") for cell in cells))


def _paper_numbers(system: SystemName, paper: Published, classes: Sequence[str]) -> Row:
    per_class = [
        number
        for measure in _MEASURES
        for name in classes
        for number in (getattr(paper, measure).get(name), None, None)
    ]
    fixed = ("paper", None, system, "published", "as the paper describes them", None, None, None, None)
    return (*fixed, *per_class, paper.train_accuracy, paper.accuracy, None, None)


def _line(one: Measured, classes: Sequence[str]) -> Line:
    per_class = [as_cell(*_of_class(one, measure, name), 2, "") for measure in _MEASURES for name in classes]
    train = as_cell(one.result["train_accuracy"], None, 1, " %")
    test = as_cell(one.result["accuracy"], one.result["accuracy_ci95"], 1, " %")
    detail = f"{'⚠ leaks; ' if one.leaks else ''}{one.size}"
    return Line(one.title, detail, False, bool(one.leaks), (*per_class, train, test))


def as_cell(value: float | None, interval: Interval, decimals: int, unit: str) -> tuple[str, str]:
    """A number and its interval in words, in per cent if a unit is given; a dash if there is no number."""
    factor = 100 if unit else 1
    if value is None:
        return "–", ""
    between = "" if interval is None else "–".join(f"{factor * end:.{decimals}f}" for end in interval)
    return f"{factor * value:.{decimals}f}{unit}", between


def _of_class(one: Measured, measure: str, name: str) -> tuple[float | None, Interval]:
    result: Mapping[str, Any] = one.result  # keys are put together below
    intervals = result.get(f"{measure}_ci95") or {}  # the oldest results have none
    return result[measure].get(name), intervals.get(name)


def _numbers(one: Measured, classes: Sequence[str]) -> Row:
    result = one.result
    per_class: list[float | None] = []
    for measure in _MEASURES:
        for name in classes:
            value, interval = _of_class(one, measure, name)
            per_class += [value, *(interval or (None, None))]
    return (
        "measured here",
        one.run.id,
        one.system,
        " ".join(one.variant),
        "; ".join(one.leaks),
        result["n_images"],
        result["n_groups"],
        len(result["folds"]),
        result["epochs"],
        *per_class,
        result["train_accuracy"],
        result["accuracy"],
        *(result["accuracy_ci95"] or (None, None)),
    )
