"""Small pictures of the grid: loaded in the background, kept on disk, with the lesion tinted."""

import shutil
from pathlib import Path

import pytest
from grids import CLASSES, is_painted
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from busapp.engine.study.thumbnails import mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.errors import NoSpace
from busapp.gui.dataset.image_grid import ImageGrid
from busapp.gui.images.thumbnails import Look, Thumbnails, picture


def test_small_pictures_load_in_the_background_and_are_kept_on_disk(
    qtbot: QtBot, filled: ImageGrid, phantom_study: Workspace
) -> None:
    first = filled.images.images[0]
    qtbot.waitUntil(lambda: is_painted(filled, 0))
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
    qtbot.waitUntil(lambda: is_painted(filled, row))
    plain = filled.viewport().grab().toImage()
    assert _yellow(plain) == 0
    filled.setFocus()
    qtbot.keyClick(filled, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: _yellow(filled.viewport().grab().toImage()) > 20)
    assert image.mask is not None and mask_thumbnail_path(phantom_study, image.mask).exists()
    qtbot.keyClick(filled, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: _yellow(filled.viewport().grab().toImage()) == 0)


def _yellow(image: QImage) -> int:
    """Number of pixels in the colour of a lesion's edge."""
    wanted = QColor(240, 228, 66).rgb()
    return sum(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(image.height()))


def test_masks_cannot_be_asked_for_where_there_are_none(
    qtbot: QtBot, grid: ImageGrid, phantom_study: Workspace
) -> None:
    images = [image for image in phantom_study.catalog.images() if image.mask is None]
    grid.show_images(images, CLASSES, {}, frozenset())
    assert not grid.masks_action.isEnabled()
