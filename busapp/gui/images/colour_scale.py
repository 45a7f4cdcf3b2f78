"""The scale below a picture in false colours."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from busapp.engine.images.heat_map import COLOURS
from busapp.gui.theme import colours

_BAR = 11


class ColourScale(QWidget):
    """The colours of heat maps from lowest to highest, with words below both ends and the middle."""

    def __init__(self, name: str, lowest: str, highest: str, middle: str = "", parent: QWidget | None = None) -> None:
        """`name` is read by screen readers."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self._words = (
            (lowest, Qt.AlignmentFlag.AlignLeft),
            (middle, Qt.AlignmentFlag.AlignHCenter),
            (highest, Qt.AlignmentFlag.AlignRight),
        )
        self._strip = QImage(COLOURS.tobytes(), len(COLOURS), 1, 3 * len(COLOURS), QImage.Format.Format_RGB888).copy()
        self.setMinimumWidth(120)
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(160, _BAR + 4 + self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        bar = QRectF(0.5, 0.5, self.width() - 1, _BAR)
        painter.drawImage(bar, self._strip)
        painter.setPen(QColor(colours().border))
        painter.drawRect(bar)
        painter.setPen(QColor(colours().muted))
        below = QRectF(0, _BAR + 2, self.width(), self.height() - _BAR - 2)
        for words, alignment in self._words:
            painter.drawText(below, alignment, words)
        painter.end()
