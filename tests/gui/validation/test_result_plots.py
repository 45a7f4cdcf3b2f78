"""The ROC and reliability plots: drawing, reading, export and legend show the same numbers."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from busapp.engine import metrics
from busapp.gui.validation.reliability_plot import ReliabilityPlot
from busapp.gui.validation.roc_plot import RocCurve, RocPlot
from busapp.gui.widgets.plot import Plot

BINS = [
    {"low": 0.4, "high": 0.6, "n": 10, "confidence": 0.5, "accuracy": 0.4},
    {"low": 0.8, "high": 1.0, "n": 1234, "confidence": 0.95, "accuracy": 0.9},
]


def curve(scores: list[float], is_class: list[bool], *, point: tuple[float, float] | None = None) -> RocCurve:
    false, true, thresholds = metrics.roc(np.array(is_class), np.array(scores))
    return RocCurve(false, true, thresholds, 0.75, [0.5, 0.9], point)


@pytest.fixture
def roc(qtbot: QtBot) -> RocPlot:
    plot = RocPlot()
    show(qtbot, plot)
    plot.show_curves(
        {
            "benign": curve([0.9, 0.8, 0.6, 0.3], [True, False, True, False], point=(0.5, 1.0)),
            "malignant": curve([0.7, 0.2, 0.4, 0.1], [True, True, False, False]),
        }
    )
    return plot


@pytest.fixture
def reliability(qtbot: QtBot) -> ReliabilityPlot:
    plot = ReliabilityPlot()
    show(qtbot, plot)
    plot.show_calibration({"ece": 0.0504, "ece_ci95": [0.03, 0.08], "bins": BINS})
    return plot


def show(qtbot: QtBot, plot: Plot) -> None:
    qtbot.addWidget(plot)
    plot.resize(460, 340)
    plot.show()
    qtbot.waitExposed(plot)


def key(roc: RocPlot) -> str:
    return roc._key.textItem.toPlainText().replace("\xa0", " ")


def test_the_legend_has_every_area_with_its_interval(roc: RocPlot) -> None:
    assert "benign AUC 0.750 (0.50–0.90)" in key(roc)
    assert "malignant AUC 0.750" in key(roc)
    assert "operating point" in key(roc)
    assert len(roc._points.data) == 1


def test_the_legend_stays_inside_the_plot(roc: RocPlot) -> None:
    for width in (460, 240):
        roc.resize(width, 300)
        roc.grab()
        words = roc._key.mapRectToScene(roc._key.boundingRect())
        assert words.right() <= roc.width() and words.bottom() <= roc.height()


def test_hover_and_arrow_keys_read_every_class_at_a_specificity(qtbot: QtBot, roc: RocPlot) -> None:
    assert roc.read(0.0) == "At specificity 1.00: benign 0.50 (from 0.90), malignant 0.50 (from 0.70)"
    assert roc.read(0.5) == "At specificity 0.50: benign 1.00 (from 0.60), malignant 1.00 (from 0.20)"
    assert roc.read(-3.0) == roc.read(0.0)  # outside the curve, the reading is that of its end
    roc.setFocus()
    qtbot.keyClick(roc, Qt.Key.Key_Left)
    assert "At specificity 0.00:" in key(roc)
    qtbot.keyClick(roc, Qt.Key.Key_Left)
    assert "At specificity 0.01:" in key(roc)
    for place in (roc.viewport().rect().topLeft(), roc.viewport().rect().center()):
        qtbot.mouseMove(roc.viewport(), place)
    qtbot.waitUntil(lambda: key(roc).startswith(("At specificity 0.4", "At specificity 0.5")))


def test_a_class_that_was_never_tested_is_undefined(roc: RocPlot) -> None:
    never = curve([0.9, 0.8], [False, False])
    roc.show_curves(
        {"benign": RocCurve(*(never.false_positive_rates, never.sensitivities, never.thresholds), *[None] * 3)}
    )
    assert "AUC undefined" in key(roc)
    assert roc.read(0.5).endswith("benign undefined")
    roc.show_curves({})
    assert roc.read(0.5) == ""


def test_the_reliability_reads_bins_and_their_counts(qtbot: QtBot, reliability: ReliabilityPlot) -> None:
    title = reliability.getPlotItem().titleLabel.item.toPlainText().replace("\xa0", " ")
    assert "ECE 0.050 (0.030–0.080)" in title
    assert [text.toPlainText() for text in reliability._counts] == ["10", "1,234"]
    assert reliability.read(0.9) == (
        "Confidence 0.80 to 1.00: 1,234 images, mean confidence 0.950, share that was right 0.900"
    )
    assert "10 images" in reliability.read(0.0)
    reliability.show_calibration({"ece": 0.1, "bins": BINS[:1]})
    assert [text.isVisible() for text in reliability._counts] == [True, False]
    reliability.show_calibration(None)
    assert reliability.read(0.9) == ""


@pytest.mark.parametrize("suffix", ["png", "svg", "csv"])
@pytest.mark.parametrize("name", ["roc", "reliability"])
def test_both_are_exported_from_the_context_menu(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, suffix: str
) -> None:
    plot: Plot = request.getfixturevalue(name)
    target = tmp_path / f"{name}.{suffix}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    menu = plot.export_menu()
    next(action for action in menu.actions() if suffix.upper() in action.text()).trigger()
    menu.close()
    content = target.read_bytes()
    if suffix != "csv":
        assert content.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
        return
    rows = list(csv.reader(content.decode().splitlines()))
    if name == "roc":
        assert rows[1] == ["benign", "0", "0", "1", ""]  # no image is called the class
        assert rows[2] == ["benign", "0", "0.5", "1", "0.9"]
        assert {row[0] for row in rows[1:]} == {"benign", "malignant"}
    else:
        assert rows[1:] == [["0.4", "0.6", "10", "0.5", "0.4"], ["0.8", "1.0", "1234", "0.95", "0.9"]]
