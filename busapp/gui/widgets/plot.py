"""The base of all plots: named axes, a legend above, values read by mouse and keyboard, exports."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from busapp.gui.theme import SPACE, plot_colours, theme
from busapp.gui.widgets.exporting import add_exports, write_picture, write_rows
from busapp.gui.widgets.plot_title import PlotTitle

NARROW = 360
"""Pixels. A narrower plot has room only for its legend, not for its title."""

Values = npt.NDArray[np.float64]
Part = tuple[str, str]
"""A part of the line above the plot: as plain text, to measure its width, and as rich text, to show it."""


def legend_entry(name: str, colour: str, sign: str = "━━") -> Part:
    """Return a line or a mark in its colour, with its name."""
    return f"{sign} {name}  ", f'<span style="color: {colour}">{sign}</span>&nbsp;{escape(name)}&nbsp;&nbsp;'


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """A plot whose values can be read. The wheel zooms, a double-click resets the zoom, hover or the arrow keys read
    values, and a right click exports PNG, SVG or CSV. A subclass defines the drawing, the legend and the values."""

    _is_laid_out = False
    """False before the items exist and after they are gone, because Qt resizes the plot then, too."""

    def __init__(
        self,
        title: str,
        x_axis: str,
        y_axis: str,
        *,
        axes: Mapping[str, pg.AxisItem] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`x_axis` and `y_axis` name the quantity and its unit: "Epoch", "Accuracy (%)"."""
        super().__init__(parent, axisItems=dict(axes or {}))
        self.title, self.x_axis, self.y_axis = title, x_axis, y_axis
        self._cursor_x: float | None = None
        self.setAccessibleName(title)
        self.setAccessibleDescription(
            f"{y_axis} over {x_axis.lower()}. Arrow keys read the values, the context menu exports."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 160)  # in a lower one, the name of its left axis is cut off

        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        # A title requests the width of its words, which would push the plot's right edge out of a narrow widget.
        plot.titleLabel.updateMin = lambda: None
        self._title = PlotTitle(plot, self.font())
        plot.layout.setContentsMargins(1, 1, SPACE, 1)  # room for the last number of the lower axis
        plot.showGrid(x=True, y=True, alpha=0.12)
        self._cursor = pg.InfiniteLine(angle=90)
        self._cursor.hide()
        plot.addItem(self._cursor, ignoreBounds=True)

    def _begin(self) -> None:
        """Style the plot. A subclass calls this once its items exist."""
        theme.changed.connect(self._restyle)
        self._restyle()
        self.reset_zoom()
        self._is_laid_out = True

    def close(self) -> bool:
        """Release the items."""
        self._is_laid_out = False
        return bool(super().close())

    # -- for the subclass ----------------------------------------------------------------------------------

    def reset_zoom(self) -> None:
        """Show everything."""
        self.getPlotItem().enableAutoRange()

    def draw(self) -> None:
        """Draw the values that were added since the last time."""

    def csv_rows(self) -> Iterable[Sequence[object]]:
        """Yield the numbers behind the plot, the headings first."""
        raise NotImplementedError

    def _known_x(self) -> Values:
        """Return the x that have a value to read, float64 (n,), ascending."""
        raise NotImplementedError

    def _read(self, x: float) -> list[str]:
        """Return the nearest position to `x` in words, then the values there; empty if there is nothing."""
        raise NotImplementedError

    def _legend(self) -> list[Part]:
        """Return the names of the lines and marks."""
        raise NotImplementedError

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, x: float) -> str:
        """Return the values nearest to `x`, in words; empty if there is nothing."""
        at, *values = self._read(x) or [""]
        return f"{at} {', '.join(values)}" if values else ""

    def _move_cursor(self, x: float | None) -> None:
        words = self._read(x) if x is not None else []
        self._cursor_x = x if words else None
        self._cursor.setVisible(bool(words))
        if x is not None:
            self._cursor.setPos(x)
        if words:
            self._show_reading(words)
        else:
            self._show_legend()

    def _show_reading(self, words: list[str]) -> None:
        at, *values = words
        parts = [at, *(f"{value}," for value in values[:-1]), *values[-1:]]
        self._show_title([(part, escape(part)) for part in parts])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        view = self.getPlotItem().getViewBox()
        at: QPointF = self.mapToScene(event.position().toPoint())
        inside = view.sceneBoundingRect().contains(at)
        self._move_cursor(float(view.mapSceneToView(at).x()) if inside else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._move_cursor(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_Home:
            self.reset_zoom()
        elif step is None or not len(xs := self._known_x()):
            super().keyPressEvent(event)
        else:
            index = len(xs) - 1 if self._cursor_x is None else int(np.abs(xs - self._cursor_x).argmin()) + step
            self._move_cursor(float(xs[min(max(index, 0), len(xs) - 1)]))
            self.setAccessibleDescription(self.read(self._cursor_x or 0.0))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_zoom()
        event.accept()

    # -- export --------------------------------------------------------------------------------------------

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_menu().popup(event.globalPos())

    def export_menu(self) -> QMenu:
        """Return a menu that resets the zoom and exports as PNG, SVG or CSV."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Show everything", self.reset_zoom)
        menu.addSeparator()
        add_exports(menu, self, self.title, ("png", "svg", "csv"), self.export)
        return menu

    def export(self, path: Path) -> None:
        """Write the plot as it is shown (PNG, SVG), or the numbers behind it (CSV). Raises `OSError`."""
        self.draw()
        if path.suffix.lower() == ".csv":
            write_rows(path, self.csv_rows())
        else:
            write_picture(self, path, self.title)

    # -- looks ---------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        colours = plot_colours()
        self.setBackground(colours.background)
        plot = self.getPlotItem()
        for side, words in (("bottom", self.x_axis), ("left", self.y_axis)):
            axis = plot.getAxis(side)
            axis.setPen(pg.mkPen(colours.foreground, width=1))
            axis.setTextPen(colours.foreground)
            axis.setLabel(words)
            axis.enableAutoSIPrefix(False)
            axis.autoSIPrefixScale = 1.0  # setLabel has just scaled small numbers by 1000, and the line above kept it
        self._cursor.setPen(pg.mkPen(self._muted(), width=1))
        self._show_legend()

    def _muted(self) -> QColor:
        muted = QColor(plot_colours().foreground)
        muted.setAlpha(110)
        return muted

    def _show_legend(self) -> None:
        # The legend is beside the title, because inside the plot it would cover some of the curves.
        title = [(f"{self.title}  ", f"{escape(self.title)}&nbsp;&nbsp;")] if self.width() > NARROW else []
        self._show_title([*title, *self._legend()])

    def _show_title(self, parts: list[Part]) -> None:
        # The title is centred above the curves, not above the whole widget.
        room = self.getPlotItem().getViewBox().width() if self._is_laid_out else self.width()
        self._title.show(parts, int(room), plot_colours().foreground)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._is_laid_out and self._cursor_x is None:
            self._title.forget_height()
            self._show_legend()
