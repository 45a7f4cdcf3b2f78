"""What leaks are worth on this study: the newest measurement, and the way to a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.estimates import Estimate, estimate
from busapp.engine.reuse import find_runs, is_done
from busapp.engine.runs import Run
from busapp.engine.settings import LeaksSettings
from busapp.engine.words import many
from busapp.engine.workspace import Workspace
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.differences import Difference, p_number, signed
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.widgets.run_view import RunView
from busapp.gui.widgets.warning_frame import WarningFrame, words_label
from busapp.gui.widgets.waterfall import Waterfall, shared_in_words, worth_in_words
from busapp.gui.words import when_in_words
from busapp.summaries import per_cent

WHAT: Final = (
    "A published number may be high because test images leaked into the training. This measures by how much on your "
    "images: the same cross-validation is repeated as published, then with one leak closed after another until nothing "
    "leaks, and with each leak alone."
)
NO_IMAGES: Final = "No images yet. Import a folder in the Dataset tab (Ctrl+1) first."


@dataclass(frozen=True, slots=True)
class _Plan:
    """What measuring would take."""

    needed: int
    present: int
    expected: Estimate | None

    def in_words(self, settings: LeaksSettings) -> str:
        folds = "one hold-out" if settings.system == "existing" else f"{settings.folds} folds"
        words = (
            f"With the settings on the left ({settings.system}, {settings.recipe} recipe, {folds}, "
            f"{many(settings.epochs, 'epoch')}, seed {settings.seed}; the protocol does not matter)"
        )
        if self.present == self.needed:
            return f"{words} the study has all {self.needed} cross-validations: they are only set side by side."
        has = f", of which the study has {self.present}" if self.present else ""
        takes = f"; {self.expected.in_words()}" if self.expected else ""
        return f"{words}: {self.needed} cross-validations{has}{takes}."


def _plan(workspace: Workspace, settings: LeaksSettings) -> _Plan:
    found = find_runs(workspace, settings.validations)
    return _Plan(len(found), sum(map(is_done, found)), estimate(settings, workspace))


class LeaksView(RunView):
    """The newest measurement, or how to measure.

    Signals:
        start_requested: `LeaksSettings`: measure with these.
        resume_requested: the id of a measurement to go on with.
    """

    start_requested = Signal(object)
    resume_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What leaks are worth", parent)
        self._settings: LeaksSettings | None = None
        self._runs: dict[str, Run] = {}
        self._stopped_id = ""
        self._phantoms = False
        self._work = Background(self)
        self._work.made.connect(self._on_plan)
        self._work.failed.connect(lambda sentence: self.plan.setText(sentence))
        self._lay_out()

    # -- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        heading = QLabel("What leaks are worth")
        heading.setProperty("role", "heading")
        self.run_box = QComboBox()
        self.run_box.setAccessibleName("Measurement that is shown")
        self.run_box.currentIndexChanged.connect(lambda _index: self._show_chosen())
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.back_button)
        head.addWidget(heading, 1)
        head.addWidget(self.run_box)
        self.empty = words_label()
        self.empty.setText(WHAT)
        self.result = LeaksResult()
        self.result_area = QScrollArea()
        self.result_area.setWidget(self.result)
        self.result_area.setWidgetResizable(True)
        self.result_area.setFrameShape(QScrollArea.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addLayout(head)
        column.addWidget(self.empty)
        column.addWidget(self.result_area, 1)
        column.addLayout(self._make_foot())
        column.addStretch(0)

    def _make_foot(self) -> QVBoxLayout:
        self.state = words_label("warning")
        self.resume_button = QPushButton("&Resume")
        self.resume_button.clicked.connect(lambda: self.resume_requested.emit(self._stopped_id))
        stopped = QHBoxLayout()
        stopped.setSpacing(SPACE)
        stopped.addWidget(self.state, 1)
        stopped.addWidget(self.resume_button)
        self.plan = words_label("muted")
        self.start_button = QPushButton("&Measure leaks")
        self.start_button.clicked.connect(self._start)
        start = QHBoxLayout()
        start.setSpacing(SPACE)
        start.addWidget(self.plan, 1)
        start.addWidget(self.start_button)
        foot = QVBoxLayout()
        foot.setSpacing(SPACE)
        foot.addLayout(stopped)
        foot.addLayout(start)
        return foot

    # -- content -------------------------------------------------------------------------------------------

    def look(self, workspace: Workspace, settings: LeaksSettings | None) -> None:
        """Look at the study's measurements again, and at what a new one would take with these settings (None: those
        in the form are not valid)."""
        self._phantoms = workspace.phantoms
        runs = workspace.runs("leaks")
        chosen = self.run_box.currentData()
        self._runs = {run.id: run for run in runs if run.info.state == "finished" and run.result() is not None}
        self.run_box.blockSignals(True)
        self.run_box.clear()
        for run in self._runs.values():
            self.run_box.addItem(f"{run.info.name}, {when_in_words(run.info.created)}", run.id)
        self.run_box.setCurrentIndex(max(0, self.run_box.findData(chosen)) if self._runs else -1)
        self.run_box.blockSignals(False)
        self.run_box.setVisible(bool(self._runs))
        self._show_chosen()
        self._tell_state(runs[0] if runs else None)
        self.plan_for(workspace, settings)

    def plan_for(self, workspace: Workspace, settings: LeaksSettings | None) -> None:
        """Say what a measurement with these settings would take."""
        self._settings = settings
        has_images = bool(workspace.catalog.counts())
        self.start_button.setEnabled(settings is not None and has_images)
        if settings is None or not has_images:
            self._work.ask(None)
            self.plan.setText("Estimate: after the marked field is mended." if has_images else NO_IMAGES)
        else:
            self.plan.setText("Estimating…")
            self._work.ask(lambda: (_plan(workspace, settings), settings))

    def show_run(self, run_id: str) -> None:
        """Show one of the measurements."""
        self.run_box.setCurrentIndex(max(0, self.run_box.findData(run_id)))

    def stop(self) -> None:
        self._work.stop()

    def _on_plan(self, found: object) -> None:
        assert isinstance(found, tuple)
        plan, settings = found
        self.plan.setText(plan.in_words(settings))

    def _show_chosen(self) -> None:
        run = self._runs.get(self.run_box.currentData() or "")
        self.empty.setVisible(run is None)
        self.result_area.setVisible(run is not None)
        self.start_button.setText("&Measure leaks" if run is None else "&Measure again")
        if run is not None:
            self.result.show_result(run.result() or {}, phantoms=self._phantoms)

    def _tell_state(self, newest: Run | None) -> None:
        """What became of a measurement that has no result."""
        info = newest.info if newest else None
        words = ""
        if info is not None and info.state == "running":
            words = "A measurement is at work: the bar at the bottom of the window says how far it is."
        elif info is not None and info.state != "finished":
            words = f"The measurement of {when_in_words(info.created)} did not come to its end"
            words += f": {info.error}" if info.error else ". The runs that it finished are kept."
        self._stopped_id = newest.id if newest is not None and newest.can_resume else ""
        self.state.setText(words)
        self.state.setVisible(bool(words))
        self.resume_button.setVisible(bool(self._stopped_id))

    def _start(self) -> None:
        if self._settings is not None:
            self.start_requested.emit(self._settings)


class LeaksResult(QWidget):
    """A finished measurement: the sentence, the waterfall, and each leak by itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = words_label("heading")
        self.circumstances = words_label("muted")
        self.waterfall = Waterfall()
        alone = words_label("heading")
        alone.setText("Each leak alone, on top of strict")
        self.alone = NumbersTable("Each leak alone")
        self.notes = WarningFrame()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        for widget in (self.sentence, self.circumstances, self.waterfall, alone, self.alone, self.notes):
            column.addWidget(widget)
        column.addStretch()

    def show_result(self, result: Mapping[str, Any], *, phantoms: bool) -> None:
        """Show the result of a `leaks` run (`engine.leaks.measure_leaks`). `phantoms`: its images are simulated."""
        steps = result["steps"]
        first, last = steps[0], steps[-1]
        worth = 100 * (first["accuracy"] - last["accuracy"])
        self.sentence.setText(
            f"⚠ Published {per_cent(first['accuracy'], first['accuracy_ci95'])}, strict "
            f"{per_cent(last['accuracy'], last['accuracy_ci95'])}: leaks are worth {signed(worth)} points of accuracy "
            "here."
        )
        folds = "one hold-out" if result["folds"] == 1 else f"{result['folds']} folds"
        self.circumstances.setText(
            f"{result['system']}, {result['recipe']} recipe, {folds}, {many(result['epochs'], 'epoch')}, seed "
            f"{result['seed']}. Published: {_images(first)}; strict: {_images(last)}"
            f"{'; all simulated phantoms' if phantoms else ''}. In brackets 95 % intervals, by bootstrap over groups. "
            f"Trained on {' and '.join(result['devices'])}."
        )
        self.waterfall.show_steps(steps)
        self.alone.show_cells(
            ["Leak", "Accuracy in % (95 % interval)", "Added to strict (95 % interval)", "p-value", "Images", "Groups"],
            [_alone(entry) for entry in result["alone"]],
        )
        bar = self.alone.horizontalScrollBar().sizeHint().height()  # in a narrow window it must not hide a row
        self.alone.setFixedHeight(self.alone.sizeHint().height() + bar)
        self.notes.show_list("Read with care:", _notes(result))


def _images(entry: Mapping[str, Any]) -> str:
    return f"{entry['n_images']:,} images in {entry['n_groups']:,} groups"


def _alone(entry: Mapping[str, Any]) -> list[Cell]:
    interval = entry["accuracy_ci95"]
    shared = None
    if entry["paired_difference"] is not None:
        shared = Difference.of(entry["paired_difference"], entry["paired_ci95"], turned=False)
    accuracy = f"⚠ {per_cent(entry['accuracy'], interval)}"
    low, high = (100 * interval[0], 100 * interval[1]) if interval else (None, None)
    p_value = entry["p_value"]
    return [
        text(entry["label"]),
        Cell(accuracy.replace(" %", ""), 100 * entry["accuracy"], low, high, "This number leaks", warns=True),
        Cell(
            worth_in_words(entry),
            100 * entry["difference"],
            shared.low if shared else None,
            shared.high if shared else None,
            shared_in_words(entry),
        ),
        Cell("–" if p_value is None else p_number(p_value), p_value),
        Cell(f"{entry['n_images']:,}", entry["n_images"]),
        Cell(f"{entry['n_groups']:,}", entry["n_groups"]),
    ]


def _notes(result: Mapping[str, Any]) -> list[str]:
    """What the numbers do not say by themselves."""
    entries: Sequence[Mapping[str, Any]] = [*result["steps"][1:], *result["alone"]]
    notes = ["Leaks overlap: what one is worth depends on which others are open, so that alone they do not add up."]
    if any(entry["same_folds"] is False for entry in entries):
        notes.append("Where a leak is closed by dividing the images anew, the luck of the split is part of the step.")
    if any(entry["n_common"] not in (None, entry["n_images"]) for entry in entries):
        notes.append("Strict sets conflicting duplicates aside; intervals are of the images that both runs tested.")
    picked = result["picked_epoch"].get(result["strict"])
    if picked is not None and f"{100 * picked:.1f}" != "0.0":
        notes.append(
            "A leak that is no switch: had every fold reported the epoch that did best on its test images, strict "
            f"would read {100 * picked:.1f} points higher."
        )
    return notes
