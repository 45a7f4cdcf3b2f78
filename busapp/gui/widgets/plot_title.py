"""The text above a plot: its title and legend, or the values under the pointer, in one or more lines."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtGui import QFont, QFontMetrics

from busapp.gui.theme import SPACE

_POINTS = 9


class PlotTitle:
    """Writes text above a pyqtgraph `PlotItem`. A part that does not fit starts a new line."""

    def __init__(self, plot: Any, font: QFont) -> None:
        self._plot = plot
        font = QFont(font)
        font.setPointSize(_POINTS)
        self._metrics = QFontMetrics(font)
        self._most_lines = 1

    def forget_height(self) -> None:
        """Allow the text to become lower again."""
        self._most_lines = 1

    def show(self, parts: Sequence[tuple[str, str]], width: int, colour: str) -> None:
        """Write parts, each given as plain text to measure it and as rich text to show it, in `width` pixels. The text
        gets higher if needed but never lower, or the curves would jump under the pointer."""
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
