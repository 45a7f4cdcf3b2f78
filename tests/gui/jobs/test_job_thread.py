import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from gates import Gate
from pytestqt.qtbot import QtBot

from busapp.engine.events import Event, Finished, Job, Note, Progress
from busapp.errors import UserError
from busapp.gui.jobs.job_queue import JobQueue
from busapp.gui.jobs.job_thread import JobOutcome, JobThread


class Listener:
    """Runs a job in a real thread and keeps its events and outcomes."""

    def __init__(self, make_job: Callable[[], Job]) -> None:
        self.events: list[Event] = []
        self.outcomes: list[JobOutcome] = []
        self.thread = JobThread(make_job)
        self.thread.event_arrived.connect(self.events.append)
        self.thread.ended.connect(self.outcomes.append)

    def wait(self, qtbot: QtBot) -> JobOutcome:
        qtbot.waitUntil(lambda: bool(self.outcomes))
        self.thread.wait()
        assert len(self.outcomes) == 1
        return self.outcomes[0]


def test_events_arrive_in_order_and_the_outcome_comes_last(qtbot: QtBot) -> None:
    def job() -> Job:
        for number in range(50):
            yield Note(str(number))
        yield Finished({"n": 50})

    listener = Listener(job)
    listener.thread.start()
    assert listener.wait(qtbot) == JobOutcome("finished", {"n": 50})
    assert [event.text for event in listener.events if isinstance(event, Note)] == [str(n) for n in range(50)]


def test_a_flood_of_progress_is_thinned_and_nothing_else_is_lost(qtbot: QtBot) -> None:
    def job() -> Job:
        for number in range(20_000):
            yield Progress(number, 20_000, "")
            if number % 1000 == 0:
                yield Note(str(number))
        yield Finished()

    listener = Listener(job)
    listener.thread.start()
    listener.wait(qtbot)
    notes = [event for event in listener.events if isinstance(event, Note)]
    progress = [event for event in listener.events if isinstance(event, Progress)]
    assert len(notes) == 20
    assert len(progress) < 2_000
    assert progress[-1].done == 19_999


def test_a_user_error_becomes_its_sentence_and_a_defect_keeps_its_traceback(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong() -> Job:
        yield Note("begun")
        raise UserError("The disk is full", remedy="Free some space.")

    def broken() -> Job:
        yield Note("begun")
        raise ZeroDivisionError("by nought")

    listener = Listener(wrong)
    listener.thread.start()
    assert listener.wait(qtbot) == JobOutcome("failed", error="The disk is full. Free some space.")
    listener = Listener(broken)
    listener.thread.start()
    outcome = listener.wait(qtbot)
    assert "ZeroDivisionError" in outcome.error
    assert "by nought" in outcome.details


def test_pause_stops_pulling_and_cancel_closes_also_while_paused(qtbot: QtBot) -> None:
    pulled, closed = threading.Semaphore(0), threading.Event()

    def job() -> Job:
        try:
            for number in range(1_000_000):
                pulled.release()
                yield Note(str(number))
                time.sleep(0.001)  # as no real job floods the window without doing any work
        finally:
            closed.set()

    listener = Listener(job)
    listener.thread.start()
    qtbot.waitUntil(lambda: len(listener.events) > 3)
    listener.thread.pause()
    assert listener.thread.is_paused
    seen: list[int] = []

    def stands_still() -> bool:
        seen.append(len(listener.events))
        return len(seen) > 3 and seen[-1] == seen[-4]

    qtbot.waitUntil(stands_still)
    listener.thread.resume()
    qtbot.waitUntil(lambda: len(listener.events) > seen[-1])
    listener.thread.pause()
    listener.thread.cancel()
    assert listener.wait(qtbot).state == "cancelled"
    assert closed.is_set()


def test_a_job_that_finishes_despite_a_cancel_counts_as_finished(qtbot: QtBot) -> None:
    listener: Listener

    def job() -> Job:
        yield Note("begun")
        listener.thread.cancel()
        yield Finished({"n": 1})

    listener = Listener(job)
    listener.thread.start()
    assert listener.wait(qtbot).state == "finished"


# -- the queue ---------------------------------------------------------------------------------------------


@pytest.fixture
def queue(qtbot: QtBot) -> Any:
    queue = JobQueue()
    yield queue
    queue.shut_down()


def test_one_job_works_the_others_wait_and_can_be_moved_and_removed(qtbot: QtBot, queue: JobQueue) -> None:
    gates = [Gate(name) for name in "abcd"]
    ended: list[str] = []
    queue.ended.connect(lambda job, outcome: ended.append(job.title))
    for gate in gates:
        queue.add(gate.queued)
    a, b, c, d = (gate.queued for gate in gates)
    assert queue.current is a
    assert queue.waiting == [b, c, d]
    queue.move(d, -1)
    queue.move(d, -5)
    queue.remove(c)
    assert queue.waiting == [d, b]
    for gate in gates:
        gate.opened.set()
    qtbot.waitUntil(lambda: len(ended) == 3)
    assert ended == ["a", "d", "b"]


def test_after_a_cancel_no_event_of_that_job_arrives(qtbot: QtBot, queue: JobQueue) -> None:
    first, second = Gate("first"), Gate("second")
    events: list[str] = []
    queue.event_arrived.connect(lambda job, event: events.append(job.title))
    with qtbot.waitSignal(queue.event_arrived):
        queue.add(first.queued)
    queue.add(second.queued)
    queue.cancel()
    before = len(events)
    qtbot.waitUntil(lambda: queue.current is second.queued)
    qtbot.waitUntil(lambda: "second" in events)
    assert "first" not in events[before:]
    assert first.closed.is_set()


def test_shutting_down_waits_for_the_job_and_starts_no_other(qtbot: QtBot) -> None:
    queue = JobQueue()
    first, second = Gate("first"), Gate("second")
    with qtbot.waitSignal(queue.event_arrived):
        queue.add(first.queued)
    queue.add(second.queued)
    queue.shut_down()
    assert first.closed.is_set()
    qtbot.waitUntil(lambda: queue.current is None)
    assert not second.closed.is_set()
