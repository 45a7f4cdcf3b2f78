"""What a tab of cross-validations can show in the place of one run: several side by side, what leaks are worth, and
what synthetic images are."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from PySide6.QtWidgets import QPushButton, QWidget

from busapp.engine.events import Event, Note, RunStarted
from busapp.engine.settings import SeriesSettings
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.runs.run_tab import RunTab
from busapp.gui.validation.compare_view import CompareView
from busapp.gui.validation.gain_view import GainView
from busapp.gui.validation.leaks_view import LeaksView
from busapp.gui.validation.measurement_view import MeasurementView


class ComparedTab(RunTab):
    """Runs that are selected in the list can be compared; `leaks_button` shows what leaks are worth, `gain_button` what
    synthetic images are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.compare_view = CompareView()
        self.leaks_view = LeaksView()
        self.gain_view = GainView()
        self.measurements: dict[str, MeasurementView[Any]] = {"leaks": self.leaks_view, "gain": self.gain_view}
        for view in self.measurements.values():
            view.start_requested.connect(self._measure)
            view.resume_requested.connect(self.resume_requested)
        self.runs_list.compare_requested.connect(self.compare)
        for each in (self.compare_view, *self.measurements.values()):
            self.add_view(each)
        self.leaks_button = QPushButton("What &leaks are worth…")
        self.leaks_button.setToolTip("Measure by how much each leak of the published protocol raises the accuracy here")
        self.leaks_button.clicked.connect(self.show_leaks)
        self.gain_button = QPushButton("What synthetic images are &worth…")
        self.gain_button.setToolTip(
            "Measure what the generator's images do for the classifier, beside plain augmentation"
        )
        self.gain_button.clicked.connect(self.show_gain)

    def arrange(
        self,
        settings: QWidget,
        start: Sequence[QWidget],
        pictures: Sequence[tuple[QWidget, int]],
        result: QWidget,
    ) -> None:
        super().arrange(settings, [*start, self.leaks_button, self.gain_button], pictures, result)
        self.form.changed.connect(self._plan_measurement)

    # -- views ---------------------------------------------------------------------------------------------

    def compare(self, run_ids: Sequence[str]) -> None:
        """Show finished runs side by side."""
        assert self.workspace is not None
        self.show_instead(self.compare_view)
        self.compare_view.compare(self.workspace, run_ids)
        self.compare_view.back_button.setFocus()

    def show_leaks(self) -> None:
        """Show what leaks are worth, or how to measure it."""
        self._show_measurement(self.leaks_view)

    def show_gain(self) -> None:
        """Show what synthetic images are worth, or how to measure it."""
        self._show_measurement(self.gain_view)

    def _show_measurement(self, view: MeasurementView[Any]) -> None:
        self.show_instead(view)
        self._look_at_measurement()
        view.back_button.setFocus()

    def _settings_of(self, view: MeasurementView[Any]) -> SeriesSettings | None:
        try:
            values = self.form.settings().model_dump()
        except ValidationError:
            return None
        return view.settings_type.model_validate({name: values[name] for name in view.settings_type.model_fields})

    def _look_at_measurement(self) -> None:
        """Look again at the measurements of the kind that is shown."""
        view = self.shown_instead
        if self.workspace is not None and isinstance(view, MeasurementView):
            view.look(self.workspace, self._settings_of(view))

    def _plan_measurement(self) -> None:
        view = self.shown_instead
        if self.workspace is not None and isinstance(view, MeasurementView):
            view.plan_for(self.workspace, self._settings_of(view))

    def _measure(self, settings: SeriesSettings) -> None:
        if settings.weights_file is not None:
            user_settings.remember_weights(settings.weights_file)
        self.start_requested.emit(settings)

    # -- the study, its runs and the job at work -----------------------------------------------------------

    def refresh(self) -> None:
        super().refresh()
        self._look_at_measurement()

    def open_run(self, run_id: str) -> None:
        measured = self.measurements.get(self._kind_of(run_id))
        if measured is not None:
            self._show_measurement(measured)
            measured.show_run(run_id)
        else:
            super().open_run(run_id)

    def follow_run(self, run_id: str) -> None:
        if self._kind_of(run_id) in self.measurements:
            self._look_at_measurement()
        else:
            super().follow_run(run_id)

    def _kind_of(self, run_id: str) -> str:
        """What a run is of; empty where it is gone."""
        assert self.workspace is not None
        try:
            return self.workspace.run(run_id).info.kind
        except UserError:
            return ""

    def job_event(self, kind: str, event: Event) -> None:
        super().job_event(kind, event)
        if kind not in self.measurements:
            return
        if isinstance(event, RunStarted):
            self._look_at_measurement()
        elif isinstance(event, Note):  # one of its runs begins; the one before it is finished then
            self.runs_list.refresh()
