"""The main window and several studies: open, copy, switch while a job runs, and refuse what is no study."""

import shutil
import threading
from pathlib import Path

import pytest
from gates import Gate
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from recorded_runs import SMALL, validation_events

from busapp import paths
from busapp.engine import demo
from busapp.engine.events import Finished, Job, Progress
from busapp.engine.settings import ImportSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.gui import app as gui_app
from busapp.gui.jobs.job_queue import QueuedJob
from busapp.gui.main_window import MainWindow


def test_studies_are_made_opened_and_copied_from_the_menu(
    qtbot: QtBot, window: MainWindow, phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(phantom_study.root))
    window._choose_study()
    assert window.windowTitle() == "Phantoms (simulated phantoms) — busapp"
    assert window.dataset.grid.images.rowCount() == 24
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "copy"), ""))
    with qtbot.waitSignal(window.queue.ended):
        window.outputs.copy_action.trigger()
    copy = Workspace.open(tmp_path / "copy")
    assert copy.catalog.images() == phantom_study.catalog.images()
    assert all(copy.image_path(image).exists() for image in copy.catalog.images())
    copy.close()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "new"), ""))
    window._new_study()
    assert window.windowTitle() == "new — busapp"
    assert window.dataset.grid.images.rowCount() == 0
    window._fill_recent()
    assert str(phantom_study.root) in [action.text() for action in window.recent_menu.actions()]


def test_a_folder_that_is_no_study_is_refused_in_a_sentence(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "other"))
    window._choose_study()
    assert "There is no study in this folder" in window.strip.label.text()
    assert window.windowTitle() == "empty study — busapp"


def test_the_events_of_another_study_do_not_reach_the_tabs(
    qtbot: QtBot, window: MainWindow, phantom_study: Workspace, phantom_folder: Path, empty_study: Workspace
) -> None:
    with qtbot.waitSignal(window.queue.ended):
        window.queue.start(empty_study, ImportSettings(sources=(phantom_folder,)))
        window.open_study(phantom_study)
    assert empty_study.catalog.counts() == {"benign": 8, "malignant": 8, "normal": 8}
    assert window.workspace is phantom_study


def test_the_sample_study_is_made_by_a_job_and_opened(
    qtbot: QtBot, window: MainWindow, phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def small_demo(out: Path) -> Job:
        asked.append(out)
        yield Progress(0, 1, "copying")
        shutil.copytree(phantom_study.root, tmp_path / "sample")
        yield Finished({"workspace": str(tmp_path / "sample"), "report": str(tmp_path / "report.html")})

    monkeypatch.setattr(demo, "run_demo", small_demo)
    with qtbot.waitSignal(window.queue.ended):
        qtbot.mouseClick(window.dataset.empty.second_button, Qt.MouseButton.LeftButton)
    assert asked == [paths.user_data_dir() / "sample study"]
    assert window.workspace is not None
    assert window.workspace.root == tmp_path / "sample"
    assert window.dataset.grid.images.rowCount() == 24


def test_a_study_that_cannot_be_opened_is_told_in_the_window(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "damaged"
    root.mkdir()
    (root / "study.json").write_text("{")
    monkeypatch.setattr(paths, "default_workspace", lambda: root)
    window = gui_app._window(None)
    window.show()
    assert "cannot be read" in window.strip.label.text()
    assert window.no_study.isVisible()
    assert (root / "study.json").read_text() == "{"
    window.close()


def test_a_validation_goes_on_in_its_tab_after_a_look_at_another_study(
    qtbot: QtBot, phantom_study: Workspace, empty_study: Workspace
) -> None:
    run, may_end = phantom_study.new_run("validate", SMALL.model_dump(mode="json")), threading.Event()
    *before, finished = validation_events(phantom_study, run, SMALL)

    def job() -> Job:
        yield from before
        while not may_end.wait(0.005):
            yield Progress(1, 2, "held")
        yield finished

    window = MainWindow(phantom_study)
    window.show()
    window.tabs.setCurrentIndex(2)
    with qtbot.waitSignal(window.queue.event_arrived, check_params_cb=lambda _job, event: isinstance(event, Progress)):
        window.queue.add(QueuedJob("validate", "Validation", lambda: record(run, job()), phantom_study.root))
    window.open_study(Workspace.open(empty_study.root))
    with qtbot.waitSignal(window.queue.event_arrived):
        pass
    assert window.validation.run is None
    window.open_study(Workspace.open(phantom_study.root))
    assert window.validation.run is not None and window.validation.run.id == run.id
    qtbot.waitUntil(lambda: window.validation.result.accuracy.text() == "91.7 % so far")
    with qtbot.waitSignal(window.queue.ended):
        may_end.set()
    qtbot.waitUntil(lambda: "so far" not in window.validation.result.accuracy.text())
    window.close()


def test_the_link_of_a_job_of_another_study_opens_that_study(
    qtbot: QtBot, phantom_study: Workspace, empty_study: Workspace
) -> None:
    run, may_go_on = phantom_study.new_run("validate", SMALL.model_dump(mode="json")), threading.Event()
    events = list(validation_events(phantom_study, run, SMALL))

    def job() -> Job:
        while not may_go_on.wait(0.005):
            yield Progress(0, 2, "held")
        yield from events

    window = MainWindow(phantom_study)
    window.show()
    with qtbot.waitSignal(window.queue.event_arrived):
        window.queue.add(QueuedJob("validate", "Validation", lambda: record(run, job()), phantom_study.root))
    assert window.job_bar.title.text() == "Validation"
    window.open_study(Workspace.open(empty_study.root))
    assert window.job_bar.title.text() == f"Validation in “{phantom_study.root.name}”"
    with qtbot.waitSignal(window.queue.ended):
        may_go_on.set()
    strip = window.job_bar.strip
    assert strip.label.text().startswith(f"Validation in “{phantom_study.root.name}”: ")
    qtbot.mouseClick(strip.action_button, Qt.MouseButton.LeftButton)
    assert window.workspace is not None and window.workspace.root == phantom_study.root
    assert window.tabs.currentIndex() == 2
    assert window.validation.run is not None and window.validation.run.id == run.id
    assert not window.pages[2].strip.messages
    window.close()


def test_the_link_of_a_job_whose_study_is_gone_says_so_and_leaves_the_open_one(
    qtbot: QtBot, window: MainWindow, empty_study: Workspace, tmp_path: Path
) -> None:
    gone = QueuedJob("validate", "Validation", Gate("").job, tmp_path / "gone", "20200101-000000-validate")
    window.job_bar.result_requested.emit(gone)
    assert "There is no study in this folder" in window.strip.label.text()
    assert window.workspace is empty_study
    assert not window.pages[2].strip.messages
