"""Bars of how many images each class has, real and synthetic stacked, with their numbers on them."""

from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from busapp.gui.theme import SPACE, class_colour, colours, theme

_BAR = 22
_ROW = 56


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Images of one class in use, and how many are set aside."""

    name: str
    real: int
    synthetic: int
    set_aside: int = 0

    def in_words(self) -> str:
        """`437 real + 20 synthetic, 3 set aside`"""
        words = f"{self.real:,} real"
        if self.synthetic:
            words += f" + {self.synthetic:,} synthetic"
        return f"{words}, {self.set_aside:,} set aside" if self.set_aside else words


class ClassBalance(QWidget):
    """One bar for each class, in the order of the study's classes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: list[ClassCount] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self.show_counts([])

    @property
    def counts(self) -> list[ClassCount]:
        """What is shown."""
        return list(self._counts)

    def show_counts(self, counts: list[ClassCount]) -> None:
        """Show other numbers."""
        self._counts = counts
        words = "; ".join(f"{count.name}: {count.in_words()}" for count in counts)
        self.setAccessibleName("Class balance")
        self.setAccessibleDescription(words)
        self.setToolTip(words.replace("; ", "\n"))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(220, max(1, len(self._counts)) * _ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, max(1, len(self._counts)) * _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        now = colours()
        largest = max((count.real + count.synthetic for count in self._counts), default=0) or 1
        names = [count.name for count in self._counts]
        for row, count in enumerate(self._counts):
            top = row * _ROW
            colour = class_colour(count.name, names)
            line = QRect(0, top, self.width(), 22)
            painter.setPen(QColor(now.text))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, count.name)
            width = self.width() - 1
            real = round(width * count.real / largest)
            synthetic = round(width * count.synthetic / largest)
            bar = QRect(0, top + 22, real, _BAR)
            painter.fillRect(bar, colour)
            if synthetic:
                drawn = QRect(bar.right() + 1, bar.top(), synthetic, _BAR)
                painter.fillRect(drawn, QBrush(colour, Qt.BrushStyle.BDiagPattern))
                painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(drawn.adjusted(0, 0, -1, -1))
            self._paint_words(painter, line, count)
        painter.end()

    def _paint_words(self, painter: QPainter, line: QRect, count: ClassCount) -> None:
        words = count.in_words()
        room = line.width() - painter.fontMetrics().horizontalAdvance(count.name) - SPACE
        painter.setPen(QColor(colours().muted))
        painter.drawText(
            line,
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
            painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room),
        )
