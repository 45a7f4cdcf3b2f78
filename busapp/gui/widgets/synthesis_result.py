"""What a generator's images are worth: scores against their floor, copies, warnings, how many joined the study, what a
reader said of them, and what can be done with them."""

from typing import Any, Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from busapp.engine.blind_review import BlindReview
from busapp.engine.runs import RunInfo
from busapp.gui.theme import SPACE, colours, theme
from busapp.gui.widgets.fold_curves import TEST, TRAIN
from busapp.gui.widgets.warning_frame import WarningFrame, words_label
from busapp.gui.words import when_in_words

_STATES: Final = {
    "running": "It is at work.",
    "cancelled": "It was cancelled; Resume in the list of runs goes on with it.",
    "interrupted": "It was interrupted; Resume in the list of runs goes on with it.",
}


class ScoreBars(QWidget):
    """KID of the drawn images, with its spread, above that of real images among themselves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: list[tuple[str, float, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_scores(self, kid: float, spread: float, floor: float) -> None:
        """Kernel distances, about 0 or larger."""
        self._bars = [("synthetic against real", kid, spread), ("real against real", floor, 0.0)]
        self.setAccessibleName(f"KID {kid:.3f} ± {spread:.3f}; real against real {floor:.3f}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 2 * (self.fontMetrics().height() + 18))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        line = self.fontMetrics().height()
        largest = max((value + spread for _, value, spread in self._bars), default=0) or 1.0
        for row, (name, value, spread) in enumerate(self._bars):
            top = row * (line + 18)
            words = f"{value:.3f} ± {spread:.3f}" if spread else f"{value:.3f}"
            room = QRectF(0, top, self.width(), line)
            painter.setPen(QColor(colours().text))
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft, name)
            painter.drawText(room, Qt.AlignmentFlag.AlignRight, words)
            unit = (self.width() - 1) / largest
            painter.fillRect(QRectF(0, top + line + 2, max(1.0, value * unit), 8), QColor(TEST if row == 0 else TRAIN))
            if spread:
                y = top + line + 6
                painter.drawLine(int(max(0.0, value - spread) * unit), y, int((value + spread) * unit), y)


class RunButtons(QWidget):
    """What can be done with a run, a button each, one below the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tips: dict[QPushButton, str] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE)

    def add(self, words: str, tip: str) -> QPushButton:
        """Another button; `tip` says what it does."""
        button = QPushButton(words)
        self._tips[button] = tip
        self._column.addWidget(button)
        return button

    def offer(self, button: QPushButton, lacks: str = "") -> None:
        """Let a button be pressed, or say in its tooltip what it `lacks`."""
        button.setEnabled(not lacks)
        button.setToolTip(lacks or self._tips[button])


class SynthesisResult(QWidget):
    """The right panel of the Synthesis tab.

    Signals:
        review_clicked: the user wants to review the images blindly.
        nearest_clicked: the user wants to see the nearest training images.
    """

    review_clicked = Signal()
    nearest_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = words_label("heading")
        self.state = words_label("muted")
        self.bars = ScoreBars()
        self.score = words_label()
        self.copies = words_label()
        self.added = words_label()
        self.reviewed = words_label()
        self.warnings = WarningFrame()
        self.buttons = RunButtons()
        self.review_button = self.buttons.add(
            "&Blind review…", "Real and synthetic images mixed: say which is which, and which are fit for training"
        )
        self.review_button.clicked.connect(self.review_clicked)
        self.nearest_button = self.buttons.add(
            "&Nearest real images…", "Each drawn image beside the training image that resembles it most"
        )
        self.nearest_button.clicked.connect(self.nearest_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        for label in (self.name, self.state):
            layout.addWidget(label)
        for widget in (self.bars, self.score, self.copies, self.added, self.reviewed, self.warnings, self.buttons):
            layout.addWidget(widget)
        layout.addStretch()
        self.clear()

    def clear(self) -> None:
        """No run is open."""
        self._warnings: list[str] = []
        self.name.setText("No scores yet")
        self.state.setText("When a generator has drawn its images, what they are worth comes to stand here.")
        self.bars.hide()
        for label in (self.score, self.copies, self.added, self.reviewed):
            label.hide()
        self.buttons.hide()
        self.warnings.show_list("", [])

    def start(self, info: RunInfo) -> None:
        """A run is shown; its scores are still to come."""
        self.clear()
        self.name.setText(info.name)
        self.state.setText(f"It failed: {info.error}" if info.state == "failed" else _STATES.get(info.state, ""))
        self.buttons.show()

    def add_warning(self, text: str) -> None:
        """A warning of the job."""
        if text not in self._warnings:
            self._warnings.append(text)
        self.warnings.show_list("Said by the run", self._warnings)

    def show_result(self, result: dict[str, Any]) -> None:
        """A finished run, by the contract of `busapp synthesize --json`."""
        self.state.setText(
            f"Class {result['class']}, preset {result['preset']}, {result['epochs']:,} epochs, "
            f"{result['steps']:,} steps."
        )
        if result.get("kid") is None or result.get("kid_floor") is None:
            self._say(self.score, "The images were not scored; the notes of the run say why.")
        else:
            kid, spread, floor = result["kid"], result.get("kid_spread") or 0.0, result["kid_floor"]
            self.bars.show_scores(kid, spread, floor)
            self.bars.show()
            self._say(self.score, score_in_words(kid, spread, floor))
        self._say(self.copies, _copies(result["copies"]))
        self._say(
            self.added,
            f"{result['images']:,} synthetic images of class {result['class']} were added to the study. "
            "Ctrl+Z in the Dataset tab takes them out again."
            if result["images"]
            else "No images were added to the study.",
        )

    def show_review(self, review: BlindReview | None) -> None:
        """The newest finished review of the run; None where there is none."""
        self.reviewed.setVisible(review is not None)
        if review is not None and review.result is not None:
            when = when_in_words(review.ended or review.began).split()[0]
            result = review.result
            self.reviewed.setText(
                f"Reviewed by {review.reader} on {when}: {result.verdict}, {result.correct.in_words()} correct; "
                f"{result.fit_synthetic.in_words()} of the synthetic images fit."
            )

    def _say(self, label: QLabel, words: str) -> None:
        label.setText(words)
        label.show()


def score_in_words(kid: float, spread: float, floor: float) -> str:
    """What a KID says, against the one that real images have among themselves."""
    if kid - 2 * spread <= floor:
        verdict = "not told apart from real images by this score"
    elif kid - 5 * spread <= floor:
        verdict = "somewhat different from real images"
    else:
        verdict = "clearly different from real images"
    return f"KID {kid:.3f} ± {spread:.3f}; real against real {floor:.3f}: {verdict}."


def _copies(count: int) -> str:
    if not count:
        return "No drawn image was a near-copy of a training image."
    return f"{count:,} drawn {'image was a near-copy' if count == 1 else 'images were near-copies'} and left out."
