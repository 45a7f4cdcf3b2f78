"""The top of the duplicate review: its progress, the number of the pair, and the order of the pairs."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from busapp.engine.catalog import Pair
from busapp.engine.curation.duplicate_review import PairReview
from busapp.engine.utils.words import many
from busapp.gui.theme import SPACE

_WHY: Final = (
    "Pairs with different classes come first: one of two labels for one picture must be wrong. Then come the least "
    "similar pairs, because they need a person's eye most."
)


class ReviewHead(QWidget):
    """Two lines. The second one is visible only while there is a pair.

    Signals:
        decided_too_wanted: True if the review shows decided pairs as well.
    """

    decided_too_wanted = Signal(bool)

    def __init__(self, leave_button: QPushButton, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress_label = QLabel()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(SPACE)
        self.progress.setAccessibleName("Pairs that are decided")
        self.decided_box = QCheckBox("Include &decided pairs")
        self.decided_box.setToolTip("Show decided pairs as well, so that you can change a decision")
        self.decided_box.toggled.connect(self.decided_too_wanted)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.contradiction = QLabel("≠ Different classes")
        self.contradiction.setProperty("role", "error")
        why = QLabel(_WHY)
        why.setProperty("role", "muted")
        why.setWordWrap(True)

        first = QHBoxLayout()
        first.setSpacing(SPACE)
        first.addWidget(leave_button)
        first.addWidget(self.progress_label)
        first.addWidget(self.progress, 1)
        first.addWidget(self.decided_box)
        self._second = QWidget()
        second = QHBoxLayout(self._second)
        second.setContentsMargins(0, 0, 0, 0)
        second.setSpacing(2 * SPACE)
        second.addWidget(self.heading)
        second.addWidget(self.contradiction)
        second.addWidget(why, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addLayout(first)
        column.addWidget(self._second)

    def show_progress(self, review: PairReview) -> None:
        """Show the number of decided pairs."""
        total, waiting = len(review.pairs), review.waiting
        contradicting = sum(map(review.contradicts, waiting))
        first = f", {many(contradicting, 'contradicting pair')} first" if contradicting else ""
        self.progress_label.setText(f"{total - len(waiting):,} of {total:,} decided{first}")
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(total - len(waiting))

    def show_pair(self, review: PairReview, pair: Pair | None, place: int, of: int) -> None:
        """Show the words for a pair, or hide them for None. `place` counts from 0."""
        self._second.setVisible(pair is not None)
        if pair is None:
            return
        decision = review.decision_in_words(pair)
        self.heading.setText(
            f"Pair {place + 1:,} of {of:,}: {pair.how}, likeness {pair.similarity:.2f}"
            + (f". Decided: {decision}" if decision else "")
        )
        self.contradiction.setVisible(review.contradicts(pair))
