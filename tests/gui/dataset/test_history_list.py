from collections.abc import Iterator
from datetime import datetime

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from recorded_runs import synthesis_run, validation_run

from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.history_list import HistoryList
from busapp.gui.main_window import MainWindow
from busapp.gui.synthesis.tab import SynthesisTab
from busapp.gui.validation.tab import ValidationTab
from busapp.gui.words import latest_changes

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def changed_study(phantom_study: Workspace) -> Workspace:
    """A study changed after its import: one image set aside, one given another class, two joined to a group."""
    catalog = phantom_study.catalog
    first, second, *_ = [image.id for image in catalog.images()]
    catalog.exclude([first], "poor image")
    catalog.reclassify([second], "malignant")
    catalog.join([first, second])
    return phantom_study


@pytest.fixture
def history(qtbot: QtBot, changed_study: Workspace) -> Iterator[HistoryList]:
    dialog = HistoryList(changed_study.catalog)
    qtbot.addWidget(dialog)
    dialog.show()
    yield dialog


def _lines(history: HistoryList) -> list[tuple[str, str, bool]]:
    items = [history.table.topLevelItem(row) for row in range(history.table.topLevelItemCount())]
    return [(item.text(0), item.text(2), item.font(0).strikeOut()) for item in items if item is not None]


def test_every_change_is_listed_the_newest_first_in_local_time(history: HistoryList, changed_study: Workspace) -> None:
    assert _lines(history) == [
        ("2 images joined to one group", "", False),
        ("1 image is now malignant", "", False),
        ("1 image set aside: poor image", "", False),
        ("24 images imported", "", False),
    ]
    item = history.table.topLevelItem(0)
    assert item is not None
    at = datetime.fromisoformat(changed_study.catalog.history()[0].at)
    assert item.text(1) == at.astimezone().strftime("%Y-%m-%d %H:%M")


def test_what_is_undone_is_struck_through_and_the_count_is_said_before(
    qtbot: QtBot, history: HistoryList, changed_study: Workspace
) -> None:
    assert history.undo_button.text() == "&Undo this change"
    for _ in range(2):
        qtbot.keyClick(history.table, Qt.Key.Key_Down)
    assert history.undo_button.text() == "&Undo 3 changes, down to here"
    with qtbot.waitSignal(history.changed):
        qtbot.mouseClick(history.undo_button, Qt.MouseButton.LeftButton)
    assert [(state, struck) for _, state, struck in _lines(history)] == [("undone", True)] * 3 + [("", False)]
    assert history.told.text() == "3 changes undone."
    assert all(image.excluded is None for image in changed_study.catalog.images())
    assert changed_study.catalog.counts()["malignant"] == 8
    assert not history.undo_button.isEnabled(), "the selected change is undone already"
    assert history.undo_button.text() == "&Undo down to here"


def test_redo_makes_it_again_until_something_else_was_changed(
    qtbot: QtBot, history: HistoryList, changed_study: Workspace
) -> None:
    assert not history.redo_button.isEnabled()
    qtbot.keyClick(history, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(history.redo_button.isEnabled)
    assert history.told.text() == "Undone 1 of 1: 2 images joined to one group"
    with qtbot.waitSignal(history.changed):
        qtbot.keyClick(history, Qt.Key.Key_Y, CONTROL)
    assert [state for _, state, _ in _lines(history)] == [""] * 4
    qtbot.keyClick(history, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(history.redo_button.isEnabled)
    changed_study.catalog.exclude([image.id for image in changed_study.catalog.images()][5:6], "poor image")
    history.refresh()
    with qtbot.assertNotEmitted(history.changed):
        qtbot.mouseClick(history.redo_button, Qt.MouseButton.LeftButton)
    assert history.told.text().startswith("Nothing can be redone")


def test_esc_stops_undoing_before_it_closes(qtbot: QtBot, history: HistoryList, changed_study: Workspace) -> None:
    qtbot.keyClick(history.table, Qt.Key.Key_End)
    assert history.undo_button.text() == "&Undo 4 changes, down to here"
    history.undo_button.click()
    qtbot.keyClick(history, Qt.Key.Key_Escape)
    assert history.isVisible()
    assert len(changed_study.catalog.images()) == 24
    qtbot.keyClick(history, Qt.Key.Key_Escape)
    assert not history.isVisible()


def test_an_unchanged_study_says_what_will_stand_here(qtbot: QtBot, empty_study: Workspace) -> None:
    dialog = HistoryList(empty_study.catalog)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.empty.isVisible() and not dialog.table.isVisible()
    assert "can be undone" in dialog.empty.label.text()
    assert not dialog.undo_button.isEnabled() and not dialog.redo_button.isEnabled()


def test_the_edit_menu_undoes_redoes_and_shows_the_history(qtbot: QtBot, changed_study: Workspace) -> None:
    window = MainWindow(changed_study)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert window.statusBar().currentMessage() == "Undone: 2 images joined to one group"
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert {image.class_name for image in window.dataset.grid.images.images[:8]} == {"benign"}
    for key, modifier in (
        (Qt.Key.Key_Y, CONTROL),
        (Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier),
    ):
        qtbot.keyClick(window, key, modifier)
    assert window.statusBar().currentMessage() == "Redone: 2 images joined to one group"
    assert changed_study.catalog.counts()["malignant"] == 9
    qtbot.keyClick(window, Qt.Key.Key_Y, CONTROL)
    assert window.statusBar().currentMessage() == "There is nothing to redo."
    window.history.list_action.trigger()
    dialog = window.findChild(HistoryList)
    assert isinstance(dialog, HistoryList) and dialog.isVisible()
    with qtbot.waitSignal(window.history.changed):
        qtbot.mouseClick(dialog.undo_button, Qt.MouseButton.LeftButton)
    dialog.reject()
    window.close()
    window.deleteLater()


def test_a_window_without_a_study_has_no_history(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    assert not any(action.isEnabled() for action in (window.history.undo_action, window.history.list_action))


def test_an_old_run_says_what_has_changed_since(qtbot: QtBot, changed_study: Workspace) -> None:
    run = validation_run(changed_study, ValidateSettings(folds=2, epochs=1))
    tab = ValidationTab()
    qtbot.addWidget(tab)
    tab.resize(1280, 700)
    tab.show()
    tab.open_study(changed_study)
    assert tab.run is not None and tab.run.id == run.id
    ids = [image.id for image in changed_study.catalog.images()]
    changed_study.catalog.exclude(ids[3:5], "near-duplicate")
    tab.refresh()
    qtbot.waitUntil(tab.changed_since.frame.isVisible)
    words = tab.changed_since.label.text()
    assert words == "Since this run began, the dataset has changed:\n• 2 images set aside: near-duplicate"
    changed_study.catalog.undo()
    tab.refresh()
    qtbot.waitUntil(lambda: not tab.changed_since.frame.isVisible())
    tab.shut_down()


def test_a_tab_that_is_not_seen_does_not_ask(qtbot: QtBot, changed_study: Workspace) -> None:
    synthesis_run(changed_study)
    changed_study.catalog.undo()
    tab = SynthesisTab()
    qtbot.addWidget(tab)
    tab.open_study(changed_study)
    tab.changed_since.stop()
    tab.refresh()
    assert tab.changed_since.frame.isHidden()
    tab.show()
    qtbot.waitUntil(tab.changed_since.frame.isVisible)
    assert "Undone: 2 images joined to one group" in tab.changed_since.label.text()
    tab.shut_down()


def test_only_the_latest_of_many_changes_are_said() -> None:
    assert latest_changes(["a", "b"]) == ["• a", "• b"]
    assert latest_changes([str(number) for number in range(8)], most=3) == ["• 5 earlier changes", "• 5", "• 6", "• 7"]
