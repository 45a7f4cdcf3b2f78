"""A model's answer for one image, and the model's card in three lines."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from busapp.engine.diagnosis.diagnosis import Diagnosis
from busapp.engine.models.abstention import joined_with_or, reasons_to_abstain
from busapp.engine.models.model import Model
from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.probability_bars import ProbabilityBars
from busapp.gui.diagnosis.similar_images import SimilarDialog, SimilarImages, SimilarInStudy
from busapp.gui.theme import SPACE, class_colour, colours, theme
from busapp.gui.widgets.warning_frame import WarningFrame, large_label, words_label


class DiagnosisPanel(QWidget):
    """The right panel of the Diagnosis tab.

    Signals:
        evidence_changed: the class to show the heat map of.
        report_clicked: "Save report".
        model_details_requested: "More about the model".
    """

    evidence_changed = Signal(str)
    report_clicked = Signal()
    model_details_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._classes: tuple[str, ...] = ()
        self.file = words_label("heading")
        self.answer = large_label()
        self.reasons = words_label("warning")
        self.remarks = words_label()
        self.bars = ProbabilityBars()
        self.time = words_label("muted")
        self.similar = SimilarImages()
        self.similar.chosen.connect(self._show_large)
        self.evidence = QComboBox()
        self.evidence.setAccessibleName("Class that the heat map is for")
        self.evidence.currentTextChanged.connect(self._choose_evidence)
        self.unseen = words_label("muted")
        evidence_label = QLabel("Heat map of the evidence &for")
        evidence_label.setBuddy(self.evidence)
        self.report_button = QPushButton("Save &report…")
        self.report_button.clicked.connect(self.report_clicked)
        card_heading = words_label("heading")
        card_heading.setText("The model")
        self.card = words_label()
        self.more = QLabel()
        self.more.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.more.linkActivated.connect(lambda _link: self.model_details_requested.emit())
        self._colour_link()
        theme.changed.connect(self._colour_link)
        self.cautions = WarningFrame()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (
            self.file,
            self.answer,
            self.reasons,
            self.remarks,
            self.bars,
            self.time,
            self.similar,
            evidence_label,
            self.evidence,
            self.unseen,
            self.report_button,
            card_heading,
            self.card,
            self.more,
            self.cautions,
        ):
            layout.addWidget(widget)
        layout.addStretch()

    def _colour_link(self) -> None:
        # Qt colours a link when its text is set, so it must be set again for another theme.
        self.more.setText(f'<a href="model" style="color: {colours().accent}">More about the model…</a>')

    def open_study(self, workspace: Workspace) -> None:
        """Look similar images up in another study."""
        self._workspace = workspace
        self.similar.open_study(workspace)

    def show_diagnosis(self, diagnosis: Diagnosis, model: Model, name: str) -> None:
        """Show class and probabilities, or why there is no class, and the model's card. `name` is the image's."""
        self._classes = model.classes
        self.file.setText(name)
        self.file.setToolTip(diagnosis.file)
        self._show_answer(diagnosis, model)
        self.remarks.setText("\n".join(diagnosis.remarks))
        self.remarks.setVisible(bool(diagnosis.remarks))
        self.bars.show_probabilities(diagnosis.probabilities)
        self.similar.show_similar(diagnosis.similar, model.classes)
        self.evidence.blockSignals(True)
        self.evidence.clear()
        self.evidence.addItems(list(diagnosis.probabilities))
        self.evidence.setCurrentText(diagnosis.predicted)
        self.evidence.blockSignals(False)
        self.unseen.setText(model.description.preprocessing.unseen)
        self.unseen.setVisible(bool(self.unseen.text()))
        self.card.setText("\n".join(model.card()))
        self.cautions.show_list("Please note:", model.cautions)

    def _show_answer(self, diagnosis: Diagnosis, model: Model) -> None:
        colour, time = "", f"Calibrated probabilities, {diagnosis.milliseconds:.0f} ms"
        reasons = "\n".join(diagnosis.reasons)
        if not diagnosis.abstained:
            answer = f"● {diagnosis.predicted}"
            colour = f"color: {class_colour(diagnosis.predicted, model.classes).name()};"
        elif diagnosis.reasons == reasons_to_abstain(blank=False, novel=False, possible=diagnosis.possible):
            answer = f"{joined_with_or(diagnosis.possible)}: not decided"
            reasons = _why_undecided(diagnosis, model)
        else:
            answer = "No answer"
            time = "The model's answer if the image were like its training images. Do not rely on it."
        self.answer.setText(answer)
        self.answer.setStyleSheet(colour)
        self.answer.setAccessibleName(f"Answer: {answer.removeprefix('● ')}")
        self.reasons.setText(reasons)
        self.reasons.setVisible(diagnosis.abstained)
        self.time.setText(time)

    def _show_large(self, similar: SimilarInStudy) -> None:
        if self._workspace is not None and similar.record is not None:
            SimilarDialog(self._workspace, similar, self._classes, self).show()

    def _choose_evidence(self, class_name: str) -> None:
        if class_name:
            self.evidence_changed.emit(class_name)


def _why_undecided(diagnosis: Diagnosis, model: Model) -> str:
    conformal = model.description.conformal
    none = "Neither" if len(diagnosis.possible) == 2 else "None of them"
    at = f" at a coverage of {conformal.coverage:.0%} for each class" if conformal else ""
    return f"{none} can be ruled out{at}."
