"""The difference between two runs on the images that both tested: in words, and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtWidgets import QWidget

from busapp.engine.results.difference_words import SIGNIFICANT
from busapp.engine.utils.words import images_in_groups, signed
from busapp.gui.validation.compare_table import ComparedRun
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text

_ALIKE: Final = 0.05
"""Points; smaller differences are written as 0.0."""
_MEASURES: Final = {
    "balanced_accuracy": "Balanced accuracy",
    "macro_auc": "Mean AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "auc": "AUC",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of a measure between two runs, in points (1 point is 0.01 of a fraction)."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, difference: float, interval: Sequence[float] | None, *, turned: bool) -> "Difference":
        """From fractions in [-1, 1]; `turned` swaps the two runs."""
        sign = -100 if turned else 100
        bounds = sorted(sign * bound for bound in interval) if interval else (None, None)
        return cls(sign * difference, *bounds)

    @property
    def interval(self) -> str:
        """`−0.5 to +2.9`; empty if there is none."""
        return "" if self.low is None or self.high is None else f"{signed(self.low)} to {signed(self.high)}"


@dataclass(frozen=True, slots=True)
class RunDifference:
    """Two runs and their test (`comparison.compare_runs`): the difference of `other` from `base`."""

    base: ComparedRun
    other: ComparedRun
    test: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.other.letter} − {self.base.letter}"

    @property
    def _turned(self) -> bool:
        return bool(self.test["first"] != self.base.run.id)

    @property
    def accuracy(self) -> Difference | None:
        """Difference of the accuracies on the common images; None if there are none."""
        if self.test["difference"] is None:
            return None
        return Difference.of(self.test["difference"], self.test["difference_ci95"], turned=self._turned)

    @property
    def others(self) -> dict[str, Difference]:
        """Differences of the other measures, by title."""
        found = {}
        for key, entry in self.test["differences"].items():
            measure, _, of_class = key.partition("/")
            title = _MEASURES.get(measure, measure) + (f", {of_class}" if of_class else "")
            if entry["difference"] is not None:
                found[title] = Difference.of(entry["difference"], entry["ci95"], turned=self._turned)
        return found

    def sentence(self) -> str:
        """State which run is better by how much, and if that is more than chance."""
        found, p_value = self.accuracy, self.test["p_value"]
        if found is None:
            return f"{self.other.in_words} and {self.base.in_words} have no tested image in common."
        if abs(found.value) < _ALIKE:
            verdict = f"{self.other.in_words} is as good as {self.base.in_words}"
        else:
            word = "better" if found.value > 0 else "worse"
            verdict = f"{self.other.in_words} is {abs(found.value):.1f} points {word} than {self.base.in_words}"
        bounds = f" (95 % interval {found.interval})" if found.interval else ""
        shown = "a difference is shown" if p_value < SIGNIFICANT else "no difference shown"
        return (
            f"{verdict}{bounds}, {p_in_words(p_value)}: {shown}. "
            f"{images_in_groups(self.test['n_common'], self.test['n_groups_common'])} tested by both."
        )

    def cautions(self) -> list[str]:
        """Reasons to read the difference with care, one sentence each."""
        base, other = self.base, self.other
        found = []
        if base.leaks != other.leaks:
            leaking, clean = (base, other) if base.leaks else (other, base)
            found.append(
                f"{leaking.letter} leaks and {clean.letter} does not: their difference shows what leaks are worth, not "
                "which system is better."
                if _differ_only_in_leaks(base, other)
                else f"{leaking.letter} leaks and {clean.letter} does not: part of their difference is what leaks are "
                "worth."
            )
        if base.training != other.training:
            found.append(
                f"Trained differently: {base.letter} with {base.training}, {other.letter} with {other.training}."
            )
        tested = base.n_tested, other.n_tested
        if self.test["n_common"] and max(tested) > self.test["n_common"]:
            found.append(
                f"{base.letter} was tested on {tested[0]:,} images and {other.letter} on {tested[1]:,}: the difference "
                f"is of the {self.test['n_common']:,} that they share."
            )
        if self.test["n_common"] and not self.test["same_folds"]:
            found.append(
                f"{base.letter} and {other.letter} have different folds: part of the difference is the luck of the "
                "split."
            )
        return found


def _differ_only_in_leaks(base: ComparedRun, other: ComparedRun) -> bool:
    return base.training == other.training and all(
        base.result[name] == other.result[name] for name in ("system", "recipe")
    )


class DifferencesTable(NumbersTable):
    """One row for each two runs and measure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Differences", parent=parent)

    def show_differences(self, compared: Sequence[RunDifference]) -> None:
        """Show the differences of these runs."""
        rows = []
        for each in compared:
            if each.accuracy is not None:
                rows.append([text(each.name), text("Accuracy"), _cell(each.accuracy), _p_cell(each)])
            for title, found in each.others.items():
                rows.append([text(each.name), text(title), _cell(found), Cell("–", tip="Tested for accuracy alone")])
        self.show_cells(["Runs", "Measure", "Difference in points (95 % interval)", "p-value"], rows)


def p_in_words(p_value: float) -> str:
    """`p = 0.21`, `p = 0.004`, `p < 0.001`."""
    words = f"{p_value:.2f}" if p_value >= 0.095 else p_number(p_value)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def p_number(p_value: float) -> str:
    """Three decimals; four if three would round it up to the significance level."""
    if p_value < 0.001:
        return "< 0.001"
    words = f"{p_value:.3f}"
    return f"{p_value:.4f}" if p_value < SIGNIFICANT <= float(words) else words


def _cell(found: Difference) -> Cell:
    bounds = f" ({found.interval})" if found.interval else ""
    tip = "1 point is 1 % of accuracy, or 0.01 of sensitivity, specificity or AUC. Paired bootstrap over groups."
    return Cell(f"{signed(found.value)}{bounds}", found.value, found.low, found.high, tip)


def _p_cell(compared: RunDifference) -> Cell:
    base, other, test = compared.base, compared.other, compared.test
    votes = {test["first"]: test["groups_first_better"], test["second"]: test["groups_second_better"]}
    tip = (
        f"McNemar's exact test on groups: {other.letter} did better in {votes[other.run.id]:,}, "
        f"{base.letter} in {votes[base.run.id]:,}, the rest were equal."
    )
    p_value = test["p_value"]
    return Cell(p_number(p_value), p_value, tip=tip)
