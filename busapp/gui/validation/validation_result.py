"""The result of a cross-validation in numbers: never one alone, and marked where it leaks."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from busapp.engine.paper.published import CLASSES, PUBLISHED
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.systems import SystemName, counted_leaks, open_leaks
from busapp.engine.study.runs import RunInfo
from busapp.engine.utils.words import many
from busapp.gui.theme import SPACE
from busapp.gui.widgets.metrics_table import MetricsTable, OverallTable
from busapp.gui.widgets.warning_frame import WarningFrame, large_label, words_label
from busapp.summaries.validation import equalisation_in_words

CHOSEN_ELSEWHERE: Final = "For each fold the threshold was chosen on the other folds."
_FOR_APPS: Final = {"&TensorFlow Lite, for phones…": "tflite", "&ONNX…": "onnx"}
_SHOWN_DIFFERENCE: Final = 0.0005
"""Of two accuracies; less is not seen in per cent with one decimal."""


class ValidationResult(QWidget):
    """The right panel of the Validation tab.

    Signals:
        diagnosis_clicked: "Use for diagnosis".
        figures_clicked: "Export figures".
        app_clicked: the format, `tflite` or `onnx`, that was chosen of "Export for an app".
    """

    diagnosis_clicked = Signal()
    figures_clicked = Signal()
    app_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        self.use_button = QPushButton("&Use for diagnosis")
        self.use_button.setToolTip("Train on all images with these settings, export the model, open Diagnosis with it")
        self.use_button.clicked.connect(self.diagnosis_clicked)
        self.figures_button = QPushButton("Export f&igures…")
        self.figures_button.setToolTip("Table 1 and Figures 11 to 13 of the paper from this run, as SVG, PNG and CSV")
        self.figures_button.clicked.connect(self.figures_clicked)
        self.app_button = QPushButton("Export for an &app")
        self.app_button.setToolTip(
            "Train on all images with these settings, and write a folder for developers: model, labels, preprocessing, "
            "examples, and how far the model agrees with the original"
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
        for widget in (self.remarks, self.notes, self.paper_heading, self.paper_table):
            layout.addWidget(widget)
        layout.addStretch()
        self.clear()

    def clear(self) -> None:
        """No run is open."""
        self._is_finished = False
        self.name.setText("No result yet")
        self.accuracy.hide()
        self._show_circumstances("The accuracy with its interval, and the measures of every class, come to stand here.")
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
        ):
            widget.hide()
        self._notes: list[str] = []

    def start(self, info: RunInfo, *, phantoms: bool) -> None:
        """A run is shown; its numbers are still to come. `phantoms`: its images are simulated."""
        self.clear()
        self._images = "simulated phantoms" if phantoms else "images"
        self._settings = ValidateSettings.model_validate(info.settings)
        self.name.setText(info.name)
        self.accuracy.show()
        self.accuracy.setText("…" if info.state in ("running", "finished") else "No result")
        self._show_circumstances(
            f"{self._settings.system}, protocol {self._settings.protocol}, recipe {self._settings.recipe}. "
            f"{_state(info)}"
        )
        self._phantoms = phantoms
        self._show_paper(None)

    def add_note(self, text: str) -> None:
        """A warning of the job."""
        if text not in self._notes:
            self._notes.append(text)
        self.notes.show_list("Said by the run", self._notes)

    def show_result(self, result: dict[str, Any]) -> None:
        """A finished run, by the contract of `busapp validate --json`."""
        self._is_finished = True
        value, interval = result.get("accuracy"), result.get("accuracy_ci95")
        leaks = counted_leaks(result.get("leaks", {}))
        is_published = result["protocol"] == "published"
        mark = "⚠ " if leaks or is_published else ""
        self.accuracy.setText(f"{mark}Accuracy {100 * value:.1f} %" if value is not None else "Accuracy undefined")
        within = f"95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %. " if interval else ""
        synthetic = f", {result['n_synthetic']:,} synthetic in training" if result.get("n_synthetic") else ""
        self._show_circumstances(
            f"{within}{result['system']}, protocol {result['protocol']}"
            f"{' (leaks)' if mark else ' (leaks nothing)'}, recipe {self._settings.recipe}. "
            f"{result['n_images']:,} {self._images} in {result['n_groups']:,} groups{synthetic}"
            f"{equalisation_in_words(result)}. "
            f"{_folds(len(result.get('folds', [])))}, {many(self._settings.epochs, 'epoch')}, seed "
            f"{result.get('seed', 0)}."
        )
        if is_published and not leaks:
            leaks = ["by its protocol, though nothing was counted here"]
        self.leaks.show_list("This number leaks:", leaks)
        self.use_button.show()
        self.figures_button.show()
        self.app_button.show()
        # Only beside the run's own: before, they would be taken for it.
        self._show_paper(result["system"] if not self._phantoms else None)

    def show_statistics(self, statistics: Mapping[str, Any]) -> None:
        """What `statistics.of_run` says of the run, or of the folds of it that are finished."""
        if not self._is_finished:
            mark = "⚠ " if open_leaks(self._settings.system, self._settings.leaks) else ""
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
        """The published numbers of a system; None where they are no reference, as for phantoms."""
        for widget in (self.paper_heading, self.paper_table):
            widget.setVisible(system is not None)
        if system is None:
            return
        paper = PUBLISHED[system]
        self.paper_heading.setText(
            f"⚠ The paper's {system} (Table 1): test accuracy {100 * paper.accuracy:.2f}\N{NO-BREAK SPACE}%. "
            "Published, leaks; for reference."
        )
        measures = {"sensitivity": paper.sensitivity, "specificity": paper.specificity}
        self.paper_table.show_measures(CLASSES, measures, heading="Paper", decimals=2)


def remarks(statistics: Mapping[str, Any]) -> list[str]:
    """What the tables do not say, a paragraph each: malignant called from a threshold, whether the network is as right
    as it is sure, and what reporting the best epoch would have been worth."""
    said = []
    points = statistics.get("operating_points") or {}
    for name in ["malignant"] if "malignant" in points else points:
        if points[name] is not None:
            said.append(f"{operating_point(name, points[name])} {CHOSEN_ELSEWHERE}")
    if statistics.get("calibration"):
        said.append(_calibration(statistics["calibration"]))
    picked, honest = statistics.get("picked_epoch"), statistics.get("accuracy")
    if picked is not None and honest is not None and picked - honest > _SHOWN_DIFFERENCE:
        said.append(
            f"Had each fold reported its best epoch on the test images, the accuracy would be {100 * picked:.1f} %, "
            f"{100 * (picked - honest):.1f} points more. That would be a leak."
        )
    return said


def operating_point(name: str, point: Mapping[str, Any]) -> str:
    """One class's, in words; of `operating_points` in a validation's result."""
    return (
        f"Where {name} is called from a probability of {point['threshold']:.2f} on: "
        f"sensitivity {_measured(point, 'sensitivity')}, specificity {_measured(point, 'specificity')}."
    )


def _measured(point: Mapping[str, Any], measure: str) -> str:
    value, interval = point[measure], point.get(f"{measure}_ci95")
    if value is None:
        return "undefined"
    return f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})" if interval else f"{value:.2f}"


def _calibration(calibration: Mapping[str, Any]) -> str:
    interval, scaled, bins = calibration.get("ece_ci95"), calibration.get("ece_scaled"), calibration["bins"]
    surplus = sum(entry["n"] * (entry["confidence"] - entry["accuracy"]) for entry in bins)
    within = f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})" if interval else ""
    after = f" With a temperature fitted on the other folds: {100 * scaled:.1f} points." if scaled is not None else ""
    return (
        f"It is {'surer' if surplus > 0 else 'less sure'} than it is right: confidence and accuracy differ by "
        f"{100 * calibration['ece']:.1f} points{within} on average (ECE).{after}"
    )


def _folds(count: int) -> str:
    return "One hold-out" if count == 1 else f"{count} folds"


def _state(info: RunInfo) -> str:
    return {
        "running": "It is at work.",
        "failed": f"It failed: {info.error}",
        "cancelled": "It was cancelled; Resume in the list of runs goes on with it.",
        "interrupted": "It was interrupted; Resume in the list of runs goes on with it.",
    }.get(info.state, "")
