"""The dialog before a report is written: preview, names, and the files to write."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.utils.words import many
from busapp.gui import user_settings
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import last_folder, remember_folder
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.panels import resize_within_screen
from busapp.gui.widgets.warning_frame import words_label

PAUSE = 400
"""Milliseconds without a key press before the page is drawn again."""

Preview = Callable[[str, str], bytes]
"""Returns the first page as PNG bytes, for a reader and a patient; called in a thread."""


@dataclass(frozen=True)
class ReportChoice:
    """The user's choice: names on the pages, the PDF file and the folder for DICOM files (None: not wanted)."""

    reader: str
    patient: str
    pdf: Path | None
    dicom: Path | None


class _Page(QLabel):
    """A page, scaled to the available room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Drawing the page…", parent)
        self._page = QPixmap()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(180, 250)
        self.setAccessibleName("Preview of the first page")

    def show_page(self, png: bytes) -> None:
        self._page.loadFromData(png)
        self._fit()

    def _fit(self) -> None:
        if not self._page.isNull():
            room: QSize = self.size()
            ways = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            self.setPixmap(self._page.scaled(room, *ways))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class ReportDialog(QDialog):
    """Asks for the names and the files. `choice()` returns them after the dialog is accepted."""

    def __init__(self, pages: int, preview: Preview, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Save the report")
        self._preview = preview
        self._choice: ReportChoice | None = None
        self.page = _Page()
        self.reader = QLineEdit(user_settings.reader())
        self.reader.setPlaceholderText("Your name")
        self.patient = QLineEdit()
        self.patient.setPlaceholderText("Leave empty to name nobody" if pages == 1 else "Only for one image at a time")
        self.patient.setEnabled(pages == 1)  # one name on the pages of many images would be wrong on most
        hint = words_label("muted")
        hint.setText("The patient is named on the pages and in the DICOM files only. The name is stored nowhere else.")
        self.pdf = QCheckBox("&PDF")
        self.pdf.setChecked(True)
        self.dicom = QCheckBox("&DICOM, for the picture archive (PACS)")
        self.dicom.setToolTip(
            "A Secondary Capture of each page. The page of a DICOM image belongs to the same patient and study."
        )
        self.count = words_label()
        self.count.setText(f"{many(pages, 'page')}, one for each image.")
        form = QFormLayout()
        form.addRow("&Reader", self.reader)
        form.addRow("P&atient", self.patient)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.save_button = buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save_button.setText("&Save…")
        buttons.accepted.connect(self._ask_where)
        buttons.rejected.connect(self.reject)
        side = QVBoxLayout()
        side.setSpacing(SPACE)
        side.addLayout(form)
        for widget in (hint, self.pdf, self.dicom, self.count):
            side.addWidget(widget)
        side.addStretch()
        side.addWidget(buttons)
        row = QHBoxLayout(self)
        row.setSpacing(2 * SPACE)
        row.addWidget(self.page, 1)
        row.addLayout(side)
        resize_within_screen(self, 900, 680)

        self._work = Background(self)
        self._work.made.connect(self.page.show_page)
        self._work.failed.connect(self.page.setText)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self._draw)
        for field in (self.reader, self.patient):
            field.textChanged.connect(lambda _text: self._pause.start())
        for box in (self.pdf, self.dicom):
            box.toggled.connect(self._enable_save)
        self._draw()

    def choice(self) -> ReportChoice | None:
        """Return the user's choice; None before the dialog is accepted."""
        return self._choice

    def done(self, result: int) -> None:
        """Close, after the page that is being drawn is finished."""
        self._work.stop()
        super().done(result)

    def _draw(self) -> None:
        preview, reader, patient = self._preview, self.reader.text().strip(), self.patient.text().strip()
        self._work.ask(lambda: preview(reader, patient))

    def _enable_save(self) -> None:
        self.save_button.setEnabled(self.pdf.isChecked() or self.dicom.isChecked())

    def _ask_where(self) -> None:
        pdf = dicom = None
        if self.pdf.isChecked():
            suggested = str(last_folder() / "diagnosis.pdf")
            name, _ = QFileDialog.getSaveFileName(self, "Save the report", suggested, "PDF (*.pdf)")
            if not name:
                return
            pdf = Path(name) if Path(name).suffix else Path(name).with_suffix(".pdf")
            remember_folder(pdf.parent)
        if self.dicom.isChecked():
            name = QFileDialog.getExistingDirectory(self, "Folder for the DICOM files", str(last_folder()))
            if not name:
                return
            dicom = Path(name)
            remember_folder(dicom)
        reader = self.reader.text().strip()
        user_settings.remember_reader(reader)
        self._choice = ReportChoice(reader, self.patient.text().strip(), pdf, dicom)
        self.accept()
