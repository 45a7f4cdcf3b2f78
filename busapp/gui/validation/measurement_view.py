"""A view for a measurement by several cross-validations: results, and a form that starts a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from busapp.engine.estimates import estimate
from busapp.engine.settings import SeriesSettings
from busapp.engine.speeds import Estimate
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.needed import needed_validations
from busapp.engine.validation.reuse import find_runs, is_done
from busapp.gui import user_settings
from busapp.gui.runs.run_view import RunView
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.settings_form import SettingsForm
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import when_in_words

NO_IMAGES = "No images yet. Import a folder in the Dataset tab (Ctrl+1) first."
INVALID = "Estimate: correct the marked field first."


@dataclass(frozen=True, slots=True)
class _Plan:
    """The work for a measurement. `skipped` cross-validations would add no images."""

    needed: int
    present: int
    skipped: int
    expected: Estimate | None

    def in_words(self, settings_in_words: str) -> str:
        words = f"With the settings on the left ({settings_in_words})"
        skipped = " All classes are equally large, so those with synthetic images are skipped." if self.skipped else ""
        if self.present == self.needed:
            has_all = f"the study has all {self.needed} cross-validations"
            return f"{words}, {has_all}: they only need to be compared.{skipped}"
        has = f" ({self.present} of them already in the study)" if self.present else ""
        takes = f"; {self.expected.in_words()}" if self.expected else ""
        return f"{words}, this takes {self.needed} cross-validations{has}{takes}.{skipped}"


def _plan(workspace: Workspace, settings: SeriesSettings) -> _Plan:
    found = find_runs(workspace, needed_validations(workspace, settings))
    skipped = len(settings.validations) - len(found)
    return _Plan(len(found), sum(map(is_done, found)), skipped, estimate(settings, workspace))


class MeasurementPanel(QWidget):
    """The numbers of a finished measurement."""

    def show_result(self, result: Mapping[str, Any], *, phantoms: bool) -> None:
        """Show the result of a run. `phantoms`: its images are simulated."""
        raise NotImplementedError


ResultWidget = TypeVar("ResultWidget", bound=MeasurementPanel)


class MeasurementView(RunView, Generic[ResultWidget]):
    """A finished measurement, at first the newest, or how to measure.

    Signals:
        start_requested: `SeriesSettings` to measure with.
        resume_requested: the id of a measurement to resume.
    """

    start_requested = Signal(object)
    resume_requested = Signal(str)

    settings_type: ClassVar[type[SeriesSettings]]
    title: ClassVar[str]
    what: ClassVar[str]
    """Text before the first measurement: what is measured, and how."""
    measure: ClassVar[str]
    """Text of the button: `&Measure leaks`."""

    def __init__(self, result: ResultWidget, form: SettingsForm, parent: QWidget | None = None) -> None:
        """`form` has the fields of `settings_type`, and others."""
        super().__init__(self.title, parent)
        self._workspace: Workspace | None = None
        self._settings: SeriesSettings | None = None
        self._form = form
        self._form.changed.connect(self._plan_new)
        self._runs: dict[str, Run] = {}
        self._stopped_id = ""
        self._phantoms = False
        self._work = Background(self)
        self._work.made.connect(self._on_plan)
        self._work.failed.connect(lambda sentence: self.plan.setText(sentence))
        self.result = result
        self._lay_out()

    # -- for the subclass ----------------------------------------------------------------------------------

    def settings_in_words(self, settings: SeriesSettings) -> str:
        """Return the settings that matter for this measurement, in words."""
        raise NotImplementedError

    def adapted(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of the form as this measurement can use them; missing fields have their defaults."""
        return values

    def obstacle(self, workspace: Workspace, settings: SeriesSettings) -> str:
        """Return why the study cannot be measured; empty if it can. Called in a thread."""
        return ""

    # -- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.heading.setText(self.title)
        self.run_box = QComboBox()
        self.run_box.setAccessibleName("Measurement that is shown")
        self.run_box.currentIndexChanged.connect(lambda _index: self._show_chosen())
        self.head.add(self.run_box)
        self.empty = words_label()
        self.empty.setText(self.what)
        self.result_area = QScrollArea()
        self.result_area.setWidget(self.result)
        self.result_area.setWidgetResizable(True)
        self.result_area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.column.addWidget(self.empty)
        self.column.addWidget(self.result_area, 1)
        self.column.addLayout(self._make_foot())
        self.column.addStretch(0)

    def _make_foot(self) -> QVBoxLayout:
        self.state = words_label("warning")
        self.resume_button = QPushButton("&Resume")
        self.resume_button.clicked.connect(lambda: self.resume_requested.emit(self._stopped_id))
        stopped = QHBoxLayout()
        stopped.setSpacing(SPACE)
        stopped.addWidget(self.state, 1)
        stopped.addWidget(self.resume_button)
        self.plan = words_label("muted")
        self.start_button = QPushButton(self.measure)
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

    def refresh(self, workspace: Workspace) -> None:
        """Read the study's measurements again, and estimate a new one."""
        self._workspace, self._phantoms = workspace, workspace.phantoms
        runs = workspace.runs(self.settings_type.kind)
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
        self._show_state(runs[0] if runs else None)
        self._plan_new()

    def close_view(self) -> None:
        self._work.ask(None)
        self._workspace = None

    def _settings_in_form(self) -> SeriesSettings | str:
        """Settings for a new measurement, or a sentence that says why there are none."""
        try:
            values = self.adapted(self._form.settings().model_dump())
        except ValidationError:
            return INVALID
        fields = self.settings_type.model_fields
        try:
            return self.settings_type.model_validate({name: values[name] for name in values if name in fields})
        except ValidationError as error:  # the form allows more than this measurement
            first = error.errors()[0]
            title = fields[str(first["loc"][0])].title
            return f"{title} does not fit this measurement: {first['msg'].removeprefix('Value error, ')}."

    def _plan_new(self) -> None:
        """Show how much work a measurement with the settings in the form takes."""
        workspace = self._workspace
        if workspace is None:
            return
        settings = self._settings_in_form()
        self._settings = None if isinstance(settings, str) else settings
        has_images = bool(workspace.catalog.counts())
        self.start_button.setEnabled(self._settings is not None and has_images)
        if isinstance(settings, str) or not has_images:
            self._work.ask(None)
            self.plan.setText(str(settings) if has_images else NO_IMAGES)
        else:
            self.plan.setText("Estimating…")
            self._work.ask(lambda: self.obstacle(workspace, settings) or _plan(workspace, settings))

    def show_run(self, run_id: str) -> None:
        """Show one of the measurements."""
        self.run_box.setCurrentIndex(max(0, self.run_box.findData(run_id)))

    def stop(self) -> None:
        """Wait for the estimate."""
        self._work.stop()

    def _on_plan(self, found: object) -> None:
        if isinstance(found, _Plan) and self._settings is not None:
            self.plan.setText(found.in_words(self.settings_in_words(self._settings)))
        else:
            self.plan.setText(str(found))
            self.start_button.setEnabled(False)

    def _show_chosen(self) -> None:
        run = self._runs.get(self.run_box.currentData() or "")
        self.empty.setVisible(run is None)
        self.result_area.setVisible(run is not None)
        self.start_button.setText(self.measure if run is None else "&Measure again")
        if run is not None:
            self.result.show_result(run.result() or {}, phantoms=self._phantoms)

    def _show_state(self, newest: Run | None) -> None:
        """Show why the newest measurement has no result, and offer to resume it."""
        info = newest.info if newest else None
        words = ""
        if info is not None and info.state == "running":
            words = "A measurement is running. The bar at the bottom of the window shows its progress."
        elif info is not None and info.state != "finished":
            words = f"The measurement of {when_in_words(info.created)} did not finish"
            words += f": {info.error}" if info.error else ". The runs that it finished are kept."
        self._stopped_id = newest.id if newest is not None and newest.can_resume else ""
        self.state.setText(words)
        self.state.setVisible(bool(words))
        self.resume_button.setVisible(bool(self._stopped_id))

    def _start(self) -> None:
        if self._settings is None:
            return
        if self._settings.weights_file is not None:
            user_settings.remember_weights(self._settings.weights_file)
        self.start_requested.emit(self._settings)
