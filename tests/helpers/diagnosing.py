"""Images for the Diagnosis tab, and what a user does with them."""

from pathlib import Path

import numpy as np
from dicom_samples import dicom_bytes
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from busapp.gui.diagnosis.report_dialog import ReportDialog
from busapp.gui.diagnosis.tab import DiagnosisTab


def picture(folder: Path, channel: int, name: str) -> Path:
    """An image with a bright right half in one channel: benign, malignant or normal to the tiny network."""
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = 220
    Image.fromarray(values).save(folder / name)
    return folder / name


def loop(folder: Path, n_frames: int) -> Path:
    """A DICOM loop whose frames are benign, malignant and normal in turn, in a file without suffix."""
    frames = np.full((n_frames, 48, 64, 3), 20, np.uint8)
    for number in range(n_frames):
        frames[number, :, 32:, number % 3] = 220
    (folder / "IM_0001").write_bytes(dicom_bytes(frames))
    return folder / "IM_0001"


def drop(tab: DiagnosisTab, *files: Path) -> None:
    """Drag and drop files on the tab."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    tab.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, none))


def save_report(qtbot: QtBot, tab: DiagnosisTab) -> None:
    """Accept the dialog after its preview is drawn."""
    dialog = tab.findChild(ReportDialog)
    qtbot.waitUntil(lambda: not dialog.page.pixmap().isNull(), timeout=20_000)
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
