import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gates import Gate
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QSplitter, QWidget
from pytestqt.qtbot import QtBot
from recorded_runs import validation_events

from busapp import paths
from busapp.engine import demo, jobs
from busapp.engine.events import CheckpointSaved, Finished, Job, Progress
from busapp.engine.settings import SETTINGS, ImportSettings, ValidateSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.gui import app as gui_app
from busapp.gui import user_settings
from busapp.gui.dataset.import_preview import ImportPreview
from busapp.gui.jobs.job_queue import QueuedJob
from busapp.gui.main_window import MainWindow

SMALL = ValidateSettings(folds=2, epochs=3)


@pytest.fixture
def window(qtbot: QtBot, empty_study: Workspace) -> Iterator[MainWindow]:
    window = MainWindow(empty_study)
    window.show()
    yield window
    window.queue.shut_down()
    qtbot.waitUntil(lambda: window.queue.current is None)
    window.close()
    window.deleteLater()


def _import(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    """Import as a user does: choose, look at the preview, agree, wait."""
    window.dataset.import_from([folder])
    preview = window.dataset.findChildren(ImportPreview)[-1]
    qtbot.waitUntil(preview.import_button.isEnabled)
    with qtbot.waitSignal(window.queue.ended, timeout=60_000):
        qtbot.mouseClick(preview.import_button, Qt.MouseButton.LeftButton)


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


def test_four_tabs_by_keys_and_a_line_that_says_research(qtbot: QtBot, window: MainWindow) -> None:
    assert window.windowTitle() == "empty study — busapp"
    assert [window.tabs.tabText(index) for index in range(4)] == ["Dataset", "Synthesis", "Validation", "Diagnosis"]
    for key, index in ((Qt.Key.Key_3, 2), (Qt.Key.Key_1, 0), (Qt.Key.Key_4, 3), (Qt.Key.Key_2, 1)):
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.tabs.currentIndex() == index
    words = {label.text() for label in window.statusBar().findChildren(type(window.device_label))}
    assert "Research use only. Not a medical device." in words


def test_every_kind_of_job_has_exactly_one_tab(window: MainWindow) -> None:
    for kind in SETTINGS:
        tabs = [name for name, tab in window.study_tabs.items() if kind in tab.job_kinds]
        assert len(tabs) == 1, (kind, tabs)
    with pytest.raises(KeyError):
        window._page_of("no such kind")


def test_every_widget_that_takes_the_focus_has_a_name(window: MainWindow) -> None:
    nameless = []
    for widget in window.findChildren(QWidget):
        is_reached = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.window() is window
        if not is_reached or "Scroll" in type(widget).__name__:
            continue
        text = getattr(widget, "text", lambda: "")()
        inside_named = widget.parentWidget() is not None and widget.parentWidget().accessibleName()
        if not (widget.accessibleName() or text or inside_named):
            nameless.append(f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}")
    assert nameless == []


def test_an_import_shows_its_images_and_ctrl_z_takes_it_back(
    qtbot: QtBot, window: MainWindow, empty_study: Workspace, phantom_folder: Path
) -> None:
    _import(qtbot, window, phantom_folder)
    assert window.dataset.grid.images.rowCount() == 24
    assert (
        window.job_bar.strip.label.text() == "Import: 24 images imported, 0 already there, 0 skipped, 24 masks joined."
    )
    _import(qtbot, window, phantom_folder)
    assert window.job_bar.strip.label.text() == "Import: 0 images imported, 24 already there, 0 skipped."
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.statusBar().currentMessage() == "Undone: 24 images imported"
    assert empty_study.catalog.images() == []
    assert window.dataset.empty.isVisibleTo(window)


def test_busi_comes_in_whole(qtbot: QtBot, window: MainWindow, busi_256: Path) -> None:
    _import(qtbot, window, busi_256)
    counts = {count.name: count.real for count in window.dataset.overview.balance.counts}
    assert counts == {"benign": 437, "malignant": 210, "normal": 133}


def test_the_link_of_a_search_for_duplicates_shows_what_it_found(qtbot: QtBot, phantom_study: Workspace) -> None:
    window = MainWindow(phantom_study)
    window.show()
    with qtbot.waitSignal(window.queue.ended, timeout=60_000):
        qtbot.mouseClick(window.dataset.sidebar.check_button, Qt.MouseButton.LeftButton)
    window.tabs.setCurrentIndex(3)
    assert window.job_bar.strip.label.text().startswith("Check images: ")
    qtbot.mouseClick(window.job_bar.strip.action_button, Qt.MouseButton.LeftButton)
    assert window.tabs.currentIndex() == 0
    assert window.dataset.review.isVisible()
    assert "Back to the images" in window.dataset.review.empty.button.text()
    window.close()


def test_a_problem_of_a_tab_stands_above_it(window: MainWindow) -> None:
    window.validation.problem.emit("There are too few images.", "details")
    strip = window.pages[2].strip
    assert strip.label.text() == "There are too few images."
    assert not strip.isHidden()


def test_two_jobs_of_the_same_study_queue_and_the_tabs_hear_both(
    qtbot: QtBot, window: MainWindow, phantom_folder: Path
) -> None:
    for name in ("benign", "normal"):
        window.dataset.start_requested.emit(ImportSettings(sources=(phantom_folder / name,)))
    qtbot.waitUntil(lambda: window.queue.current is None)
    assert {count.name: count.real for count in window.dataset.overview.balance.counts} == {"benign": 8, "normal": 8}


def test_closing_during_a_job_asks_and_stops_it_cleanly(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, waiting = Gate("Validation"), Gate("waiting")
    with qtbot.waitSignal(window.queue.event_arrived):
        window.queue.add(gate.queued)
    window.queue.add(waiting.queued)
    asked: list[str] = []

    def answer(role: QMessageBox.ButtonRole) -> None:
        def exec_(question: QMessageBox) -> int:
            asked.append(question.informativeText())
            button = next(button for button in question.buttons() if question.buttonRole(button) == role)
            button.click()
            return 0

        monkeypatch.setattr(QMessageBox, "exec", exec_)

    answer(QMessageBox.ButtonRole.RejectRole)
    window.close()
    assert window.isVisible()
    assert window.queue.current is gate.queued
    assert "Closing stops it." in asked[0]
    answer(QMessageBox.ButtonRole.AcceptRole)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert gate.closed.is_set()
    assert not waiting.closed.is_set()
    assert len(asked) == 2


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


def test_it_remembers_size_splitters_and_study(qtbot: QtBot, phantom_study: Workspace) -> None:
    window = MainWindow(phantom_study)
    window.show()
    window.resize(window.minimumSizeHint().width(), 700)
    splitter = window.dataset.findChild(QSplitter, "dataset")
    assert isinstance(splitter, QSplitter)
    splitter.setSizes([300, 500, 220])
    sizes = splitter.sizes()
    window.close()
    assert user_settings.open_study() == phantom_study.root
    assert user_settings.recent_studies() == [phantom_study.root]
    again = MainWindow(Workspace.open(phantom_study.root))
    again.show()
    assert again.height() == 700
    splitter = again.dataset.findChild(QSplitter, "dataset")
    assert isinstance(splitter, QSplitter)
    assert splitter.sizes() == sizes
    assert again.dataset.grid.images.rowCount() == 24
    again.close()


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


def test_f1_opens_the_guide_at_this_tab(qtbot: QtBot, window: MainWindow) -> None:
    for index, chapter in enumerate(("dataset", "synthesis", "validation", "diagnosis")):
        window.tabs.setCurrentIndex(index)
        window._open_guide()
        assert window._guide is not None
        assert window._guide.text.source().fragment() == chapter
        assert f'name="{chapter}"' in (paths.resources_dir() / "guide.html").read_text(encoding="utf-8")
    assert "Check images" in window._guide.text.toPlainText()
    window._guide.close()


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


def test_opening_a_study_with_an_unfinished_import_leaves_no_offer(qtbot: QtBot, empty_study: Workspace) -> None:
    job = jobs.start(empty_study, ImportSettings(sources=(Path("nowhere"),)))
    next(job)
    job.close()
    window = MainWindow(empty_study)
    assert all(not page.strip.messages for page in window.pages)
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
