"""What the four tabs have in common: a study, a way to ask for jobs, and the events of the job at work."""

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
        resume_requested: the id of a run to go on with.
        study_changed: this tab changed the catalog, the runs or the models; other tabs look again.
        problem: sentence and details (may be empty), for the strip at the top of the tab.
        diagnosis_requested: a model file (`Path`) to open the Diagnosis tab with.
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
        """Look at the catalog, the runs and the models again; keep selection and scroll position."""

    def open_run(self, run_id: str) -> None:
        """Show a run of this tab's kind; the job bar's link to a result leads here."""

    def job_event(self, kind: str, event: Event) -> None:
        """An event of the job at work, whatever its kind (`import`, `curate`, `synthesize`, …)."""

    def job_ended(self, kind: str, outcome: JobOutcome) -> None:
        """The job at work ended. The window calls `refresh` on every tab afterwards."""

    def shut_down(self) -> None:
        """The window closes: stop what works in the background, and wait for it."""
