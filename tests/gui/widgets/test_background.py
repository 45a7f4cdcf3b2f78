"""Work in the background: the newest request counts, a queue keeps its order, and nothing stale is delivered."""

import threading
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from busapp.errors import BadInput
from busapp.gui.widgets.background import Background, BackgroundQueue, Handle


class Slow:
    """Work that runs until it is let through."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.may_end.wait(10)
        return "slow"


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    made = Background()
    yield made
    made.stop()


@pytest.fixture
def queue(qtbot: QtBot) -> Iterator[BackgroundQueue]:
    made = BackgroundQueue()
    yield made
    made.stop()


def _begun(do: Callable[[Slow], object]) -> Slow:
    slow = Slow()
    do(slow)
    assert slow.began.wait(10)
    return slow


def test_only_the_newest_request_is_delivered_and_those_between_never_start(
    qtbot: QtBot, background: Background
) -> None:
    made: list[object] = []
    between: list[int] = []
    background.made.connect(made.append)
    slow = _begun(background.ask)
    for number in range(5):
        background.ask(lambda number=number: between.append(number))
    background.ask(lambda: "newest")
    slow.may_end.set()
    qtbot.waitUntil(lambda: bool(made))
    assert made == ["newest"] and not between


def test_long_work_learns_that_it_is_not_needed_and_its_progress_is_dropped(
    qtbot: QtBot, background: Background
) -> None:
    made, progress, threads = [], [], []
    began, stopped = threading.Event(), threading.Event()
    background.made.connect(made.append)
    background.progressed.connect(lambda done, total: progress.append((done, total)))

    def endless(handle: Handle) -> None:
        threads.append(threading.current_thread())
        handle.report(1, 2)
        began.set()
        while not handle.is_stopped():
            stopped.wait(0.005)
        handle.report(2, 2)
        stopped.set()

    background.ask_long(endless)
    assert began.wait(10)
    qtbot.waitUntil(lambda: progress == [(1, 2)])
    background.ask(lambda: "newest")
    qtbot.waitUntil(lambda: made == ["newest"])
    assert stopped.is_set() and progress == [(1, 2)]
    assert threads != [threading.current_thread()]


def test_a_result_on_its_way_is_not_delivered_after_stop(qtbot: QtBot, background: Background) -> None:
    made: list[object] = []
    background.made.connect(made.append)
    slow = _begun(background.ask)
    slow.may_end.set()
    background._pool.waitForDone()  # the result is on its way
    background.stop()
    qtbot.wait(20)
    assert not made and background._pool.activeThreadCount() == 0
    background.ask(lambda: "again")
    qtbot.waitUntil(lambda: made == ["again"])


def test_errors_for_people_are_delivered_as_they_are_and_defects_are_logged(
    qtbot: QtBot, background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[str] = []
    background.failed.connect(failed.append)

    def refuse() -> None:
        raise BadInput("The file is empty", remedy="Export it again.")

    background.ask(refuse)
    qtbot.waitUntil(lambda: len(failed) == 1)
    assert "The file is empty" in failed[0] and not caplog.records
    background.ask(lambda: 1 // 0)
    qtbot.waitUntil(lambda: len(failed) == 2)
    assert "The log has the details" in failed[1] and "ZeroDivisionError" in caplog.text


def test_a_queue_does_the_newest_first_and_the_newest_work_of_a_key(qtbot: QtBot, queue: BackgroundQueue) -> None:
    made: list[tuple[object, object]] = []
    queue.made.connect(lambda key, found: made.append((key, found)))
    slow = _begun(lambda work: queue.put("slow", work))
    for number, key in enumerate("abca"):
        queue.put(key, lambda number=number: number)
    slow.may_end.set()
    qtbot.waitUntil(lambda: len(made) == 4)
    assert made == [("slow", "slow"), ("a", 3), ("c", 2), ("b", 1)]


def test_a_queue_forgets_the_oldest_where_too_many_wait(qtbot: QtBot) -> None:
    queue = BackgroundQueue(most_waiting=2)
    keys: list[object] = []
    queue.made.connect(lambda key, _found: keys.append(key))
    slow = _begun(lambda work: queue.put("slow", work))
    for key in "abc":
        queue.put(key, lambda: None)
    slow.may_end.set()
    qtbot.waitUntil(lambda: len(keys) == 3)
    queue.stop()
    assert keys == ["slow", "c", "b"]


def test_all_that_waits_can_be_replaced_in_order_and_what_runs_is_finished(
    qtbot: QtBot, queue: BackgroundQueue
) -> None:
    keys: list[object] = []
    queue.made.connect(lambda key, _found: keys.append(key))
    slow = _begun(lambda work: queue.put("slow", work))
    queue.put("old", lambda: None)
    queue.put_all([("first", lambda: None), ("fails", lambda: 1 // 0), ("last", lambda: None)])
    slow.may_end.set()
    qtbot.waitUntil(lambda: len(keys) == 3)
    assert keys == ["slow", "first", "last"]


def test_a_cleared_queue_delivers_nothing_of_before(qtbot: QtBot, queue: BackgroundQueue) -> None:
    keys: list[object] = []
    queue.made.connect(lambda key, _found: keys.append(key))
    slow = _begun(lambda work: queue.put("slow", work))
    queue.put("waits", lambda: None)
    queue.clear()
    queue.put("new", lambda: None)
    slow.may_end.set()
    qtbot.waitUntil(lambda: bool(keys))
    assert keys == ["new"]


def test_work_may_end_after_its_owner_is_gone(qtbot: QtBot) -> None:
    from shiboken6 import delete

    background = Background()
    slow = _begun(background.ask)
    pool = background._pool
    pool.setParent(None)  # deleting the owner would wait for the work, which waits for this test
    delete(background)
    slow.may_end.set()
    assert pool.waitForDone(10_000)
