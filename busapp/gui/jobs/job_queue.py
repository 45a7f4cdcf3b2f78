"""The window's jobs: one at work, the others waiting in an order that the user can change."""

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
    """Owns the thread of the job at work and the list of those that wait.

    Signals:
        started: the `QueuedJob` that now works.
        event_arrived: that job, and its `Event`; none after `cancel()`.
        ended: that job, and its `JobOutcome`.
        queue_changed: the list of waiting jobs changed.
        paused_changed: whether the job at work is paused now.
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
        """The jobs that wait, the next one first."""
        return list(self._waiting)

    @property
    def is_paused(self) -> bool:
        return self._thread is not None and self._thread.is_paused

    # -- asking for jobs -----------------------------------------------------------------------------------

    def start(self, workspace: Workspace, settings: JobSettings) -> QueuedJob:
        """Start a new run, or let it wait its turn."""
        return self.add(
            QueuedJob(settings.kind, settings.title, lambda: jobs.start(workspace, settings), workspace.root)
        )

    def resume(self, workspace: Workspace, run_id: str) -> QueuedJob:
        """Go on with a run, or let it wait its turn. Raises `BadInput` where there is no such run."""
        info = workspace.run(run_id).info
        title = f"{SETTINGS[info.kind].label}: {info.name}, resumed"
        return self.add(QueuedJob(info.kind, title, lambda: jobs.resume(workspace, run_id), workspace.root, run_id))

    def add(self, job: QueuedJob) -> QueuedJob:
        """Start a job, or let it wait its turn."""
        self._waiting.append(job)
        self._start_next()
        self.queue_changed.emit()
        return job

    def remove(self, job: QueuedJob) -> None:
        """Take a waiting job off the list."""
        self._waiting.remove(job)
        self.queue_changed.emit()

    def move(self, job: QueuedJob, places: int) -> None:
        """Move a waiting job towards the front (negative) or the end of the list."""
        position = self._waiting.index(job)
        self._waiting.insert(max(0, position + places), self._waiting.pop(position))
        self.queue_changed.emit()

    # -- the job at work -----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Let the job at work rest after the step at hand."""
        if self._thread is not None:
            self._thread.pause()
            self.paused_changed.emit(True)

    def go_on(self) -> None:
        """Let it work again."""
        if self._thread is not None:
            self._thread.go_on()
            self.paused_changed.emit(False)

    def cancel(self) -> None:
        """Stop the job at work after the step at hand; `ended` follows when it has cleaned up."""
        if self._thread is not None:
            self._cancelled = True
            self._thread.cancel()

    def clear(self) -> None:
        """Take all waiting jobs off the list."""
        self._waiting.clear()
        self.queue_changed.emit()

    def shut_down(self) -> None:
        """Stop everything and wait until the job at work has cleaned up. Blocks for as long as its step takes."""
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
        # Events that were under way when the user cancelled still arrive here; nobody wants them any more.
        if self._cancelled or self.current is None:
            return
        if isinstance(event, RunStarted):
            self.current.run_id = event.run
        self.event_arrived.emit(self.current, event)

    def _on_ended(self, outcome: JobOutcome) -> None:
        thread, job = self._thread, self.current
        assert thread is not None and job is not None
        thread.wait()  # it has nothing left to do but to return from `run`
        thread.deleteLater()
        self._thread = self.current = None
        self.ended.emit(job, outcome)
        self._start_next()
        self.queue_changed.emit()
