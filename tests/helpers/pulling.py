"""Jobs and other work that yields its steps, pulled by a test."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from busapp.engine import jobs
from busapp.engine.events import Event, Finished
from busapp.engine.settings import JobSettings
from busapp.engine.study.workspace import Workspace

Step = TypeVar("Step")
T = TypeVar("T")


def pull(job: jobs.Job, until: Callable[[Event], bool] = lambda event: False) -> list[Event]:
    """All events of a job, or those up to the first of which `until` is true; the job is closed there."""
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
    """The result that a job ended with."""
    assert isinstance(events[-1], Finished)
    return events[-1].result


def gather(steps: Generator[Step, None, T]) -> tuple[list[Step], T]:
    """All steps, and what came back at the end."""
    returned: list[T] = []

    def kept() -> Generator[Step, None, None]:
        returned.append((yield from steps))

    return list(kept()), returned[0]
