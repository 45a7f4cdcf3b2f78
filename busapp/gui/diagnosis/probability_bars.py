"""One bar per class, with its name, its colour and its probability."""

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from busapp.gui.theme import SPACE, class_colour, colours, theme

BAR_HEIGHT = 14


class ProbabilityBars(QWidget):
    """Probabilities of all classes, in the model's order."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probabilities: dict[str, float] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Probabilities")
        theme.changed.connect(self.update)

    def show_probabilities(self, probabilities: Mapping[str, float]) -> None:
        """Show `probabilities` by class, each in [0, 1]."""
        self._probabilities = dict(probabilities)
        self.setAccessibleDescription(", ".join(f"{name} {words}" for name, words in self.values().items()))
        self.updateGeometry()
        self.update()

    def values(self) -> dict[str, str]:
        """The text beside each bar, by class."""
        return {name: f"{100 * probability:.1f} %" for name, probability in self._probabilities.items()}

    def _row_height(self) -> int:
        return max(self.fontMetrics().height(), BAR_HEIGHT) + SPACE

    def sizeHint(self) -> QSize:
        return QSize(240, max(1, len(self._probabilities)) * self._row_height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        widest = self.fontMetrics().horizontalAdvance
        left = max((widest(name) for name in self._probabilities), default=0) + SPACE
        right = widest("100.0 %") + SPACE
        height = self._row_height()
        for row, (name, words) in enumerate(self.values().items()):
            line = QRectF(0, row * height, self.width(), height)
            painter.setPen(QColor(colours().text))
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
            bar = QRectF(left, line.center().y() - BAR_HEIGHT / 2, max(0, self.width() - left - right), BAR_HEIGHT)
            painter.fillRect(bar, QColor(colours().base))
            filled = QRectF(bar.topLeft(), bar.size())
            filled.setWidth(bar.width() * self._probabilities[name])
            painter.fillRect(filled, class_colour(name, list(self._probabilities)))
            painter.setPen(QColor(colours().border))
            painter.drawRect(bar)
