"""Table 2 of the paper on histology patches (Zion and Tripathy) from a study's own runs, beside the published numbers,
with minimum, maximum and spread over the folds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from busapp.engine.paper.paper_frame import Cell, Line, Row
from busapp.engine.paper.paper_table import as_cell
from busapp.engine.paper.published_histology import (
    AUTHORS,
    CLASSES,
    COMPARED,
    SOURCE,
    Compared,
    as_printed,
    contradictions,
    describes,
)
from busapp.engine.results.measured import Measured
from busapp.engine.utils.words import NONE

COLUMNS = (
    "Protocol",
    "Test\naccuracy",
    "Lowest\nfold",
    "Highest\nfold",
    "Highest\n− lowest",
    "Standard\ndeviation",
)
HEAD = (
    "source",
    "run",
    "network",
    "system",
    "protocol",
    "leaks",
    "images",
    "groups",
    "folds",
    "epochs",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "fold_lowest",
    "fold_highest",
    "fold_spread",
    "fold_deviation",
)
_NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class FoldSpread:
    """Test accuracies over the folds, fractions: lowest, highest, and standard deviation with n − 1 in the denominator,
    None of a single fold."""

    lowest: float
    highest: float
    deviation: float | None

    @classmethod
    def of(cls, accuracies: Sequence[float]) -> "FoldSpread":
        """Of the accuracies of one or more folds."""
        n, mean = len(accuracies), math.fsum(accuracies) / len(accuracies)
        squares = math.fsum((each - mean) ** 2 for each in accuracies)
        return cls(min(accuracies), max(accuracies), math.sqrt(squares / (n - 1)) if n > 1 else None)

    @property
    def spread(self) -> float:
        """Highest minus lowest."""
        return self.highest - self.lowest


def fold_accuracies(one: Measured) -> list[float]:
    """Test accuracy of each fold, in the order of the folds."""
    return [fold["test_accuracy"] for fold in one.result["folds"]]


@dataclass(frozen=True)
class Table2:
    """Table 2 in words (`lines`, with the headings `COLUMNS`) and as numbers (`numbers`, with the headings `HEAD`).

    Numbers are fractions in [0, 1], None if there is none. `runs` are the study's own. `with_paper`: the published
    rows are in it."""

    lines: tuple[Line, ...]
    numbers: tuple[Row, ...]
    runs: tuple[Measured, ...]
    with_paper: bool

    @property
    def contradictions(self) -> list[str]:
        """Sentences on what the paper contradicts itself in; empty if the table neither shows its numbers nor a run of
        a network that it describes."""
        return contradictions() if self.with_paper or any(describes(one.network) for one in self.runs) else []

    def notes(self, phantoms: bool) -> list[str]:
        """The notes below the table."""
        leaking = [f"⚠ {one.title_with_network} leaks: {'; '.join(one.leaks)}." for one in self.runs if one.leaks]
        notes = [*dict.fromkeys(leaking)]
        if self.with_paper:
            notes.append(
                f"As published, without a protocol: {SOURCE} (its range: section 4). The images of the proposed method "
                "are not named, the others are of other studies: these numbers cannot be compared with each other or "
                "with the runs of this study."
            )
        if any(one.result["protocol"] == "published" for one in self.runs):
            notes.append(
                "Protocol “published” is the one of the paper on ultrasound (Samrin 2024), with its leaks; "
                f"{AUTHORS} state none."
            )
        notes += self.contradictions
        if phantoms:
            notes.append("All images are simulated phantoms: these numbers say nothing about patients.")
        notes.append(
            "Accuracy of all test images; below it the 95 % interval, by bootstrap over groups of near-duplicates. "
            "Folds: lowest and highest test accuracy, their difference in points, and the standard deviation (n − 1)."
        )
        return notes


def table2(measured: Sequence[Measured], *, with_paper: bool) -> Table2:
    """Accuracy, protocol and spread over the folds of each run, after the published rows.

    `with_paper`: True to add the published numbers. They are left out if no run has two classes, as the paper has.
    """
    with_paper = with_paper and any(len(one.classes) == CLASSES for one in measured)
    papers = COMPARED if with_paper else ()
    lines = [*map(_paper_line, papers), *map(_line, measured)]
    numbers = [*map(_paper_numbers, papers), *map(_numbers, measured)]
    return Table2(tuple(lines), tuple(numbers), tuple(measured), with_paper)


def _paper_line(row: Compared) -> Line:
    folds = [(NONE, "")] * 3
    if row.lowest is not None and row.highest is not None:
        lowest, highest = f"{100 * row.lowest:.1f} %", f"{100 * row.highest:.2f} %"
        folds = [(cell, "over what?") for cell in (lowest, highest, f"{100 * (row.highest - row.lowest):.1f}")]
    accuracy = (f"{as_printed(row.accuracy)} %", "")
    cells = ((_NOT_STATED, ""), accuracy, *folds, (NONE, ""))
    return Line(row.in_words, "published; protocol, images and folds are not stated", True, False, cells)


def _paper_numbers(row: Compared) -> Row:
    both = (row.lowest, row.highest)
    spread = None if row.lowest is None or row.highest is None else row.highest - row.lowest
    fixed: tuple[Cell, ...] = (f"{SOURCE}: {row.authors}", None, row.model, None, _NOT_STATED, None)
    return (*fixed, None, None, None, None, row.accuracy, None, None, *both, spread, None)


def _line(one: Measured) -> Line:
    accuracies = fold_accuracies(one)
    folds = FoldSpread.of(accuracies)
    changed = "changed, " if one.variant[0] != one.result["protocol"] else ""
    over = [(NONE, "")] * 3
    if len(accuracies) > 1:
        ends = (f"{100 * folds.lowest:.1f} %", f"{100 * folds.highest:.1f} %")
        over = [(cell, "") for cell in (*ends, f"{100 * folds.spread:.1f}")]
    cells = (
        (one.result["protocol"], f"{changed}{'⚠ leaks' if one.leaks else 'leaks nothing'}"),
        as_cell(one.result["accuracy"], one.result["accuracy_ci95"], 1, " %"),
        *over,
        (NONE if folds.deviation is None else f"{100 * folds.deviation:.1f}", ""),
    )
    detail = f"{'⚠ leaks; ' if one.leaks else ''}{one.size}"
    return Line(one.title_with_network, detail, False, bool(one.leaks), cells)


def _numbers(one: Measured) -> Row:
    result, accuracies = one.result, fold_accuracies(one)
    folds = FoldSpread.of(accuracies)
    over = (folds.lowest, folds.highest, folds.spread) if len(accuracies) > 1 else (None, None, None)
    return (
        "measured here",
        one.run.id,
        one.network_title,
        one.system,
        " ".join(one.variant),
        "; ".join(one.leaks),
        result["n_images"],
        result["n_groups"],
        len(accuracies),
        result["epochs"],
        result["accuracy"],
        *(result["accuracy_ci95"] or (None, None)),
        *over,
        folds.deviation,
    )
