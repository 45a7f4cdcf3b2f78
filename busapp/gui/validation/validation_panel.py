"""The result of a cross-validation in numbers, each with its interval, and with a mark if it leaks."""

from functools import partial
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from busapp.engine.contract import validation as contract
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.paper import published_histology as histology
from busapp.engine.paper.published import CLASSES, CONTRADICTS, PUBLISHED, contradictions
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.systems import SystemName, counted_leaks
from busapp.engine.study.runs import RunInfo
from busapp.engine.utils.words import low_to_high, many
from busapp.gui.theme import SPACE
from busapp.gui.widgets.metrics_table import MetricsTable, OverallTable
from busapp.gui.widgets.warning_frame import WarningFrame, large_label, words_label
from busapp.gui.words import state_in_words
from busapp.summaries.validation import network_in_words, preparation_in_words, published_method

CHOSEN_ELSEWHERE: Final = "For each fold the threshold was chosen on the other folds."
_FOR_APPS: Final = {
    "&TensorFlow Lite, for phones…": "tflite",
    "&ExecuTorch, for phones…": "executorch",
    "&ONNX…": "onnx",
}
_SHOWN_DIFFERENCE: Final = 0.0005
"""Smallest difference of two accuracies that shows in per cent with one decimal."""


class ValidationPanel(QWidget):
    """The right panel of the Validation tab.

    Signals:
        diagnosis_clicked: "Use for diagnosis".
        figures_clicked: "Export figures".
        app_clicked: the format chosen in "Export for an app": `tflite`, `executorch` or `onnx`.
    """

    diagnosis_clicked = Signal()
    figures_clicked = Signal()
    app_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = ValidateSettings()
        self.name = words_label("heading")
        self.accuracy = large_label()
        self.circumstances = words_label("muted")
        self.leaks = WarningFrame()
        self.table = MetricsTable()
        self.overall = OverallTable()
        self.remarks = words_label()
        self.notes = WarningFrame()
        self.paper_heading = words_label("warning")
        self.paper_table = MetricsTable("Measures that the paper published")
        self.contradictions = WarningFrame()
        self.use_button = QPushButton("&Use for diagnosis")
        self.use_button.setToolTip("Train on all images with these settings, export the model, open Diagnosis with it")
        self.use_button.clicked.connect(self.diagnosis_clicked)
        self.figures_button = QPushButton("Export f&igures…")
        self.figures_button.setToolTip(
            "The tables and figures of both papers that a validation has, from this run, as SVG, PNG and CSV"
        )
        self.figures_button.clicked.connect(self.figures_clicked)
        self.app_button = QPushButton("Export for an &app")
        self.app_button.setToolTip(
            "Train on all images with these settings, and write a folder for developers: model, labels, preprocessing, "
            "examples, and how closely the model agrees with the original"
        )
        menu = QMenu(self.app_button)
        for words, chosen in _FOR_APPS.items():
            menu.addAction(words, partial(self.app_clicked.emit, chosen))
        self.app_button.setMenu(menu)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addWidget(self.use_button)
        buttons.addWidget(self.figures_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (self.name, self.accuracy, self.circumstances, self.leaks, self.table, self.overall):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.app_button)
        for widget in (self.remarks, self.notes, self.paper_heading, self.paper_table, self.contradictions):
            layout.addWidget(widget)
        layout.addStretch()
        self.clear()

    def clear(self) -> None:
        """Show that no run is open."""
        self._is_finished = False
        self.name.setText("No result yet")
        self.accuracy.hide()
        self._show_circumstances("The accuracy with its interval and the measures of every class will appear here.")
        for widget in (
            self.leaks,
            self.table,
            self.overall,
            self.remarks,
            self.use_button,
            self.figures_button,
            self.app_button,
            self.notes,
            self.paper_heading,
            self.paper_table,
            self.contradictions,
        ):
            widget.hide()
        self._notes: list[str] = []

    def start(self, info: RunInfo, *, phantoms: bool) -> None:
        """Show a run without its numbers. `phantoms`: its images are simulated."""
        self.clear()
        self._images = "simulated phantoms" if phantoms else "images"
        self._settings = ValidateSettings.model_validate(info.settings)
        self.name.setText(info.name)
        self.accuracy.show()
        self.accuracy.setText("…" if info.state in ("running", "finished") else "No result")
        self._show_circumstances(
            f"{self._settings.system}, protocol {self._settings.protocol}, recipe {self._settings.recipe}. "
            f"{state_in_words(info)}"
        )
        self._phantoms = phantoms
        self._show_paper(None)

    @property
    def can_be_exported(self) -> bool:
        """True if a model can be made of the run's network."""
        return bool(NETWORKS[self._settings.network].exports)

    def add_note(self, text: str) -> None:
        """Show a warning of the job."""
        if text not in self._notes:
            self._notes.append(text)
        self.notes.show_list("Notes of the run", self._notes)

    def show_result(self, result: contract.ValidationResult) -> None:
        """Show a finished run's result, as in `busapp validate --json`."""
        self._is_finished = True
        value, interval = result.get("accuracy"), result.get("accuracy_ci95")
        leaks = counted_leaks(result.get("leaks", {}))
        is_published = result["protocol"] == "published"
        mark = "⚠ " if leaks or is_published else ""
        self.accuracy.setText(f"{mark}Accuracy {100 * value:.1f} %" if value is not None else "Accuracy undefined")
        within = f"95 % interval {low_to_high(interval)} %. " if interval else ""
        synthetic = f", {result['n_synthetic']:,} synthetic in training" if result.get("n_synthetic") else ""
        self._show_circumstances(
            f"{within}{result['system']}, protocol {result['protocol']}"
            f"{' (leaks)' if mark else ' (leaks nothing)'}, recipe {self._settings.recipe}{network_in_words(result)}. "
            f"{result['n_images']:,} {self._images} in {result['n_groups']:,} groups{synthetic}"
            f"{preparation_in_words(result)}. "
            f"{_folds(len(result.get('folds', [])))}, {many(self._settings.passes, 'epoch')}, seed "
            f"{result.get('seed', 0)}."
        )
        if is_published and not leaks:
            leaks = ["by its protocol, although no leak was counted here"]
        self.leaks.show_list("This number leaks:", leaks)
        self.use_button.setVisible(self.can_be_exported)
        self.figures_button.show()
        self.app_button.setVisible(self.can_be_exported)
        # Without the run's own numbers, the paper's could be mistaken for them.
        of_patches = histology.describes(self._settings.network) and len(result["classes"]) == histology.CLASSES
        if of_patches and not self._phantoms:
            self._show_histology_paper()
        else:
            is_another = NETWORKS[self._settings.network].features is not None  # which names its own paper
            self._show_paper(None if self._phantoms or is_another else result["system"])

    def show_statistics(self, statistics: contract.ValidationResult) -> None:
        """Show the numbers of the run, or of its finished folds (`statistics.of_run`)."""
        if not self._is_finished:
            mark = "⚠ " if self._settings.open_leaks else ""
            self.accuracy.setText(f"{mark}{100 * statistics['accuracy']:.1f} % so far")
            self.accuracy.setToolTip(f"Test accuracy of {many(len(statistics['folds']), 'finished fold')}")
        self.table.show_measures(statistics["classes"], statistics)
        self.overall.show_result(statistics)
        self.remarks.setText("\n\n".join(remarks(statistics)))
        for widget in (self.table, self.overall, self.remarks):
            widget.show()

    def _show_circumstances(self, words: str) -> None:
        self.circumstances.setText(words)

    def _show_paper(self, system: SystemName | None) -> None:
        """Show the published numbers of a system; None if they are no reference, as for phantoms."""
        for widget in (self.paper_heading, self.paper_table):
            widget.setVisible(system is not None)
        self.contradictions.show_list(CONTRADICTS, [] if system is None else contradictions([system]))
        if system is None:
            return
        paper = PUBLISHED[system]
        self.paper_heading.setText(
            f"⚠ The paper's {system} (Table 1): test accuracy {100 * paper.accuracy:.2f}\N{NO-BREAK SPACE}%. "
            "Published, leaks; for reference."
        )
        measures = {"sensitivity": paper.sensitivity, "specificity": paper.specificity}
        self.paper_table.show_measures(CLASSES, measures, heading="Paper", decimals=2)

    def _show_histology_paper(self) -> None:
        """Show the published numbers of the paper on histology patches."""
        paper = histology.PROPOSED
        low, high = (100 * (end or 0.0) for end in (paper.lowest, paper.highest))
        self.paper_heading.setText(
            f"⚠ {histology.SOURCE}, {paper.model}: test accuracy {histology.as_printed(paper.accuracy)}"
            f"\N{NO-BREAK SPACE}%, {low:.1f} to {high:.2f}\N{NO-BREAK SPACE}% in the text. Published without a "
            "protocol; for reference."
        )
        self.paper_heading.show()
        self.paper_table.hide()
        self.contradictions.show_list(histology.CONTRADICTS, histology.contradictions())


def remarks(statistics: contract.ValidationResult) -> list[str]:
    """Return what the tables do not show, one paragraph each: the operating point of malignant, the calibration, and
    the gain from reporting the best epoch."""
    said = published_method(statistics)
    points = statistics.get("operating_points") or {}
    for name in ["malignant"] if "malignant" in points else points:
        point = points[name]
        if point is not None:
            said.append(f"{operating_point(name, point)} {CHOSEN_ELSEWHERE}")
    if statistics.get("calibration"):
        said.append(_calibration(statistics["calibration"]))
    picked, honest = statistics.get("picked_epoch"), statistics.get("accuracy")
    if picked is not None and honest is not None and picked - honest > _SHOWN_DIFFERENCE:
        said.append(
            f"If each fold reported its best epoch on the test images, the accuracy would be {100 * picked:.1f} %, "
            f"{100 * (picked - honest):.1f} points more. That would be a leak."
        )
    return said


def operating_point(name: str, point: contract.OperatingPoint) -> str:
    """Describe the operating point of a class; `point` as in a validation's `operating_points`."""
    return (
        f"If an image counts as {name} from a probability of {point['threshold']:.2f}: "
        f"sensitivity {_measured(point['sensitivity'], point['sensitivity_ci95'])}, "
        f"specificity {_measured(point['specificity'], point['specificity_ci95'])}."
    )


def _measured(value: float | None, interval: contract.Interval | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.2f} ({low_to_high(interval, 1, 2)})" if interval else f"{value:.2f}"


def _calibration(calibration: contract.Calibration) -> str:
    interval, scaled, bins = calibration.get("ece_ci95"), calibration.get("ece_scaled"), calibration["bins"]
    surplus = sum(entry["n"] * (entry["confidence"] - entry["accuracy"]) for entry in bins)
    within = f" ({low_to_high(interval)})" if interval else ""
    after = f" With a temperature fitted on the other folds: {100 * scaled:.1f} points." if scaled is not None else ""
    return (
        f"The network is {'surer' if surplus > 0 else 'less sure'} than it is right: confidence and accuracy differ by "
        f"{100 * calibration['ece']:.1f} points{within} on average (ECE).{after}"
    )


def _folds(count: int) -> str:
    return "One hold-out" if count == 1 else f"{count} folds"
