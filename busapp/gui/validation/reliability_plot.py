"""The reliability curve: a calibrated network that says 90 % is right nine times out of ten."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from busapp.engine.contract.validation import Calibration, ReliabilityBin
from busapp.engine.utils.words import many
from busapp.gui.theme import colours
from busapp.gui.widgets.plot import Part, Plot, Values, legend_entry

_RIGHT: Final = "share that was right"
_ROOM: Final = 0.08
"""Room above 1, as a fraction of the height, for the count over a full bar."""


class ReliabilityPlot(Plot):
    """One bar for each bin of confidence. Its height is the share of its images that was right; their number stands on
    it. A dot marks their mean confidence: on the diagonal the two are equal."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Reliability", "Confidence", "Share that was right", parent=parent)
        self._bins: list[ReliabilityBin] = []
        self._error: tuple[float, Sequence[float] | None] | None = None
        plot = self.getPlotItem()
        self._bars = pg.BarGraphItem(x0=[], x1=[], height=[])
        self._perfect = pg.PlotDataItem([0, 1], [0, 1])
        self._means = pg.ScatterPlotItem(size=7, symbol="o", pxMode=True)
        for item in (self._bars, self._perfect, self._means):
            plot.addItem(item, ignoreBounds=True)
        # Items are reused: Python might collect discarded ones in a job's thread, where Qt would crash.
        self._counts: list[pg.TextItem] = []
        self._begin()

    def show_calibration(self, calibration: Calibration | None) -> None:
        """Show `bins` and `ece` of a result's calibration; None clears the plot."""
        self._bins = list(calibration["bins"]) if calibration else []
        self._error = (calibration["ece"], calibration.get("ece_ci95")) if calibration else None
        while len(self._counts) < len(self._bins):
            self._counts.append(pg.TextItem(anchor=(0.5, 1.1)))
            self.getPlotItem().addItem(self._counts[-1], ignoreBounds=True)
        for text in self._counts[len(self._bins) :]:
            text.hide()
        for text, entry in zip(self._counts, self._bins, strict=False):
            text.setPos((entry["low"] + entry["high"]) / 2, entry["accuracy"])
            text.show()
        self._bars.setOpts(
            x0=[entry["low"] for entry in self._bins],
            x1=[entry["high"] for entry in self._bins],
            height=[entry["accuracy"] for entry in self._bins],
        )
        self._means.setData(x=self._known_x(), y=np.array([entry["accuracy"] for entry in self._bins], dtype=float))
        self.reset_zoom()
        self._restyle()
        self._move_cursor(None)

    def reset_zoom(self) -> None:
        # The most probable of k classes has a probability of 1 / k at least, so that the left is often empty.
        left = min((entry["low"] for entry in self._bins), default=0.0)
        self.getPlotItem().setRange(xRange=(left, 1), yRange=(0, 1 + _ROOM), padding=0.02)

    def _known_x(self) -> Values:
        return np.array([entry["confidence"] for entry in self._bins], dtype=float)

    def _read(self, x: float) -> list[str]:
        if not self._bins:
            return []
        nearest = min(self._bins, key=lambda entry: max(entry["low"] - x, x - entry["high"]))
        return [
            f"Confidence {nearest['low']:.2f} to {nearest['high']:.2f}:",
            many(nearest["n"], "image"),
            f"mean confidence {nearest['confidence']:.3f}",
            f"{_RIGHT} {nearest['accuracy']:.3f}",
        ]

    def _legend(self) -> list[Part]:
        if self._error is None:
            return []
        error, interval = self._error
        within = f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else ""
        return [
            legend_entry(f"ECE {error:.3f}{within}", "", ""),
            legend_entry("right, of n images", colours().accent, "■"),
            legend_entry("mean confidence", colours().text, "●"),
        ]

    def csv_rows(self) -> Iterator[Sequence[object]]:
        """One row for each bin that holds images."""
        yield "confidence from", "confidence to", "images", "mean confidence", _RIGHT
        for entry in self._bins:
            yield tuple(entry[key] for key in ("low", "high", "n", "confidence", "accuracy"))

    def _restyle(self) -> None:
        now = colours()
        ground = QColor(now.accent)
        ground.setAlpha(90)
        self._bars.setOpts(brush=ground, pen=pg.mkPen(now.base, width=1))
        self._perfect.setPen(pg.mkPen(self._muted(), width=1, style=Qt.PenStyle.DashLine))
        self._means.setBrush(QColor(now.text))
        self._means.setPen(None)
        for text, entry in zip(self._counts, self._bins, strict=False):
            text.setText(f"{entry['n']:,}", color=now.text)
        super()._restyle()
