"""Work that yields its steps and then returns a value: run to its end, or passed on with its steps changed."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

Step = TypeVar("Step")
Changed = TypeVar("Changed")
T = TypeVar("T")


def mapped(steps: Generator[Step, None, T], change: Callable[[Step], Changed | None]) -> Generator[Changed, None, T]:
    """Yield `change(step)` for each step, nothing where that is None, and return what `steps` returns.

    Closing this generator closes `steps`.
    """
    returned: list[T] = []
    with closing(steps):
        for step in _keeping(steps, returned):
            changed = change(step)
            if changed is not None:
                yield changed
    return returned[0]


def run_to_end(steps: Generator[object, None, T]) -> T:
    """Pull every step and return what `steps` returns."""
    returned: list[T] = []
    for _ in _keeping(steps, returned):
        pass
    return returned[0]


def run_unless_stopped(
    steps: Generator[Step, None, T],
    should_stop: Callable[[], bool],
    on_step: Callable[[Step], object] = lambda _: None,
) -> T | None:
    """Pull every step, hand it to `on_step`, and return what `steps` returns; None once `should_stop` says so, which is
    asked before the first step and after each."""
    returned: list[T] = []
    with closing(steps):
        if should_stop():
            return None
        for step in _keeping(steps, returned):
            on_step(step)
            if should_stop():
                return None
    return returned[0]


def _keeping(steps: Generator[Step, None, T], returned: list[T]) -> Generator[Step, None, None]:
    """The same steps; what `steps` returns is put into `returned`."""
    returned.append((yield from steps))
