"""The heat map over its image: opacity, hiding, zoom, and bars of probabilities."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.gui.widgets.heat_map_view import HeatMapView
from busapp.gui.widgets.probability_bars import ProbabilityBars


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


def test_bars_show_every_class_with_its_word(qtbot: QtBot) -> None:
    bars = ProbabilityBars()
    qtbot.addWidget(bars)
    bars.show_probabilities({"benign": 0.75, "malignant": 0.25})
    bars.show_probabilities({"benign": 0.2, "malignant": 0.8})
    bars.show()
    assert bars.values() == {"benign": "20.0 %", "malignant": "80.0 %"}
