"""ROC curves: sensitivity against specificity, for each class."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from busapp.gui.theme import class_colour, plot_colours
from busapp.gui.widgets.plot import NARROW, Part, Plot, Values, legend_entry

STEPS = 101
"""Number of positions that the arrow keys step through."""


@dataclass(frozen=True, slots=True)
class RocCurve:
    """The curve of a class, as `metrics.roc` returns it, with its area and operating point.

    `point` is (false positive rate, sensitivity), measured with thresholds from other folds, so it may lie off the
    curve. `area`, `area_ci95` and `point` are None if they are not defined.
    """

    false_positive_rates: Values
    sensitivities: Values
    thresholds: Values
    area: float | None
    area_ci95: Sequence[float] | None
    point: tuple[float, float] | None


class RocPlot(Plot):
    """One curve for each class against the rest, and the operating points as rings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("ROC", "1 − specificity", "Sensitivity", parent=parent)
        self._curves: dict[str, RocCurve] = {}
        # Items are reused: Python might collect discarded ones in a job's thread, where Qt would crash.
        self._lines: list[pg.PlotDataItem] = []
        plot = self.getPlotItem()
        self._chance = pg.PlotDataItem([0, 1], [0, 1])
        self._points = pg.ScatterPlotItem(size=11, symbol="o", pxMode=True)
        self._points.setZValue(2)
        for item in (self._chance, self._points):
            plot.addItem(item, ignoreBounds=True)
        # The legend is too long for the line above the plot; below the curves there is room.
        self._key = pg.TextItem(anchor=(1.0, 1.0))
        self._key.setZValue(3)
        plot.addItem(self._key, ignoreBounds=True)
        for changed in (plot.getViewBox().sigRangeChanged, plot.getViewBox().sigResized):
            changed.connect(self._place_key)
        self._begin()

    def show_curves(self, curves: Mapping[str, RocCurve]) -> None:
        """Show the curves of these classes only."""
        self._curves = dict(curves)
        while len(self._lines) < len(self._curves):
            self._lines.append(pg.PlotDataItem())
            self.getPlotItem().addItem(self._lines[-1])
        for line in self._lines[len(self._curves) :]:
            line.setData([], [])
        for line, (name, curve) in zip(self._lines, self._curves.items(), strict=False):
            line.setPen(pg.mkPen(self._colour(name), width=2))
            line.setData(curve.false_positive_rates, curve.sensitivities)
        with_point = {name: curve.point for name, curve in self._curves.items() if curve.point is not None}
        self._points.setData(
            x=[point[0] for point in with_point.values()],
            y=[point[1] for point in with_point.values()],
            pen=[pg.mkPen(self._colour(name), width=2) for name in with_point],
            brush=[pg.mkBrush(None)] * len(with_point),
        )
        self._move_cursor(None)

    def reset_zoom(self) -> None:
        self.getPlotItem().setRange(xRange=(0, 1), yRange=(0, 1), padding=0.02)

    def _colour(self, name: str) -> str:
        return class_colour(name, list(self._curves)).name()

    def _known_x(self) -> Values:
        return np.linspace(0, 1, STEPS) if self._curves else np.empty(0)

    def _read(self, x: float) -> list[str]:
        if not self._curves:
            return []
        at = min(max(x, 0.0), 1.0)
        words = [f"At specificity {1 - at:.2f}:"]
        for name, curve in self._curves.items():
            # The last point whose false positive rate is not above this.
            index = int(np.searchsorted(curve.false_positive_rates, at + 1e-9, side="right")) - 1
            if index < 0 or not np.isfinite(curve.sensitivities[index]):
                words.append(f"{name} undefined")
            else:
                called = min(float(curve.thresholds[index]), 1.0)
                words.append(f"{name} {curve.sensitivities[index]:.2f} (from {called:.2f})")
        return words

    def _legend(self) -> list[Part]:
        parts = []
        for name, curve in self._curves.items():
            area = "AUC undefined" if curve.area is None else f"AUC {curve.area:.3f}"
            interval = curve.area_ci95 if self.width() > NARROW else None
            within = f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else ""
            parts.append(legend_entry(f"{name} {area}{within}", self._colour(name)))
        if any(curve.point for curve in self._curves.values()):
            parts.append(legend_entry("operating point", self._muted().name(), "○"))
        return parts

    def csv_rows(self) -> Iterator[Sequence[object]]:
        """One row for every point of every curve."""
        yield "class", "false positive rate", "sensitivity", "specificity", "called from probability"
        for name, curve in self._curves.items():
            for false, true, threshold in zip(
                curve.false_positive_rates, curve.sensitivities, curve.thresholds, strict=True
            ):
                called = f"{threshold:.6g}" if np.isfinite(threshold) else ""
                yield name, f"{false:.6g}", f"{true:.6g}", f"{1 - false:.6g}", called

    def _show_reading(self, words: list[str]) -> None:
        at, *values = words
        lines = [legend_entry(value, self._colour(name)) for name, value in zip(self._curves, values, strict=True)]
        self._show_title([(at, at), *lines])

    def _show_title(self, parts: list[Part]) -> None:
        lines = "<br>".join(rich for _, rich in parts)
        self._key.setHtml(f'<div style="color: {plot_colours().foreground}">{lines}</div>')

    def _place_key(self) -> None:
        (_, right), (bottom, _) = self.getPlotItem().getViewBox().viewRange()
        self._key.setPos(right, bottom)

    def _restyle(self) -> None:
        self._chance.setPen(pg.mkPen(QColor(self._muted()), width=1, style=Qt.PenStyle.DashLine))
        super()._restyle()
