"""Line plots that grow while a job runs: fluid at 50 points a second, readable by mouse and by keyboard."""

import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from busapp.gui.theme import plot_colours, theme
from busapp.gui.widgets.exporting import add_exports, write_picture, write_rows
from busapp.gui.widgets.plot_title import PlotTitle

NARROW = 360
"""Pixels; a narrower plot has room for its legend only, not for its title."""
REDRAW_MS = 100
"""Points that arrive within this time are drawn together."""

Values = npt.NDArray[np.float64]


@dataclass
class _Points:
    """Points in the order of x, in arrays that double when they are full."""

    x: Values = field(default_factory=lambda: np.empty(256))
    y: Values = field(default_factory=lambda: np.empty(256))
    n: int = 0

    def put(self, x: float, y: float) -> None:
        """Add a point; one at the same x is replaced, as a resumed run records an epoch twice."""
        at = self.n if not self.n or x > self.x[self.n - 1] else int(np.searchsorted(self.x[: self.n], x))
        if at < self.n and self.x[at] == x:
            self.y[at] = y
            return
        if self.n == len(self.x):
            self.x, self.y = np.resize(self.x, 2 * self.n), np.resize(self.y, 2 * self.n)
        for values, new in ((self.x, x), (self.y, y)):
            values[at + 1 : self.n + 1] = values[at : self.n].copy()
            values[at] = new
        self.n += 1

    def at(self, x: float) -> float | None:
        """The value at x, or None where there is no point."""
        index = int(np.searchsorted(self.x[: self.n], x))
        return float(self.y[index]) if index < self.n and self.x[index] == x else None


@dataclass
class _Curve:
    name: str
    colour: str
    faint: bool
    dashed: bool
    item: pg.PlotDataItem
    points: _Points = field(default_factory=_Points)


class _WholeNumbers(pg.AxisItem):  # type: ignore[misc]
    """Epochs: no tick between two of them."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        levels = [(spacing, offset) for spacing, offset in super().tickSpacing(low, high, size) if spacing >= 1]
        return levels or [(1.0, 0.0)]


class CurvePlot(pg.PlotWidget):  # type: ignore[misc]
    """Curves over epochs. Wheel zooms, double-click resets, hover or the arrow keys read the values, a right
    click exports PNG, SVG or CSV. Checkpoints are ticks on the lower edge."""

    _is_laid_out = False
    """Qt also resizes a plot whose items are not there yet, or not any more."""

    def __init__(
        self,
        title: str,
        x_axis: str,
        y_axis: str,
        *,
        y_range: tuple[float, float] | None = None,
        whole_x: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        """`x_axis` and `y_axis` name what is drawn and its unit: "Epoch", "Accuracy (%)". `y_range` is what is shown
        before anybody zooms (all points, if not given). `whole_x`: there is nothing between 1 and 2 on x."""
        super().__init__(parent, axisItems={"bottom": _WholeNumbers("bottom") if whole_x else pg.AxisItem("bottom")})
        self.title, self.x_axis, self.y_axis = title, x_axis, y_axis
        self._y_range = y_range
        self._curves: dict[str, _Curve] = {}
        self._spare: list[pg.PlotDataItem] = []
        self._changed: set[str] = set()
        self._ticks: list[float] = []
        self._cursor_x: float | None = None
        self.setAccessibleName(title)
        self.setAccessibleDescription(
            f"{y_axis} over {x_axis.lower()}. Arrow keys read the values, the context menu exports."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 120)

        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        # A title asks for the width of its words, which would push the plot's right edge out of a narrow widget.
        plot.titleLabel.updateMin = lambda: None
        self._title = PlotTitle(plot, self.font())
        plot.showGrid(x=True, y=True, alpha=0.12)
        self._cursor = pg.InfiniteLine(angle=90)
        self._cursor.hide()
        plot.addItem(self._cursor, ignoreBounds=True)
        self._tick_marks = pg.ScatterPlotItem(size=9, symbol="t1", pxMode=True)
        plot.addItem(self._tick_marks, ignoreBounds=True)
        plot.getViewBox().sigRangeChanged.connect(self._place_ticks)

        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self.draw)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.reset_zoom()
        self._is_laid_out = True

    # -- what is drawn -------------------------------------------------------------------------------------

    def name_axes(self, title: str, x_axis: str, y_axis: str) -> None:
        """Say that something else is drawn from now on."""
        self.title, self.x_axis, self.y_axis = title, x_axis, y_axis
        self.setAccessibleName(title)
        self._restyle()

    def define(
        self, key: str, name: str, colour: str, *, faint: bool = False, dashed: bool = False, steps: bool = False
    ) -> None:
        """Make a curve ready; faint ones stay out of the legend and of what hover reads. `steps` holds each value
        until the next x and fills what is below, as in a histogram. Twice is once."""
        if key in self._curves:
            return
        item = self._spare.pop() if self._spare else self._new_item()
        item.setZValue(0 if faint else 1)
        pen = QColor(colour)
        pen.setAlpha(70 if faint else 255)
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        item.setPen(pg.mkPen(pen, width=1 if faint else 2, style=style))
        item.setSymbolPen(None)
        item.setSymbolBrush(pen)
        item.setSymbolSize(5 if faint else 9)
        ground = QColor(colour)
        ground.setAlpha(40)
        item.setData([], [], stepMode="right" if steps else None, fillLevel=0.0 if steps else None, fillBrush=ground)
        self._curves[key] = _Curve(name, colour, faint, dashed, item)
        self._show_legend()

    def _new_item(self) -> pg.PlotDataItem:
        item = pg.PlotDataItem(connect="finite")
        item.setClipToView(True)
        item.setDownsampling(auto=True, method="peak")
        self.getPlotItem().addItem(item)
        return item

    def put(self, key: str, x: float, y: float) -> None:
        """Add a point to a curve, or replace the one at this x. Values that are not finite are left out."""
        if not math.isfinite(y):
            return
        self._curves[key].points.put(x, y)
        self._changed.add(key)
        if not self._redraw.isActive():
            self._redraw.start()

    def tick(self, x: float) -> None:
        """Mark a checkpoint."""
        self._ticks.append(x)
        self._place_ticks()

    def draw(self) -> None:
        """Draw the points that came since the last time."""
        for key in self._changed:
            curve = self._curves[key]
            points = curve.points
            # A line needs two points; the first epoch alone would not be seen.
            curve.item.setSymbol("o" if points.n == 1 else None)
            curve.item.setData(points.x[: points.n], points.y[: points.n])
        self._changed.clear()

    def close(self) -> bool:
        """Let go of the items; points that still wait are not drawn any more."""
        self._redraw.stop()
        self._is_laid_out = False
        return bool(super().close())

    def clear_curves(self) -> None:
        """Take all curves and ticks away, and the zoom with them."""
        # Items are used again: as garbage they might be collected in a job's thread, where Qt does not bear it.
        for curve in self._curves.values():
            curve.item.setData([], [])
            self._spare.append(curve.item)
        self._curves.clear()
        self._changed.clear()
        self._ticks.clear()
        self._title.forget_height()
        self._move_cursor(None)
        self._place_ticks()
        self.reset_zoom()

    def values(self, key: str) -> tuple[Values, Values]:
        """The points of a curve: x and y, float64 (n,) each, in the order of x; empty for an unknown curve."""
        points = self._curves[key].points if key in self._curves else _Points()
        return points.x[: points.n].copy(), points.y[: points.n].copy()

    def reset_zoom(self) -> None:
        """Show everything, and follow as it grows."""
        self.getPlotItem().enableAutoRange()
        if self._y_range is not None:
            self.getPlotItem().setYRange(*self._y_range, padding=0.03)

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, x: float) -> str:
        """The values of the strong curves at the recorded x nearest to `x`, in words; empty without curves."""
        at, *values = self._read(x) or [""]
        return f"{at} {', '.join(values)}" if values else ""

    def _read(self, x: float) -> list[str]:
        strong = [curve for curve in self._curves.values() if not curve.faint and curve.points.n]
        if not strong:
            return []
        known = np.unique(np.concatenate([curve.points.x[: curve.points.n] for curve in strong]))
        nearest = float(known[np.abs(known - x).argmin()])
        values = [f"{curve.name} {y:.4g}" for curve in strong if (y := curve.points.at(nearest)) is not None]
        return [f"{self.x_axis} {nearest:g}:" if nearest.is_integer() else f"{self.x_axis} {nearest:.4g}:", *values]

    def _move_cursor(self, x: float | None) -> None:
        words = self._read(x) if x is not None else []
        self._cursor_x = x if words else None
        self._cursor.setVisible(bool(words))
        if x is not None:
            self._cursor.setPos(x)
        if words:
            at, *values = words
            parts = [at, *(f"{value}," for value in values[:-1]), *values[-1:]]
            self._show_title([(part, escape(part)) for part in parts])
        else:
            self._show_legend()

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
        known = [c.points.x[: c.points.n] for c in self._curves.values() if not c.faint and c.points.n]
        if step is None or not known:
            if event.key() == Qt.Key.Key_Home:
                self.reset_zoom()
            else:
                super().keyPressEvent(event)
            return
        xs = np.unique(np.concatenate(known))
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
        """Reset, and export as PNG, SVG or CSV."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Show everything", self.reset_zoom)
        menu.addSeparator()
        add_exports(menu, self, self.title, ("png", "svg", "csv"), self.export)
        return menu

    def export(self, path: Path) -> None:
        """Write the plot as it is seen (PNG, SVG), or all its points (CSV: x, then one column per curve)."""
        self.draw()
        if path.suffix.lower() == ".csv":
            self._export_csv(path)
        else:
            write_picture(self, path, self.title)

    def _export_csv(self, path: Path) -> None:
        curves = [curve for curve in self._curves.values() if curve.points.n]
        xs = sorted({float(x) for curve in curves for x in curve.points.x[: curve.points.n]})
        rows = [[f"{x:g}", *(curve.points.at(x) for curve in curves)] for x in xs]
        write_rows(path, [[self.x_axis, *(curve.name for curve in curves)], *rows])

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
        muted = QColor(colours.foreground)
        muted.setAlpha(110)
        self._cursor.setPen(pg.mkPen(muted, width=1))
        self._tick_marks.setBrush(pg.mkBrush(muted))
        self._tick_marks.setPen(pg.mkPen(None))
        self._show_legend()

    def _show_legend(self) -> None:
        entries = [
            (
                f"━━ {curve.name}  ",
                f'<span style="color: {curve.colour}">{"╍╍" if curve.dashed else "━━"}</span>&nbsp;'
                f"{escape(curve.name)}&nbsp;&nbsp;",
            )
            for curve in self._curves.values()
            if not curve.faint
        ]
        # Beside the title and not inside the plot, where it would lie over one curve or the other.
        title = [(f"{self.title}  ", f"{escape(self.title)}&nbsp;&nbsp;")] if self.width() > NARROW else []
        self._show_title([*title, *entries])

    def _show_title(self, parts: list[tuple[str, str]]) -> None:
        # It is centred above the curves, not above the whole widget.
        room = self.getPlotItem().getViewBox().width() if self._is_laid_out else self.width()
        self._title.show(parts, int(room), plot_colours().foreground)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._is_laid_out and self._cursor_x is None:
            self._title.forget_height()
            self._show_legend()

    def _place_ticks(self) -> None:
        bottom = self.getPlotItem().getViewBox().viewRange()[1][0]
        self._tick_marks.setData(x=self._ticks, y=[bottom] * len(self._ticks))
