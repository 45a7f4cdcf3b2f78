"""Covering burned-in text and marks: areas by mouse and keys, preview, storing, the imported picture, and undo."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from busapp.engine import jobs
from busapp.engine.catalog import ImageRecord
from busapp.engine.curation.covering import covered, suggest
from busapp.engine.images.marks import Box
from busapp.engine.images.preprocessing import read_image
from busapp.engine.settings import CurateSettings, ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import NoSpace
from busapp.gui.images import cover_tool
from busapp.gui.images.cover_tool import CoverTool
from busapp.gui.images.image_canvas import to_qimage
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.widgets import background

NAME = "DOE JANE 1970"


def scan(name: str, seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).rayleigh(60, (192, 256)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1.2)).convert("RGB")
    if name:
        ImageDraw.Draw(picture).rectangle((8, 6, 150, 26), fill="black")
        ImageDraw.Draw(picture).text((12, 10), name, fill="white")
    return picture


@pytest.fixture
def study(empty_study: Workspace, tmp_path: Path) -> Workspace:
    """Three images, the first with a name burned in."""
    folder = tmp_path / "scans" / "benign"
    folder.mkdir(parents=True)
    for number, name in enumerate((NAME, "", "")):
        scan(name, number).save(folder / f"{number}.png")
    for settings in (ImportSettings(sources=(folder.parent,)), CurateSettings()):
        for _ in jobs.start(empty_study, settings):
            pass
    return empty_study


@pytest.fixture
def viewer(qtbot: QtBot, study: Workspace) -> Iterator[ImageViewer]:
    flags = study.catalog.flags
    viewer = ImageViewer(study, study.catalog.images(), 0, lambda image: [f"Flags: {flags().get(image.id, [])}"])
    qtbot.addWidget(viewer)
    viewer.resize(1100, 700)
    viewer.show()
    qtbot.waitExposed(viewer)
    yield viewer
    qtbot.waitUntil(lambda: not viewer.cover_tool.is_storing)
    viewer.close()


@pytest.fixture
def tool(qtbot: QtBot, viewer: ImageViewer) -> CoverTool:
    """The cover tool on the image with the name, after it has found the name."""
    press(qtbot, viewer, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: bool(viewer.cover_tool.layer.areas))
    return viewer.cover_tool


def press(
    qtbot: QtBot, viewer: ImageViewer, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    qtbot.keyClick(viewer.canvas, key, modifier)


def at(viewer: ImageViewer, x: float, y: float) -> QPoint:
    """A point of the picture, in pixels of the canvas."""
    return viewer.canvas.mapFromScene(QPointF(x, y))


def drag(qtbot: QtBot, viewer: ImageViewer, begin: tuple[float, float], end: tuple[float, float]) -> None:
    viewport, button = viewer.canvas.viewport(), Qt.MouseButton.LeftButton
    qtbot.mousePress(viewport, button, pos=at(viewer, *begin))
    qtbot.mouseMove(viewport, at(viewer, (begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2))
    qtbot.mouseMove(viewport, at(viewer, *end))
    qtbot.mouseRelease(viewport, button, pos=at(viewer, *end))


def click(qtbot: QtBot, viewer: ImageViewer, x: float, y: float) -> None:
    qtbot.mouseClick(viewer.canvas.viewport(), Qt.MouseButton.LeftButton, pos=at(viewer, x, y))


def shown(viewer: ImageViewer) -> QImage:
    return viewer.canvas.picture.toImage().convertToFormat(QImage.Format.Format_RGB888)


def content(study: Workspace, image: ImageRecord) -> Image.Image:
    return read_image(study.image_path(image))


def cover(qtbot: QtBot, viewer: ImageViewer) -> None:
    with qtbot.waitSignal(viewer.catalog_changed):
        press(qtbot, viewer, Qt.Key.Key_Return)


def test_a_name_that_is_found_is_covered_with_two_keys(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    before = viewer.image
    picture = content(study, before)
    (mark,) = suggest(picture)
    assert tool.layer.boxes() == [mark.box] and "1 of 1 area" in tool.status.text()
    assert tool.isVisible() and not viewer.next_button.isVisible()
    cover(qtbot, viewer)
    after = study.catalog.image(before.id)
    assert after is not None and after.original == before.sha256
    expected = covered(picture, [mark.box], "black")
    assert content(study, after).tobytes() == expected.tobytes()
    assert viewer.image == after and shown(viewer) == to_qimage(expected)
    assert "Flags: []" in viewer.about.text() and "Covered; the imported content is kept" in viewer.about.text()
    assert not tool.isVisible() and viewer.next_button.isVisible() and viewer.canvas.hasFocus()


def test_escape_covers_nothing_and_the_second_one_closes(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    history = study.catalog.history()
    press(qtbot, viewer, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: viewer.canvas.caption == "Preview")
    press(qtbot, viewer, Qt.Key.Key_Escape)
    assert viewer.isVisible() and not tool.isVisible()
    assert shown(viewer) == to_qimage(content(study, viewer.image)) and viewer.canvas.caption == ""
    assert study.catalog.history() == history
    press(qtbot, viewer, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_the_preview_shows_what_would_be_stored(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool) -> None:
    picture = content(viewer._workspace, viewer.image)
    boxes = tool.layer.boxes()
    press(qtbot, viewer, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: viewer.canvas.caption == "Preview")
    assert shown(viewer) == to_qimage(covered(picture, boxes, "black")) and not tool.layer.isVisible()
    qtbot.mouseClick(tool.surroundings_button, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    filled = to_qimage(covered(picture, boxes, "surroundings"))
    qtbot.waitUntil(lambda: shown(viewer) == filled)
    assert tool.made_up.isVisible()
    press(qtbot, viewer, Qt.Key.Key_Space)
    assert shown(viewer) == to_qimage(picture) and tool.layer.isVisible()


def test_a_click_switches_a_suggestion_off_and_on(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool) -> None:
    (area,) = tool.layer.areas
    x, y = (area.box[0] + area.box[2]) / 2, (area.box[1] + area.box[3]) / 2
    click(qtbot, viewer, x, y)
    assert tool.layer.boxes() == [] and not tool.cover_button.isEnabled()
    assert "will not be covered" in viewer.canvas.accessibleDescription()
    press(qtbot, viewer, Qt.Key.Key_Return)
    assert tool.is_active and not tool.is_storing
    click(qtbot, viewer, x, y)
    assert tool.layer.boxes() == [area.box]
    press(qtbot, viewer, Qt.Key.Key_T)
    assert tool.layer.boxes() == []


def near(box: Box, expected: Box) -> bool:
    return all(abs(one - other) <= 1 for one, other in zip(box, expected, strict=True))


def test_the_mouse_draws_moves_and_resizes_an_area(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool) -> None:
    drag(qtbot, viewer, (100, 80), (160, 120))
    area = tool.layer.areas[-1]
    assert len(tool.layer.areas) == 2 and tool.layer.chosen is area and near(area.box, (100, 80, 160, 120))
    drag(qtbot, viewer, (130, 100), (150, 90))
    assert near(area.box, (120, 70, 180, 110))
    drag(qtbot, viewer, (180, 90), (200, 95))
    assert near(area.box, (120, 70, 200, 110))
    drag(qtbot, viewer, (120, 70), (110, 60))
    assert near(area.box, (110, 60, 200, 110))
    drag(qtbot, viewer, (150, 110), (150, 20))
    assert near(area.box, (110, 60, 200, 62)), "an edge does not pass the other one"


def test_an_area_that_is_drawn_or_moved_over_the_edge_stays_in_the_picture(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool
) -> None:
    drag(qtbot, viewer, (-9, 150), (30, 199))
    area = tool.layer.areas[-1]
    assert near(area.box, (0, 150, 30, 192))
    drag(qtbot, viewer, (15, 170), (-90, 60))
    assert area.box[:2] == (0, tool.layer.areas[-1].box[1]) and near(area.box, (0, 40, 30, 82))


def test_an_area_is_drawn_where_the_mouse_is_when_zoomed_in(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    for _ in range(5):
        press(qtbot, viewer, Qt.Key.Key_Plus)
    before = at(viewer, 128, 96)
    viewport, middle = viewer.canvas.viewport(), Qt.MouseButton.MiddleButton
    qtbot.mousePress(viewport, middle, pos=QPoint(300, 300))
    qtbot.mouseMove(viewport, QPoint(340, 320))
    qtbot.mouseRelease(viewport, middle, pos=QPoint(340, 320))
    assert at(viewer, 128, 96) - before == QPoint(40, 20), "the middle button moves the picture"
    drag(qtbot, viewer, (128, 96), (150, 110))
    assert near(tool.layer.areas[-1].box, (128, 96, 150, 110))
    click(qtbot, viewer, 139, 103)
    click(qtbot, viewer, 139, 103)
    qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=at(viewer, 139, 103))
    assert not viewer.canvas.is_fitted, "two quick clicks on an area do not fit the picture"


def test_keys_alone_draw_move_resize_and_remove_an_area(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool) -> None:
    press(qtbot, viewer, Qt.Key.Key_N)
    area = tool.layer.areas[-1]
    left, top, right, bottom = area.box
    assert left < 128 < right and top < 96 < bottom
    press(qtbot, viewer, Qt.Key.Key_Left)
    press(qtbot, viewer, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert area.box == (left - 1, top + 10, right - 1, bottom + 10)
    press(qtbot, viewer, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    press(qtbot, viewer, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert area.box == (left - 1, top + 10, right, bottom + 9)
    press(qtbot, viewer, Qt.Key.Key_Delete)
    assert area not in tool.layer.areas and tool.layer.chosen is tool.layer.areas[0]
    press(qtbot, viewer, Qt.Key.Key_Delete)
    assert tool.layer.areas == [] and tool.status.text().startswith("Look for yourself")
    assert viewer.row == 0, "arrow keys do not walk while something is being covered"


def test_tab_walks_the_areas_and_then_goes_on_to_the_panel(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool) -> None:
    drag(qtbot, viewer, (100, 80), (160, 120))
    click(qtbot, viewer, 230, 170)
    assert tool.layer.chosen is None
    for area in tool.layer.areas:
        press(qtbot, viewer, Qt.Key.Key_Tab)
        assert tool.layer.chosen is area and viewer.canvas.hasFocus()
    press(qtbot, viewer, Qt.Key.Key_Tab)
    assert tool.layer.chosen is None and tool.isAncestorOf(viewer.focusWidget())
    qtbot.keyClick(viewer.focusWidget(), Qt.Key.Key_Backtab)
    assert viewer.canvas.hasFocus()
    press(qtbot, viewer, Qt.Key.Key_Backtab)
    assert tool.layer.chosen is tool.layer.areas[-1]


def test_enter_on_cancel_cancels(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace) -> None:
    tool.cancel_button.setFocus()
    qtbot.keyClick(tool.cancel_button, Qt.Key.Key_Return)
    assert not tool.is_active and not tool.is_storing
    assert study.catalog.images()[0].original is None


def test_areas_too_large_to_be_made_up_are_told_and_black_covers_them(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool
) -> None:
    drag(qtbot, viewer, (0, 0), (256, 180))
    qtbot.mouseClick(tool.surroundings_button, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    qtbot.mouseClick(tool.cover_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(tool.problem.isVisible)
    assert "black" in tool.problem.text() and tool.isEnabled()
    qtbot.mouseClick(tool.black_button, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert not tool.problem.isVisible()
    cover(qtbot, viewer)
    assert viewer.image.original is not None


def test_a_full_disk_is_told_and_the_areas_stay(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NoSpace("The disk is full", remedy="Free some space.")

    boxes = tool.layer.boxes()
    with monkeypatch.context() as patch:
        patch.setattr(cover_tool, "cover_image", full)
        press(qtbot, viewer, Qt.Key.Key_Return)
        qtbot.waitUntil(tool.problem.isVisible)
    assert "disk is full" in tool.problem.text() and tool.layer.boxes() == boxes
    cover(qtbot, viewer)
    assert viewer.image.original is not None


def test_o_shows_the_picture_as_imported_and_the_covered_one_again(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    imported = to_qimage(content(study, viewer.image))
    cover(qtbot, viewer)
    assert shown(viewer) != imported
    press(qtbot, viewer, Qt.Key.Key_O)
    assert shown(viewer) == imported and viewer.canvas.caption == "As imported"
    press(qtbot, viewer, Qt.Key.Key_Right)
    assert viewer.canvas.caption == "" and not viewer.original_box.isEnabled()
    press(qtbot, viewer, Qt.Key.Key_Left)
    assert shown(viewer) == imported
    press(qtbot, viewer, Qt.Key.Key_O)
    assert shown(viewer) == to_qimage(content(study, viewer.image)) != imported


def test_covering_goes_on_from_what_is_covered_even_while_the_imported_picture_is_shown(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    imported = viewer.image
    first = tool.layer.boxes()
    cover(qtbot, viewer)
    press(qtbot, viewer, Qt.Key.Key_O)
    press(qtbot, viewer, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: "No text" in tool.status.text())
    drag(qtbot, viewer, (100, 80), (160, 120))
    second = tool.layer.boxes()
    cover(qtbot, viewer)
    expected = covered(content(study, imported), [*first, *second], "black")
    assert content(study, viewer.image).tobytes() == expected.tobytes()
    assert viewer.image.original == imported.sha256


def test_the_covering_is_undone_where_it_was_made(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    before, picture = viewer.image, to_qimage(content(study, viewer.image))
    assert not viewer.undo_button.isVisible()
    cover(qtbot, viewer)
    assert viewer.undo_button.isVisible()
    with qtbot.waitSignal(viewer.catalog_changed):
        press(qtbot, viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert viewer.image == before and shown(viewer) == picture and "text" in viewer.about.text()
    assert not viewer.undo_button.isVisible()
    press(qtbot, viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(study.catalog.images()) == 3, "what was not done here is not undone here"


def test_what_was_changed_since_is_not_undone(
    qtbot: QtBot, viewer: ImageViewer, tool: CoverTool, study: Workspace
) -> None:
    cover(qtbot, viewer)
    study.catalog.exclude([2], "a trial")
    press(qtbot, viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert study.catalog.images()[1].excluded == "a trial" and viewer.image.original is not None


def test_an_image_that_cannot_be_read_cannot_be_covered(qtbot: QtBot, viewer: ImageViewer, study: Workspace) -> None:
    study.image_path(study.catalog.images()[1]).unlink()
    press(qtbot, viewer, Qt.Key.Key_Right)
    assert not viewer.cover_button.isEnabled()
    press(qtbot, viewer, Qt.Key.Key_H)
    assert not viewer.cover_tool.is_active


def test_the_mask_and_the_equalised_picture_make_room_for_the_areas(
    qtbot: QtBot, viewer: ImageViewer, study: Workspace
) -> None:
    press(qtbot, viewer, Qt.Key.Key_S)
    qtbot.mouseClick(viewer.cover_button, Qt.MouseButton.LeftButton)
    assert viewer.cover_tool.isVisible() and not viewer.second_canvas.isVisible()
    assert shown(viewer) == to_qimage(content(study, viewer.image))


def test_an_unexpected_error_is_told_and_logged(
    qtbot: QtBot, viewer: ImageViewer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Image.Image) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(cover_tool, "suggest", broken)
    press(qtbot, viewer, Qt.Key.Key_H)
    qtbot.waitUntil(viewer.cover_tool.problem.isVisible)
    assert "log" in viewer.cover_tool.problem.text() and "ZeroDivisionError" in caplog.text
    assert any(record.name == background.__name__ for record in caplog.records)


def test_the_areas_are_seen_over_the_picture(qtbot: QtBot, viewer: ImageViewer, tool: CoverTool) -> None:
    with_areas = viewer.canvas.grab().toImage()
    tool.layer.setVisible(False)
    without = viewer.canvas.grab().toImage()
    corner = at(viewer, *tool.layer.areas[0].box[2:])
    ratio = with_areas.devicePixelRatio()
    around = [
        QPoint(round((corner.x() + x) * ratio), round((corner.y() + y) * ratio)) for x in (-1, 0) for y in (-1, 0)
    ]
    assert any(with_areas.pixel(place) != without.pixel(place) for place in around)
    assert with_areas.pixel(10, 10) == without.pixel(10, 10)
