"""A part of an image is cropped in the Diagnosis tab and diagnosed alone."""

from pathlib import Path

import numpy as np
import pytest
from diagnosing import loop, picture, save_report
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.tab import DiagnosisTab


def crop(qtbot: QtBot, tab: DiagnosisTab, start: tuple[int, int], end: tuple[int, int]) -> None:
    qtbot.mouseClick(tab.view.crop_button, Qt.MouseButton.LeftButton)
    canvas = tab.view.view
    first, last = canvas.mapFromScene(*start), canvas.mapFromScene(*end)
    qtbot.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(canvas.viewport(), last)
    qtbot.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton, pos=last)


def test_a_crop_is_diagnosed_reported_and_undone(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.full((60, 90, 3), 20, np.uint8)
    values[:, :20, 0] = 255  # benign, on the left
    values[:, 20:, 2] = 200  # normal, most of it
    Image.fromarray(values).save(tmp_path / "both.png")
    tab.open_study(study)
    tab.diagnose(tmp_path / "both.png")
    qtbot.waitUntil(lambda: "normal" in tab.result.answer.text())
    assert not tab.view.whole_button.isVisible()

    crop(qtbot, tab, (0, 0), (40, 60))
    qtbot.waitUntil(lambda: "cropped" in tab.result.file.text())
    shown = tab.view.view.picture.size()
    assert abs(shown.width() - 40) <= 1 and shown.height() == 60
    crop(qtbot, tab, (0, 10), (30, 50))  # in the pixels of the shown image
    qtbot.waitUntil(lambda: tab.view.view.picture.width() < 35)
    assert "benign" in tab.result.answer.text()
    assert tab.single.shown is not None
    assert tab.single.shown.request.crop == pytest.approx((0, 10, 30, 50), abs=1)
    assert tab.view.heat_map_is_visible

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "report.pdf"), ""))
    with qtbot.waitSignal(tab.start_requested) as asked:
        tab.result.report_button.click()
        save_report(qtbot, tab)
    (reported,) = asked.args[0].images
    assert reported.is_relative_to(study.root / "cache")
    assert np.array_equal(np.asarray(Image.open(reported).convert("RGB")), np.asarray(tab.single.shown.image))

    qtbot.mouseClick(tab.view.whole_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.result.file.text() == "both.png")
    assert tab.view.view.picture.width() == 90


def test_a_crop_stays_from_frame_to_frame_and_goes_with_the_file(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(loop(tmp_path, 3))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    crop(qtbot, tab, (30, 0), (64, 48))
    qtbot.waitUntil(lambda: "cropped" in tab.result.file.text())
    qtbot.keyClick(tab.view.view, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: tab.result.file.text() == "IM_0001, frame 1 of 3, cropped")
    assert abs(tab.view.view.picture.width() - 34) <= 1
    tab.diagnose(picture(tmp_path, 2, "next.png"))
    qtbot.waitUntil(lambda: tab.result.file.text() == "next.png")
    assert tab.view.view.picture.width() == 64
