"""Cards of the images: their badges and frames in both schemes, and their words."""

import pytest
from grids import is_painted
from PySide6.QtCore import QPoint
from PySide6.QtGui import QAccessible, QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui import theme
from busapp.gui.dataset.image_grid import ImageGrid
from busapp.gui.images.image_card import GAP, Card, card_size, paint_card
from busapp.gui.images.image_model import facts


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
        qtbot.waitUntil(lambda: all(is_painted(grid, row) for row in range(4)))
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
