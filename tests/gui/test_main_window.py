"""The main window: its tabs and keys, jobs, closing, and its memory."""

from pathlib import Path

import pytest
from gates import Gate
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from busapp import paths
from busapp.engine.settings import SETTINGS, ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui import user_settings
from busapp.gui.dataset.import_preview import ImportPreview
from busapp.gui.main_window import MainWindow


def _import(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    """Import as a user does: choose, look at the preview, agree, wait."""
    window.dataset.import_from([folder])
    preview = window.dataset.findChildren(ImportPreview)[-1]
    qtbot.waitUntil(preview.import_button.isEnabled)
    with qtbot.waitSignal(window.queue.ended, timeout=60_000):
        qtbot.mouseClick(preview.import_button, Qt.MouseButton.LeftButton)


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


def test_f1_opens_the_guide_at_this_tab(qtbot: QtBot, window: MainWindow) -> None:
    for index, chapter in enumerate(("dataset", "synthesis", "validation", "diagnosis")):
        window.tabs.setCurrentIndex(index)
        window._open_guide()
        assert window._guide is not None
        assert window._guide.text.source().fragment() == chapter
        assert f'name="{chapter}"' in (paths.resources_dir() / "guide.html").read_text(encoding="utf-8")
    assert "Check images" in window._guide.text.toPlainText()
    window._guide.close()
