"""The thread that executes a job of the window: it pulls the job's generator and emits its events."""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from PySide6.QtCore import QObject, QThread, Signal

from busapp.engine.events import Event, Finished, Job, Progress
from busapp.errors import UserError

log = logging.getLogger(__name__)

_PROGRESS_INTERVAL = 0.05
"""Seconds between two `Progress` events that reach the window. A job can yield thousands in a second."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The end of a job. `error` is a sentence for the user, `details` the traceback of a defect."""

    state: Literal["finished", "failed", "cancelled"]
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    details: str = ""


class JobThread(QThread):
    """Executes one job.

    Signals:
        event_arrived: the events, in order; none after `cancel()`. Of `Progress` events that follow each other too
            fast to read, only the newest is emitted. All other events are emitted.
        ended: the `JobOutcome`; emitted exactly once, as the last signal.
    """

    event_arrived = Signal(object)
    ended = Signal(object)

    def __init__(self, make_job: Callable[[], Job], parent: QObject | None = None) -> None:
        """`make_job` is called in the thread, so that its imports do not block the window."""
        super().__init__(parent)
        self._make_job = make_job
        self._cancelled = threading.Event()
        self._may_continue = threading.Event()
        self._may_continue.set()

    @property
    def is_paused(self) -> bool:
        return not self._may_continue.is_set()

    def pause(self) -> None:
        """Stop pulling after the current step."""
        self._may_continue.clear()

    def resume(self) -> None:
        """Start pulling again."""
        self._may_continue.set()

    def cancel(self) -> None:
        """Close the job after its current step, also when it is paused."""
        self._cancelled.set()
        self._may_continue.set()

    def run(self) -> None:
        """Pull until the job ends, fails or is cancelled. Qt calls this in the new thread."""
        outcome = JobOutcome("failed", error="The job ended without a result.")
        try:
            job = self._make_job()
            try:
                outcome = self._pull(job)
            finally:
                job.close()
        except UserError as error:
            outcome = JobOutcome("failed", error=str(error))
        except Exception as error:
            log.exception("job failed")
            outcome = JobOutcome(
                "failed",
                error=f"Something went wrong inside busapp ({type(error).__name__}: {error}). The log has the details.",
                details=traceback.format_exc(),
            )
        self.ended.emit(outcome)

    def _pull(self, job: Job) -> JobOutcome:
        outcome = JobOutcome("finished")
        waiting: Progress | None = None
        shown_at = 0.0
        for event in job:
            if isinstance(event, Finished):
                outcome = JobOutcome("finished", event.result)
            elif self._cancelled.is_set():
                return JobOutcome("cancelled")
            if isinstance(event, Progress) and time.monotonic() - shown_at < _PROGRESS_INTERVAL:
                waiting = event
            else:
                if waiting is not None and not isinstance(event, Progress):
                    self._emit(waiting)
                waiting = None
                shown_at = time.monotonic() if isinstance(event, Progress) else shown_at
                self._emit(event)
            self._may_continue.wait()
            if self._cancelled.is_set() and not isinstance(event, Finished):
                return JobOutcome("cancelled")
        return outcome

    def _emit(self, event: Event) -> None:
        if not self._cancelled.is_set():
            self.event_arrived.emit(event)
