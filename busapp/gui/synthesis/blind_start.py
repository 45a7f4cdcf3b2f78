"""The first page of a blinded review: reader, number of images, what will happen, and earlier reviews."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QSpinBox, QVBoxLayout, QWidget

from busapp.engine.study.runs import Run
from busapp.engine.synthesis.blind_review import FEWEST, LONGEST_NAME, REACH, USUAL, BlindReview, unfinished
from busapp.engine.synthesis.blind_review_result import Share
from busapp.gui import user_settings
from busapp.gui.synthesis.blind_question import END_EARLY, END_EARLY_TIP
from busapp.gui.theme import SPACE
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import when_in_words

_HEADINGS: Final = (
    "Begun",
    "Reader",
    "State",
    "Images",
    "Correct in %",
    "Sensitivity in %",
    "Specificity in %",
    "Synthetic fit in %",
    "Real fit in %",
)
TOO_FEW: Final = (
    f"A blind review needs at least {FEWEST} synthetic images of this run and {FEWEST} real ones of its class, in use "
    "and of different groups."
)


class BlindStart(QWidget):
    """Enter or a double-click on an earlier review shows its result.

    Signals:
        start_requested: the reader's name, and how many images of each kind.
        resume_requested: the `BlindReview` to resume.
        end_requested: the unfinished `BlindReview` to end with the answers so far.
        opened: the finished `BlindReview` to show.
    """

    start_requested = Signal(str, int)
    resume_requested = Signal(object)
    end_requested = Signal(object)
    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reviews: list[BlindReview] = []
        self._most = 0
        self.about = words_label()
        self.problem = words_label("error")
        self.reader = QLineEdit(user_settings.reader())
        self.reader.setMaxLength(LONGEST_NAME)
        self.reader.setPlaceholderText("Your name, for the result")
        self.reader.setAccessibleName("Your name, for the result")
        self.reader.setMaximumWidth(320)
        self.reader.textChanged.connect(lambda _text: self._look_at_reader())
        self.count = QSpinBox()
        self.count.setRange(FEWEST, FEWEST)
        self.count.setMaximumWidth(160)
        self.count.setSuffix(" of each kind")
        self.count.setValue(USUAL)
        form = QFormLayout()
        form.addRow("&Reader", self.reader)
        form.addRow("&Images", self.count)
        self.resume_button = QPushButton("Resu&me")
        self.resume_button.clicked.connect(self._resume)
        self.end_button = QPushButton(END_EARLY)
        self.end_button.setToolTip(END_EARLY_TIP)
        self.end_button.clicked.connect(lambda: self.end_requested.emit(self.left_review))
        self.start_button = QPushButton("Start the revie&w")
        self.start_button.clicked.connect(lambda: self.start_requested.emit(self.reader.text(), self.count.value()))
        self.reader.returnPressed.connect(self._on_return)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addWidget(self.resume_button)
        buttons.addWidget(self.end_button)
        buttons.addWidget(self.start_button)
        buttons.addStretch()
        self.earlier = words_label("heading")
        self.table = NumbersTable("Earlier reviews of this run", sortable=False)
        self.table.cellActivated.connect(lambda row, _column: self._open(row))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        column.addWidget(self.about)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.problem)
        column.addWidget(self.earlier)
        column.addWidget(self.table, 1)
        column.addStretch(0)

    def show_run(self, run: Run, reviews: Sequence[BlindReview], most: int) -> None:
        """Offer a review of a run, with at most `most` images of each kind. `reviews`: earlier ones, newest first."""
        self._reviews, self._most = list(reviews), most
        size = run.info.settings["image_size"]
        self.about.setText(
            "You see synthetic images of this run and an equal number of real images of class "
            f"{run.info.settings['class_name']}, one at a time, in random order. For each image, say if it is real or "
            "synthetic, then if it is fit for training. You cannot go back to an image, and the truth is shown only at "
            "the end.\n\n"
            f"All images are shown with {size}×{size} pixels, the size that the generator draws. Real images are "
            "reduced to this size, as they were for its training; otherwise sharpness alone would tell them apart. "
            "Judge what can be judged at this size.\n\n"
            "Every answer is saved at once. You can leave at any time and resume later, or end the review early. "
            "Synthetic images called unfit are set aside only at the end; Ctrl+Z in the Dataset tab brings them back. "
            f"{REACH}"
        )
        self.problem.setText("" if most >= FEWEST else TOO_FEW)
        self.problem.setVisible(most < FEWEST)
        self.count.setMaximum(max(FEWEST, most))
        self.count.setToolTip(f"Number of synthetic and of real images; this run and its class have {most} of each")
        self.earlier.setText("Earlier reviews of this run; Enter or a double-click shows one, or offers to end it")
        self.earlier.setVisible(bool(reviews))
        self.table.setVisible(bool(reviews))
        self.table.show_cells(_HEADINGS, [_row(review) for review in reviews])
        self._look_at_reader()

    def offer_usual(self) -> None:
        """Suggest the usual number of images, for another run."""
        self.count.setValue(min(USUAL, self.count.maximum()))

    def show_problem(self, sentence: str) -> None:
        """Show why a review cannot be started or resumed."""
        self.problem.setText(sentence)
        self.problem.show()

    @property
    def left_review(self) -> BlindReview | None:
        """The unfinished review by the reader whose name is typed."""
        return unfinished(self._reviews, self.reader.text())

    def _look_at_reader(self) -> None:
        left = self.left_review
        self.resume_button.setVisible(left is not None)
        self.end_button.setVisible(left is not None)
        if left is not None:
            self.end_button.setEnabled(left.answered > 0)
            self.resume_button.setText(f"Resu&me: {left.answered} of {left.asked} images are answered")
        has_name = bool(self.reader.text().strip())
        self.start_button.setEnabled(has_name and left is None and self._most >= FEWEST)
        why = "" if has_name else "Type the reader's name first"
        if left is not None:
            why = "Resume or end your unfinished review first"
        self.start_button.setToolTip(why)

    def _on_return(self) -> None:
        if self.left_review is not None:
            self._resume()
        else:
            self.start_button.click()

    def _resume(self) -> None:
        if self.left_review is not None:
            self.resume_requested.emit(self.left_review)

    def _open(self, row: int) -> None:
        review = self._reviews[row]
        if review.result is not None:
            self.opened.emit(review)
        else:
            self.reader.setText(review.reader)
            self.resume_button.setFocus()


def _row(review: BlindReview) -> list[Cell]:
    result = review.result
    answered = f"{review.answered} of {review.asked}"
    state = f"ended after {answered}" if review.ended_early else "finished" if result else f"{answered} answered"
    shares: list[Share | None] = [None] * 5
    if result is not None:
        parts = result.correct, result.sensitivity, result.specificity, result.fit_synthetic, result.fit_real
        shares = list(parts)
    return [
        text(when_in_words(review.began)),
        text(review.reader),
        text(state),
        Cell(str(review.asked), review.asked),
        *map(share_cell, shares),
    ]


def share_cell(share: Share | None) -> Cell:
    """`80 (61 to 92)`, in per cent; a dash if no image was counted."""
    if share is None or share.value is None:
        return Cell("–")
    low, high = (100 * bound for bound in share.ci95)
    return Cell(share.in_words().replace(" %", ""), 100 * share.value, low, high, f"{share.count} of {share.of}")
