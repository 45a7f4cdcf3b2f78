"""The report dialog: a preview that follows the names, and the files to write."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from busapp.engine.utils.figures import image_to_png
from busapp.errors import UnreadableImage
from busapp.gui import user_settings
from busapp.gui.diagnosis.report_dialog import ReportDialog

asked: list[tuple[str, str, bool]] = []


def preview(reader: str, patient: str) -> bytes:
    if reader == "nobody":
        raise UnreadableImage("The file cannot be opened", remedy="Check it.")
    asked.append((reader, patient, threading.current_thread() is threading.main_thread()))
    return image_to_png(Image.new("RGB", (210, 297), "white"))


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[ReportDialog]:
    asked.clear()
    dialog = ReportDialog(1, preview)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: not dialog.page.pixmap().isNull())
    yield dialog
    dialog.reject()


def test_the_page_is_drawn_beside_the_window_and_anew_when_a_name_is_typed(qtbot: QtBot, dialog: ReportDialog) -> None:
    assert asked == [("", "", False)] and "1 page" in dialog.count.text()
    page = dialog.page.pixmap()
    assert abs(page.width() / page.height() - 210 / 297) < 0.02
    qtbot.keyClicks(dialog.reader, "Dr Rahel Sommer")
    qtbot.keyClicks(dialog.patient, "A. B.")
    qtbot.waitUntil(lambda: asked[-1] == ("Dr Rahel Sommer", "A. B.", False))
    assert len(asked) < 6, "not at every key"
    dialog.reader.setText("nobody")
    qtbot.waitUntil(lambda: "cannot be opened" in dialog.page.text())


def test_what_is_saved_where_is_asked_for_and_the_reader_remembered(
    qtbot: QtBot, dialog: ReportDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    assert dialog.isVisible() and dialog.choice() is None, "no file was named"
    dialog.pdf.setChecked(False)
    assert not dialog.save_button.isEnabled(), "nothing to save"
    dialog.pdf.setChecked(True)
    dialog.dicom.setChecked(True)
    dialog.reader.setText("Dr Rahel Sommer ")
    dialog.patient.setText("A. B.")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "report"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    choice = dialog.choice()
    assert choice is not None and not dialog.isVisible()
    assert (choice.reader, choice.patient) == ("Dr Rahel Sommer", "A. B.")
    assert (choice.pdf, choice.dicom) == (tmp_path / "report.pdf", tmp_path)
    assert user_settings.reader() == "Dr Rahel Sommer"
    again = ReportDialog(1, preview)
    qtbot.addWidget(again)
    assert again.reader.text() == "Dr Rahel Sommer" and again.patient.text() == ""
    again.reject()
