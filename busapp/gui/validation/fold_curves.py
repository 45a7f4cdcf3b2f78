"""Curves of accuracy and loss: all folds over their epochs, or end to end as in the paper's Figure 13."""

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from busapp.engine.events import EpochEnded
from busapp.gui.theme import TEST, TRAIN
from busapp.gui.widgets.curves import CurvePlot
from busapp.gui.widgets.panels import SideBySide

_NARROW = 400


class FoldCurves(QWidget):
    """Two plots, and a box to choose their view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._events: dict[tuple[int, int], EpochEnded] = {}
        self.accuracy = CurvePlot("Accuracy", "Epoch", "Accuracy (%)")
        self.loss = CurvePlot("Loss", "Epoch", "Cross-entropy (nats)")
        self.view = QComboBox()
        self.view.addItems(["Folds over their epochs, mean strong", "All folds end to end (paper, Figure 13)"])
        self.view.setAccessibleName("View of the curves")
        self.view.setMaximumWidth(self.view.sizeHint().width())
        self.view.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.view.setMinimumContentsLength(12)
        self.view.currentIndexChanged.connect(self._draw_all)

        label = QLabel("&View")
        label.setBuddy(self.view)
        top = QHBoxLayout()
        top.addWidget(label)
        top.addWidget(self.view, 1)
        top.addStretch()
        plots = SideBySide(self.accuracy, self.loss, _NARROW)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(plots, 1)

    def clear(self) -> None:
        """Remove all epochs."""
        self._events.clear()
        self._draw_all()

    def add(self, event: EpochEnded) -> None:
        """Draw an epoch that ended. The same fold and epoch again replaces it."""
        self._events[event.fold, event.epoch] = event
        self._draw(event)

    @property
    def is_end_to_end(self) -> bool:
        return self.view.currentIndex() == 1

    def _draw_all(self) -> None:
        for plot in (self.accuracy, self.loss):
            plot.clear_curves()
        for event in self._events.values():
            self._draw(event)

    def _draw(self, event: EpochEnded) -> None:
        self._draw_in(self.accuracy, event, "accuracy", 100.0)
        self._draw_in(self.loss, event, "loss", 1.0)

    def _draw_in(self, plot: CurvePlot, event: EpochEnded, measure: str, scale: float) -> None:
        for part, word, colour in (("train", "Train", TRAIN), ("test", "Test", TEST)):
            value = scale * getattr(event, f"{part}_{measure}")
            dashed = part == "train"
            if self.is_end_to_end:
                plot.define(part, word, colour, dashed=dashed)
                plot.put(part, (event.fold - 1) * event.epochs + event.epoch, value)
                continue
            fold = f"{part} {event.fold}"
            plot.define(fold, f"{word}, fold {event.fold}", colour, faint=True, dashed=dashed)
            plot.put(fold, event.epoch, value)
            so_far = [
                scale * float(getattr(other, f"{part}_{measure}"))
                for (_, epoch), other in self._events.items()
                if epoch == event.epoch
            ]
            plot.define(part, f"{word}, mean" if event.folds > 1 else word, colour, dashed=dashed)
            plot.put(part, event.epoch, sum(so_far) / len(so_far))
