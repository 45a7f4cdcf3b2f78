"""The base of the Synthesis and the Validation tab: the same code draws a run that is running or opened again."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from busapp.engine.events import Event, RunStarted
from busapp.engine.settings import SynthesizeSettings, ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.jobs.job_thread import JobOutcome
from busapp.gui.runs.changed_since import ChangedSince
from busapp.gui.runs.run_view import RunView
from busapp.gui.runs.runs_list import RunsList
from busapp.gui.runs.study_tab import StudyTab
from busapp.gui.theme import SPACE
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.panels import SIDE_WIDTH, scrolling, three_panels, vertical
from busapp.gui.widgets.settings_form import SettingsForm

_LEAST_SETTINGS = 110
"""Pixels of the settings' height, so that a low window does not give it to the list of runs."""
_LEAST_PICTURES = 284
"""Pixels of the pictures' width with their scroll bar, so that a narrow window does not give it to the settings."""


class RunTab(StudyTab):
    """A tab that shows one run of its kind. `draw_event` draws the events of the running job and those read from the
    file of an old run. Opening a run does not disturb another one that is running.

    Views (`add_view`) can be shown in place of the run. Esc, opening a run or starting one leads back to the run. A run
    that begins or ends by itself does not close them."""

    kind: ClassVar[str]
    result_width: ClassVar[int] = SIDE_WIDTH
    form: SettingsForm

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run: Run | None = None
        self._running_id: str | None = None
        self.runs_list = RunsList(self.kind)
        self.runs_list.opened.connect(self.open_run)
        self.runs_list.resume_requested.connect(self.resume_requested)
        self.runs_list.changed.connect(self.study_changed)
        self.changed_since = ChangedSince()
        self.empty = EmptyState("")
        self.shown_instead: RunView | None = None
        self._views: list[RunView] = []
        self._page = 0
        self._leave_action = QAction("Back to the run", self)
        self._leave_action.setShortcut(QKeySequence("Esc"))
        self._leave_action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._leave_action.setEnabled(False)
        self._leave_action.triggered.connect(self.leave_view)
        self.addAction(self._leave_action)

    # -- for the subclass ----------------------------------------------------------------------------------

    def clear_run(self) -> None:
        """Show no run."""
        raise NotImplementedError

    def draw_event(self, event: Event) -> None:
        """Draw one event of `self.run`. An event that was drawn before replaces itself."""
        raise NotImplementedError

    def arrange(
        self,
        settings: QWidget,
        start: Sequence[QWidget],
        pictures: Sequence[tuple[QWidget, int]],
        result: QWidget,
    ) -> None:
        """Lay out three panels. Left: the settings, the widgets that start a run, and the past runs. Middle: the
        pictures, each with its share of the height, or a hint if there is no run. Right: the result. The window
        remembers the sizes."""
        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, SPACE)
        column.setSpacing(SPACE)
        area = scrolling(settings)
        area.setMinimumHeight(_LEAST_SETTINGS)
        column.addWidget(area, 1)
        for widget in start:  # always visible, however long the settings are
            column.addWidget(widget)
        left = vertical(f"{self.kind}-settings", [(upper, 3), (self.runs_list, 2)])
        middle = QWidget()
        self._middle = QStackedLayout(middle)
        self._middle.addWidget(self.empty)
        area = scrolling(vertical(f"{self.kind}-pictures", pictures))
        area.setMinimumWidth(_LEAST_PICTURES)
        self._middle.addWidget(area)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.changed_since)
        column.addWidget(result, 1)
        self._right = scrolling(right)
        layout.addWidget(three_panels(self.kind, left, middle, self._right, self.result_width))

    def show_pictures(self, shown: bool) -> None:
        """Show the pictures, or else the sentence that says what to do."""
        self._page = int(shown)
        if self.shown_instead is None:
            self._middle.setCurrentIndex(self._page)

    def offer_weights(self) -> None:
        """Fill in the file of ImageNet weights that the user chose last."""
        self.form.set_values({"weights_file": user_settings.weights_file()})

    def start(self, settings: SynthesizeSettings | ValidateSettings) -> None:
        """Ask for a new run with these settings."""
        if settings.weights_file is not None:
            user_settings.remember_weights(settings.weights_file)
        self.leave_view()
        self.start_requested.emit(settings)

    # -- views ---------------------------------------------------------------------------------------------

    def add_view(self, view: RunView) -> None:
        """Register a view that can be shown in place of the run."""
        self._views.append(view)
        view.left.connect(self.leave_view)
        view.setParent(self)  # or a view that is never shown would outlive the tab
        view.hide()

    def show_instead(self, view: RunView | None) -> None:
        """Show a view in place of the pictures and the result; None shows these again."""
        before, self.shown_instead = self.shown_instead, view
        self._right.setVisible(view is None)
        self._leave_action.setEnabled(view is not None)
        if view is None:
            self._middle.setCurrentIndex(self._page)
        else:
            if self._middle.indexOf(view) < 0:
                self._middle.addWidget(view)
            self._middle.setCurrentWidget(view)
        if before is not None and before is not view:
            before.close_view()
            before.hide()
            self._middle.removeWidget(before)  # or the tab would stay as wide as the view needs

    def leave_view(self) -> None:
        """Show the run again."""
        if self.shown_instead is not None:
            self.show_instead(None)
            self.runs_list.tree.setFocus()

    # -- the study and its runs ----------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        self.leave_view()
        self.run, self._running_id = None, None
        self.changed_since.clear()
        self.clear_run()
        self.runs_list.open_study(workspace)
        self.offer_weights()
        super().open_study(workspace)
        self._open_newest()

    def refresh(self) -> None:
        self.runs_list.refresh()
        if self.run is not None and not self.run.folder.exists():
            self.run = None
            self.changed_since.clear()
            self.clear_run()
            self._open_newest()
        elif self.run is not None and self.workspace is not None:
            self.changed_since.look(self.workspace, self.run)
        if self.shown_instead is not None and self.workspace is not None:
            self.shown_instead.refresh(self.workspace)

    def open_run(self, run_id: str) -> None:
        self.show_instead(None)
        self.load_run(run_id)

    def load_run(self, run_id: str) -> None:
        """Draw a run from its recorded events. A view that is shown in its place stays."""
        assert self.workspace is not None
        try:
            self.run = self.workspace.run(run_id)
        except UserError as error:
            self.problem.emit(str(error), "")
            return
        self.clear_run()
        for event in self.run.events():
            self.draw_event(event)
        self.runs_list.select(run_id)
        self.changed_since.look(self.workspace, self.run)

    def shut_down(self) -> None:
        self.changed_since.stop()
        for view in self._views:
            view.stop()

    def _open_newest(self) -> None:
        assert self.workspace is not None
        for run in self.workspace.runs(self.kind)[:1]:
            self.load_run(run.id)

    # -- the running job -----------------------------------------------------------------------------------

    def follow_run(self, run_id: str) -> None:
        """Show a running run from its beginning, and draw further events as they arrive."""
        self._running_id = run_id
        self.runs_list.refresh()
        self.load_run(run_id)

    def job_event(self, kind: str, event: Event) -> None:
        if kind != self.kind:
            return
        if isinstance(event, RunStarted):
            self.follow_run(event.run)
        elif self.run is not None and self.run.id == self._running_id:
            self.draw_event(event)

    def job_ended(self, kind: str, outcome: JobOutcome) -> None:
        if kind != self.kind:
            return
        ended, self._running_id = self._running_id, None
        if self.run is not None and self.run.id == ended and outcome.state != "finished":
            self.load_run(self.run.id)  # its description now says that it failed or was cancelled
