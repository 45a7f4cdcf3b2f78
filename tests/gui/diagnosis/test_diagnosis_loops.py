"""DICOM loops in the Diagnosis tab: every frame is diagnosed, and window and level change no answer."""

from pathlib import Path

from diagnosing import drop, loop, picture
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.tab import DiagnosisTab


def test_a_dropped_dicom_loop_has_a_slider_and_every_frame_its_answer(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    drop(tab, loop(tmp_path, 3))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert tab.view.frames.words.text() == "frame 2 of 3"
    assert "malignant" in tab.result.answer.text()
    qtbot.keyClick(tab.view.view, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: "normal" in tab.result.answer.text())
    assert tab.result.file.text() == "IM_0001, frame 3 of 3"
    tab.diagnose(picture(tmp_path, 0, "still.png"))
    qtbot.waitUntil(lambda: "benign" in tab.result.answer.text())
    assert not tab.view.frames.isVisible()


def test_dragging_the_slider_queues_nothing_up(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(loop(tmp_path, 40))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    answered: list[int] = []
    tab.single.answered.connect(lambda event: answered.append(event.frame))
    for number in range(1, 41):
        tab.view.frames.slider.setValue(number)
    qtbot.waitUntil(lambda: bool(answered) and answered[-1] == 40)
    assert len(answered) <= 2  # one that was already running, if any, and the newest
    assert tab.view.frames.words.text() == "frame 40 of 40"


def test_a_loop_that_is_cut_short_shows_the_frames_that_are_there(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    whole = loop(tmp_path, 3)
    whole.write_bytes(whole.read_bytes()[:-500])
    tab.diagnose(whole)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    with qtbot.waitSignal(tab.problem) as told:
        tab.view.frames.slider.setValue(3)
    assert "cut short" in told.args[0]
    assert tab.view.frames.words.text() == "frame 2 of 3"


def test_window_and_level_change_nothing_that_the_model_sees(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(loop(tmp_path, 3))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    with qtbot.assertNotEmitted(tab.single.answered, wait=50):
        tab.view.window_menu.width_slider.setValue(30)
    qtbot.keyClick(tab.view.view, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: "benign" in tab.result.answer.text())
    assert tab.single.shown is not None
    assert tab.single.shown.image.getpixel((60, 5)) == (220, 20, 20)
    assert tab.view.window_shown.width == 30  # kept for the loop
    tab.diagnose(picture(tmp_path, 2, "next.png"))
    qtbot.waitUntil(lambda: tab.result.file.text() == "next.png")
    assert tab.view.window_shown.is_plain
