"""Curves: the points that are added are drawn, read and exported."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from busapp.gui.widgets.curves import CurvePlot


@pytest.fixture
def plot(qtbot: QtBot) -> CurvePlot:
    plot = CurvePlot("Loss", "Epoch", "Loss (nats)")
    qtbot.addWidget(plot)
    plot.define("g", "G", "#56B4E9")
    plot.define("fold 1", "G, fold 1", "#56B4E9", faint=True)
    plot.resize(500, 300)
    plot.show()
    qtbot.waitExposed(plot)
    return plot


def drawn(plot: CurvePlot, key: str) -> tuple[np.ndarray, np.ndarray]:
    return plot._curves[key].item.getOriginalDataset()


def test_thousands_of_points_are_drawn_together(qtbot: QtBot, plot: CurvePlot) -> None:
    for epoch in range(1, 3001):
        plot.put("g", epoch, 1 / epoch)
    qtbot.waitUntil(lambda: drawn(plot, "g")[0] is not None)
    x, y = drawn(plot, "g")
    assert len(x) == 3000
    assert y[-1] == pytest.approx(1 / 3000)


def test_an_epoch_recorded_twice_is_replaced_in_place(plot: CurvePlot) -> None:
    for epoch, loss in ((1, 0.9), (2, 0.8), (4, 0.6), (2, 0.7), (3, 0.65), (4, float("nan"))):
        plot.put("g", epoch, loss)
    x, y = plot.values("g")
    assert x.tolist() == [1, 2, 3, 4]
    assert y.tolist() == [0.9, 0.7, 0.65, 0.6]


def test_reading_names_the_strong_curves_at_the_nearest_epoch(plot: CurvePlot) -> None:
    plot.put("g", 1, 0.5)
    plot.put("g", 2, 0.25)
    plot.put("fold 1", 2, 0.1)
    assert plot.read(1.8) == "Epoch 2: G 0.25"


def test_arrow_keys_read_and_the_double_click_shows_everything(qtbot: QtBot, plot: CurvePlot) -> None:
    for epoch in range(1, 11):
        plot.put("g", epoch, epoch)
    plot.draw()
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert "Epoch 10: G 10" in plot.getPlotItem().titleLabel.text
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert "Epoch 9: G 9" in plot.getPlotItem().titleLabel.text
    plot.setXRange(2, 3)
    qtbot.mouseDClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.viewport().rect().center())
    qtbot.waitUntil(lambda: plot.getPlotItem().getViewBox().viewRange()[0][1] >= 10)


def test_hover_reads_the_values(qtbot: QtBot, plot: CurvePlot) -> None:
    plot.put("g", 1, 0.5)
    plot.put("g", 2, 0.25)
    plot.draw()
    qtbot.mouseMove(plot.viewport(), plot.viewport().rect().center())
    qtbot.waitUntil(lambda: "Epoch " in plot.getPlotItem().titleLabel.text)


@pytest.mark.parametrize("suffix", ["png", "svg", "csv"])
def test_export_from_the_context_menu(
    plot: CurvePlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    plot.put("g", 1, 0.5)
    plot.put("g", 2, 0.25)
    plot.put("fold 1", 2, 0.75)
    plot.tick(2)
    target = tmp_path / f"loss.{suffix}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    menu = plot.export_menu()
    next(action for action in menu.actions() if suffix.upper() in action.text()).trigger()
    menu.close()
    content = target.read_bytes()
    if suffix == "csv":
        rows = list(csv.reader(content.decode().splitlines()))
        assert rows == [["Epoch", "G", "G, fold 1"], ["1", "0.5", ""], ["2", "0.25", "0.75"]]
    else:
        assert content.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")


def test_cleared_curves_leave_nothing(plot: CurvePlot) -> None:
    plot.put("g", 1, 0.5)
    plot.tick(1)
    plot.clear_curves()
    assert plot.values("g")[0].size == 0
    assert plot.read(1) == ""
    plot.define("g", "G", "#56B4E9")
    plot.put("g", 5, 0.1)
    assert plot.values("g")[0].tolist() == [5]


def test_a_single_point_is_seen(qtbot: QtBot) -> None:
    plot = CurvePlot("Accuracy", "Epoch", "Accuracy (%)")
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.define("test", "Test", "#ff0000")
    plot.show()
    qtbot.waitExposed(plot)

    def red_pixels_of_the_curve() -> int:
        view = plot.getPlotItem().getViewBox()
        image = plot.grab(plot.mapFromScene(view.sceneBoundingRect()).boundingRect()).toImage()
        colours = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
        return sum(colour.red() > 200 and colour.green() < 80 and colour.blue() < 80 for colour in colours)

    assert red_pixels_of_the_curve() == 0
    plot.put("test", 1, 66.5)
    plot.draw()
    assert red_pixels_of_the_curve() > 10


def test_small_numbers_keep_their_scale_when_the_colours_change(plot: CurvePlot) -> None:
    for epoch in (1, 2):
        plot.put("g", epoch, 0.4 / epoch)
    plot.draw()
    plot.grab()
    axis = plot.getPlotItem().getAxis("left")
    before = axis.tickStrings([0.2, 0.4], axis.autoSIPrefixScale * axis.scale, 0.2)
    plot._restyle()
    assert axis.tickStrings([0.2, 0.4], axis.autoSIPrefixScale * axis.scale, 0.2) == before == ["0.2", "0.4"]


def test_epochs_are_whole_numbers(plot: CurvePlot) -> None:
    for span in (0.5, 2.0, 7.0, 4000.0):
        spacings = plot.getPlotItem().getAxis("bottom").tickSpacing(1.0, 1.0 + span, 400.0)
        assert all(spacing >= 1 for spacing, _ in spacings)


def test_the_legend_and_what_hover_reads_stay_inside_a_narrow_plot(qtbot: QtBot) -> None:
    plot = CurvePlot("Brightness", "Mean intensity (0 to 255)", "Images")
    qtbot.addWidget(plot)
    plot.resize(280, 260)
    for name in ("benign", "class 0", "class 1", "malignant", "normal", "lymph node"):
        plot.define(name, name, "#0072B2")
        plot.put(name, 93, 1234)
    plot.show()
    qtbot.waitExposed(plot)
    label = plot.getPlotItem().titleLabel
    plot._show_legend()
    for _ in range(2):
        qtbot.wait(1)
        words = label.item.mapRectToScene(label.item.boundingRect())
        assert words.left() >= 0
        assert words.right() <= plot.width()
        assert words.height() <= label.maximumHeight() + 1
        assert label.item.toPlainText().count("lymph") == 1
        plot._move_cursor(93)
