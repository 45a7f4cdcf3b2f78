from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from busapp.engine.workspace import Workspace
from busapp.gui import theme
from busapp.gui.widgets.class_balance import ClassBalance, ClassCount
from busapp.gui.widgets.image_grid import ImageGrid, facts
from busapp.gui.widgets.image_viewer import ImageViewer
from busapp.gui.widgets.thumbnails import thumbnail


@pytest.fixture
def grid(qtbot: QtBot, phantom_study: Workspace) -> ImageGrid:
    grid = ImageGrid()
    qtbot.addWidget(grid, before_close_func=lambda widget: widget.images.thumbnails.stop())
    grid.resize(600, 500)
    grid.images.open_study(phantom_study)
    grid.show()
    return grid


def test_small_pictures_load_in_the_background_and_are_kept_on_disk(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace
) -> None:
    images = phantom_study.catalog.images()
    grid.show_images(images, phantom_study.catalog.classes(), {}, frozenset())
    model = grid.images
    qtbot.waitUntil(lambda: model.data(model.index(0), Qt.ItemDataRole.DecorationRole) is not None)
    small = model.data(model.index(0), Qt.ItemDataRole.DecorationRole)
    assert isinstance(small, QImage)
    assert (small.width(), small.height()) == (images[0].width, images[0].height)
    cached = list((phantom_study.root / "cache" / "thumbnails").rglob("*.jpg"))
    assert images[0].sha256 in {path.stem for path in cached}


def test_an_image_that_cannot_be_read_is_shown_as_such(phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]
    phantom_study.image_path(image).write_bytes(b"torn")
    assert thumbnail(phantom_study, image).isNull()


def test_tens_of_thousands_are_listed_and_only_what_is_seen_is_loaded(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace
) -> None:
    image = phantom_study.catalog.images()[0]
    many = [replace(image, id=number, sha256=f"{number:064x}") for number in range(40_000)]
    grid.show_images(many, ["benign"], {}, frozenset())
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum() // 2)
    grid.grab()
    assert grid.images.rowCount() == 40_000
    assert len(grid.images.thumbnails._memory) + len(grid.images.thumbnails._waiting) < 500


def test_selection_and_place_survive_a_refresh(qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    grid.show_images(images, ["benign", "malignant", "normal"], {}, frozenset())
    grid.setCurrentIndex(grid.images.index(5))
    assert [image.id for image in grid.selected()] == [images[5].id]
    grid.show_images(list(reversed(images)), ["benign", "malignant", "normal"], {}, frozenset())
    assert [image.id for image in grid.selected()] == [images[5].id]
    assert grid.images.images[grid.currentIndex().row()].id == images[5].id


def test_space_and_double_click_open(qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace) -> None:
    grid.show_images(phantom_study.catalog.images(), ["benign", "malignant", "normal"], {}, frozenset())
    grid.setCurrentIndex(grid.images.index(2))
    with qtbot.waitSignal(grid.opened) as opened:
        qtbot.keyClick(grid, Qt.Key.Key_Space)
    assert opened.args == [2]
    place = grid.visualRect(grid.images.index(1)).center()
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(grid.opened) as opened:
        qtbot.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened.args == [1]


def test_an_image_is_told_in_words(phantom_study: Workspace) -> None:
    image = replace(phantom_study.catalog.images()[0], excluded="poor image", group_id=7)
    lines = facts(image, ["blank"], True)
    assert f"{image.class_name}, real, 64×64 px" in lines
    assert "Set aside: poor image" in lines
    assert "Flags: blank" in lines
    assert "Looks like an image of another class" in lines


def test_every_card_paints_in_both_schemes(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace, qapp: object
) -> None:
    first = phantom_study.catalog.images()[0]
    cards = [
        first,
        replace(first, id=1001, kind="synthetic", sha256="0" * 64),
        replace(first, id=1002, excluded="poor image"),
        replace(first, id=1003),
    ]
    flags = {1003: ["blank"]}
    for scheme in ("light", "dark"):
        theme.apply(qapp, scheme)  # type: ignore[arg-type]
        grid.show_images(cards, ["benign"], flags, frozenset({first.id}))
        picture = grid.grab().toImage()
        assert picture.pixelColor(590, 490) == QColor(theme.colours().base)


def test_the_viewer_walks_and_shows_the_mask(qtbot: QtBot, phantom_study: Workspace) -> None:
    images = [image for image in phantom_study.catalog.images() if image.mask is not None]
    viewer = ImageViewer(phantom_study, images, 0, lambda image: [image.file])
    qtbot.addWidget(viewer)
    viewer.show()
    with qtbot.waitSignal(viewer.walked) as walked:
        qtbot.keyClick(viewer.canvas, Qt.Key.Key_Right)
    assert walked.args == [1]
    assert images[1].file in viewer.windowTitle()
    assert not viewer.previous_button.isHidden()
    assert viewer.canvas.overlay.isNull()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_M)
    assert not viewer.canvas.overlay.isNull()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Home)
    assert viewer.image is images[0]
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Left)
    assert viewer.image is images[0]
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_the_viewer_says_why_an_image_is_missing(qtbot: QtBot, phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]
    Path(phantom_study.image_path(image)).unlink()
    viewer = ImageViewer(phantom_study, [image], 0, lambda image: [image.file])
    qtbot.addWidget(viewer)
    viewer.show()
    assert "cannot be opened" in viewer.canvas.sentence
    viewer.grab()


def test_bars_carry_their_numbers_in_words(qtbot: QtBot) -> None:
    balance = ClassBalance()
    qtbot.addWidget(balance)
    balance.show_counts([ClassCount("benign", 437, 0, 2), ClassCount("normal", 133, 304)])
    assert balance.accessibleDescription() == "benign: 437 real, 2 set aside; normal: 133 real + 304 synthetic"
    balance.show()
    balance.grab()
