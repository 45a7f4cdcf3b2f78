"""Execute a job in the terminal: pull its events, show its progress on stderr, and stop it cleanly on Ctrl-C."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from busapp.engine.events import (
    Event,
    Finished,
    FoldEnded,
    Job,
    Note,
    Progress,
    RunStarted,
    Skipped,
)

PLAIN_INTERVAL: Final = 5.0
"""Seconds between two lines of progress if stderr is not a terminal."""


def say(text: str) -> None:
    """Print one line on stderr, without wrapping it."""
    print(" ".join(text.split()), file=sys.stderr, flush=True)


@dataclass
class JobEnding:
    """The end of a job that raised no error. `run` is the run's id, empty if the job is not recorded."""

    cancelled: bool = False
    run: str = ""
    result: dict[str, Any] = field(default_factory=dict)


def follow(job: Job) -> JobEnding:
    """Pull a job to its end. Ctrl-C closes it after the current step.

    Raises:
        UserError: the job raised it.
        KeyboardInterrupt: Ctrl-C came a second time within one step.
    """
    ending = JobEnding()
    with _Screen() as screen, _stop_on_interrupt() as stop:
        try:
            for event in job:
                screen.show(event)
                if isinstance(event, RunStarted):
                    ending.run = event.run
                elif isinstance(event, Finished):
                    ending.result = event.result
                elif stop.is_set():
                    ending.cancelled = True
                    break
        finally:
            job.close()
    return ending


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second signal interrupts the step itself."""
    stop = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("Stopping after the current step. Press Ctrl-C again to stop at once.")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Screen:
    """On a terminal, a bar with the time left; elsewhere, a line every few seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._bar = ProgressBar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self._last_line = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._bar.stop()

    def show(self, event: Event) -> None:
        """Draw or print an event."""
        match event:
            case Progress():
                self._progress(event)
            case Note():
                self._line(f"{'Warning: ' if event.level == 'warning' else ''}{event.text}")
            case Skipped():
                self._line(f"Skipped {event.file}: {event.reason}")
            case FoldEnded():
                self._line(f"Fold {event.fold} of {event.folds}: test accuracy {event.test_accuracy:.1%}")
            case RunStarted():
                self._line(f"Run {event.run}")

    def _progress(self, event: Progress) -> None:
        self._bar.update(self._task, completed=event.done, total=event.total, description=event.what)
        now = time.monotonic()
        is_due = now - self._last_line >= PLAIN_INTERVAL or event.done >= event.total
        if not self._console.is_terminal and is_due:
            self._last_line = now
            self._line(f"{event.done / max(event.total, 1):4.0%} {event.what}")

    def _line(self, text: str) -> None:
        if self._console.is_terminal:
            self._bar.console.print(text)
        else:
            say(text)
