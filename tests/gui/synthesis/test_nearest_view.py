"""Synthetic images beside their nearest training images."""

import pytest
from drawn_runs import drawn_images, drawn_run, noise_png, write_drawn
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of
from busapp.gui.images.thumbnails import Look
from busapp.gui.synthesis.nearest_viewer import NearestViewer
from busapp.gui.synthesis.tab import SynthesisTab


@pytest.fixture
def run(phantom_study: Workspace) -> Run:
    """A run with three images: a copy, one nearest to a mirrored image, and one nearest to a deleted image."""
    run = drawn_run(phantom_study, 2)
    one, two = drawn_images(phantom_study, run)
    real = phantom_study.catalog.images(class_name="malignant", kind="real")
    copy = noise_png(7)
    (run.folder / "copies").mkdir()
    (run.folder / "copies" / "2.png").write_bytes(copy)
    write_drawn(
        run,
        [
            (1, one.file, one.sha256, real[0].file, real[0].sha256, "0.61", "yes", "no"),
            (2, "copies/2.png", sha256_of(copy), real[1].file, real[1].sha256, "0.98", "no", "yes"),
            (3, two.file, two.sha256, "old.png", 64 * "0", "0.4", "no", "no"),
        ],
    )
    return run


def _open(qtbot: QtBot, tab: SynthesisTab, study: Workspace) -> None:
    tab.open_study(study)
    qtbot.mouseClick(tab.result.nearest_button, Qt.MouseButton.LeftButton)


def test_pairs_are_shown_the_most_alike_first(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _open(qtbot, tab, phantom_study)
    view = tab.nearest_view
    qtbot.waitUntil(view.tiles.isVisible)
    assert not tab.result.isVisible()
    assert "1 is a copy and not in the study" in view.about.text()
    tiles = view.tiles.tiles
    assert [tile.lines[0] for tile in tiles] == ["Correlation 0.98", "Correlation 0.61, mirrored", "Correlation 0.40"]
    assert tiles[0].warning == "⚠ Copy: not added to the study" and not tiles[1].warning
    assert tiles[1].pictures[1].mirrored and not tiles[0].pictures[1].mirrored
    assert tiles[2].pictures[1].image is None and "not in the study any more" in tiles[2].lines[1]
    copy = tiles[0].pictures[0].image
    assert copy is not None and copy.kind == "synthetic"
    look = Look(view.tiles.side, with_mask=False)
    qtbot.waitUntil(lambda: view.tiles.thumbnails.get(copy, look)[1])
    picture, _ = view.tiles.thumbnails.get(copy, look)
    assert picture is not None and not picture.isNull(), "copies are read from the run's folder"
    model = view.tiles.model()
    assert "Copy" in model.data(model.index(0, 0), Qt.ItemDataRole.AccessibleTextRole)
    qtbot.keyClick(view.tiles, Qt.Key.Key_Escape)
    assert tab.result.isVisible() and tab.shown_instead is None


def test_a_pair_is_shown_large_and_walked_from(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _open(qtbot, tab, phantom_study)
    view = tab.nearest_view
    qtbot.waitUntil(view.tiles.isVisible)
    view.tiles.setFocus()
    qtbot.keyClick(view.tiles, Qt.Key.Key_Return)
    viewer = view.findChild(NearestViewer)
    assert isinstance(viewer, NearestViewer)
    assert viewer.heading.text() == "Pair 1 of 2: correlation 0.98. Copy: not added to the study"
    qtbot.waitUntil(lambda: not viewer.view.left.canvas.picture.isNull())
    assert viewer.view.left.canvas.is_synthetic and not viewer.view.right.canvas.is_synthetic
    assert "synthetic" in viewer.view.left.heading.text()
    qtbot.keyClick(viewer.focusWidget() or viewer, Qt.Key.Key_Right)
    assert viewer.heading.text() == "Pair 2 of 2: correlation 0.61, mirrored"
    assert view.tiles.currentIndex().row() == 1
    qtbot.keyClick(viewer.focusWidget() or viewer, Qt.Key.Key_D)
    assert viewer.view.mode == "blink"
    qtbot.keyClick(viewer, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_a_run_that_wrote_nothing_down_says_so(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    drawn_run(phantom_study, 2)
    _open(qtbot, tab, phantom_study)
    qtbot.waitUntil(lambda: "has not recorded which" in tab.nearest_view.waiting.label.text())
    qtbot.mouseClick(tab.nearest_view.back_button, Qt.MouseButton.LeftButton)
    assert tab.result.isVisible()


def test_what_is_set_aside_meanwhile_is_told_and_the_place_stays(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _open(qtbot, tab, phantom_study)
    view = tab.nearest_view
    qtbot.waitUntil(view.tiles.isVisible)
    view.tiles.select(1)
    phantom_study.catalog.exclude([drawn_images(phantom_study, run)[0].id], "poor")
    tab.refresh()
    qtbot.waitUntil(lambda: view.tiles.tiles[1].warning == "⚠ Set aside: poor")
    assert view.tiles.currentIndex().row() == 1


def test_six_hundred_pairs_load_only_what_is_seen(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 1)
    drawn = drawn_images(phantom_study, run)[0]
    real = phantom_study.catalog.images(class_name="malignant", kind="real")
    rows = [
        (n, drawn.file, drawn.sha256, real[n % 8].file, real[n % 8].sha256, f"{n / 700:.4f}", "no", "no")
        for n in range(600)
    ]
    write_drawn(run, rows)
    _open(qtbot, tab, phantom_study)
    tiles = tab.nearest_view.tiles
    qtbot.waitUntil(tiles.isVisible)
    assert len(tiles.tiles) == 600
    qtbot.keyClick(tiles, Qt.Key.Key_End)
    assert tiles.currentIndex().row() == 599
    assert tiles.viewport().rect().contains(tiles.visualRect(tiles.currentIndex()).center())
