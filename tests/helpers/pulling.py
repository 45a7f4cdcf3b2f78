"""Run jobs and other generators of steps in a test."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from busapp.engine import jobs
from busapp.engine.events import Event, Finished, Note
from busapp.engine.settings import JobSettings
from busapp.engine.study.workspace import Workspace

Step = TypeVar("Step")
T = TypeVar("T")


def pull(job: jobs.Job, until: Callable[[Event], bool] = lambda event: False) -> list[Event]:
    """All events of a job. If `until` is given, the job is closed at the first event for which it is true."""
    events = []
    for event in job:
        events.append(event)
        if until(event):
            job.close()
            break
    return events


def pull_job(workspace: Workspace, settings: JobSettings) -> list[Event]:
    """All events of a new run."""
    return pull(jobs.start(workspace, settings))


def result_of(events: list[Event]) -> dict[str, Any]:
    """The result of a finished job."""
    assert isinstance(events[-1], Finished)
    return events[-1].result


def texts(events: list[Event]) -> list[str]:
    """The sentences of the notes."""
    return [event.text for event in events if isinstance(event, Note)]


def gather(steps: Generator[Step, None, T]) -> tuple[list[Step], T]:
    """All steps, and the returned value."""
    returned: list[T] = []

    def kept() -> Generator[Step, None, None]:
        returned.append((yield from steps))

    return list(kept()), returned[0]
