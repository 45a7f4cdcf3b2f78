"""Fixtures for the tests of the Dataset tab."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from grids import CLASSES
from pytestqt.qtbot import QtBot
from tabs import shown

from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.image_grid import ImageGrid
from busapp.gui.dataset.import_preview import LOOKING, ImportPreview
from busapp.gui.dataset.tab import DatasetTab


@pytest.fixture
def tab(qtbot: QtBot, phantom_study: Workspace) -> Iterator[DatasetTab]:
    """The tab on the screen, without a study. It shuts down before the study closes: its threads may read it."""
    with shown(DatasetTab(), qtbot) as tab:
        yield tab


@pytest.fixture
def grid(qtbot: QtBot, phantom_study: Workspace) -> ImageGrid:
    """The grid on the screen, with an open study and without images."""
    grid = ImageGrid()
    qtbot.addWidget(grid, before_close_func=lambda widget: widget.thumbnails.stop())
    grid.resize(600, 500)
    grid.open_study(phantom_study)
    grid.show()
    return grid


@pytest.fixture
def filled(grid: ImageGrid, phantom_study: Workspace) -> ImageGrid:
    """24 images, 8 of each class, in two lines of four."""
    grid.show_images(phantom_study.catalog.images(), CLASSES, {}, frozenset())
    assert grid.visualRect(grid.images.index(3)).top() == grid.visualRect(grid.images.index(0)).top()
    assert grid.visualRect(grid.images.index(4)).top() > grid.visualRect(grid.images.index(0)).top()
    return grid


@pytest.fixture
def show(qtbot: QtBot, empty_study: Workspace) -> Iterator[Callable[..., ImportPreview]]:
    """Show the preview of some sources, and wait until it has looked at them."""
    shown: list[ImportPreview] = []

    def show(*sources: Path) -> ImportPreview:
        dialog = ImportPreview(empty_study, sources)
        qtbot.addWidget(dialog)
        dialog.show()
        shown.append(dialog)
        qtbot.waitUntil(lambda: dialog.summary.text() != LOOKING)
        return dialog

    yield show
    for dialog in shown:
        dialog.reject()
