"""A bar for each class with its number of images, real and synthetic ones stacked.

Numbers stand on the bar, or above it if it is too short. An empty frame shows how many synthetic images would balance
the class. Source: the count plot in Figure 7 of the GAN-ResNet paper."""

from dataclasses import dataclass, replace

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from busapp.gui.theme import SPACE, class_colour, colours, ink_on, theme

_BAR = 22
_ROW = 56


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Number of images of one class: in use (real, synthetic) and set aside."""

    name: str
    real: int
    synthetic: int
    set_aside: int = 0
    lacking: int = 0
    """Number of images that the class has fewer than the largest class."""

    def in_words(self) -> str:
        """`210 real + 20 synthetic, lacks 207, 3 set aside`"""
        words = f"{self.real:,} real"
        if self.synthetic:
            words += f" + {self.synthetic:,} synthetic"
        if self.lacking:
            words += f", lacks {self.lacking:,}"
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
        """The numbers shown."""
        return list(self._counts)

    def show_counts(self, counts: list[ClassCount]) -> None:
        """Show these numbers. `lacking` is computed here."""
        largest = max((count.real + count.synthetic for count in counts), default=0)
        self._counts = [replace(count, lacking=largest - count.real - count.synthetic) for count in counts]
        words = "; ".join(f"{count.name}: {count.in_words()}" for count in self._counts)
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
        largest = max((count.real + count.synthetic for count in self._counts), default=0) or 1
        for row, count in enumerate(self._counts):
            line = QRect(0, row * _ROW, self.width(), 22)
            painter.setPen(QColor(colours().text))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, count.name)
            above = self._paint_bar(painter, line.bottom() + 1, count, (self.width() - 1) / largest)
            if count.set_aside:
                above.append(f"{count.set_aside:,} set aside")
            painter.setPen(QColor(colours().muted))
            right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(line, right, ", ".join(above))
        painter.end()

    def _paint_bar(self, painter: QPainter, top: int, count: ClassCount, scale: float) -> list[str]:
        """Paint real images solid, synthetic ones hatched in a dashed frame, and the lacking ones as an empty dotted
        frame. Return the numbers that did not fit on their part of the bar, in words."""
        now = colours()
        colour = class_colour(count.name, [other.name for other in self._counts])
        real = QRect(0, top, round(count.real * scale), _BAR)
        synthetic = QRect(real.right() + 1, top, round(count.synthetic * scale), _BAR)
        lacking = QRect(synthetic.right() + 1, top, round(count.lacking * scale), _BAR)
        painter.fillRect(real, colour)
        painter.fillRect(synthetic, QBrush(colour, Qt.BrushStyle.BDiagPattern))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for part, pen in ((synthetic, Qt.PenStyle.DashLine), (lacking, Qt.PenStyle.DotLine)):
            if part.width():
                painter.setPen(QPen(colour, 1, pen))
                painter.drawRect(part.adjusted(0, 0, -1, -1))
        words = [
            (real, count.real, f"{count.real:,}", f"{count.real:,} real", ink_on(colour)),
            (synthetic, count.synthetic, f"{count.synthetic:,} S", f"{count.synthetic:,} synthetic", QColor(now.text)),
            (lacking, count.lacking, f"lacks {count.lacking:,}", f"lacks {count.lacking:,}", QColor(now.muted)),
        ]
        no_room = []
        for part, number, text, in_words, ink in words:
            if painter.fontMetrics().horizontalAdvance(text) + SPACE <= part.width():
                if part is synthetic:
                    painter.fillRect(self._behind(painter, part, text), QColor(now.window))
                painter.setPen(ink)
                painter.drawText(part, Qt.AlignmentFlag.AlignCenter, text)
            elif number:
                no_room.append(in_words)
        return no_room

    @staticmethod
    def _behind(painter: QPainter, part: QRect, text: str) -> QRect:
        """The ground below a number, which would not be readable on hatching."""
        ground = painter.fontMetrics().boundingRect(text).adjusted(-3, -1, 3, 1)
        ground.moveCenter(part.center())
        return ground
