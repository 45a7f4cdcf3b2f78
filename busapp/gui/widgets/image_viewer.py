"""One image, large: its lesion mask, what is known of it, and arrow keys to walk to the next."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.preprocessing import read_image
from busapp.engine.workspace import Workspace
from busapp.errors import UnreadableImage
from busapp.gui.theme import SPACE

_MASK_COLOUR = (240, 228, 66)
"""Okabe and Ito's yellow: no class wears it where there are three."""


def to_qimage(image: Image.Image) -> QImage:
    """A Pillow image as Qt's, with its own copy of the bytes."""
    rgb = image.convert("RGB")
    return QImage(rgb.tobytes(), rgb.width, rgb.height, 3 * rgb.width, QImage.Format.Format_RGB888).copy()


def mask_overlay(mask: Image.Image) -> QImage:
    """The lesion as a faint tint with a clear edge; transparent outside."""
    inside = np.asarray(mask.convert("L")) > 0
    padded = np.pad(inside, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    pixels = np.zeros((*inside.shape, 4), np.uint8)
    pixels[..., :3] = _MASK_COLOUR
    pixels[..., 3] = np.where(inside & ~core, 255, np.where(inside, 60, 0))
    height, width = inside.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


class _Canvas(QWidget):
    """Paints the picture as large as it fits."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = QImage()
        self.overlay = QImage()
        self.sentence = ""
        self.setMinimumSize(320, 320)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        if self.picture.isNull():
            painter.setPen(QColor("#e4e7ea"))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self.sentence)
        else:
            size = self.picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(0, 0, size.width(), size.height())
            place.moveCenter(self.rect().center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, self.picture)
            if not self.overlay.isNull():
                painter.drawImage(place, self.overlay)
        painter.end()


class ImageViewer(QDialog):
    """Left and right walk, M shows the mask, Esc or Space leaves.

    Signals:
        walked: the row that is shown now.
    """

    walked = Signal(int)

    def __init__(
        self,
        workspace: Workspace,
        images: Sequence[ImageRecord],
        row: int,
        facts: Callable[[ImageRecord], list[str]],
        parent: QWidget | None = None,
    ) -> None:
        """`facts` says what is known of an image, a line for each thing."""
        super().__init__(parent)
        self._workspace = workspace
        self._images = images
        self._facts = facts
        self.row = row
        self.canvas = _Canvas()
        self.canvas.setAccessibleName("Image")
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about.setFixedWidth(260)
        self.mask_box = QCheckBox("Lesion mask (M)")
        self.mask_box.toggled.connect(lambda _wanted: self._show())
        self.previous_button = self._button("← Previous", -1)
        self.next_button = self._button("Next →", 1)
        close = QPushButton("Close (Esc)")
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)

        side = QVBoxLayout()
        side.setContentsMargins(0, SPACE, 0, SPACE)
        side.setSpacing(SPACE)
        side.addWidget(self.about)
        side.addWidget(self.mask_box)
        side.addStretch()
        for button in (self.previous_button, self.next_button, close):
            side.addWidget(button)
        row_layout = QHBoxLayout(self)
        row_layout.setContentsMargins(0, 0, SPACE, 0)
        row_layout.setSpacing(2 * SPACE)
        row_layout.addWidget(self.canvas, 1)
        row_layout.addLayout(side)
        if parent is not None:
            self.resize(parent.window().size() * 0.9)
        self.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.canvas.setFocus()
        self._show()

    @property
    def image(self) -> ImageRecord:
        """The image that is shown."""
        return self._images[self.row]

    def walk(self, steps: int) -> None:
        """Show an image further on or back; stays at the ends."""
        row = max(0, min(len(self._images) - 1, self.row + steps))
        if row != self.row:
            self.row = row
            self._show()
            self.walked.emit(row)

    def _button(self, text: str, steps: int) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self.walk(steps))
        return button

    def _show(self) -> None:
        image = self.image
        self.setWindowTitle(f"{image.file}, {self.row + 1} of {len(self._images)}")
        self.canvas.setAccessibleDescription(f"{image.file}, {image.class_name}")
        try:
            self.canvas.picture = to_qimage(read_image(self._workspace.image_path(image)))
        except UnreadableImage as error:
            self.canvas.picture, self.canvas.sentence = QImage(), str(error)
        self.mask_box.setEnabled(image.mask is not None)
        self.canvas.overlay = self._overlay(image)
        self.canvas.update()
        provenance = [f"Drawn by run {image.run}" if image.run else f"From {image.source}"]
        self.about.setText("\n".join([*self._facts(image), *provenance, f"SHA-256 {image.sha256[:16]}…"]))
        self.previous_button.setEnabled(self.row > 0)
        self.next_button.setEnabled(self.row < len(self._images) - 1)

    def _overlay(self, image: ImageRecord) -> QImage:
        if image.mask is None or not self.mask_box.isChecked():
            return QImage()
        try:
            return mask_overlay(read_image(self._workspace.mask_path(image.mask)))
        except UnreadableImage:
            return QImage()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Home: -len(self._images),
            Qt.Key.Key_End: len(self._images),
        }
        if event.key() in steps:
            self.walk(steps[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_M and self.mask_box.isEnabled():
            self.mask_box.toggle()
        elif event.key() == Qt.Key.Key_Space:
            self.reject()
        else:
            super().keyPressEvent(event)
