"""Generators that yield steps and return a value: run them to the end, or pass their steps on changed."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

Step = TypeVar("Step")
Changed = TypeVar("Changed")
T = TypeVar("T")


def mapped(steps: Generator[Step, None, T], change: Callable[[Step], Changed | None]) -> Generator[Changed, None, T]:
    """Yield `change(step)` for each step unless it is None, and return what `steps` returns.

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
    """Pull every step, pass it to `on_step`, and return what `steps` returns. Stops and returns None once `should_stop`
    returns true; it is called before the first step and after each step."""
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
    """Yield the same steps, and append what `steps` returns to `returned`."""
    returned.append((yield from steps))
