"""A question about one image of a pair, asked in a line instead of a dialog: which one, and what of it."""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from busapp.gui.theme import SPACE

Which = Literal["left", "right", "both"]


class ChoiceBar(QFrame):
    """Has nothing to say until it asks.

    Signals:
        chosen: `left`, `right` or `both`, and the value that stands beside the question.
        closed: it was answered or left.
    """

    chosen = Signal(str, str)
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """The keys L, R and B answer wherever the focus is in `parent`."""
        super().__init__(parent)
        self.setProperty("level", "info")
        self.question = QLabel()
        self.values = QComboBox()
        self.values.setMinimumWidth(180)
        self.values.setAccessibleName("Answer")
        self.buttons: dict[Which, QPushButton] = {}
        self.actions_by_side: dict[Which, QAction] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(self.question)
        row.addWidget(self.values)
        for which, text, key in (("left", "Left", "L"), ("right", "Right", "R"), ("both", "Both", "B")):
            self._add(parent, row, which, f"{text} ({key})", key)  # type: ignore[arg-type]
        self.cancel_button = QPushButton("Leave it (Esc)")
        self.cancel_button.clicked.connect(self.close_question)
        row.addWidget(self.cancel_button)
        row.addStretch()
        self.is_open = False

    def _add(self, parent: QWidget, row: QHBoxLayout, which: Which, text: str, key: str) -> None:
        action = QAction(text, parent)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setEnabled(False)
        action.triggered.connect(lambda: self._answer(which))
        parent.addAction(action)
        button = QPushButton(text)
        button.clicked.connect(action.trigger)
        row.addWidget(button)
        self.actions_by_side[which], self.buttons[which] = action, button

    def ask(
        self, question: str, values: Sequence[str], sides: Sequence[Which], suggested: Which, *, editable: bool
    ) -> None:
        """Show the question with the values to choose from; Enter answers with the suggested side."""
        self.question.setText(question)
        self.values.setEditable(editable)
        self.values.clear()
        self.values.addItems(list(values))
        self.values.setAccessibleName(question)
        for which, action in self.actions_by_side.items():
            action.setEnabled(which in sides)
            self.buttons[which].setVisible(which in sides)
            self.buttons[which].setDefault(which == suggested)
        self.is_open = True
        self.buttons[suggested].setFocus()

    def close_question(self) -> None:
        """Ask nothing any more."""
        if not self.is_open:
            return
        self.is_open = False
        for action in self.actions_by_side.values():
            action.setEnabled(False)
        self.closed.emit()

    def _answer(self, which: Which) -> None:
        value = self.values.currentText().strip()
        if value:
            self.close_question()
            self.chosen.emit(which, value)
