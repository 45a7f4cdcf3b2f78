from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gates import Gate
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from busapp.engine.events import CheckpointSaved, Event, Finished, Job, Note, Progress, Skipped
from busapp.errors import UserError
from busapp.gui.jobs.job_bar import JobBar, QueueDialog, TimeLeft
from busapp.gui.jobs.job_queue import JobQueue, QueuedJob
from busapp.gui.widgets.message_strip import MessageStrip


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bar:
    """A job bar with its queue and its clock."""

    def __init__(self, qtbot: QtBot) -> None:
        self.clock = Clock()
        self.queue = JobQueue()
        self.bar = JobBar(self.queue, clock=self.clock)
        qtbot.addWidget(self.bar)
        self.bar.show()


@pytest.fixture
def bar(qtbot: QtBot) -> Iterator[Bar]:
    bar = Bar(qtbot)
    yield bar
    bar.queue.shut_down()


def _job(*events: Event) -> QueuedJob:
    def job() -> Job:
        yield from events

    return QueuedJob("import", "Import", job)


def test_time_left_is_measured_and_forgotten_at_another_kind_of_work() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert left.seconds(0, 100) is None
    clock.now = 10
    assert left.seconds(20, 100) == pytest.approx(40)
    clock.now = 20
    assert left.seconds(40, 100) == pytest.approx(30)
    assert left.seconds(0, 50) is None
    clock.now = 25
    assert left.seconds(25, 50) == pytest.approx(5)
    left.forget()
    assert left.seconds(26, 50) is None


def test_it_is_empty_while_idle_and_shows_the_job_with_its_numbers(qtbot: QtBot, bar: Bar) -> None:
    assert not bar.bar.title.isVisible()
    gate = Gate("Import")
    bar.queue.add(gate.queued)
    assert bar.bar.title.isVisible()
    assert bar.bar.title.text() == "Import"
    bar.queue.event_arrived.emit(gate.queued, Progress(1, 4, "1 of 4 images"))
    assert bar.bar.progress.value() == 250
    assert bar.bar.what.text() == "1 of 4 images"
    bar.clock.now = 30
    bar.queue.event_arrived.emit(gate.queued, Progress(2, 4, "2 of 4 images"))
    assert bar.bar.left.text() == "1 min left"
    gate.opened.set()
    qtbot.waitUntil(lambda: bar.queue.current is None)
    assert not bar.bar.title.isVisible()


def imported(count: int, *skipped: dict[str, str]) -> dict[str, Any]:
    """Return the result of an import."""
    return {"imported": count, "already_present": 0, "skipped": list(skipped), "counts": {"benign": count}}


def test_a_finished_job_leaves_a_line_with_a_link_and_what_was_skipped(qtbot: QtBot, bar: Bar) -> None:
    skipped = {"file": "a.png", "reason": "torn"}
    job = bar.queue.add(_job(Skipped("a.png", "torn"), Note("A note."), Finished(imported(3, skipped))))
    qtbot.waitUntil(lambda: bar.queue.current is None)
    strip = bar.bar.strip
    assert strip.label.text() == "Import: 3 images imported, 0 already there, 1 skipped."
    qtbot.mouseClick(strip.details_button, Qt.MouseButton.LeftButton)
    assert "Skipped a.png: torn" in strip.details.toPlainText()
    with qtbot.waitSignal(bar.bar.result_requested) as asked:
        qtbot.mouseClick(strip.action_button, Qt.MouseButton.LeftButton)
    assert asked.args == [job]
    assert not strip.isVisible()


def test_a_job_without_a_result_to_open_has_no_link(qtbot: QtBot, bar: Bar) -> None:
    job = _job(Finished(imported(1)))
    job.has_result = False
    bar.queue.add(job)
    qtbot.waitUntil(lambda: bar.queue.current is None)
    assert bar.bar.strip.isVisible() and not bar.bar.strip.action_button.isVisible()


def test_a_failure_stays_when_the_next_job_starts(qtbot: QtBot, bar: Bar) -> None:
    def fails() -> Job:
        yield Note("begun")
        raise UserError("There is no such folder", file="x", remedy="Choose another.")

    bar.queue.add(QueuedJob("import", "Import", fails))
    bar.queue.add(_job(Finished(imported(1))))
    qtbot.waitUntil(lambda: bar.queue.current is None)
    assert bar.bar.strip.label.text().endswith("(newest of 2 messages)")
    bar.queue.add(_job(Finished(imported(2))))
    qtbot.waitUntil(lambda: bar.queue.current is None)
    listed = [message.sentence for message in bar.bar.strip.messages]
    assert listed == [
        "Import failed. There is no such folder (x). Choose another.",
        "Import: 2 images imported, 0 already there, 0 skipped.",
    ]


def test_pause_and_resume_by_the_button(qtbot: QtBot, bar: Bar) -> None:
    bar.queue.add(Gate("Import").queued)
    qtbot.mouseClick(bar.bar.pause_button, Qt.MouseButton.LeftButton)
    assert bar.queue.is_paused
    assert (bar.bar.pause_button.text(), bar.bar.left.text()) == ("Resume", "paused")
    qtbot.mouseClick(bar.bar.pause_button, Qt.MouseButton.LeftButton)
    assert not bar.queue.is_paused
    assert bar.bar.pause_button.text() == "Pause"


def test_cancel_asks_only_where_more_than_a_minute_is_lost(
    qtbot: QtBot, bar: Bar, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer_no(_parent: object, _title: str, text: str) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer_no)
    gate = Gate("Import")
    bar.queue.add(gate.queued)
    bar.clock.now = 300
    qtbot.mouseClick(bar.bar.cancel_button, Qt.MouseButton.LeftButton)
    assert "5 min of work is lost" in asked[0]
    assert bar.queue.current is gate.queued
    bar.queue.event_arrived.emit(gate.queued, CheckpointSaved(3))
    bar.clock.now = 400
    qtbot.mouseClick(bar.bar.cancel_button, Qt.MouseButton.LeftButton)
    assert "since the last checkpoint (2 min)" in asked[1]
    bar.queue.event_arrived.emit(gate.queued, CheckpointSaved(4))
    qtbot.mouseClick(bar.bar.cancel_button, Qt.MouseButton.LeftButton)
    assert len(asked) == 2
    qtbot.waitUntil(lambda: bar.queue.current is None)
    assert bar.bar.strip.label.text() == "Import was cancelled. It can be resumed."


def test_the_waiting_jobs_are_seen_moved_and_removed(qtbot: QtBot, bar: Bar) -> None:
    gates = [Gate(name) for name in ("one", "two", "three", "four")]
    for gate in gates:
        bar.queue.add(gate.queued)
    assert bar.bar.queue_button.text() == "3 waiting"
    qtbot.mouseClick(bar.bar.queue_button, Qt.MouseButton.LeftButton)
    dialog = bar.bar.findChild(QueueDialog)
    assert isinstance(dialog, QueueDialog)
    dialog.list.setCurrentRow(2)
    qtbot.mouseClick(dialog.up_button, Qt.MouseButton.LeftButton)
    assert [job.title for job in bar.queue.waiting] == ["two", "four", "three"]
    qtbot.mouseClick(dialog.remove_button, Qt.MouseButton.LeftButton)
    assert [job.title for job in bar.queue.waiting] == ["two", "three"]
    dialog.reject()


def test_a_job_of_a_study_that_is_not_open_is_named_with_it(bar: Bar, tmp_path: Path) -> None:
    gate = Gate("Import")
    gate.queued.study = tmp_path / "first"
    bar.bar.open_study(tmp_path / "first")
    bar.queue.add(gate.queued)
    assert bar.bar.title.text() == "Import"
    bar.bar.open_study(tmp_path / "second")
    assert bar.bar.title.text() == "Import in “first”"
    assert bar.bar.title.toolTip() == str(tmp_path / "first")
    bar.bar.open_study(tmp_path / "first")
    assert (bar.bar.title.text(), bar.bar.title.toolTip()) == ("Import", "")


def test_files_that_a_check_left_out_are_counted(qtbot: QtBot, bar: Bar) -> None:
    found = {"n_images": 12, "n_groups": 11, "n_pairs": 1, "conflicts": [], "flags": {}}
    job = _job(Skipped("a.png", "torn"), Skipped("b.png", "torn"), Finished(found))
    job.kind, job.title = "curate", "Check images"
    with qtbot.waitSignal(bar.queue.ended):
        bar.queue.add(job)
    said = bar.bar.strip.label.text()
    assert said == "Check images: 12 images in 11 groups; 1 pair looks alike. 2 files skipped: see the details."


def test_only_what_went_wrong_is_there_to_copy(qtbot: QtBot) -> None:
    strip = MessageStrip()
    qtbot.addWidget(strip)
    strip.add("All is well.", level="info")
    assert not strip.copy_button.isVisible()
    strip.add("That failed.", "why")
    assert strip.copy_button.isVisible()


def test_a_cancelled_import_says_that_nothing_came_in(qtbot: QtBot, bar: Bar) -> None:
    gate = Gate("Import")
    gate.queued.kind = "import"
    bar.queue.add(gate.queued)
    qtbot.mouseClick(bar.bar.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bar.queue.current is None)
    assert bar.bar.strip.label.text() == "Import was cancelled. The dataset is as it was before."
