"""A question about the images of a pair, in a line instead of a dialog: which image, and which value."""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from busapp.gui.dataset.keyed_actions import button_for, keyed_action
from busapp.gui.theme import SPACE

Which = Literal["left", "right", "both"]


class ChoiceBar(QFrame):
    """Its keys do nothing until `ask` is called.

    Signals:
        chosen: `left`, `right` or `both`, and the value chosen beside the question.
        closed: the question was answered or cancelled.
    """

    chosen = Signal(str, str)
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """The keys L, R and B answer as long as the focus is anywhere in `parent`."""
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
            self._add(parent, row, which, text, key)  # type: ignore[arg-type]
        self.cancel_button = QPushButton("Cancel (Esc)")
        self.cancel_button.clicked.connect(self.close_question)
        row.addWidget(self.cancel_button)
        row.addStretch()
        self.is_open = False

    def _add(self, parent: QWidget, row: QHBoxLayout, which: Which, text: str, key: str) -> None:
        action = keyed_action(parent, text, key, lambda: self._answer(which))
        action.setEnabled(False)
        parent.addAction(action)
        button = button_for(action)
        row.addWidget(button)
        self.actions_by_side[which], self.buttons[which] = action, button

    def ask(
        self, question: str, values: Sequence[str], sides: Sequence[Which], suggested: Which, *, editable: bool
    ) -> None:
        """Ask a question, with values to choose from. Enter answers with the suggested side."""
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
        """Close the question without an answer."""
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
