"""Generators that yield steps and return a value."""

from collections.abc import Generator

import pytest

from busapp.engine.utils.steps import mapped, run_to_end, run_unless_stopped


class Counting:
    """Counts to three, returns a word, and records whether it was closed."""

    def __init__(self) -> None:
        self.was_closed = False
        self.reached = 0

    def steps(self) -> Generator[int, None, str]:
        try:
            for number in (1, 2, 3):
                self.reached = number
                yield number
        except GeneratorExit:
            self.was_closed = True
            raise
        return "done"


def test_every_step_is_changed_or_left_out_and_the_value_comes_back() -> None:
    seen: list[str] = []

    def whole() -> Generator[str, None, str]:
        return (yield from mapped(Counting().steps(), lambda number: None if number == 2 else f"step {number}"))

    def kept() -> Generator[str, None, None]:
        seen.append((yield from whole()))

    assert list(kept()) == ["step 1", "step 3"]
    assert seen == ["done"]


def test_closing_what_is_mapped_closes_the_work_itself() -> None:
    work = Counting()
    steps = mapped(work.steps(), lambda number: number)
    assert next(steps) == 1
    steps.close()
    assert work.was_closed and work.reached == 1


def test_an_error_of_the_work_passes_through() -> None:
    def failing() -> Generator[int, None, str]:
        yield 1
        raise ValueError("the third image")

    with pytest.raises(ValueError, match="third image"):
        list(mapped(failing(), lambda number: number))
    with pytest.raises(ValueError, match="third image"):
        run_to_end(failing())


def test_it_runs_to_its_end_or_until_it_should_stop() -> None:
    assert run_to_end(Counting().steps()) == "done"

    work, told = Counting(), list[int]()
    assert run_unless_stopped(work.steps(), lambda: False, told.append) == "done"
    assert told == [1, 2, 3]

    stopped = Counting()
    assert run_unless_stopped(stopped.steps(), lambda: stopped.reached == 2) is None
    assert stopped.was_closed and stopped.reached == 2

    never = Counting()
    assert run_unless_stopped(never.steps(), lambda: True) is None
    assert never.reached == 0
