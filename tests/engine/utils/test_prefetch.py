"""Prefetching in threads: order, limits, and an early end."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from busapp.engine.utils.prefetch import AHEAD, THREADS, in_order


def test_what_comes_of_things_comes_in_their_order() -> None:
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(10)
        else:
            second_is_done.set()
        return 10 * number

    done = [step for step in in_order(work, range(2), "test") if step is not None]
    assert [(thing, future.result()) for thing, future in done] == [(0, 0), (1, 10)]


@pytest.mark.parametrize("threads", [1, 5])
def test_no_more_than_a_few_are_taken_ahead(threads: int) -> None:
    taken: list[int] = []

    def things() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(in_order(lambda number: number, things(), "test", threads)) as steps:
        next(steps)
        assert len(taken) <= AHEAD * threads


def test_a_slow_thing_is_waited_for_with_signs_of_life() -> None:
    release = threading.Event()
    with closing(in_order(lambda _: release.wait(10), [1], "test")) as steps:
        assert next(steps) is None
        release.set()
        assert any(step is not None for step in steps)


def test_closed_early_it_starts_nothing_new_and_leaves_no_thread() -> None:
    worked: list[int] = []
    steps = in_order(worked.append, range(1000), "early end")
    next(steps)
    steps.close()
    assert len(worked) <= AHEAD * THREADS
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("early end")]


def test_an_error_is_told_where_its_thing_stands() -> None:
    steps = in_order(lambda number: 1 / number, [1, 0, 2], "test")
    done = [step[1] for step in steps if step is not None]
    assert [done[0].result(), done[2].result()] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        done[1].result()


def test_as_many_things_are_worked_on_at_once_as_asked_for() -> None:
    together = threading.Barrier(3)
    steps = in_order(lambda _: together.wait(10), range(3), "test", threads=3)
    assert sorted(step[1].result() for step in steps if step is not None) == [0, 1, 2]
