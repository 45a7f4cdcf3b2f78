"""What a model says about one image, and who is speaking: the model's card in three lines."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from busapp.engine.diagnosis import Diagnosis, Model
from busapp.gui.theme import SPACE, class_colour
from busapp.gui.widgets.probability_bars import ProbabilityBars
from busapp.gui.widgets.warning_frame import WarningFrame, words_label


class DiagnosisResult(QWidget):
    """The right panel of the Diagnosis tab.

    Signals:
        evidence_changed: the class whose heat map is wanted.
        report_clicked: "Save report".
    """

    evidence_changed = Signal(str)
    report_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file = words_label("heading")
        self.answer = words_label()
        font = self.answer.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        font.setBold(True)
        self.answer.setFont(font)
        self.reasons = words_label("warning")
        self.bars = ProbabilityBars()
        self.time = words_label("muted")
        self.evidence = QComboBox()
        self.evidence.setAccessibleName("Class that the heat map is for")
        self.evidence.currentTextChanged.connect(self._choose_evidence)
        evidence_label = QLabel("Heat map of what speaks &for")
        evidence_label.setBuddy(self.evidence)
        self.report_button = QPushButton("Save &report (PDF)…")
        self.report_button.clicked.connect(self.report_clicked)
        card_heading = words_label("heading")
        card_heading.setText("The model")
        self.card = words_label()
        self.cautions = WarningFrame()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (
            self.file,
            self.answer,
            self.reasons,
            self.bars,
            self.time,
            evidence_label,
            self.evidence,
            self.report_button,
            card_heading,
            self.card,
            self.cautions,
        ):
            layout.addWidget(widget)
        layout.addStretch()

    def show_diagnosis(self, diagnosis: Diagnosis, model: Model) -> None:
        """Class and probabilities, or why there is no class, and the model's card."""
        self.file.setText(Path(diagnosis.file).name)
        self.file.setToolTip(diagnosis.file)
        self.answer.setText("No answer" if diagnosis.abstained else f"● {diagnosis.predicted}")
        colour = "" if diagnosis.abstained else class_colour(diagnosis.predicted, model.classes).name()
        self.answer.setStyleSheet(f"color: {colour};" if colour else "")
        self.answer.setAccessibleName(f"Answer: {self.answer.text().removeprefix('● ')}")
        self.reasons.setText("\n".join(diagnosis.reasons))
        self.reasons.setVisible(diagnosis.abstained)
        self.bars.show_probabilities(diagnosis.probabilities)
        self.time.setText(f"Calibrated probabilities, {diagnosis.milliseconds:.0f} ms")
        self.evidence.blockSignals(True)
        self.evidence.clear()
        self.evidence.addItems(list(diagnosis.probabilities))
        self.evidence.setCurrentText(diagnosis.predicted)
        self.evidence.blockSignals(False)
        self.card.setText("\n".join(model.card()))
        self.cautions.show_list("Know this:", model.cautions)

    def _choose_evidence(self, class_name: str) -> None:
        if class_name:
            self.evidence_changed.emit(class_name)
