"""The base of the four tabs: a study, a way to ask for jobs, and the events of the running job."""

from typing import ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from busapp.engine.events import Event
from busapp.engine.study.workspace import Workspace
from busapp.gui.jobs.job_thread import JobOutcome


class StudyTab(QWidget):
    """One tab of the window. The window owns the jobs; a tab asks for them and listens.

    Signals:
        start_requested: a `JobSettings`: start (or queue) a new run of that job.
        resume_requested: the id of a run to resume.
        study_changed: this tab changed the catalog, the runs or the models; the other tabs read them again.
        problem: sentence and details (may be empty), for the strip at the top of the tab.
        diagnosis_requested: a model file (`Path`) that the Diagnosis tab should open.
    """

    start_requested = Signal(object)
    resume_requested = Signal(str)
    study_changed = Signal()
    problem = Signal(str, str)
    diagnosis_requested = Signal(object)

    job_kinds: ClassVar[tuple[str, ...]]
    """The kinds of jobs whose results this tab shows. Each kind has exactly one tab."""

    workspace: Workspace | None = None

    def open_study(self, workspace: Workspace) -> None:
        """Show another study, from scratch."""
        self.workspace = workspace
        self.refresh()

    def refresh(self) -> None:
        """Read the catalog, the runs and the models again; keep selection and scroll position."""

    def open_run(self, run_id: str) -> None:
        """Show a run of one of this tab's kinds. The job bar's link to a result calls this."""

    def job_event(self, kind: str, event: Event) -> None:
        """Handle an event of the running job, whatever its kind (`import`, `curate`, `synthesize`, …)."""

    def job_ended(self, kind: str, outcome: JobOutcome) -> None:
        """Handle the end of the running job. The window calls `refresh` on every tab afterwards."""

    def shut_down(self) -> None:
        """Stop the work in the background and wait for it, because the window closes."""
