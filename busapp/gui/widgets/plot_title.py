"""The line above a plot: its title and legend, or what is read under the pointer; as many lines as it needs."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtGui import QFont, QFontMetrics

from busapp.gui.theme import SPACE

_POINTS = 9


class PlotTitle:
    """Writes above a pyqtgraph `PlotItem`. Parts are broken into lines where the width is used up."""

    def __init__(self, plot: Any, font: QFont) -> None:
        self._plot = plot
        font = QFont(font)
        font.setPointSize(_POINTS)
        self._metrics = QFontMetrics(font)
        self._most_lines = 1

    def forget_height(self) -> None:
        """It may be as low as its words again."""
        self._most_lines = 1

    def show(self, parts: Sequence[tuple[str, str]], width: int, colour: str) -> None:
        """Write parts, each as it is measured and as rich text, in `width` pixels. It gets higher where that is
        needed, and not lower, or the curves would jump under the pointer."""
        lines, used = [""], 0
        for plain, rich in parts:
            needed = self._metrics.horizontalAdvance(f"{plain} ")
            if lines[-1] and used + needed > width:
                lines.append("")
                used = 0
            lines[-1] += f"{rich} "
            used += needed
        self._plot.setTitle("<br>".join(lines), color=colour, size=f"{_POINTS}pt")
        self._most_lines = max(self._most_lines, len(lines))
        height = self._most_lines * (self._metrics.lineSpacing() + 1) + SPACE
        self._plot.titleLabel.setMaximumHeight(height)
        self._plot.layout.setRowFixedHeight(0, height)
