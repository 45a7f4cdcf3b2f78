"""Run steps and jobs as parts of a longer job: convert their progress into progress of the whole."""

from collections.abc import Generator
from typing import Final, TypeVar

from busapp.engine.events import EpochEnded, Event, Finished, GanEpochEnded, Progress, RunStarted
from busapp.engine.utils.steps import mapped

T = TypeVar("T")

_IN_EPOCHS: Final = frozenset({"synthesize", "validate"})
"""Jobs that train in epochs. Their progress counts only epochs, which take most of the time."""


def in_progress(steps: Generator[int, None, T], before: int, total: int, what: str) -> Generator[Event, None, T]:
    """Turn the counts that `steps` yields into progress of a whole of `total` parts, after the first `before`."""
    return (yield from mapped(steps, lambda done: Progress(before + done, total, what)))


def as_part(
    job: Generator[Event, None, T], title: str, before: int, share: int, total: int
) -> Generator[Event, None, T]:
    """Run a job as a part of a longer one: it takes `share` of `total` equal parts of work, after the first `before`.

    Its progress becomes progress of the whole, with `title` in front. Its `Finished` is not passed on: the result is
    stored with the job's run, which the first event, `RunStarted`, names. Returns what `job` returns.
    """
    reached, in_epochs = 0, False

    def as_seen_from_the_whole(event: Event) -> Event | None:
        nonlocal reached, in_epochs
        match event:
            case Progress():
                # Some jobs count from zero in each stage; the progress of the whole must not go back.
                if not in_epochs:
                    reached = max(reached, min(share, share * event.done // max(event.total, 1)))
                return Progress(before + reached, total, f"{title} · {event.what}")
            case Finished():
                return None
            case RunStarted():
                in_epochs = event.kind in _IN_EPOCHS
            case EpochEnded():
                epochs = (event.fold - 1) * event.epochs + event.epoch
                reached = share * epochs // (event.folds * event.epochs)
            case GanEpochEnded():
                reached = share * event.epoch // event.epochs
        return event

    return (yield from mapped(job, as_seen_from_the_whole))
