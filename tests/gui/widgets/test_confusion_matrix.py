"""The confusion matrix: counts, shares and sensitivities, folds by tab, cells by mouse and keyboard."""

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.gui.widgets.confusion_matrix import ConfusionTabs

CLASSES = ["benign", "malignant", "normal"]


@pytest.fixture
def tabs(qtbot: QtBot) -> ConfusionTabs:
    tabs = ConfusionTabs()
    qtbot.addWidget(tabs)
    tabs.start(CLASSES)
    tabs.put_fold(2, [[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    tabs.put_fold(1, [[4, 0, 0], [1, 3, 0], [0, 0, 0]])
    tabs.resize(500, 320)
    tabs.show()
    qtbot.waitExposed(tabs)
    return tabs


def cell(tabs: ConfusionTabs, row: int, column: int) -> str:
    item = tabs.matrix.item(row, column)
    assert item is not None
    return item.text()


def test_the_total_is_the_sum_and_folds_stand_in_order(tabs: ConfusionTabs) -> None:
    assert tabs.total() == [[7, 1, 0], [1, 7, 0], [0, 0, 0]]
    assert [tabs.tabs.tabText(i) for i in range(tabs.tabs.count())] == ["All folds", "1", "2"]
    assert cell(tabs, 0, 0) == "7\n87.5 %"
    assert cell(tabs, 0, 3) == "0.875"
    assert cell(tabs, 2, 3) == "–"  # a class without test images has no sensitivity


def test_a_fold_by_its_tab(qtbot: QtBot, tabs: ConfusionTabs) -> None:
    tabs.tabs.setFocus()
    qtbot.keyClick(tabs.tabs, Qt.Key.Key_Right)
    assert tabs.fold == 1
    assert cell(tabs, 1, 0) == "1\n25.0 %"


def test_a_fold_that_comes_again_replaces_itself(tabs: ConfusionTabs) -> None:
    tabs.put_fold(2, [[4, 0, 0], [0, 4, 0], [0, 0, 0]])
    assert tabs.total() == [[8, 0, 0], [1, 7, 0], [0, 0, 0]]
    assert tabs.tabs.count() == 3


def test_cells_are_chosen_by_mouse_and_keyboard(qtbot: QtBot, tabs: ConfusionTabs) -> None:
    matrix = tabs.matrix
    item = matrix.item(1, 0)
    assert item is not None
    with qtbot.waitSignal(tabs.cell_chosen) as chosen:
        qtbot.mouseClick(matrix.viewport(), Qt.MouseButton.LeftButton, pos=matrix.visualItemRect(item).center())
    assert chosen.args == [0, 1, 0]
    with qtbot.waitSignal(tabs.cell_chosen) as chosen:
        qtbot.keyClick(matrix, Qt.Key.Key_Right)
    assert chosen.args == [0, 1, 1]


def test_ten_folds_are_seen_at_once(qtbot: QtBot, tabs: ConfusionTabs) -> None:
    for fold in range(1, 11):
        tabs.put_fold(fold, [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    last = tabs.tabs.tabRect(tabs.tabs.count() - 1)
    assert tabs.tabs.tabText(10) == "10"
    assert last.right() < tabs.tabs.width()
    qtbot.mouseClick(tabs.tabs, Qt.MouseButton.LeftButton, pos=last.center())
    assert tabs.fold == 10


def test_another_run_begins_empty(tabs: ConfusionTabs) -> None:
    tabs.start(["a", "b"])
    assert tabs.tabs.count() == 1
    assert tabs.total() == [[0, 0], [0, 0]]
    assert cell(tabs, 0, 2) == "–"
