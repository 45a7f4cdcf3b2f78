"""Places of the images in the grid, from none to a hundred thousand."""

from collections import Counter

from grids import CLASSES, centre, selected
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QAbstractSlider
from pytestqt.qtbot import QtBot

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.grid_layout import GridLayout
from busapp.gui.dataset.image_grid import ImageGrid


def _many(image: ImageRecord, count: int) -> list[ImageRecord]:
    """Images of three classes in turn, each with its own content hash, for which there is no file."""
    return [
        image._replace(id=number, sha256=f"{number:064x}", class_name=CLASSES[number % 3]) for number in range(count)
    ]


def test_a_hundred_thousand_are_listed_and_only_what_is_seen_is_loaded(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace
) -> None:
    many = _many(phantom_study.catalog.images()[0], 100_000)
    grid.show_images(many, CLASSES, {}, frozenset())
    grid.setFocus()
    assert [section.count for section in grid.images.sections] == [33_334, 33_333, 33_333]
    for key, row in ((Qt.Key.Key_End, 99_999), (Qt.Key.Key_Home, 0)):
        qtbot.keyClick(grid, key)
        assert grid.currentIndex().row() == row
        assert grid.indexAt(centre(grid, row)).row() == row
    bar = grid.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    shown = {grid.indexAt(QPoint(x, y)).row() for x in range(20, 600, 70) for y in range(50, 500, 70)} - {-1}
    assert {grid.images.images[row].class_name for row in shown} == {"malignant"}
    grid.grab()
    for _ in range(40):
        bar.triggerAction(QAbstractSlider.SliderAction.SliderPageStepAdd)
        grid.grab()
    assert len(grid.thumbnails._queue._waiting) <= 400


def test_all_of_a_hundred_thousand_can_be_selected(qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace) -> None:
    many = _many(phantom_study.catalog.images()[0], 100_000)
    grid.show_images(many, CLASSES, {}, frozenset())
    grid.setFocus()
    with qtbot.waitSignal(grid.selection_changed):
        qtbot.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(grid.selected()) == 100_000
    qtbot.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert len(grid.selected()) == 100_000
    grid.show_images([image for image in many if image.class_name != "malignant"], CLASSES, {}, frozenset())
    assert Counter(image.class_name for image in grid.selected()) == {"benign": 33_334, "normal": 33_333}
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=centre(grid, 1))
    assert selected(grid) == [1]


def test_the_first_image_stays_first_at_every_size(qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace) -> None:
    grid.show_images(_many(phantom_study.catalog.images()[0], 100_000), CLASSES, {}, frozenset())
    grid.scrollTo(grid.images.index(40_000), grid.ScrollHint.PositionAtTop)
    anchor = grid._top_row
    for side in (64, 90, 224, 100):
        grid.set_side(side)
        assert 0 <= grid.visualRect(grid.images.index(anchor)).top() <= 40
    grid.resize(900, 300)
    assert 0 <= grid.visualRect(grid.images.index(anchor)).top() <= 40


def test_places_and_rows_agree_everywhere() -> None:
    layout = GridLayout([5, 1, 7], 330, QSize(100, 120), 30)
    assert layout.columns == 3
    assert layout.height == 3 * 30 + (2 + 1 + 3) * 120
    places = [layout.rect(row) for row in range(13)]
    assert [layout.row_at(place.center()) for place in places] == list(range(13))
    assert [layout.row_at(place.topLeft()) for place in places] == list(range(13))
    assert [layout.row_at(place.bottomRight()) for place in places] == list(range(13))
    assert not any(a.intersects(b) for a in places for b in places if a is not b)
    area = QRect(105, 100, 120, 400)
    touched = [row for run in layout.rows_in(area) for row in run]
    assert touched == [row for row in range(13) if places[row].intersects(area)]
    assert layout.row_at(QPoint(20, 10)) is None
    assert layout.row_at(QPoint(329, layout.height - 1)) is None
    assert list(layout.rows_in(QRect(-50, -50, 20, 20))) == []
    assert list(layout.rows_in(QRect(0, layout.height, 300, 200))) == []


def test_a_grid_narrower_than_a_card_has_one_column() -> None:
    layout = GridLayout([3], 40, QSize(100, 120), 0)
    assert [layout.rect(row).top() for row in range(3)] == [0, 120, 240]


def test_an_empty_grid_has_no_places(qtbot: QtBot, grid: ImageGrid) -> None:
    assert list(GridLayout([], 300, QSize(100, 120), 30).rows_in(QRect(0, 0, 300, 300))) == []
    grid.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_Space):
        qtbot.keyClick(grid, key)
    qtbot.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert not grid.currentIndex().isValid()
    assert grid.selected() == []
