"""The top of the duplicate review: how far it is, which pair this is, and why it comes now."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from busapp.engine.catalog import Pair
from busapp.engine.curation.duplicate_review import PairReview
from busapp.gui.theme import SPACE

_WHY: Final = (
    "Different classes come first: one of two labels for one picture must be wrong. Then the least alike, which need "
    "a person's eye most."
)


class ReviewHead(QWidget):
    """Two lines; the second one only while there is a pair to speak of.

    Signals:
        decided_too_wanted: whether the pairs that were decided are walked through as well.
    """

    decided_too_wanted = Signal(bool)

    def __init__(self, leave_button: QPushButton, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress_label = QLabel()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(SPACE)
        self.progress.setAccessibleName("Pairs that are decided")
        self.decided_box = QCheckBox("Decided &too")
        self.decided_box.setToolTip("Walk through the pairs that were decided as well, to change your mind")
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
        """How many pairs are decided."""
        total, waiting = len(review.pairs), review.waiting
        contradicting = sum(map(review.contradicts, waiting))
        first = f", {contradicting:,} contradicting first" if contradicting else ""
        self.progress_label.setText(f"{total - len(waiting):,} of {total:,} decided{first}")
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(total - len(waiting))

    def show_pair(self, review: PairReview, pair: Pair | None, place: int, of: int) -> None:
        """Which pair is looked at, None for none; `place` counts from 0."""
        self._second.setVisible(pair is not None)
        if pair is None:
            return
        decision = review.decision_in_words(pair)
        self.heading.setText(
            f"Pair {place + 1:,} of {of:,}: {pair.how}, likeness {pair.similarity:.2f}"
            + (f". Decided: {decision}" if decision else "")
        )
        self.contradiction.setVisible(review.contradicts(pair))
