import shutil
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QAccessible, QAction, QColor, QContextMenuEvent, QCursor, QImage, QPainter, QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QApplication, QMenu
from pytestqt.qtbot import QtBot

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.thumbnails import mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.errors import NoSpace
from busapp.gui import theme
from busapp.gui.dataset.class_balance import ClassBalance, ClassCount
from busapp.gui.dataset.grid_layout import GridLayout
from busapp.gui.dataset.image_grid import ImageGrid
from busapp.gui.images.image_card import GAP, Card, card_size, paint_card
from busapp.gui.images.image_model import facts
from busapp.gui.images.thumbnails import Look, Thumbnails, picture

CLASSES = ["benign", "malignant", "normal"]


@pytest.fixture
def grid(qtbot: QtBot, phantom_study: Workspace) -> ImageGrid:
    grid = ImageGrid()
    qtbot.addWidget(grid, before_close_func=lambda widget: widget.thumbnails.stop())
    grid.resize(600, 500)
    grid.open_study(phantom_study)
    grid.show()
    return grid


@pytest.fixture
def filled(grid: ImageGrid, phantom_study: Workspace) -> ImageGrid:
    """24 images, 8 of each class: two lines of four each."""
    grid.show_images(phantom_study.catalog.images(), CLASSES, {}, frozenset())
    assert grid.visualRect(grid.images.index(3)).top() == grid.visualRect(grid.images.index(0)).top()
    assert grid.visualRect(grid.images.index(4)).top() > grid.visualRect(grid.images.index(0)).top()
    return grid


def _many(image: ImageRecord, count: int) -> list[ImageRecord]:
    """Images of three classes by turns, each with contents of its own that are nowhere."""
    return [
        image._replace(id=number, sha256=f"{number:064x}", class_name=CLASSES[number % 3]) for number in range(count)
    ]


def _selected(grid: ImageGrid) -> list[int]:
    return [row for row, image in enumerate(grid.images.images) if image in grid.selected()]


def _centre(grid: ImageGrid, row: int) -> QPoint:
    return grid.visualRect(grid.images.index(row)).center()


def _drag(qtbot: QtBot, grid: ImageGrid, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.1, 0.5, 1.0):
        qtbot.mouseMove(grid.viewport(), start + (end - start) * share)
    grid.grab()
    qtbot.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, pos=end)


def _is_painted(grid: ImageGrid, row: int) -> bool:
    return grid._cards.kept(grid.images.images[row].id, False) is not None


# -- small pictures ----------------------------------------------------------------------------------------


def test_small_pictures_load_in_the_background_and_are_kept_on_disk(
    qtbot: QtBot, filled: ImageGrid, phantom_study: Workspace
) -> None:
    first = filled.images.images[0]
    qtbot.waitUntil(lambda: _is_painted(filled, 0))
    small, is_final = filled.thumbnails.get(first, Look(128, False))
    assert small is not None and is_final
    assert (small.width(), small.height()) == (128, 128)
    assert thumbnail_path(phantom_study, first.sha256).exists()


def test_an_image_that_cannot_be_read_is_shown_as_such(phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]
    phantom_study.image_path(image).write_bytes(b"torn")
    thumbnail_path(phantom_study, image.sha256).unlink()
    assert picture(phantom_study, image, Look(128, True)).isNull()


def test_images_are_shown_where_no_small_picture_can_be_kept(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = phantom_study.catalog.images()[0]
    before = picture(phantom_study, image, Look(64, True))
    shutil.rmtree(phantom_study.root / "cache")

    def no_space(path: Path, content: bytes, **_more: object) -> None:
        raise NoSpace("The disk is full", file=path)

    monkeypatch.setattr("busapp.gui.images.thumbnails.write_atomically", no_space)
    assert picture(phantom_study, image, Look(64, True)) == before


def test_a_torn_thumbnail_is_made_again(phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]
    before = picture(phantom_study, image, Look(64, False))
    thumbnail_path(phantom_study, image.sha256).write_bytes(b"torn")
    assert picture(phantom_study, image, Look(64, False)) == before


def test_a_picture_of_another_size_stands_in_until_the_new_one_is_there(qtbot: QtBot, phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]
    thumbnails = Thumbnails()
    thumbnails.open_study(phantom_study)
    assert thumbnails.get(image, Look(128, False)) == (None, False)
    qtbot.waitUntil(lambda: thumbnails.get(image, Look(128, False))[1])
    small, is_final = thumbnails.get(image, Look(64, False))
    assert small is not None and small.width() == 128 and not is_final
    qtbot.waitUntil(lambda: thumbnails.get(image, Look(64, False))[1])
    small, _ = thumbnails.get(image, Look(64, False))
    assert small is not None and small.width() == 64
    thumbnails.stop()


def test_m_tints_the_lesion_of_images_that_have_a_mask(
    qtbot: QtBot, filled: ImageGrid, phantom_study: Workspace
) -> None:
    row = next(row for row, image in enumerate(filled.images.images) if image.mask is not None)
    image = filled.images.images[row]
    qtbot.waitUntil(lambda: _is_painted(filled, row))
    plain = filled.viewport().grab().toImage()
    assert _yellow(plain) == 0
    filled.setFocus()
    qtbot.keyClick(filled, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: _yellow(filled.viewport().grab().toImage()) > 20)
    assert image.mask is not None and mask_thumbnail_path(phantom_study, image.mask).exists()
    qtbot.keyClick(filled, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: _yellow(filled.viewport().grab().toImage()) == 0)


def _yellow(image: QImage) -> int:
    """Pixels in the colour of a lesion's edge."""
    wanted = QColor(240, 228, 66).rgb()
    return sum(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(image.height()))


def test_masks_cannot_be_asked_for_where_there_are_none(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace
) -> None:
    images = [image for image in phantom_study.catalog.images() if image.mask is None]
    grid.show_images(images, CLASSES, {}, frozenset())
    assert not grid.masks_action.isEnabled()


# -- classes -----------------------------------------------------------------------------------------------


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


# -- what the user does ------------------------------------------------------------------------------------


def test_arrow_and_page_keys_walk_over_the_headers(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.setFocus()
    visited = []
    for key in ("Right", "Right", "Down", "Down", "Up", "Left", "End", "PageUp", "Home", "Up", "PageDown"):
        qtbot.keyClick(filled, getattr(Qt.Key, f"Key_{key}"))
        visited.append(filled.currentIndex().row())
        assert filled.viewport().rect().contains(filled.visualRect(filled.currentIndex()))
    assert visited == [1, 2, 6, 10, 6, 5, 23, 11, 0, 0, 12]
    assert _selected(filled) == [12]


def test_shift_selects_from_one_image_to_another(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.setFocus()
    qtbot.mouseClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=_centre(filled, 2))
    qtbot.keyClick(filled, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert _selected(filled) == [2, 3, 4, 5, 6]
    qtbot.mouseClick(
        filled.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, _centre(filled, 0)
    )
    assert _selected(filled) == [0, 1, 2]
    qtbot.mouseClick(
        filled.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, _centre(filled, 5)
    )
    assert _selected(filled) == [0, 1, 2, 5]
    qtbot.keyClick(filled, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
    assert _selected(filled) == [0, 1, 2, *range(5, 24)]


def test_a_rubber_band_selects_what_it_touches(qtbot: QtBot, filled: ImageGrid) -> None:
    _drag(qtbot, filled, _centre(filled, 1), _centre(filled, 6))
    assert _selected(filled) == [1, 2, 5, 6]
    _drag(qtbot, filled, _centre(filled, 9), _centre(filled, 4))
    assert _selected(filled) == [4, 5, 8, 9]
    assert filled._band.isNull()


def test_a_rubber_band_beyond_the_edge_scrolls(qtbot: QtBot, filled: ImageGrid) -> None:
    qtbot.mousePress(filled.viewport(), Qt.MouseButton.LeftButton, pos=_centre(filled, 0))
    below = QPoint(_centre(filled, 3).x(), filled.viewport().height() - 3)
    bar = filled.verticalScrollBar()
    trembling = cycle((QPoint(0, 0), QPoint(0, 1)))
    QCursor.setPos(filled.viewport().mapToGlobal(below))  # where Qt looks while it scrolls by itself

    def is_at_the_end() -> bool:
        qtbot.mouseMove(filled.viewport(), below + next(trembling))
        return bar.value() == bar.maximum()

    qtbot.waitUntil(is_at_the_end)
    qtbot.mouseRelease(filled.viewport(), Qt.MouseButton.LeftButton, pos=below)
    assert _selected(filled) == list(range(24))


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
    before = _centre(filled, 4)
    QApplication.sendEvent(filled.viewport(), turned)
    assert 100 < before.y() - _centre(filled, 4).y() < 200


def test_a_right_click_keeps_the_selection_and_offers_what_can_be_done(qtbot: QtBot, filled: ImageGrid) -> None:
    filled.insertAction(filled.masks_action, QAction("Set aside…", filled))
    filled.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
    filled.selectAll()
    place = _centre(filled, 2)
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
    qtbot.mouseClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=_centre(filled, 1))
    with qtbot.waitSignal(filled.opened) as opened:
        qtbot.mouseDClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=_centre(filled, 1))
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


# -- a hundred thousand ------------------------------------------------------------------------------------


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
        assert grid.indexAt(_centre(grid, row)).row() == row
    bar = grid.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    shown = {grid.indexAt(QPoint(x, y)).row() for x in range(20, 600, 70) for y in range(50, 500, 70)} - {-1}
    assert {grid.images.images[row].class_name for row in shown} == {"malignant"}
    grid.grab()
    for _ in range(40):
        bar.triggerAction(QAbstractSlider.SliderAction.SliderPageStepAdd)
        grid.grab()
    assert len(grid.thumbnails._waiting) <= 400


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
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=_centre(grid, 1))
    assert _selected(grid) == [1]


def test_the_first_image_stays_first_at_every_size(qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace) -> None:
    grid.show_images(_many(phantom_study.catalog.images()[0], 100_000), CLASSES, {}, frozenset())
    grid.scrollTo(grid.images.index(40_000), grid.ScrollHint.PositionAtTop)
    anchor = grid._top_row
    for side in (64, 90, 224, 100):
        grid.set_side(side)
        assert 0 <= grid.visualRect(grid.images.index(anchor)).top() <= 40
    grid.resize(900, 300)
    assert 0 <= grid.visualRect(grid.images.index(anchor)).top() <= 40


# -- layout ------------------------------------------------------------------------------------------------


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


# -- looks -------------------------------------------------------------------------------------------------


def test_every_card_paints_in_both_schemes(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace, qapp: QApplication
) -> None:
    first = phantom_study.catalog.images()[0]
    cards = [
        first,
        first._replace(id=1001, kind="synthetic", sha256="0" * 64),
        first._replace(id=1002, excluded="poor image"),
        first._replace(id=1003),
    ]
    for scheme in ("light", "dark"):
        theme.apply(qapp, scheme)
        grid.show_images(cards, ["benign"], {1003: ["blank"]}, frozenset({first.id}))
        qtbot.waitUntil(lambda: all(_is_painted(grid, row) for row in range(4)))
        painted = grid.viewport().grab().toImage()
        assert painted.pixelColor(590, 490) == QColor(theme.colours().base)
        badge = grid.visualRect(grid.images.index(0)).topRight() + QPoint(-20, 12)
        assert painted.pixelColor(badge) == QColor(theme.colours().error)
        badge = grid.visualRect(grid.images.index(3)).topRight() + QPoint(-20, 12)
        assert painted.pixelColor(badge) == QColor(theme.colours().warning)


def test_a_screen_reader_finds_every_image(grid: ImageGrid, filled: ImageGrid) -> None:
    interface = QAccessible.queryAccessibleInterface(filled)
    assert interface.role() == QAccessible.Role.List
    assert interface.childCount() == 24
    first = filled.images.images[0]
    assert interface.child(0).text(QAccessible.Text.Name).startswith(first.file)


def test_an_image_is_told_in_words(phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]._replace(excluded="poor image", group_id=7)
    lines = facts(image, ["blank"], True)
    assert f"{image.class_name}, real, 64×64 px" in lines
    assert "Set aside: poor image" in lines
    assert "Flags: blank" in lines
    assert "Looks like an image of another class" in lines


def test_bars_carry_their_numbers_in_words(qtbot: QtBot) -> None:
    balance = ClassBalance()
    qtbot.addWidget(balance)
    balance.show_counts([ClassCount("benign", 437, 0, 2), ClassCount("normal", 133, 204)])
    assert (
        balance.accessibleDescription() == "benign: 437 real, 2 set aside; normal: 133 real + 204 synthetic, lacks 100"
    )
    balance.show()
    balance.grab()


def test_a_number_that_its_bar_has_no_room_for_stands_above_it(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    balance = ClassBalance()
    qtbot.addWidget(balance)
    balance.resize(280, 200)
    balance.show_counts([ClassCount("benign", 12, 3), ClassCount("malignant", 623, 0), ClassCount("normal", 600, 20)])
    written: list[str] = []
    monkeypatch.setattr(QPainter, "drawText", lambda _painter, *args: written.append(args[-1]))
    balance.grab()
    words = [text for text in written if text]
    assert words == [
        *("benign", "lacks 608", "12 real, 3 synthetic"),
        *("malignant", "623"),
        *("normal", "600", "20 synthetic, lacks 3"),
    ]


@pytest.mark.parametrize("name", ["benign", "malignant", "normal", "a", "b", "c", "d"])
def test_words_on_the_colour_of_a_class_are_read(name: str) -> None:
    ground = theme.class_colour(name, ["a", "b", "c", "d"])

    def luminance(colour: QColor) -> float:
        r, g, b = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour.getRgbF()[:3])
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    darker, lighter = sorted((luminance(ground), luminance(theme.ink_on(ground))))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shade", ["black", "white"])
def test_the_dashed_frame_of_a_synthetic_image_shows_on_any_picture(
    qapp: QApplication, phantom_study: Workspace, scheme: theme.Choice, shade: str
) -> None:
    theme.apply(qapp, scheme)
    shown = QImage(128, 128, QImage.Format.Format_RGB32)
    shown.fill(QColor(shade))
    image = phantom_study.catalog.images()[0]._replace(kind="synthetic")
    painted = QImage(card_size(128), QImage.Format.Format_RGB32)
    painter = QPainter(painted)
    paint_card(painter, QPoint(0, 0), Card(image, shown, QColor("blue"), False, False, False), 128)
    painter.end()
    edge = {painted.pixelColor(GAP + 1, y).lightness() > 128 for y in range(GAP + 30, GAP + 120)}
    assert edge == {True, False}
