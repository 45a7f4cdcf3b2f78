"""The large view of an image: next and previous image, mask, adaptive equalisation, side by side, and zoom."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from busapp.engine.catalog import ImageRecord
from busapp.engine.images import preprocessing
from busapp.engine.images.equalisation import equalise
from busapp.engine.images.preprocessing import Preprocessing, read_image
from busapp.engine.images.segmentation import denoise, segment
from busapp.engine.study.workspace import Workspace
from busapp.gui.images import prepared_picture
from busapp.gui.images.image_canvas import ImageCanvas, to_qimage
from busapp.gui.images.image_viewer import ImageViewer

EQUALISED = "Equalised"


def click(qtbot: QtBot, viewer: ImageViewer, key: Qt.Key) -> None:
    qtbot.keyClick(viewer.canvas, key)


def same(shown: QPixmap, expected: Image.Image) -> bool:
    return bool(shown.toImage().convertToFormat(QImage.Format.Format_RGB888) == to_qimage(expected))


def plain(workspace: Workspace, image: ImageRecord) -> Image.Image:
    return read_image(workspace.image_path(image))


@pytest.fixture
def images(phantom_study: Workspace) -> list[ImageRecord]:
    return [image for image in phantom_study.catalog.images() if image.mask is not None]


@pytest.fixture
def viewer(qtbot: QtBot, phantom_study: Workspace, images: list[ImageRecord]) -> Iterator[ImageViewer]:
    viewer = ImageViewer(phantom_study, images, 0, lambda image: [image.file])
    qtbot.addWidget(viewer)
    viewer.resize(1100, 600)
    viewer.show()
    qtbot.waitExposed(viewer)
    yield viewer
    viewer.close()


def equalised_is_shown(canvas: ImageCanvas) -> Callable[[], bool]:
    return lambda: canvas.caption == EQUALISED


def test_keys_walk_and_show_the_mask(qtbot: QtBot, viewer: ImageViewer, images: list[ImageRecord]) -> None:
    with qtbot.waitSignal(viewer.walked) as walked:
        click(qtbot, viewer, Qt.Key.Key_Right)
    assert walked.args == [1]
    assert images[1].file in viewer.windowTitle()
    assert viewer.canvas.overlay.isNull()
    click(qtbot, viewer, Qt.Key.Key_M)
    assert viewer.canvas.overlay.size() == viewer.canvas.picture.size()
    click(qtbot, viewer, Qt.Key.Key_Home)
    assert viewer.image is images[0]
    click(qtbot, viewer, Qt.Key.Key_Left)
    assert viewer.image is images[0] and not viewer.previous_button.isEnabled()
    click(qtbot, viewer, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_an_image_that_is_missing_is_told_with_the_reason(
    qtbot: QtBot, viewer: ImageViewer, phantom_study: Workspace, images: list[ImageRecord]
) -> None:
    Path(phantom_study.image_path(images[1])).unlink()
    click(qtbot, viewer, Qt.Key.Key_S)
    click(qtbot, viewer, Qt.Key.Key_Right)
    assert "cannot be opened" in viewer.canvas.sentence
    assert viewer.canvas.picture.isNull() and viewer.second_canvas.picture.isNull()
    viewer.grab()
    click(qtbot, viewer, Qt.Key.Key_Right)
    assert viewer.canvas.sentence == "" and same(viewer.canvas.picture, plain(phantom_study, images[2]))


def test_e_shows_the_image_equalised_and_plain_again(
    qtbot: QtBot, viewer: ImageViewer, phantom_study: Workspace, images: list[ImageRecord]
) -> None:
    picture = plain(phantom_study, images[0])
    assert same(viewer.canvas.picture, picture) and viewer.canvas.caption == ""
    click(qtbot, viewer, Qt.Key.Key_E)
    qtbot.waitUntil(equalised_is_shown(viewer.canvas))
    assert same(viewer.canvas.picture, equalise(picture)) and not same(viewer.canvas.picture, picture)
    assert EQUALISED in viewer.canvas.accessibleDescription()
    assert not viewer.second_canvas.isVisible()
    qtbot.mouseClick(viewer.equalise_box, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert same(viewer.canvas.picture, picture) and viewer.canvas.caption == ""


def test_s_puts_both_side_by_side_with_the_mask(
    qtbot: QtBot, viewer: ImageViewer, phantom_study: Workspace, images: list[ImageRecord]
) -> None:
    click(qtbot, viewer, Qt.Key.Key_M)
    click(qtbot, viewer, Qt.Key.Key_S)
    assert viewer.equalise_box.isChecked() and viewer.second_canvas.isVisible()
    qtbot.waitUntil(equalised_is_shown(viewer.second_canvas))
    picture = plain(phantom_study, images[0])
    assert same(viewer.canvas.picture, picture) and viewer.canvas.caption == "Plain"
    assert same(viewer.second_canvas.picture, equalise(picture))
    assert not viewer.second_canvas.overlay.isNull()
    click(qtbot, viewer, Qt.Key.Key_E)
    assert not viewer.side_box.isChecked() and not viewer.second_canvas.isVisible()


def test_noise_filter_and_segmentation_are_shown_in_the_order_of_a_run(
    qtbot: QtBot, viewer: ImageViewer, phantom_study: Workspace, images: list[ImageRecord]
) -> None:
    picture = plain(phantom_study, images[0])
    click(qtbot, viewer, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: viewer.canvas.caption == "Segmented")
    assert same(viewer.canvas.picture, segment(picture))
    click(qtbot, viewer, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: viewer.canvas.caption == "Denoised, segmented")
    assert same(viewer.canvas.picture, segment(denoise(picture)))
    click(qtbot, viewer, Qt.Key.Key_S)
    assert not viewer.equalise_box.isChecked() and same(viewer.canvas.picture, picture)
    click(qtbot, viewer, Qt.Key.Key_K)
    click(qtbot, viewer, Qt.Key.Key_N)
    assert not viewer.second_canvas.isVisible() and viewer.canvas.caption == ""


def test_walking_quickly_never_shows_the_picture_of_another_image(
    qtbot: QtBot,
    viewer: ImageViewer,
    phantom_study: Workspace,
    images: list[ImageRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first image is still being equalised when the user has already moved on to the fifth."""
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slowly(image: Image.Image, _: Preprocessing) -> QImage:
        begun.set()
        assert go_on.wait(10)
        made.append(image)
        return to_qimage(equalise(image))

    monkeypatch.setattr(prepared_picture, "prepared", slowly)
    seen: list[tuple[int, QPixmap]] = []
    show = viewer.second_canvas.show_picture

    def watched(picture: QImage, caption: str = "") -> None:
        show(picture, caption)
        if caption == EQUALISED:
            seen.append((viewer.row, viewer.second_canvas.picture))

    monkeypatch.setattr(viewer.second_canvas, "show_picture", watched)
    click(qtbot, viewer, Qt.Key.Key_S)
    assert begun.wait(10)
    for _ in range(4):
        click(qtbot, viewer, Qt.Key.Key_Right)
        assert "being equalised" in viewer.second_canvas.caption
        assert same(viewer.second_canvas.picture, plain(phantom_study, viewer.image))
    go_on.set()
    qtbot.waitUntil(lambda: bool(seen))
    ((row, shown),) = seen
    assert row == viewer.row == 4 and same(shown, equalise(plain(phantom_study, images[4])))
    assert len(made) == 2, "images that were only passed are not equalised"


def test_closing_while_an_image_is_being_equalised_leaves_no_thread(qtbot: QtBot, viewer: ImageViewer) -> None:
    click(qtbot, viewer, Qt.Key.Key_E)
    click(qtbot, viewer, Qt.Key.Key_Space)
    assert not viewer.isVisible()
    assert viewer._preparer._pool.activeThreadCount() == 0


def test_a_very_large_image_is_equalised_at_a_smaller_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def recorded(image: Image.Image) -> Image.Image:
        sizes.append(image.size)
        return equalise(image)

    monkeypatch.setattr(preprocessing, "equalise", recorded)
    picture = Image.linear_gradient("L").resize((3000, 2000)).convert("RGB")
    found = prepared_picture.prepared(picture, Preprocessing(0, equalise=True))
    assert sizes == [(2048, 1365)] and (found.width(), found.height()) == picture.size


# -- zoom and pan ---------------------------------------------------------------------------------------------


def turn_wheel(canvas: ImageCanvas, place: QPoint, angle: int) -> None:
    viewport = canvas.viewport()
    event = QWheelEvent(
        QPointF(place),
        QPointF(viewport.mapToGlobal(place)),
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def part(canvas: ImageCanvas) -> tuple[float, float, float]:
    """Scale, and the point (x, y) of the image in the upper left corner of the canvas."""
    corner = canvas.mapToScene(QPoint(0, 0))
    return canvas.transform().m11(), corner.x(), corner.y()


def drag(qtbot: QtBot, canvas: ImageCanvas, begin: QPoint, end: QPoint) -> None:
    qtbot.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=begin)
    qtbot.mouseMove(canvas.viewport(), end)
    qtbot.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton, pos=end)


def test_both_panes_zoom_and_move_together(qtbot: QtBot, viewer: ImageViewer) -> None:
    click(qtbot, viewer, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: abs(viewer.canvas.width() - viewer.second_canvas.width()) <= 1)
    fitted = part(viewer.canvas)
    for canvas, other in (
        (viewer.canvas, viewer.second_canvas),
        (viewer.second_canvas, viewer.canvas),
    ):
        turn_wheel(canvas, canvas.viewport().rect().center(), 480)
        assert canvas.transform().m11() > 1.5 * fitted[0]
        assert part(other) == pytest.approx(part(canvas), abs=0.1)
        before = part(canvas)
        drag(qtbot, canvas, QPoint(200, 200), QPoint(120, 150))
        assert part(canvas)[1] > before[1] + 1 and part(canvas)[2] > before[2] + 1
        assert part(other) == pytest.approx(part(canvas), abs=0.1)
        qtbot.mouseDClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
        assert part(canvas) == pytest.approx(part(other), abs=0.1) == fitted


def test_the_pane_that_is_hidden_again_has_no_say(qtbot: QtBot, viewer: ImageViewer) -> None:
    whole = part(viewer.canvas)
    click(qtbot, viewer, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: abs(viewer.canvas.width() - viewer.second_canvas.width()) <= 1)
    click(qtbot, viewer, Qt.Key.Key_S)
    click(qtbot, viewer, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: part(viewer.canvas) == pytest.approx(whole, abs=0.1))


def test_the_part_that_is_seen_stays_while_plain_and_equalised_are_compared(
    qtbot: QtBot, viewer: ImageViewer, images: list[ImageRecord]
) -> None:
    click(qtbot, viewer, Qt.Key.Key_Plus)
    click(qtbot, viewer, Qt.Key.Key_Plus)
    close = part(viewer.canvas)
    click(qtbot, viewer, Qt.Key.Key_E)
    qtbot.waitUntil(equalised_is_shown(viewer.canvas))
    assert part(viewer.canvas) == close
    click(qtbot, viewer, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: abs(viewer.canvas.width() - viewer.second_canvas.width()) <= 1)
    assert part(viewer.canvas)[0] == close[0]
    assert part(viewer.second_canvas) == pytest.approx(part(viewer.canvas), abs=0.1)
    click(qtbot, viewer, Qt.Key.Key_Right)
    assert viewer.image is images[1], "the arrow keys walk, also where the picture could be moved"
    assert viewer.canvas.is_fitted and viewer.second_canvas.is_fitted


def test_keys_zoom_around_the_middle(qtbot: QtBot, viewer: ImageViewer) -> None:
    canvas = viewer.canvas
    middle = canvas.mapToScene(canvas.viewport().rect().center())
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Plus, Qt.Key.Key_Plus, Qt.Key.Key_Minus):
        click(qtbot, viewer, key)
        now = canvas.mapToScene(canvas.viewport().rect().center())
        assert (now.x(), now.y()) == pytest.approx((middle.x(), middle.y()), abs=0.3)


def test_zooming_ends_at_the_whole_image_and_at_single_pixels(qtbot: QtBot, viewer: ImageViewer) -> None:
    canvas = viewer.canvas
    fitted = part(canvas)
    for _ in range(40):
        click(qtbot, viewer, Qt.Key.Key_Plus)
    assert fitted[0] < canvas.transform().m11() <= 40
    for _ in range(40):
        turn_wheel(canvas, QPoint(100, 100), -240)
    assert canvas.is_fitted and part(canvas) == pytest.approx(fitted)
