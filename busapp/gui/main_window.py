"""The window: four tabs in the order of the work, one job bar, menus, and an orderly shut-down."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from busapp import paths
from busapp.engine.events import Event, Job
from busapp.engine.settings import JobSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.dataset.history_actions import DatasetHistory
from busapp.gui.dataset.tab import DatasetTab
from busapp.gui.diagnosis.tab import DiagnosisTab
from busapp.gui.help import About, Guide, self_test
from busapp.gui.jobs.job_bar import JobBar
from busapp.gui.jobs.job_queue import JobQueue, QueuedJob
from busapp.gui.jobs.job_thread import JobOutcome
from busapp.gui.machine import graphics, processor
from busapp.gui.resume_offers import ResumeOffers
from busapp.gui.runs.run_tab import RunTab
from busapp.gui.runs.study_tab import StudyTab
from busapp.gui.study_outputs import StudyOutputs
from busapp.gui.synthesis.tab import SynthesisTab
from busapp.gui.table_menu import TableMenu
from busapp.gui.theme import SPACE
from busapp.gui.validation.tab import ValidationTab
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.message_strip import MessageStrip
from busapp.gui.widgets.panels import resize_within_screen


class _Page(QWidget):
    """A tab with its strip of messages above it."""

    def __init__(self, tab: StudyTab) -> None:
        super().__init__()
        self.tab = tab
        self.strip = MessageStrip()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(tab, 1)


class MainWindow(QMainWindow):
    """Owns the open study, the jobs and the tabs."""

    def __init__(self, workspace: Workspace | None = None) -> None:
        super().__init__()
        self.workspace: Workspace | None = None
        self.queue = JobQueue(self)
        self.dataset = DatasetTab()
        self.synthesis = SynthesisTab()
        self.validation = ValidationTab()
        self.diagnosis = DiagnosisTab()
        self.study_tabs: dict[str, StudyTab] = {
            "Dataset": self.dataset,
            "Synthesis": self.synthesis,
            "Validation": self.validation,
            "Diagnosis": self.diagnosis,
        }
        self._guide: Guide | None = None
        self._is_closing = False
        self._offers = ResumeOffers(lambda kind: self._page_of(kind).strip, self)
        self._refresh_later = QTimer(self, singleShot=True, interval=0)
        self._refresh_later.timeout.connect(self._refresh)
        self._lay_out()
        self._make_menus()
        self._make_status_line()
        self._connect()
        if not user_settings.restore_layout(self):
            resize_within_screen(self, 1280, 800)
        if workspace is not None:
            self.open_study(workspace)
        else:
            self._show_title()

    # -- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for widget in (self.tabs, self.tabs.tabBar()):
            widget.setAccessibleName("Dataset, Synthesis, Validation, Diagnosis")
        self.pages = [_Page(tab) for tab in self.study_tabs.values()]
        self._page_of_kind = {kind: page for page in self.pages for kind in page.tab.job_kinds}
        for name, page in zip(self.study_tabs, self.pages, strict=True):
            self.tabs.addTab(page, name)
        self.no_study = EmptyState("No study is open. Create a new one, or open one.", "New study…", "Open a study…")
        self.no_study.clicked.connect(self._new_study)
        self.no_study.second_clicked.connect(self._choose_study)
        self.strip = MessageStrip()
        self.job_bar = JobBar(self.queue)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.no_study)
        self._stack.addWidget(self.tabs)
        central = QWidget()
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(self._stack, 1)
        column.addWidget(self.job_bar)
        self.setCentralWidget(central)

    def _make_menus(self) -> None:
        study = self.menuBar().addMenu("&File")
        self._add(study, "&New study…", self._new_study, QKeySequence(QKeySequence.StandardKey.New))
        self._add(study, "&Open study…", self._choose_study, QKeySequence(QKeySequence.StandardKey.Open))
        self.recent_menu = study.addMenu("&Recent studies")
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        self._add(study, "Open the &sample study", self._open_sample)
        study.addSeparator()
        self.outputs = StudyOutputs(self, self.queue)
        self.outputs.fill(study)
        study.addMenu(TableMenu(self))
        study.addSeparator()
        self._add(study, "&Quit", self.close, QKeySequence("Ctrl+Q"))
        edit = self.menuBar().addMenu("&Edit")
        self.history = DatasetHistory(self)
        self.history.fill(edit)
        view = self.menuBar().addMenu("&View")
        for index, name in enumerate(self.study_tabs):
            show = lambda _checked=False, index=index: self.tabs.setCurrentIndex(index)  # noqa: E731
            self._add(view, f"&{name}", show, QKeySequence(f"Ctrl+{index + 1}"))
        help_menu = self.menuBar().addMenu("&Help")
        self._add(help_menu, "&Guide", self._open_guide, QKeySequence("F1"))
        self._add(help_menu, "&Self-test", self._test_itself)
        self._add(help_menu, "&Log folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.log_dir()))))
        self._add(help_menu, "&About busapp", lambda: _open(About(self)))

    def _add(self, menu: QMenu, text: str, slot: Callable[..., object], keys: QKeySequence | None = None) -> QAction:
        action = QAction(text, self)
        if keys is not None:
            action.setShortcut(keys)
        action.triggered.connect(slot)
        menu.addAction(action)
        return action

    def _make_status_line(self) -> None:
        self.device_label = QLabel(" · ".join(filter(None, (processor(), graphics()))))
        self.path_label = QLabel()
        self.path_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        notice = QLabel(RESEARCH_USE)
        for label in (self.path_label, self.device_label):
            label.setProperty("role", "muted")
        for label in (self.path_label, self.device_label, notice):
            label.setContentsMargins(SPACE, 0, SPACE, 0)
            self.statusBar().addPermanentWidget(label)

    def _connect(self) -> None:
        for page in self.pages:
            page.tab.start_requested.connect(self._start)
            page.tab.resume_requested.connect(self._resume)
            page.tab.study_changed.connect(self._refresh_later.start)
            page.tab.problem.connect(page.strip.add)
            page.tab.diagnosis_requested.connect(self._diagnose_with)
        self.dataset.sample_requested.connect(self._open_sample)
        self.history.changed.connect(self._refresh)
        self.queue.event_arrived.connect(self._on_event)
        self.queue.ended.connect(self._on_ended)
        self.validation.figures_requested.connect(self.outputs.write_figures_of)
        self.validation.app_requested.connect(self.outputs.write_app_folder_of)
        self.synthesis.generator_requested.connect(self.outputs.write_generator_of)
        self.synthesis.worth_requested.connect(self._show_worth)
        self.job_bar.result_requested.connect(self._show_result)
        self._offers.accepted.connect(self._resume)

    # -- the study -----------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        """Show another study in all tabs. A job of the previous study continues."""
        former, self.workspace = self.workspace, workspace
        self.strip.clear()
        for page in self.pages:
            page.strip.clear()
            page.tab.open_study(workspace)
        self.history.open_study(workspace)
        self.outputs.open_study(workspace)
        self.job_bar.open_study(workspace.root)
        self._follow_running_job()
        if former is not None and former is not workspace:
            former.close()
        user_settings.remember_study(workspace.root)
        self._show_title()
        self._offers.open_study(workspace)

    def tell(self, sentence: str, details: str = "") -> None:
        """Show a message above the tabs."""
        self.strip.add(sentence, details)

    def _show_title(self) -> None:
        workspace = self.workspace
        self._stack.setCurrentWidget(self.tabs if workspace else self.no_study)
        if workspace is None:
            self.setWindowTitle("busapp")
            return
        phantoms = " (simulated phantoms)" if workspace.phantoms else ""
        self.setWindowTitle(f"{workspace.name}{phantoms} — busapp")
        self.path_label.setToolTip(str(workspace.root))
        self._show_path()

    def _show_path(self) -> None:
        if self.workspace is not None:
            metrics = self.path_label.fontMetrics()
            room = max(120, self.width() // 3)
            path = metrics.elidedText(str(self.workspace.root), Qt.TextElideMode.ElideMiddle, room)
            self.path_label.setText(path)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_path()

    def _open_folder(self, root: Path, opener: Callable[[Path], Workspace]) -> None:
        try:
            self.open_study(opener(root))
        except UserError as error:
            self.tell(str(error))

    def _new_study(self) -> None:
        start = user_settings.last_folder() / "new study"
        name, _ = QFileDialog.getSaveFileName(self, "New study: name its folder", str(start))
        if name:
            user_settings.remember_folder(Path(name).parent)
            self._open_folder(Path(name), Workspace.create)

    def _choose_study(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a study", str(user_settings.last_folder()))
        if name:
            user_settings.remember_folder(Path(name).parent)
            self._open_folder(Path(name), Workspace.open)

    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        for root in user_settings.recent_studies():
            action = self.recent_menu.addAction(str(root))
            action.triggered.connect(lambda _checked=False, root=root: self._open_folder(root, Workspace.open))
        if self.recent_menu.isEmpty():
            self.recent_menu.addAction("None yet").setEnabled(False)

    def _open_sample(self) -> None:
        """Open the sample study. A job makes it first if it does not exist yet."""
        folder = paths.user_data_dir() / "sample study"
        self.queue.add(QueuedJob("demo", "Sample study", lambda: _make_sample(folder)))

    def _refresh(self) -> None:
        if self.workspace is not None:
            for page in self.pages:
                page.tab.refresh()
            self._offers.refresh(self.workspace)

    # -- jobs ----------------------------------------------------------------------------------------------

    def _page_of(self, kind: str) -> _Page:
        return self._page_of_kind[kind]

    def _start(self, settings: JobSettings) -> None:
        if self.workspace is not None:
            self.queue.start(self.workspace, settings)

    def _resume(self, run_id: str) -> None:
        assert self.workspace is not None
        try:
            self.queue.resume(self.workspace, run_id)
        except UserError as error:
            self.tell(str(error))
        self._offers.withdraw(run_id)

    def _is_of_open_study(self, job: QueuedJob) -> bool:
        return self.workspace is not None and job.study == self.workspace.root

    def _follow_running_job(self) -> None:
        """If the running job belongs to the opened study, let its tab follow the job again."""
        job = self.queue.current
        if job is not None and job.run_id and self._is_of_open_study(job):
            tab = self._page_of(job.kind).tab
            if isinstance(tab, RunTab):
                tab.follow_run(job.run_id)

    def _on_event(self, job: QueuedJob, event: Event) -> None:
        if self._is_of_open_study(job):
            for page in self.pages:
                page.tab.job_event(job.kind, event)

    def _on_ended(self, job: QueuedJob, outcome: JobOutcome) -> None:
        if self._is_of_open_study(job):
            for page in self.pages:
                page.tab.job_ended(job.kind, outcome)
            self._refresh()
        elif job.kind == "demo" and outcome.state == "finished" and not self._is_closing:
            self._open_folder(Path(outcome.result["workspace"]), Workspace.open)
        if self._is_closing:
            self.close()

    def _show_result(self, job: QueuedJob) -> None:
        """Show the result of a job in its own study, which is opened first if another one is open."""
        if self.outputs.show(job):
            return
        if job.study is not None and not self._is_of_open_study(job):
            self._open_folder(job.study, Workspace.open)
            if not self._is_of_open_study(job):
                return
        page = self._page_of(job.kind)
        self.tabs.setCurrentWidget(page)
        if job.run_id:
            page.tab.open_run(job.run_id)

    def _show_worth(self) -> None:
        """Open the view in the Validation tab that measures what synthetic images do for the classifier. It uses the
        settings of that tab."""
        self.tabs.setCurrentWidget(self._page_of("gain"))
        self.validation.show_measurement("gain")

    def _diagnose_with(self, model: Path) -> None:
        self.tabs.setCurrentWidget(self._page_of("diagnose"))
        self.diagnosis.open_model(model)

    # -- help and the end ----------------------------------------------------------------------------------

    def _test_itself(self) -> None:
        self.queue.add(QueuedJob("selftest", "Self-test", self_test, has_result=False))

    def _open_guide(self) -> None:
        if self._guide is None:
            self._guide = Guide(self)
        self._guide.open_at(self.tabs.tabText(self.tabs.currentIndex()).lower())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the window. If a job is running, ask first, stop the job, and close once it has cleaned up."""
        job = self.queue.current
        if job is not None:
            event.ignore()
            if not self._is_closing and self._agrees_to_stop(job):
                self._is_closing = True
                self.setEnabled(False)
                self.queue.clear()
                self.job_bar.cancel()
                if self.queue.current is None:  # it ended while the question was open
                    self.close()
            return
        user_settings.save_layout(self)
        for page in self.pages:
            page.tab.shut_down()
        if self.workspace is not None:
            self.workspace.close()
        super().closeEvent(event)

    def _agrees_to_stop(self, job: QueuedJob) -> bool:
        question = QMessageBox(QMessageBox.Icon.Question, "Close busapp?", f"“{job.title}” is running.", parent=self)
        question.setInformativeText(f"Closing stops it. {self.job_bar.what_is_kept()}")
        stop = question.addButton("Stop it and close", QMessageBox.ButtonRole.AcceptRole)
        question.setDefaultButton(question.addButton("Stay", QMessageBox.ButtonRole.RejectRole))
        question.exec()
        return question.clickedButton() is stop


def _make_sample(folder: Path) -> Job:
    from busapp.engine.demo import run_demo  # in the job's thread: it loads the libraries that draw reports

    yield from run_demo(folder)


def _open(dialog: About) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
