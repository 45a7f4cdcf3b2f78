"""External validation: a model measured on images with labels, beside the table of the images."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from busapp.engine.contract.diagnosis import ExternalResult
from busapp.engine.utils.words import counts_in_words, many, per_cent
from busapp.gui.theme import SPACE
from busapp.gui.widgets.confusion_matrix import ConfusionMatrix
from busapp.gui.widgets.metrics_table import MetricsTable, OverallTable
from busapp.gui.widgets.warning_frame import WarningFrame, large_label, words_label

MATRIX_HEIGHT = 190


class ExternalPanel(QWidget):
    """Accuracy with its interval, the images counted and not counted, the confusion matrix and the measures.

    Signals:
        cell_chosen: the names of the (true, predicted) classes of a cell of the matrix.
        all_wanted: the user wants to see all images again, after those of a cell.
    """

    cell_chosen = Signal(str, str)
    all_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: list[str] = []
        self.heading = words_label("heading")
        self.heading.setText("External validation")
        self.accuracy = large_label()
        self.circumstances = words_label("muted")
        self.left_out = WarningFrame()
        self.matrix = ConfusionMatrix()
        self.matrix.setMinimumHeight(MATRIX_HEIGHT)
        self.matrix.cell_chosen.connect(self._choose)
        self.all_button = QPushButton("Show &all images")
        self.all_button.clicked.connect(self._show_all)
        self.all_button.setEnabled(False)
        self.by_class = MetricsTable()
        self.overall = OverallTable()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.all_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (self.heading, self.accuracy, self.circumstances, self.left_out, self.matrix):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addWidget(self.by_class)
        layout.addWidget(self.overall)
        layout.addStretch()

    def show_result(self, external: ExternalResult) -> None:
        """Show the `external` part of the result of a diagnosis with labels (`ExternalValidation.result`)."""
        measured = external["measured"]
        self._classes = list(external["classes"])
        self.all_button.setEnabled(False)
        counted = f"{many(external['n'], 'image')} ({counts_in_words(external['counts'])})"
        for widget in (self.matrix, self.by_class, self.overall, self.all_button):
            widget.setVisible(measured is not None)
        reasons = [f"{many(count, 'image')}: {reason}" for reason, count in external["left_out"].items()]
        self.left_out.show_list("Not counted:", reasons)
        if measured is None:
            self.accuracy.setText("Too few images")
            self.circumstances.setText(
                f"{counted} can be counted. To measure the model, open labelled images of at least two classes."
            )
            return
        self.accuracy.setText(per_cent(measured["accuracy"], measured["accuracy_ci95"]))
        answered, n = external["n_answered"], external["n"]
        right = per_cent(external["accuracy_of_answers"], external["accuracy_of_answers_ci95"])
        patients = f" of {many(external['n_patients'], 'patient')}" if external["n_patients"] < n else ""
        self.circumstances.setText(
            f"Accuracy on {counted}{patients}, each for its most probable class, with the 95 % interval. "
            + (f"The model itself answered {answered} of {n}; of these answers {right} are right." if answered else "")
        )
        self.matrix.show_counts(self._classes, measured["confusion"])
        self.by_class.show_measures(self._classes, measured)
        self.overall.show_result({**measured, "fold_range": {}})  # there are no folds

    def _choose(self, true: int, predicted: int) -> None:
        self.all_button.setEnabled(True)
        self.cell_chosen.emit(self._classes[true], self._classes[predicted])

    def _show_all(self) -> None:
        self.all_button.setEnabled(False)
        self.matrix.clearSelection()
        self.all_wanted.emit()
