"""The results of a validation on four pages: confusion matrix, ROC, reliability, fold by fold."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget

from busapp.engine.contract.validation import ValidationResult
from busapp.gui.validation.reliability_plot import ReliabilityPlot
from busapp.gui.validation.roc_plot import RocCurve, RocPlot
from busapp.gui.validation.validation_panel import CHOSEN_ELSEWHERE, operating_point
from busapp.gui.widgets.confusion_matrix import ConfusionTabs
from busapp.gui.widgets.metrics_table import FoldTable
from busapp.gui.widgets.panels import SideBySide, scrolling
from busapp.gui.widgets.warning_frame import words_label

_WORDS_WIDTH = 200
_LATER = "This is drawn when the first fold is finished."
_READING = (
    "Bars: the share of images called correctly, by the probability of the called class. On the dashed line the "
    "network is as sure as it is right; below it, the network is too sure."
)
_NO_POINTS = "Operating points need a second fold with all classes: thresholds are chosen on other folds."
_FOLDS = "▼ lowest, ▲ highest of the folds. Right click exports; Ctrl+C copies."


class ResultPages(QTabWidget):
    """Pages that fill when the first fold is finished."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.setMinimumHeight(290)  # three classes in the confusion matrix
        for widget in (self, self.tabBar()):
            widget.setAccessibleName("Results: confusion matrix, ROC, reliability, by fold")
        self.confusion = ConfusionTabs()
        self.roc = RocPlot()
        self.about_roc = words_label("muted")
        self.reliability = ReliabilityPlot()
        self.about_reliability = words_label("muted")
        self.folds = FoldTable()
        self.about_folds = words_label("muted")
        self.addTab(self.confusion, "Confusion matrix")
        self.addTab(_page(self.roc, self.about_roc, beside=True), "ROC")
        self.addTab(_page(self.reliability, self.about_reliability), "Reliability")
        self.addTab(_page(self.folds, self.about_folds), "By fold")
        self.start([])

    def start(self, classes: Sequence[str]) -> None:
        """Clear the pages for a new run."""
        self.confusion.start(classes)
        self.roc.show_curves({})
        self.reliability.show_calibration(None)
        self.folds.show_folds(classes, [])
        for label in (self.about_roc, self.about_reliability, self.about_folds):
            label.setText(_LATER)

    def show_numbers(self, statistics: ValidationResult, curves: Mapping[str, RocCurve]) -> None:
        """Draw the numbers of the finished folds."""
        self.roc.show_curves(curves)
        points = statistics.get("operating_points") or {}
        said = [operating_point(name, point) for name, point in points.items() if point is not None]
        self.about_roc.setText("\n\n".join([*said, CHOSEN_ELSEWHERE]) if said else _NO_POINTS)
        self.reliability.show_calibration(statistics.get("calibration"))
        self.about_reliability.setText(_READING)
        self.folds.show_folds(statistics["classes"], statistics["folds"])
        self.about_folds.setText(_FOLDS)


def _page(picture: QWidget, words: QLabel, *, beside: bool = False) -> QWidget:
    """A picture with words below it, or beside it, where there is room, to keep the picture nearly square."""
    if beside:
        words.setAlignment(Qt.AlignmentFlag.AlignTop)
        area = scrolling(words)
        area.setMinimumWidth(_WORDS_WIDTH)
        return SideBySide(picture, area, 2 * _WORDS_WIDTH, (2, 1))
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 4, 0, 0)
    column.setSpacing(4)
    column.addWidget(picture, 1)
    column.addWidget(words)
    return page
