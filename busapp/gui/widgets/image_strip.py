"""A row of images that belong together, such as those of one cell of a confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QImageReader, QPixmap
from PySide6.QtWidgets import QLabel, QListView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

SIDE = 80
BATCH = 6
"""Images that are decoded before the window gets its turn again."""


@dataclass(frozen=True, slots=True)
class StripImage:
    """One image: where it is, and what is said of it."""

    path: Path
    caption: str
    tooltip: str


class ImageStrip(QWidget):
    """Thumbnails side by side under a heading. They are decoded little by little, so that hundreds do not hold up
    the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[int, Path]] = []
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Images of the chosen cell")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.LeftToRight)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setIconSize(QSize(SIDE, SIDE))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideLeft)
        line = self.list.fontMetrics().height()
        self.list.setGridSize(QSize(SIDE + 24, SIDE + line + 8))
        self.list.setFixedHeight(SIDE + line + 32)
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._decode_some)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.heading)
        layout.addWidget(self.list)

    def show_images(self, heading: str, images: Sequence[StripImage]) -> None:
        """Show these images under these words, and no others."""
        self.heading.setText(heading)
        self.list.clear()
        blank = QPixmap(SIDE, SIDE)
        blank.fill(Qt.GlobalColor.transparent)
        for image in images:
            item = QListWidgetItem(QIcon(blank), image.caption)
            item.setToolTip(image.tooltip)
            self.list.addItem(item)
        self._waiting = [(row, image.path) for row, image in enumerate(images)]
        self._timer.start()

    def _decode_some(self) -> None:
        now, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        for row, path in now:
            reader = QImageReader(str(path))
            size = reader.size()
            if size.isValid():
                reader.setScaledSize(size.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio))
            item = self.list.item(row)
            if item is not None:
                item.setIcon(QIcon(QPixmap.fromImage(reader.read())))
        if not self._waiting:
            self._timer.stop()
