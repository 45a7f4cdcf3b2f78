"""Actions of the File menu that write files or folders from a study: its report, the papers' figures, a copy."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu, QMessageBox

from busapp.engine.events import Job
from busapp.engine.settings import ExportSettings
from busapp.engine.study.copying import copy_study
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name
from busapp.gui import user_settings
from busapp.gui.jobs.job_queue import JobQueue, QueuedJob

_PDF: Final = "PDF (*.pdf)"
_HTML: Final = "Web page (*.html)"


class StudyOutputs(QObject):
    """Actions that are enabled while a study is open. Each asks for a name and adds a job to the queue."""

    def __init__(self, window: QMainWindow, queue: JobQueue) -> None:
        super().__init__(window)
        self._window = window
        self._queue = queue
        self._workspace: Workspace | None = None
        self._written: dict[int, Path] = {}
        self.report_action = self._action("&Write report…", self._write_report)
        self.figures_action = self._action("Write the papers' &figures…", self._write_figures)
        self.copy_action = self._action("&Copy study…", self._copy_study)

    def _action(self, text: str, slot: Callable[[Workspace], None]) -> QAction:
        action = QAction(text, self)
        action.setEnabled(False)
        action.triggered.connect(lambda: slot(self._workspace) if self._workspace is not None else None)
        return action

    def fill(self, menu: QMenu) -> None:
        """Add the actions to a menu."""
        menu.addActions([self.report_action, self.figures_action, self.copy_action])

    def open_study(self, workspace: Workspace) -> None:
        """Write from another study from now on."""
        self._workspace = workspace
        for action in (self.report_action, self.figures_action, self.copy_action):
            action.setEnabled(True)

    def show(self, job: QueuedJob) -> bool:
        """Open the file or folder that a job wrote, with the user's program for it. False if the job is not one of
        these."""
        path = self._written.get(job.number)
        if path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
        return path is not None

    # -- the three of them ---------------------------------------------------------------------------------

    def _write_report(self, workspace: Workspace) -> None:
        start = user_settings.last_folder() / f"{workspace.root.name} report.pdf"
        name, kind = QFileDialog.getSaveFileName(self._window, "Write a report", str(start), f"{_PDF};;{_HTML}")
        path = self._named(name, kind)
        if path is not None:
            user_settings.remember_folder(path.parent)
            self._add("report", f"Report of “{workspace.name}”", path, lambda: _report(workspace, path))

    def _named(self, name: str, kind: str) -> Path | None:
        """Return the intended path, with the suffix of the chosen kind unless the user typed another one. None if the
        user gave no name, or does not want to replace an existing file."""
        path = Path(name)
        suffix = ".html" if kind == _HTML else ".pdf"
        # On some systems, the dialog keeps the suffix of the offered name when another kind of file is chosen.
        if not name or path.suffix.lower() in (suffix, ".html", ".htm") or (path.suffix == ".pdf" and not kind):
            return path if name else None
        path = path.with_suffix(suffix) if path.suffix == ".pdf" else path.with_name(f"{path.name}{suffix}")
        if path.exists():  # the dialog asked about the name without this suffix
            question = f"“{path.name}” already exists. Replace it?"
            if QMessageBox.question(self._window, "Write a report", question) != QMessageBox.StandardButton.Yes:
                return None
        return path

    def write_figures_of(self, run_id: str) -> None:
        """Write the tables and figures of both papers from one run alone."""
        if self._workspace is not None:
            self._write_figures(self._workspace, run_id)

    def _write_figures(self, workspace: Workspace, run_id: str = "") -> None:
        start = user_settings.last_folder() / f"{run_id or workspace.root.name} figures"
        ask = f"The papers' tables and figures from {'this run' if run_id else 'your runs'}: name their folder"
        name, _ = QFileDialog.getSaveFileName(self._window, ask, str(start))
        if name:
            user_settings.remember_folder(Path(name).parent)
            title = f"Figures of “{workspace.run(run_id).info.name if run_id else workspace.name}”"
            runs = (run_id,) if run_id else ()
            self._add("figures", title, Path(name), lambda: _figures(workspace, Path(name), runs))

    def write_generator_of(self, run_id: str) -> None:
        """Write the generator of a synthesis run as a Keras file."""
        if self._workspace is None:
            return
        start = user_settings.last_folder() / f"{safe_name(self._workspace.run(run_id).info.name)}.keras"
        name, _ = QFileDialog.getSaveFileName(self._window, "Export the generator", str(start), "Keras (*.keras)")
        if name:
            out = Path(name).with_suffix(".keras")
            user_settings.remember_folder(out.parent)
            job = self._queue.start(self._workspace, ExportSettings(run=run_id, format="keras", out=out))
            self._written[job.number] = out.parent

    def write_app_folder_of(self, run_id: str, file_format: Literal["tflite", "executorch", "onnx"]) -> None:
        """Write the model of a validation run as a folder for an app's developer."""
        if self._workspace is None:
            return
        start = user_settings.last_folder() / f"{safe_name(self._workspace.run(run_id).info.name)} {file_format}"
        name, _ = QFileDialog.getSaveFileName(self._window, "Export for an app: name the new folder", str(start))
        if name:
            out = Path(name)
            user_settings.remember_folder(out.parent)
            job = self._queue.start(self._workspace, ExportSettings(run=run_id, format=file_format, out=out))
            self._written[job.number] = out

    def _copy_study(self, workspace: Workspace) -> None:
        start = workspace.root.parent / f"{workspace.root.name} copy"
        name, _ = QFileDialog.getSaveFileName(self._window, "Copy the study: name the new folder", str(start))
        if name:
            self._add("copy", f"Copy of “{workspace.name}”", Path(name), lambda: copy_study(workspace, Path(name)))

    def _add(self, kind: str, title: str, path: Path, make_job: Callable[[], Job]) -> None:
        job = QueuedJob(kind, title, make_job)
        self._written[job.number] = path
        self._queue.add(job)


def _report(workspace: Workspace, path: Path) -> Job:
    from busapp.engine.report import make_report  # in the job's thread: it loads the libraries that draw reports

    yield from make_report(workspace, path)


def _figures(workspace: Workspace, out: Path, runs: Sequence[str]) -> Job:
    from busapp.engine.paper.paper_figures import draw_figures

    yield from draw_figures(workspace, out, runs)
