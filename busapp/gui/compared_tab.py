"""What a tab of cross-validations can show in the place of one run: several side by side, and what leaks are worth."""

from collections.abc import Sequence

from pydantic import ValidationError
from PySide6.QtWidgets import QPushButton, QWidget

from busapp.engine.events import Event, Note, RunStarted
from busapp.engine.settings import LeaksSettings
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.run_tab import RunTab
from busapp.gui.widgets.compare_view import CompareView
from busapp.gui.widgets.leaks_view import LeaksView


class ComparedTab(RunTab):
    """Runs that are selected in the list can be compared; `leaks_button` shows what leaks are worth."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.compare_view = CompareView()
        self.leaks_view = LeaksView()
        self.leaks_view.start_requested.connect(self._measure_leaks)
        self.leaks_view.resume_requested.connect(self.resume_requested)
        self.runs_list.compare_requested.connect(self.compare)
        for view in (self.compare_view, self.leaks_view):
            self.add_view(view)
        self.leaks_button = QPushButton("What &leaks are worth…")
        self.leaks_button.setToolTip("Measure by how much each leak of the published protocol raises the accuracy here")
        self.leaks_button.clicked.connect(self.show_leaks)

    def arrange(
        self,
        settings: QWidget,
        start: Sequence[QWidget],
        pictures: Sequence[tuple[QWidget, int]],
        result: QWidget,
    ) -> None:
        super().arrange(settings, [*start, self.leaks_button], pictures, result)
        self.form.changed.connect(self._plan_leaks)

    # -- views ---------------------------------------------------------------------------------------------

    def compare(self, run_ids: Sequence[str]) -> None:
        """Show finished runs side by side."""
        assert self.workspace is not None
        self.show_instead(self.compare_view)
        self.compare_view.compare(self.workspace, run_ids)
        self.compare_view.back_button.setFocus()

    def show_leaks(self) -> None:
        """Show what leaks are worth, or how to measure it."""
        self.show_instead(self.leaks_view)
        self._look_at_leaks()
        self.leaks_view.back_button.setFocus()

    def _leaks_settings(self) -> LeaksSettings | None:
        try:
            values = self.form.settings().model_dump()
        except ValidationError:
            return None
        return LeaksSettings.model_validate({name: values[name] for name in LeaksSettings.model_fields})

    def _look_at_leaks(self) -> None:
        if self.workspace is not None and self.shown_instead is self.leaks_view:
            self.leaks_view.look(self.workspace, self._leaks_settings())

    def _plan_leaks(self) -> None:
        if self.workspace is not None and self.shown_instead is self.leaks_view:
            self.leaks_view.plan_for(self.workspace, self._leaks_settings())

    def _measure_leaks(self, settings: LeaksSettings) -> None:
        if settings.weights_file is not None:
            user_settings.remember_weights(settings.weights_file)
        self.start_requested.emit(settings)

    # -- the study, its runs and the job at work -----------------------------------------------------------

    def refresh(self) -> None:
        super().refresh()
        self._look_at_leaks()

    def open_run(self, run_id: str) -> None:
        if self._is_of_leaks(run_id):
            self.show_leaks()
            self.leaks_view.show_run(run_id)
        else:
            super().open_run(run_id)

    def follow_run(self, run_id: str) -> None:
        if self._is_of_leaks(run_id):
            self._look_at_leaks()
        else:
            super().follow_run(run_id)

    def _is_of_leaks(self, run_id: str) -> bool:
        assert self.workspace is not None
        try:
            return self.workspace.run(run_id).info.kind == "leaks"
        except UserError:
            return False

    def job_event(self, kind: str, event: Event) -> None:
        super().job_event(kind, event)
        if kind != "leaks":
            return
        if isinstance(event, RunStarted):
            self._look_at_leaks()
        elif isinstance(event, Note):  # one of its runs begins; the one before it is finished then
            self.runs_list.refresh()
