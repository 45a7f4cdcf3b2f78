"""The result of a synthesis run: scores, copies, images added, blinded reviews and warnings; and buttons for what to do
next."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from busapp.engine.contract.synthesis import ScoresResult, SynthesizeResult
from busapp.engine.study.runs import RunInfo
from busapp.engine.synthesis.blind_review import BlindReview
from busapp.engine.utils.words import many
from busapp.gui.synthesis.score_bars import ScoreBars
from busapp.gui.theme import SPACE
from busapp.gui.widgets.warning_frame import WarningFrame, words_label
from busapp.gui.words import state_in_words, when_in_words


class RunButtons(QWidget):
    """A column of buttons for what can be done with a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tips: dict[QPushButton, str] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE)

    def add(self, words: str, tip: str) -> QPushButton:
        """Add a button; `tip` is its tooltip."""
        button = QPushButton(words)
        self._tips[button] = tip
        self._column.addWidget(button)
        return button

    def offer(self, button: QPushButton, lacks: str = "") -> None:
        """Enable a button; or, if it `lacks` something, disable it and show that as its tooltip."""
        button.setEnabled(not lacks)
        button.setToolTip(lacks or self._tips[button])


class SynthesisPanel(QWidget):
    """The right panel of the Synthesis tab.

    Signals:
        review_clicked: the user wants to review the images blindly.
        nearest_clicked: the user wants to see the nearest training images.
        worth_clicked: the user wants to see what synthetic images are worth to the classifier.
        images_clicked: the user wants to export the images to a folder.
        generator_clicked: the user wants to export the generator as a file.
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
            "&Blind review…",
            "See real and synthetic images in random order; judge which are real, and fit for training",
        )
        self.review_button.clicked.connect(self.review_clicked)
        self.nearest_button = self.buttons.add(
            "&Nearest real images…", "Show each synthetic image beside its nearest training image"
        )
        self.nearest_button.clicked.connect(self.nearest_clicked)
        self.worth_button = self.buttons.add(
            "What they are &worth…",
            "Measure how synthetic images change the classifier, compared with plain augmentation",
        )
        self.worth_button.clicked.connect(self.worth_clicked)
        self.export_button = self.buttons.add(
            "&Export", "Export the images with a table of their origin, or the generator"
        )
        menu = QMenu(self.export_button)
        self.export_images = menu.addAction("&Images, with a table of their origin…")
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
        """Show that no run is open."""
        self._warnings: list[str] = []
        self.name.setText("No scores yet")
        self.state.setText("The scores will appear here when a generator has drawn its images.")
        self.bars.hide()
        for label in (self.score, self.copies, self.added, self.reviewed):
            label.hide()
        self.buttons.hide()
        self.warnings.show_list("", [])

    def start(self, info: RunInfo) -> None:
        """Show a run without its scores."""
        self.clear()
        self.name.setText(info.name)
        self.state.setText(state_in_words(info))
        self.buttons.show()

    def add_warning(self, text: str) -> None:
        """Show a warning of the job."""
        if text not in self._warnings:
            self._warnings.append(text)
        self.warnings.show_list("Notes of the run", self._warnings)

    def show_result(self, result: SynthesizeResult) -> None:
        """Show a finished run's result, as in `busapp synthesize --json`."""
        self.state.setText(
            f"Class {result['class']}, preset {result['preset']}, {many(result['epochs'], 'epoch')}, "
            f"{many(result['steps'], 'step')}."
        )
        self.bars.show_scores(result)
        self._say(self.score, score_in_words(result))
        self._say(self.copies, _copies(result["copies"]))
        self._say(
            self.added,
            f"{result['images']:,} synthetic images of class {result['class']} were added to the study. "
            "Ctrl+Z in the Dataset tab undoes that."
            if result["images"]
            else "No images were added to the study.",
        )

    def show_review(self, review: BlindReview | None, left: BlindReview | None) -> None:
        """Show the newest finished and the newest unfinished review of the run; None if there is none."""
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
                f"The review by {left.reader} is unfinished, with {left.answered} of {many(left.asked, 'image')} "
                "answered. It has set nothing aside yet. Resume or end it with Blind review."
            )
        self.reviewed.setText(" ".join(sentences))
        self.reviewed.setVisible(bool(sentences))

    def _say(self, label: QLabel, words: str) -> None:
        label.setText(words)
        label.show()


def score_in_words(result: ScoresResult) -> str:
    """Judge the scores against the same scores between real images."""
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
        "biased with so few images, and means something only beside its floor."
    )


def _copies(count: int) -> str:
    if not count:
        return "No synthetic image was a near-copy of a training image."
    return f"{count:,} synthetic {'image was a near-copy' if count == 1 else 'images were near-copies'}, and not added."
