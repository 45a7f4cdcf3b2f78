"""What a generator's images are worth: scores against their floor, copies, warnings, how many joined the study, what a
reader said of them, and what can be done with them."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from busapp.engine.contract.synthesis import ScoresResult, SynthesizeResult
from busapp.engine.study.runs import RunInfo
from busapp.engine.synthesis.blind_review import BlindReview
from busapp.engine.utils.words import many
from busapp.gui.synthesis.score_bars import ScoreBars
from busapp.gui.theme import SPACE
from busapp.gui.widgets.warning_frame import WarningFrame, words_label
from busapp.gui.words import when_in_words

_STATES: Final = {
    "running": "It is at work.",
    "cancelled": "It was cancelled; Resume in the list of runs goes on with it.",
    "interrupted": "It was interrupted; Resume in the list of runs goes on with it.",
}


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
        worth_clicked: the user wants to see what synthetic images do for the classifier.
        images_clicked: the user wants the images in a folder.
        generator_clicked: the user wants the generator as a file.
    """

    review_clicked = Signal()
    nearest_clicked = Signal()
    worth_clicked = Signal()
    images_clicked = Signal()
    generator_clicked = Signal()

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
        self.worth_button = self.buttons.add(
            "What they are &worth…", "What synthetic images do for the classifier, beside plain augmentation"
        )
        self.worth_button.clicked.connect(self.worth_clicked)
        self.export_button = self.buttons.add("&Export", "The images with where they come from, or the generator")
        menu = QMenu(self.export_button)
        self.export_images = menu.addAction("&Images, with a table of where they come from…")
        self.export_images.triggered.connect(self.images_clicked)
        self.export_generator = menu.addAction("&Generator, as a Keras file…")
        self.export_generator.triggered.connect(self.generator_clicked)
        self.export_button.setMenu(menu)
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

    def show_result(self, result: SynthesizeResult) -> None:
        """A finished run, by the contract of `busapp synthesize --json`."""
        self.state.setText(
            f"Class {result['class']}, preset {result['preset']}, {result['epochs']:,} epochs, "
            f"{result['steps']:,} steps."
        )
        self.bars.show_scores(result)
        self._say(self.score, score_in_words(result))
        self._say(self.copies, _copies(result["copies"]))
        self._say(
            self.added,
            f"{result['images']:,} synthetic images of class {result['class']} were added to the study. "
            "Ctrl+Z in the Dataset tab takes them out again."
            if result["images"]
            else "No images were added to the study.",
        )

    def show_review(self, review: BlindReview | None, left: BlindReview | None) -> None:
        """The newest finished review of the run, and the newest that was left; None where there is none."""
        sentences = []
        if review is not None and review.result is not None:
            when = when_in_words(review.ended or review.began).split()[0]
            result = review.result
            of = f" of {review.answered} (ended early)" if review.ended_early else ""
            sentences.append(
                f"Reviewed by {review.reader} on {when}: {result.verdict}, {result.correct.in_words()} correct{of}; "
                f"{result.fit_synthetic.in_words()} of the synthetic images fit."
            )
        if left is not None:
            sentences.append(
                f"The review by {left.reader} was left after {left.answered} of {many(left.asked, 'image')}: nothing "
                "has been set aside for it yet. Blind review goes on with it, or ends it."
            )
        self.reviewed.setText(" ".join(sentences))
        self.reviewed.setVisible(bool(sentences))

    def _say(self, label: QLabel, words: str) -> None:
        label.setText(words)
        label.show()


def score_in_words(result: ScoresResult) -> str:
    """What the scores say, against those that real images have among themselves."""
    kid, floor = result.get("kid"), result.get("kid_floor")
    if kid is None or floor is None:
        return "The images were not scored; the notes of the run say why."
    spread = result.get("kid_spread") or 0.0
    if kid - 2 * spread <= floor:
        verdict = "not told apart from real images by KID"
    elif kid - 5 * spread <= floor:
        verdict = "somewhat different from real images by KID"
    else:
        verdict = "clearly different from real images by KID"
    if not result.get("n_scored"):
        return f"They are {verdict}."
    return (
        f"They are {verdict}. Means ± standard deviations over random subsets of {result['n_scored']} images; FID is "
        "biased at so few, and says something beside its floor alone."
    )


def _copies(count: int) -> str:
    if not count:
        return "No drawn image was a near-copy of a training image."
    return f"{count:,} drawn {'image was a near-copy' if count == 1 else 'images were near-copies'} and left out."
