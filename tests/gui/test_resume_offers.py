"""The window offers to resume interrupted runs, as long as they can be resumed."""

from pathlib import Path

from gates import Gate
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine import jobs
from busapp.engine.events import CheckpointSaved, Finished, Job
from busapp.engine.settings import ImportSettings, ValidateSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.gui.jobs.job_queue import QueuedJob
from busapp.gui.main_window import MainWindow


def _interrupted_run(study: Workspace) -> str:
    run = study.new_run("validate", ValidateSettings().model_dump(mode="json"))

    def job() -> Job:
        run.checkpoint.write_bytes(b"kept")
        yield CheckpointSaved(1)
        yield Finished()

    recorded = record(run, job())
    next(recorded)
    next(recorded)
    recorded.close()
    return run.id


def test_the_next_start_offers_to_go_on(qtbot: QtBot, phantom_study: Workspace) -> None:
    run_id = _interrupted_run(phantom_study)
    window = MainWindow(phantom_study)
    window.show()
    strip = window.pages[2].strip
    assert "Validation: " in strip.label.text()
    resumed: list[QueuedJob] = []
    window.queue.started.connect(resumed.append)
    window.tabs.setCurrentIndex(2)
    qtbot.mouseClick(strip.action_button, Qt.MouseButton.LeftButton)
    assert [job.run_id for job in resumed] == [run_id]
    window.queue.shut_down()
    qtbot.waitUntil(lambda: window.queue.current is None)
    window.close()


def test_opening_a_study_with_an_unfinished_import_leaves_no_offer(qtbot: QtBot, empty_study: Workspace) -> None:
    job = jobs.start(empty_study, ImportSettings(sources=(Path("nowhere"),)))
    next(job)
    job.close()
    window = MainWindow(empty_study)
    assert all(not page.strip.messages for page in window.pages)
    window.close()


def test_an_offer_to_go_on_ends_with_its_run(qtbot: QtBot, phantom_study: Workspace) -> None:
    run_id = _interrupted_run(phantom_study)
    window = MainWindow(phantom_study)
    window.show()
    window.tabs.setCurrentIndex(2)
    strip, runs_list = window.pages[2].strip, window.validation.runs_list
    assert strip.isVisible()
    runs_list.select(run_id)
    runs_list.delete_action.trigger()
    qtbot.waitUntil(lambda: not strip.isVisible())
    window.close()


def test_an_offer_to_go_on_ends_when_its_run_is_resumed_from_the_list(qtbot: QtBot, phantom_study: Workspace) -> None:
    run_id = _interrupted_run(phantom_study)
    window = MainWindow(phantom_study)
    window.show()
    window.tabs.setCurrentIndex(2)
    gate = Gate("first")
    window.queue.add(gate.queued)
    window.validation.runs_list.select(run_id)
    window.validation.runs_list.resume_action.trigger()
    assert [job.run_id for job in window.queue.waiting] == [run_id]
    assert not window.pages[2].strip.isVisible()
    window.queue.shut_down()
    qtbot.waitUntil(lambda: window.queue.current is None)
    window.close()
