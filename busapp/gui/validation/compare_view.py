"""Two or more finished cross-validations side by side, and their differences with intervals and tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from string import ascii_uppercase
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.contract.validation import ComparisonTest
from busapp.engine.paper import published_histology as histology
from busapp.engine.paper.published import CONTRADICTS, contradictions
from busapp.engine.results.comparison import compare_runs
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.runs.run_view import RunView
from busapp.gui.theme import SPACE
from busapp.gui.validation.compare_table import ComparedRun, CompareTable, has_histology, systems_of
from busapp.gui.validation.differences import DifferencesTable, RunDifference
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.warning_frame import WarningFrame, words_label

EVERY_PAIR: Final = "each other, two by two"


@dataclass(frozen=True, slots=True)
class _Comparison:
    runs: list[ComparedRun]
    tests: list[ComparisonTest]


def _compare(runs: Sequence[Run]) -> _Comparison:
    found = compare_runs(runs)
    lettered = zip(ascii_uppercase, runs, found["runs"], strict=False)
    return _Comparison([ComparedRun(*known) for known in lettered], found["tests"])


class CompareView(RunView):
    """Tables of runs and of their differences. A thread resamples, which takes about a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Comparison of runs", parent)
        self._run_ids: list[str] = []
        self._phantoms = False
        self._comparison: _Comparison | None = None
        self._work = Background(self)
        self._work.made.connect(self._on_made)
        self._work.failed.connect(self._say)
        self._lay_out()

    # -- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.paper_box = QCheckBox("&Papers' numbers beside them")
        self.paper_box.setToolTip(
            "Add columns with the published numbers of these systems and networks; those numbers leak, or state no "
            "protocol"
        )
        self.paper_box.toggled.connect(lambda _on: self._show_table())
        self.head.add(self.paper_box)
        self.waiting = EmptyState("")
        self._stack = QStackedLayout()
        self._stack.addWidget(self.waiting)
        self._stack.addWidget(self._make_tables())
        self.column.addLayout(self._stack, 1)

    def _make_tables(self) -> QWidget:
        self.table = CompareTable()
        self.contradictions = WarningFrame()
        self.reference_box = QComboBox()
        self.reference_box.setAccessibleName("Run that the others are held against")
        self.reference_box.currentIndexChanged.connect(lambda _index: self._show_differences())
        label = QLabel("&Differences from")
        label.setBuddy(self.reference_box)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(label)
        row.addWidget(self.reference_box)
        row.addStretch()
        self.sentences = words_label()
        self.cautions = WarningFrame()
        self.differences = DifferencesTable()
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, SPACE, 0, 0)
        column.setSpacing(SPACE)
        column.addLayout(row)
        column.addWidget(_split(Qt.Orientation.Horizontal, "compare-words", (self._make_words(), self.differences)), 1)
        above = QWidget()
        tables = QVBoxLayout(above)
        tables.setContentsMargins(0, 0, 0, 0)
        tables.setSpacing(SPACE)
        tables.addWidget(self.table, 1)
        tables.addWidget(self.contradictions)
        return _split(Qt.Orientation.Vertical, "compare-tables", (above, below))

    def _make_words(self) -> QWidget:
        words = QWidget()
        column = QVBoxLayout(words)
        column.setContentsMargins(0, 0, SPACE, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.sentences)
        column.addWidget(self.cautions)
        column.addStretch()
        area = QScrollArea()
        area.setWidget(words)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setAccessibleName("Differences in words")
        return area

    # -- content -------------------------------------------------------------------------------------------

    @property
    def run_ids(self) -> list[str]:
        """The runs that are compared, the oldest first."""
        return list(self._run_ids)

    def compare(self, workspace: Workspace, run_ids: Sequence[str]) -> None:
        """Compare finished validation runs of a study; the oldest is A."""
        self._run_ids = sorted(run_ids)
        self._phantoms = workspace.phantoms
        self._comparison = None
        self._say(f"Comparing {len(run_ids)} runs…")
        try:
            runs = [workspace.run(run_id) for run_id in self._run_ids]
        except UserError as error:
            self._say(str(error))
            return
        self._work.ask(lambda: _compare(runs))

    def refresh(self, workspace: Workspace) -> None:
        """Show new names of runs; leave the comparison if one of them was deleted."""
        try:
            runs = {run_id: workspace.run(run_id) for run_id in self._run_ids}
        except UserError:
            self.left.emit()
            return
        if self._comparison is not None:
            compared = [replace(run, run=runs[run.run.id]) for run in self._comparison.runs]
            self._show(replace(self._comparison, runs=compared))

    def close_view(self) -> None:
        self._work.ask(None)
        self._run_ids, self._comparison = [], None

    def stop(self) -> None:
        self._work.stop()

    def _say(self, sentence: str) -> None:
        self.heading.clear()
        self.waiting.set_sentence(sentence)
        self.paper_box.setEnabled(False)
        self._stack.setCurrentIndex(0)

    def _on_made(self, found: object) -> None:
        assert isinstance(found, _Comparison)
        self._show(found)

    def _show(self, comparison: _Comparison) -> None:
        self._comparison = comparison
        phantoms = ", of simulated phantoms" if self._phantoms else ""
        self.heading.setText(f"{len(comparison.runs)} runs side by side{phantoms}")
        # Numbers measured on patients are no reference for simulated phantoms.
        self.paper_box.setVisible(not self._phantoms)
        self.paper_box.setEnabled(True)
        names = [*(run.in_words for run in comparison.runs), *([EVERY_PAIR] if len(comparison.runs) > 2 else [])]
        chosen = max(0, self.reference_box.currentIndex())
        self.reference_box.blockSignals(True)
        self.reference_box.clear()
        self.reference_box.addItems(names)
        self.reference_box.setCurrentIndex(chosen if chosen < len(names) else 0)
        self.reference_box.blockSignals(False)
        self._show_table()
        self._show_differences()
        self._stack.setCurrentIndex(1)

    def _show_table(self) -> None:
        if self._comparison is not None:
            with_paper = self.paper_box.isChecked() and not self._phantoms
            self.table.show_runs(self._comparison.runs, with_paper=with_paper)
            systems = systems_of(self._comparison.runs) if with_paper else []
            heading, said = CONTRADICTS, contradictions(systems)
            if with_paper and has_histology(self._comparison.runs):
                heading = "The papers contradict themselves, or leave open:"
                said += histology.contradictions_of_accuracies()
            self.contradictions.show_list(heading, said)

    def _show_differences(self) -> None:
        if self._comparison is None:
            return
        compared = self._run_differences(self._comparison)
        self.sentences.setText("\n\n".join(each.sentence() for each in compared))
        self.sentences.setAccessibleName(self.sentences.text())
        cautions = [caution for each in compared for caution in each.cautions()]
        if len({run.run.info.dataset for run in self._comparison.runs}) > 1:
            cautions.append("The dataset was changed between these runs.")
        if len(compared) > 1:
            cautions.append(
                f"The p-values of {len(compared)} tests are not corrected for their number: one may fall below 0.05 by "
                "chance."
            )
        self.cautions.show_list("Read with care:", cautions)
        self.differences.show_differences(compared)

    def _run_differences(self, comparison: _Comparison) -> list[RunDifference]:
        """Compare every run with the chosen one, or every two runs, the later with the earlier."""
        tests = {frozenset((test["first"], test["second"])): test for test in comparison.tests}
        chosen = self.reference_box.currentIndex()
        if chosen < len(comparison.runs):
            base = comparison.runs[chosen]
            couples = [(base, other) for other in comparison.runs if other is not base]
        else:
            couples = list(combinations(comparison.runs, 2))
        return [RunDifference(base, other, tests[frozenset((base.run.id, other.run.id))]) for base, other in couples]


def _split(orientation: Qt.Orientation, name: str, parts: tuple[QWidget, QWidget]) -> QSplitter:
    """The first part a little larger than the second; the window remembers the sizes by `name`."""
    splitter = QSplitter(orientation)
    splitter.setObjectName(name)
    splitter.setChildrenCollapsible(False)
    for part, share in zip(parts, (4, 3), strict=True):
        splitter.addWidget(part)
        splitter.setStretchFactor(splitter.count() - 1, share)
    splitter.setSizes([4000, 3000] if orientation == Qt.Orientation.Vertical else [2000, 3000])
    return splitter
