"""Line plots that grow while a job runs: fluid at 50 points per second, readable by mouse and by keyboard."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from busapp.gui.widgets.plot import Part, Plot, Values, legend_entry

REDRAW_MS = 100
"""Milliseconds. Points that arrive within this time are drawn together."""


@dataclass
class _Points:
    """Points in the order of x, in arrays that double when they are full."""

    x: Values = field(default_factory=lambda: np.empty(256))
    y: Values = field(default_factory=lambda: np.empty(256))
    n: int = 0

    def put(self, x: float, y: float) -> None:
        """Add a point, or replace the one at the same x, because a resumed run can record an epoch twice."""
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
        """Return the value at x, or None if there is no point."""
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
    """An axis with ticks only at whole numbers, such as epochs."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        levels = [(spacing, offset) for spacing, offset in super().tickSpacing(low, high, size) if spacing >= 1]
        return levels or [(1.0, 0.0)]


class CurvePlot(Plot):
    """Curves over epochs. Checkpoints are ticks at the lower edge."""

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
        """`x_axis` and `y_axis` name the quantity and its unit: "Epoch", "Accuracy (%)". `y_range` is the range shown
        before the user zooms (all points, if not given). `whole_x`: x takes only whole numbers."""
        axes = {"bottom": _WholeNumbers("bottom") if whole_x else pg.AxisItem("bottom")}
        super().__init__(title, x_axis, y_axis, axes=axes, parent=parent)
        self._y_range = y_range
        self._curves: dict[str, _Curve] = {}
        self._spare: list[pg.PlotDataItem] = []
        self._changed: set[str] = set()
        self._ticks: list[float] = []
        plot = self.getPlotItem()
        self._tick_marks = pg.ScatterPlotItem(size=9, symbol="t1", pxMode=True)
        plot.addItem(self._tick_marks, ignoreBounds=True)
        plot.getViewBox().sigRangeChanged.connect(self._place_ticks)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self.draw)
        self._begin()

    # -- drawing -------------------------------------------------------------------------------------------

    def name_axes(self, title: str, x_axis: str, y_axis: str) -> None:
        """Change the title and the axes, because the plot shows something else from now on."""
        self.title, self.x_axis, self.y_axis = title, x_axis, y_axis
        self.setAccessibleName(title)
        self._restyle()

    def define(
        self, key: str, name: str, colour: str, *, faint: bool = False, dashed: bool = False, steps: bool = False
    ) -> None:
        """Prepare a curve. Faint curves appear neither in the legend nor in the values that hover reads. `steps` holds
        each value until the next x and fills the area below, as in a histogram. Defining a curve again does nothing."""
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
        """Add a point to a curve, or replace the one at this x. Values that are not finite are skipped."""
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
        """Draw the points that were added since the last time."""
        for key in self._changed:
            curve = self._curves[key]
            points = curve.points
            # A line needs two points, so the first epoch alone would be invisible.
            curve.item.setSymbol("o" if points.n == 1 else None)
            curve.item.setData(points.x[: points.n], points.y[: points.n])
        self._changed.clear()

    def close(self) -> bool:
        """Release the items. Points that still wait are not drawn."""
        self._redraw.stop()
        return super().close()

    def clear_curves(self) -> None:
        """Remove all curves and ticks, and reset the zoom."""
        # Items are reused. As garbage they might be collected in a job's thread, which Qt does not allow.
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
        """Return the points of a curve: x and y, float64 (n,) each, sorted by x; empty for an unknown curve."""
        points = self._curves[key].points if key in self._curves else _Points()
        return points.x[: points.n].copy(), points.y[: points.n].copy()

    def reset_zoom(self) -> None:
        """Show everything, and keep showing everything as the curves grow."""
        self.getPlotItem().enableAutoRange()
        if self._y_range is not None:
            self.getPlotItem().setYRange(*self._y_range, padding=0.03)

    # -- reading -------------------------------------------------------------------------------------------

    def _known_x(self) -> Values:
        known = [curve.points.x[: curve.points.n] for curve in self._strong()]
        return np.unique(np.concatenate(known)) if known else np.empty(0)

    def _strong(self) -> list[_Curve]:
        return [curve for curve in self._curves.values() if not curve.faint and curve.points.n]

    def _read(self, x: float) -> list[str]:
        known = self._known_x()
        if not len(known):
            return []
        nearest = float(known[np.abs(known - x).argmin()])
        values = [f"{curve.name} {y:.4g}" for curve in self._strong() if (y := curve.points.at(nearest)) is not None]
        return [f"{self.x_axis} {nearest:g}:" if nearest.is_integer() else f"{self.x_axis} {nearest:.4g}:", *values]

    def csv_rows(self) -> Iterator[Sequence[object]]:
        """Yield all points: x, then one column for each curve."""
        curves = [curve for curve in self._curves.values() if curve.points.n]
        yield self.x_axis, *(curve.name for curve in curves)
        for x in sorted({float(x) for curve in curves for x in curve.points.x[: curve.points.n]}):
            yield f"{x:g}", *(curve.points.at(x) for curve in curves)

    # -- looks ---------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        self._tick_marks.setBrush(pg.mkBrush(self._muted()))
        self._tick_marks.setPen(pg.mkPen(None))
        super()._restyle()

    def _legend(self) -> list[Part]:
        return [
            legend_entry(curve.name, curve.colour, "╍╍" if curve.dashed else "━━")
            for curve in self._curves.values()
            if not curve.faint
        ]

    def _place_ticks(self) -> None:
        bottom = self.getPlotItem().getViewBox().viewRange()[1][0]
        self._tick_marks.setData(x=self._ticks, y=[bottom] * len(self._ticks))
