"""The window's jobs: one is running, the others wait in an order that the user can change."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from busapp.engine import jobs
from busapp.engine.events import Event, Job, RunStarted
from busapp.engine.settings import SETTINGS, JobSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.jobs.job_thread import JobOutcome, JobThread

_numbers = count(1)


@dataclass(eq=False)
class QueuedJob:
    """A job that is running or waiting.

    `study` is the folder of its study, if it has one. `run_id` is known once the job has started; for a resumed run,
    from the beginning. `has_result` is true if the window can show what the job found.
    """

    kind: str
    title: str
    make_job: Callable[[], Job]
    study: Path | None = None
    run_id: str = ""
    has_result: bool = True
    number: int = field(default_factory=lambda: next(_numbers))


class JobQueue(QObject):
    """Owns the thread of the running job and the list of waiting jobs.

    Signals:
        started: the `QueuedJob` that starts.
        event_arrived: that job, and its `Event`; none after `cancel()`.
        ended: that job, and its `JobOutcome`.
        queue_changed: the list of waiting jobs changed.
        paused_changed: True if the running job is now paused.
    """

    started = Signal(object)
    event_arrived = Signal(object, object)
    ended = Signal(object, object)
    queue_changed = Signal()
    paused_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[QueuedJob] = []
        self._thread: JobThread | None = None
        self._cancelled = False
        self.current: QueuedJob | None = None

    @property
    def waiting(self) -> list[QueuedJob]:
        """The waiting jobs, the next one first."""
        return list(self._waiting)

    @property
    def is_paused(self) -> bool:
        return self._thread is not None and self._thread.is_paused

    # -- asking for jobs -----------------------------------------------------------------------------------

    def start(self, workspace: Workspace, settings: JobSettings) -> QueuedJob:
        """Start a new run, or add it to the waiting jobs."""
        return self.add(
            QueuedJob(settings.kind, settings.title, lambda: jobs.start(workspace, settings), workspace.root)
        )

    def resume(self, workspace: Workspace, run_id: str) -> QueuedJob:
        """Resume a run, or add it to the waiting jobs. Raises `BadInput` if there is no such run."""
        info = workspace.run(run_id).info
        title = f"{SETTINGS[info.kind].label}: {info.name}, resumed"
        return self.add(QueuedJob(info.kind, title, lambda: jobs.resume(workspace, run_id), workspace.root, run_id))

    def add(self, job: QueuedJob) -> QueuedJob:
        """Start a job, or add it to the waiting jobs."""
        self._waiting.append(job)
        self._start_next()
        self.queue_changed.emit()
        return job

    def remove(self, job: QueuedJob) -> None:
        """Remove a waiting job."""
        self._waiting.remove(job)
        self.queue_changed.emit()

    def move(self, job: QueuedJob, places: int) -> None:
        """Move a waiting job towards the front (negative) or the end of the list."""
        position = self._waiting.index(job)
        self._waiting.insert(max(0, position + places), self._waiting.pop(position))
        self.queue_changed.emit()

    # -- the running job -----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Pause the running job after its current step."""
        if self._thread is not None:
            self._thread.pause()
            self.paused_changed.emit(True)

    def resume_current(self) -> None:
        """Let the paused job continue."""
        if self._thread is not None:
            self._thread.resume()
            self.paused_changed.emit(False)

    def cancel(self) -> None:
        """Stop the running job after its current step. `ended` follows when it has cleaned up."""
        if self._thread is not None:
            self._cancelled = True
            self._thread.cancel()

    def clear(self) -> None:
        """Remove all waiting jobs."""
        self._waiting.clear()
        self.queue_changed.emit()

    def shut_down(self) -> None:
        """Stop everything and wait until the running job has cleaned up. Blocks until its current step is done."""
        self.clear()
        self.cancel()
        if self._thread is not None:
            self._thread.wait()

    def _start_next(self) -> None:
        if self._thread is not None or not self._waiting:
            return
        job = self.current = self._waiting.pop(0)
        self._cancelled = False
        self._thread = JobThread(job.make_job, self)
        self._thread.event_arrived.connect(self._on_event)
        self._thread.ended.connect(self._on_ended)
        self.started.emit(job)
        self._thread.start()

    def _on_event(self, event: Event) -> None:
        # Events that were on their way when the user cancelled still arrive here; they are dropped.
        if self._cancelled or self.current is None:
            return
        if isinstance(event, RunStarted):
            self.current.run_id = event.run
        self.event_arrived.emit(self.current, event)

    def _on_ended(self, outcome: JobOutcome) -> None:
        thread, job = self._thread, self.current
        assert thread is not None and job is not None
        thread.wait()  # it only has to return from `run`
        thread.deleteLater()
        self._thread = self.current = None
        self.ended.emit(job, outcome)
        self._start_next()
        self.queue_changed.emit()
