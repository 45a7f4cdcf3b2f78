"""The heat map over its image: opacity, hiding, zoom, crop, window and level, frames; and bars of probabilities."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from busapp.engine.images.preprocessing import Preprocessing
from busapp.gui.diagnosis.probability_bars import ProbabilityBars
from busapp.gui.images.heat_map_view import HeatMapView
from busapp.gui.images.image_canvas import to_qimage
from busapp.gui.images.window_level import Window


@pytest.fixture
def view(qtbot: QtBot) -> HeatMapView:
    view = HeatMapView()
    qtbot.addWidget(view)
    view.resize(400, 400)
    view.show()
    qtbot.waitExposed(view)
    view.set_image(Image.new("RGB", (120, 80), (60, 60, 60)))
    heat_map = np.zeros((7, 7), np.float32)
    heat_map[3, 3] = 1
    view.set_heat_map(heat_map)
    return view


def centre(view: HeatMapView) -> tuple[int, int, int]:
    colour = view.view.grab().toImage().pixelColor(view.view.width() // 2, view.view.height() // 2)
    return colour.red(), colour.green(), colour.blue()


def test_the_map_lies_over_the_image_as_opaque_as_asked(view: HeatMapView) -> None:
    view.opacity.setValue(100)
    covered = centre(view)
    view.opacity.setValue(0)
    assert centre(view) == (60, 60, 60)
    assert covered[0] > 150


def test_holding_h_hides_the_map(qtbot: QtBot, view: HeatMapView) -> None:
    view.view.setFocus()
    qtbot.keyPress(view.view, Qt.Key.Key_H)
    assert not view.heat_map_is_visible
    assert centre(view) == (60, 60, 60)
    qtbot.keyRelease(view.view, Qt.Key.Key_H)
    assert view.heat_map_is_visible


def test_keys_zoom_and_fit(qtbot: QtBot, view: HeatMapView) -> None:
    fitted = view.view.transform().m11()
    qtbot.keyClick(view.view, Qt.Key.Key_Plus)
    assert view.view.transform().m11() > fitted
    qtbot.keyClick(view.view, Qt.Key.Key_0)
    assert view.view.transform().m11() == pytest.approx(fitted)


def test_another_image_has_no_map_yet(view: HeatMapView) -> None:
    view.set_image(Image.new("L", (10, 10)))
    assert not view.heat_map_is_visible


def test_the_image_is_shown_as_the_model_sees_it(qtbot: QtBot, view: HeatMapView) -> None:
    values = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    image, preparing = Image.fromarray(values), Preprocessing(32, framing="centre", segment=True)
    assert not view.seen_box.isEnabled()
    view.set_image(image, None, preparing)
    view.seen_box.click()
    qtbot.waitUntil(lambda: view.view.picture.toImage().pixelColor(1, 1).name() == "#000000")
    shown = view.view.picture.toImage().convertToFormat(QImage.Format.Format_RGB888)
    assert shown == to_qimage(preparing.over(image))
    assert view.view.caption.endswith("resized to 32×32 pixels, cut to the central square, segmented (Kapur's entropy)")
    view.set_window(Window(100, 50))
    assert "as the model sees it" in view.view.caption
    view.set_window(Window())
    view.seen_box.click()
    assert view.view.picture.toImage().convertToFormat(QImage.Format.Format_RGB888) == to_qimage(image)
    assert view.view.caption == ""


def test_bars_show_every_class_with_its_word(qtbot: QtBot) -> None:
    bars = ProbabilityBars()
    qtbot.addWidget(bars)
    bars.show_probabilities({"benign": 0.75, "malignant": 0.25})
    bars.show_probabilities({"benign": 0.2, "malignant": 0.8})
    bars.show()
    assert bars.values() == {"benign": "20.0 %", "malignant": "80.0 %"}


def bright_pixels(view: HeatMapView) -> int:
    """Number of pixels of the contour. The image and the map are darker."""
    grabbed = view.view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    values = np.frombuffer(grabbed.constBits(), np.uint8).reshape(grabbed.height(), -1)
    return int((values[:, : 3 * grabbed.width()].reshape(grabbed.height(), -1, 3).min(axis=2) > 240).sum())


def test_the_contour_is_a_thin_line_that_h_hides(qtbot: QtBot, view: HeatMapView) -> None:
    view.opacity.setValue(0)
    assert bright_pixels(view) == 0
    view.contour_box.click()
    drawn = bright_pixels(view)
    # The blob is about a seventh of the image wide. The line is a ring, neither a disc nor a rectangle of cells.
    assert 80 < drawn < 600
    assert centre(view) == (60, 60, 60)
    view.view.setFocus()
    qtbot.keyPress(view.view, Qt.Key.Key_H)
    assert bright_pixels(view) == 0
    qtbot.keyRelease(view.view, Qt.Key.Key_H)
    assert bright_pixels(view) == drawn
    view.set_image(Image.new("RGB", (120, 80)))
    assert bright_pixels(view) == 0


def drag(qtbot: QtBot, view: HeatMapView, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Drag with the left button from one point of the image to another."""
    viewport, canvas = view.view.viewport(), view.view
    first, last = canvas.mapFromScene(*start), canvas.mapFromScene(*end)
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(viewport, (first + last) / 2)
    qtbot.mouseMove(viewport, last)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=last)


def test_a_rectangle_is_drawn_with_the_mouse_to_crop(qtbot: QtBot, view: HeatMapView) -> None:
    view.view.setFocus()
    qtbot.keyClick(view.view, Qt.Key.Key_C)
    assert view.crop_button.isChecked() and "Esc" in view.view.caption
    with qtbot.waitSignal(view.crop_drawn) as cropped:
        drag(qtbot, view, (20, 10), (100, 60))
    assert cropped.args[0] == pytest.approx((20, 10, 100, 60), abs=1)
    assert not view.crop_button.isChecked() and view.band is None
    assert view.heat_map_is_visible


def test_a_rectangle_too_small_says_so_and_esc_leaves(qtbot: QtBot, view: HeatMapView) -> None:
    view.crop_button.click()
    assert not view.heat_map_is_visible
    with qtbot.assertNotEmitted(view.crop_drawn):
        drag(qtbot, view, (20, 10), (27, 60))
        assert "too small" in view.view.caption and view.band is not None
        qtbot.keyClick(view.view, Qt.Key.Key_Escape)
    assert view.band is None and view.view.caption == ""


def test_a_rectangle_is_drawn_with_keys(qtbot: QtBot, view: HeatMapView) -> None:
    view.crop_button.click()
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(view.view, Qt.Key.Key_Right)
    qtbot.keyClick(view.view, Qt.Key.Key_Down)
    qtbot.keyClick(view.view, Qt.Key.Key_Left, control)
    qtbot.keyClick(view.view, Qt.Key.Key_Up, shift)
    with qtbot.waitSignal(view.crop_drawn) as cropped:
        qtbot.keyClick(view.view, Qt.Key.Key_Return)
    assert cropped.args[0] == (5, 11, 95, 70)


def test_window_and_level_change_what_is_shown(qtbot: QtBot, view: HeatMapView) -> None:
    view.opacity.setValue(0)
    viewport = view.view.viewport()
    right = Qt.MouseButton.RightButton
    qtbot.mousePress(viewport, right, pos=QPoint(200, 200))
    qtbot.mouseMove(viewport, QPoint(120, 150))
    qtbot.mouseRelease(viewport, right, pos=QPoint(120, 150))
    assert (view.window_shown.width, view.window_shown.level) == (175, 78)
    shown = round((60 - (78 - 175 / 2)) * 255 / 175)
    qtbot.waitUntil(lambda: abs(centre(view)[0] - shown) <= 1)
    assert "the model sees the image as it is" in view.view.caption
    assert view.window_menu.window_chosen == view.window_shown
    view.window_menu.level_slider.setValue(20)
    assert view.window_shown.level == 20
    view.window_menu.reset_button.click()
    qtbot.waitUntil(lambda: centre(view) == (60, 60, 60))
    assert view.view.caption == ""


def test_frames_are_walked_through_by_keys(qtbot: QtBot, view: HeatMapView) -> None:
    assert not view.frames.isVisible()
    view.frames.show_frame(3, 40)
    assert view.frames.isVisible() and view.frames.words.text() == "frame 3 of 40"
    for widget, key, number in (
        (view.view, Qt.Key.Key_PageDown, 4),
        (view.view, Qt.Key.Key_Left, 3),
        (view.frames.slider, Qt.Key.Key_Right, 4),
        (view.frames.slider, Qt.Key.Key_PageUp, 3),
    ):
        widget.setFocus()
        with qtbot.waitSignal(view.frame_wanted) as wanted:
            qtbot.keyClick(widget, key)
        assert wanted.args == [number]
    qtbot.keyClick(view.view, Qt.Key.Key_Plus)
    with qtbot.assertNotEmitted(view.frame_wanted):
        qtbot.keyClick(view.view, Qt.Key.Key_Right)  # pans, because the image is enlarged
