"""The result of a cross-validation in numbers: never one alone, and marked where it leaks."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from busapp.engine.published import CLASSES, PUBLISHED
from busapp.engine.runs import RunInfo
from busapp.engine.settings import ValidateSettings
from busapp.engine.systems import SystemName, counted_leaks
from busapp.gui.theme import SPACE
from busapp.gui.widgets.metrics_table import MetricsTable
from busapp.gui.widgets.warning_frame import WarningFrame, words_label
from busapp.summaries import equalised


class ValidationResult(QWidget):
    """The right panel of the Validation tab.

    Signals:
        diagnosis_clicked: "Use for diagnosis".
    """

    diagnosis_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = words_label("heading")
        self.accuracy = words_label()
        font = self.accuracy.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        self.accuracy.setFont(font)
        self.circumstances = words_label("muted")
        self.leaks = WarningFrame()
        self.table = MetricsTable()
        self.notes = WarningFrame()
        self.paper_heading = words_label("warning")
        self.paper_table = MetricsTable()
        self.paper_table.setAccessibleName("Measures that the paper published")
        self.use_button = QPushButton("&Use for diagnosis")
        self.use_button.setToolTip("Train on all images with these settings, export the model, open Diagnosis with it")
        self.use_button.clicked.connect(self.diagnosis_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (
            self.name,
            self.accuracy,
            self.circumstances,
            self.leaks,
            self.table,
            self.use_button,
            self.notes,
            self.paper_heading,
            self.paper_table,
        ):
            layout.addWidget(widget)
        layout.addStretch()
        self.clear()

    def clear(self) -> None:
        """No run is open."""
        self.name.setText("No result yet")
        self.accuracy.clear()
        self._show_circumstances("The accuracy with its interval, and the measures of every class, come to stand here.")
        for widget in (self.leaks, self.table, self.use_button, self.notes, self.paper_heading, self.paper_table):
            widget.hide()
        self._notes: list[str] = []

    def start(self, info: RunInfo, *, phantoms: bool) -> None:
        """A run is shown; its numbers are still to come. `phantoms`: its images are simulated."""
        self.clear()
        self._images = "simulated phantoms" if phantoms else "images"
        settings = ValidateSettings.model_validate(info.settings)
        self.name.setText(info.name)
        self.accuracy.setText("…")
        self._show_circumstances(f"{settings.system}, protocol {settings.protocol}. {_state(info)}")
        self._phantoms = phantoms
        self._show_paper(None)

    def add_note(self, text: str) -> None:
        """A warning of the job."""
        if text not in self._notes:
            self._notes.append(text)
        self.notes.show_list("Said by the run", self._notes)

    def show_fold_mean(self, accuracies: list[float]) -> None:
        """So far: the mean test accuracy of the folds that are finished, each in [0, 1]."""
        mean = sum(accuracies) / len(accuracies)
        self.accuracy.setText(f"{100 * mean:.1f} % so far")
        self.accuracy.setToolTip(f"Mean test accuracy of {len(accuracies)} finished folds")

    def show_result(self, result: dict[str, Any]) -> None:
        """A finished run, by the contract of `busapp validate --json`."""
        value, interval = result.get("accuracy"), result.get("accuracy_ci95")
        leaks = counted_leaks(result.get("leaks", {}))
        is_published = result["protocol"] == "published"
        mark = "⚠ " if leaks or is_published else ""
        self.accuracy.setText(f"{mark}Accuracy {100 * value:.1f} %" if value is not None else "Accuracy undefined")
        within = f"95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %. " if interval else ""
        synthetic = f", {result['n_synthetic']:,} synthetic in training" if result.get("n_synthetic") else ""
        self._show_circumstances(
            f"{within}{result['system']}, protocol {result['protocol']}"
            f"{' (leaks)' if mark else ' (leaks nothing)'}. "
            f"{result['n_images']:,} {self._images} in {result['n_groups']:,} groups{synthetic}{equalised(result)}. "
            f"{_folds(len(result.get('folds', [])))}, seed {result.get('seed', 0)}."
        )
        if is_published and not leaks:
            leaks = ["by its protocol, though nothing was counted here"]
        self.leaks.show_list("This number leaks:", leaks)
        self.table.show_measures(result["classes"], result)
        self.table.show()
        self.use_button.show()
        # Only beside the run's own: before, they would be taken for it.
        self._show_paper(result["system"] if not self._phantoms else None)

    def _show_circumstances(self, words: str) -> None:
        self.circumstances.setText(words)

    def _show_paper(self, system: SystemName | None) -> None:
        """The published numbers of a system; None where they are no reference, as for phantoms."""
        for widget in (self.paper_heading, self.paper_table):
            widget.setVisible(system is not None)
        if system is None:
            return
        paper = PUBLISHED[system]
        self.paper_heading.setText(
            f"⚠ The paper's {system} (Table 1): test accuracy {100 * paper.accuracy:.2f} %. "
            "Published, leaks; for reference."
        )
        measures = {"sensitivity": paper.sensitivity, "specificity": paper.specificity}
        self.paper_table.show_measures(CLASSES, measures, decimals=2)
        self.paper_table.setHorizontalHeaderItem(0, QTableWidgetItem("Paper"))


def _folds(count: int) -> str:
    return "One hold-out" if count == 1 else f"{count} folds"


def _state(info: RunInfo) -> str:
    return {
        "running": "It is at work.",
        "failed": f"It failed: {info.error}",
        "cancelled": "It was cancelled; Resume in the list of runs goes on with it.",
        "interrupted": "It was interrupted; Resume in the list of runs goes on with it.",
    }.get(info.state, "")
