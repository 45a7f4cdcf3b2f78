"""The question page of a blinded review: one large image, and no hint of what it is."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from PIL import Image
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.images.preprocessing import Pixels
from busapp.engine.synthesis.blind_review import LONGEST_REASON, REASONS, BlindReview
from busapp.gui.images.image_canvas import ImageCanvas, to_qimage
from busapp.gui.theme import SPACE
from busapp.gui.widgets.flow_row import FlowRow
from busapp.gui.widgets.warning_frame import words_label

Stage = Literal["kind", "fitness", "reason"]
_QUESTIONS: Final[dict[Stage, str]] = {
    "kind": "Is this image real or synthetic?",
    "fitness": "Is it fit for training?",
    "reason": "Why is it unfit?",
}
_STAGES: Final[tuple[Stage, ...]] = ("kind", "fitness", "reason")
END_EARLY: Final = "&End the review here…"
END_EARLY_TIP: Final = "The result then covers the answered images only; at least one is needed"
_OWN_WORDS: Final = "or in your own words, then Enter"
_CANVAS_KEYS: Final = (
    Qt.Key.Key_Plus,
    Qt.Key.Key_Equal,
    Qt.Key.Key_Minus,
    Qt.Key.Key_0,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
)


class BlindQuestion(QWidget):
    """Keys: R or S, then F or U, then 1 to 4 or the reader's own words. The controls keep one height, so that nothing
    moves.

    Signals:
        end_wanted: the reader wants to end the review before all images are answered.
        called: the kind that the reader chose, and the seconds taken.
        judged: True if fit, the reason if not, and the seconds taken.
    """

    end_wanted = Signal()
    called = Signal(str, float)
    judged = Signal(bool, str, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stage: Stage = "kind"
        self._since = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.place = QLabel()
        self.place.setProperty("role", "heading")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(SPACE)
        self.progress.setAccessibleName("Images that are answered")
        self.end_button = QPushButton(END_EARLY)
        self.end_button.setToolTip(END_EARLY_TIP)
        self.end_button.clicked.connect(self.end_wanted)
        self.canvas = ImageCanvas()
        self.canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # this page handles the keys for zooming and moving
        self.question = QLabel()
        self.question.setProperty("role", "heading")
        self.problem = words_label("error")
        self.problem.hide()
        self._actions: dict[Stage, list[QAction]] = {stage: [] for stage in _STAGES}
        self.buttons: dict[tuple[Stage, str], QPushButton] = {}
        """By stage and key."""
        self._rows = QStackedWidget()
        self._rows.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._rows.addWidget(self._make_kinds())
        self._rows.addWidget(self._make_fitness())
        self._rows.addWidget(self._make_reasons())
        top = QHBoxLayout()
        top.setSpacing(SPACE)
        top.addWidget(self.place)
        top.addWidget(self.progress, 1)
        top.addWidget(self.end_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addLayout(top)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.problem)
        column.addWidget(self.question)
        column.addWidget(self._rows)

    def _make_kinds(self) -> QWidget:
        return _row(
            self._button("kind", "Real", "R", lambda: self._call("real")),
            self._button("kind", "Synthetic", "S", lambda: self._call("synthetic")),
        )

    def _make_fitness(self) -> QWidget:
        return _row(
            self._button("fitness", "Fit", "F", lambda: self._judge(True)),
            self._button("fitness", "Unfit…", "U", lambda: self._ask("reason")),
        )

    def _make_reasons(self) -> QWidget:
        suggested = [
            self._button("reason", reason.capitalize(), str(number), partial(self._judge, False, reason))
            for number, reason in enumerate(REASONS, start=1)
        ]
        self.words = QLineEdit()
        self.words.setMaxLength(LONGEST_REASON)
        self.words.setPlaceholderText(_OWN_WORDS)
        self.words.setMinimumWidth(self.words.fontMetrics().horizontalAdvance(_OWN_WORDS) + 2 * SPACE)
        self.words.setAccessibleName("Reason in your own words")
        self.words.returnPressed.connect(lambda: self._judge(False, self.words.text()))
        fit = self._button("reason", "It is fit", "F", lambda: self._judge(True))
        return _row(*suggested, self.words, fit)

    def _button(self, stage: Stage, words: str, key: str, slot: Callable[[], object]) -> QPushButton:
        """Return a button; its key works only in its stage."""
        action = QAction(words, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setAutoRepeat(False)  # a held key must not answer for the next image
        action.triggered.connect(lambda _checked=False: slot())
        self.addAction(action)
        self._actions[stage].append(action)
        button = QPushButton(f"{words} ({key})")
        button.clicked.connect(action.trigger)
        self.buttons[stage, key] = button
        return button

    # -- content -------------------------------------------------------------------------------------------

    def show_question(self, review: BlindReview, pixels: Pixels) -> None:
        """Ask about the current image of a review. `pixels`: its picture, uint8 (size, size, 3)."""
        assert review.current is not None
        number = review.answered + 1
        self.place.setText(f"Image {number} of {review.asked}")
        self.progress.setRange(0, review.asked)
        self.progress.setValue(review.answered)
        self.end_button.setEnabled(review.answered > 0)
        self.canvas.show_picture(to_qimage(Image.fromarray(pixels)))
        self.canvas.fit()
        self.words.clear()
        self._ask("kind" if review.questions[review.current].said is None else "fitness")

    def ask_fitness(self) -> None:
        """Ask if the image is fit, after the answer real or synthetic is saved."""
        self._ask("fitness")

    def show_problem(self, sentence: str) -> None:
        """Show why an answer could not be saved. The question stays."""
        self.problem.setText(sentence)
        self.problem.show()

    def _ask(self, stage: Stage) -> None:
        if stage != "reason":  # the time to find a reason counts as part of the judgement
            self._since = time.monotonic()
        self.stage = stage
        self.problem.hide()
        self.question.setText(_QUESTIONS[stage])
        self.setAccessibleName(f"{self.place.text()}. {_QUESTIONS[stage]}")
        for name, actions in self._actions.items():
            for action in actions:
                action.setEnabled(name == stage)
        self._rows.setCurrentIndex(_STAGES.index(stage))
        self.setFocus()  # otherwise a stray Space would press the focused button

    def _call(self, kind: str) -> None:
        self.called.emit(kind, time.monotonic() - self._since)

    def _judge(self, fit: bool, reason: str = "") -> None:
        if fit or reason.strip():
            self.judged.emit(fit, reason, time.monotonic() - self._since)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _CANVAS_KEYS:
            self.canvas.keyPressEvent(event)
        else:
            super().keyPressEvent(event)


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = FlowRow(row)
    for widget in widgets:
        layout.addWidget(widget)
    return row
