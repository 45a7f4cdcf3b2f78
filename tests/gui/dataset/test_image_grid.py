"""The grid of images: sections of classes, keys, selection, mouse and menu."""

from itertools import cycle

from grids import CLASSES, centre, selected
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAction, QColor, QContextMenuEvent, QCursor, QWheelEvent
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui import theme
from busapp.gui.dataset.image_grid import ImageGrid


def _drag(qtbot: QtBot, grid: ImageGrid, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.1, 0.5, 1.0):
        qtbot.mouseMove(grid.viewport(), start + (end - start) * share)
    grid.grab()
    qtbot.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, pos=end)


def test_images_stand_class_by_class_under_headers(filled: ImageGrid, phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    mixed = [image for together in zip(images[16:], images[:8], images[8:16], strict=True) for image in together]
    mixed[1] = mixed[1]._replace(kind="synthetic")
    filled.show_images(mixed, CLASSES, {}, frozenset())
    assert [image.class_name for image in filled.images.images] == ["benign"] * 8 + ["malignant"] * 8 + ["normal"] * 8
    assert [section.in_words() for section in filled.images.sections] == [
        "8 images, 1 of them synthetic",
        "8 images",
        "8 images",
    ]
    above, below = filled.visualRect(filled.images.index(7)), filled.visualRect(filled.images.index(8))
    assert below.top() > above.bottom() + 20
    assert not filled.indexAt(QPoint(below.center().x(), below.top() - 5)).isValid()
    filled.show_images(mixed, CLASSES, {}, frozenset(), by_class=False)
    assert filled.images.images == mixed
    assert filled.visualRect(filled.images.index(0)).top() == 0


def test_the_header_of_a_class_stays_while_its_images_scroll(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.verticalScrollBar().setValue(filled.visualRect(filled.images.index(12)).top())
    painted = filled.viewport().grab().toImage()
    assert painted.pixelColor(300, 2) == QColor(theme.colours().window)
    assert painted.pixelColor(10, 13) == theme.class_colour("malignant", CLASSES)
    assert not filled.indexAt(QPoint(60, 10)).isValid()


def test_letters_go_to_a_class(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.setFocus()
    qtbot.keyClick(filled, Qt.Key.Key_N)
    assert filled.currentIndex().row() == 16


def test_arrow_and_page_keys_walk_over_the_headers(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.setFocus()
    visited = []
    for key in ("Right", "Right", "Down", "Down", "Up", "Left", "End", "PageUp", "Home", "Up", "PageDown"):
        qtbot.keyClick(filled, getattr(Qt.Key, f"Key_{key}"))
        visited.append(filled.currentIndex().row())
        assert filled.viewport().rect().contains(filled.visualRect(filled.currentIndex()))
    assert visited == [1, 2, 6, 10, 6, 5, 23, 11, 0, 0, 12]
    assert selected(filled) == [12]


def test_shift_selects_from_one_image_to_another(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.setFocus()
    qtbot.mouseClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=centre(filled, 2))
    qtbot.keyClick(filled, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert selected(filled) == [2, 3, 4, 5, 6]
    qtbot.mouseClick(filled.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, centre(filled, 0))
    assert selected(filled) == [0, 1, 2]
    qtbot.mouseClick(
        filled.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, centre(filled, 5)
    )
    assert selected(filled) == [0, 1, 2, 5]
    qtbot.keyClick(filled, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
    assert selected(filled) == [0, 1, 2, *range(5, 24)]


def test_a_rubber_band_selects_what_it_touches(qtbot: QtBot, filled: ImageGrid) -> None:
    _drag(qtbot, filled, centre(filled, 1), centre(filled, 6))
    assert selected(filled) == [1, 2, 5, 6]
    _drag(qtbot, filled, centre(filled, 9), centre(filled, 4))
    assert selected(filled) == [4, 5, 8, 9]
    assert filled._band.isNull()


def test_a_rubber_band_beyond_the_edge_scrolls(qtbot: QtBot, filled: ImageGrid) -> None:
    qtbot.mousePress(filled.viewport(), Qt.MouseButton.LeftButton, pos=centre(filled, 0))
    below = QPoint(centre(filled, 3).x(), filled.viewport().height() - 3)
    bar = filled.verticalScrollBar()
    trembling = cycle((QPoint(0, 0), QPoint(0, 1)))
    QCursor.setPos(filled.viewport().mapToGlobal(below))  # Qt reads the cursor while it scrolls automatically

    def is_at_the_end() -> bool:
        qtbot.mouseMove(filled.viewport(), below + next(trembling))
        return bar.value() == bar.maximum()

    qtbot.waitUntil(is_at_the_end)
    qtbot.mouseRelease(filled.viewport(), Qt.MouseButton.LeftButton, pos=below)
    assert selected(filled) == list(range(24))


def test_the_wheel_scrolls_a_line_of_images(qtbot: QtBot, filled: ImageGrid) -> None:
    place = QPointF(100, 100)
    no_buttons, no_keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    turned = QWheelEvent(
        place,
        filled.viewport().mapToGlobal(place),
        QPoint(),
        QPoint(0, -120),
        no_buttons,
        no_keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    before = centre(filled, 4)
    QApplication.sendEvent(filled.viewport(), turned)
    assert 100 < before.y() - centre(filled, 4).y() < 200


def test_a_right_click_keeps_the_selection_and_offers_what_can_be_done(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.insertAction(filled.masks_action, QAction("Set aside…", filled))
    filled.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
    filled.selectAll()
    place = centre(filled, 2)
    offered: list[str] = []

    def choose() -> None:
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        offered.extend(action.text() for action in menu.actions())
        menu.actions()[-1].trigger()
        menu.close()

    QTimer.singleShot(0, choose)
    qtbot.mousePress(filled.viewport(), Qt.MouseButton.RightButton, pos=place)
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, filled.viewport().mapToGlobal(place))
    QApplication.sendEvent(filled.viewport(), asked)
    qtbot.mouseRelease(filled.viewport(), Qt.MouseButton.RightButton, pos=place)  # else it stays down in later tests
    assert offered == ["Set aside…", "Lesion masks"]
    assert filled.masks_action.isChecked()
    assert len(filled.selected()) == 24


def test_space_and_double_click_open(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.setCurrentIndex(filled.images.index(2))
    with qtbot.waitSignal(filled.opened) as opened:
        qtbot.keyClick(filled, Qt.Key.Key_Space)
    assert opened.args == [2]
    qtbot.mouseClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=centre(filled, 1))
    with qtbot.waitSignal(filled.opened) as opened:
        qtbot.mouseDClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=centre(filled, 1))
    assert opened.args == [1]


def test_selection_and_place_survive_a_refresh(qtbot: QtBot, filled: ImageGrid) -> None:
    images = list(filled.images.images)
    filled.setCurrentIndex(filled.images.index(5))
    place = filled.verticalScrollBar().value()
    filled.show_images(list(reversed(images)), CLASSES, {}, frozenset())
    assert filled.selected() == [images[5]]
    assert filled.images.images[filled.currentIndex().row()] == images[5]
    assert filled.verticalScrollBar().value() == place
    filled.show_images(images[:3], CLASSES, {}, frozenset())
    assert filled.selected() == []
