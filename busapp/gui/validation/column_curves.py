"""Curves of several cross-validations over their epochs: accuracy and loss, means over the folds."""

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from busapp.engine.contract.side_by_side import Column
from busapp.engine.utils.colours import series_colour
from busapp.gui.theme import SPACE
from busapp.gui.widgets.curves import CurvePlot
from busapp.gui.widgets.panels import SideBySide

_NARROW = 640
"""Pixels. In a narrower view, the plots are one below the other."""
_HEIGHT = 280


class ColumnCurves(QWidget):
    """Two plots with a curve for each cross-validation, and a box that chooses test or training images."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: Sequence[Column] = ()
        self.accuracy = CurvePlot("Accuracy", "Epoch", "Accuracy (%)")
        self.loss = CurvePlot("Loss", "Epoch", "Cross-entropy (nats)")
        for plot in (self.accuracy, self.loss):
            plot.setMinimumHeight(_HEIGHT)
        self.part = QComboBox()
        self.part.addItem("test images", "test")
        self.part.addItem("training images", "train")
        self.part.setAccessibleName("Images of the curves")
        self.part.currentIndexChanged.connect(lambda _index: self._draw())
        label = QLabel("Over the epochs, mean of the folds, &on")
        label.setProperty("role", "heading")
        label.setBuddy(self.part)
        top = QHBoxLayout()
        top.setSpacing(SPACE)
        top.addWidget(label)
        top.addWidget(self.part)
        top.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addLayout(top)
        layout.addWidget(SideBySide(self.accuracy, self.loss, _NARROW))

    def show_columns(self, columns: Sequence[Column]) -> None:
        """Show the curves of these cross-validations."""
        self._columns = list(columns)
        self._draw()

    def _draw(self) -> None:
        is_test = self.part.currentData() == "test"
        words = "test" if is_test else "training"
        self.accuracy.name_axes(f"Accuracy, {words}", "Epoch", "Accuracy (%)")
        self.loss.name_axes(f"Loss, {words}", "Epoch", "Cross-entropy (nats)")
        for plot in (self.accuracy, self.loss):
            plot.clear_curves()
        for place, column in enumerate(self._columns):
            for plot in (self.accuracy, self.loss):
                # Every second curve is dashed, or one would hide another: those of Adam and AdamW often coincide.
                plot.define(column["title"], column["title"], series_colour(place), dashed=place % 2 == 0)
            for epoch in column["epochs"]:
                accuracy = epoch["test_accuracy"] if is_test else epoch["train_accuracy"]
                self.accuracy.put(column["title"], epoch["epoch"], 100 * accuracy)
                loss = epoch["test_loss"] if is_test else epoch["train_loss"]
                self.loss.put(column["title"], epoch["epoch"], loss)
