"""The content of an empty screen: one sentence, and the button that changes that."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from busapp.gui.theme import SPACE


class EmptyState(QWidget):
    """One sentence and one button, or two buttons if there are two ways to begin.

    Signals:
        clicked: the first button.
        second_clicked: the second button, if there is one.
    """

    clicked = Signal()
    second_clicked = Signal()

    def __init__(
        self, sentence: str, button_text: str = "", second_text: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.label = QLabel(sentence)
        self.label.setWordWrap(True)
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.label.setProperty("role", "muted")
        self.button = QPushButton(button_text)
        self.button.clicked.connect(self.clicked)
        self.second_button = QPushButton(second_text)
        self.second_button.clicked.connect(self.second_clicked)
        for button in (self.button, self.second_button):
            if not button.text():
                button.hide()
                button.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addStretch()
        buttons.addWidget(self.button)
        buttons.addWidget(self.second_button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setSpacing(2 * SPACE)
        column.addStretch()
        column.addWidget(self.label)
        column.addLayout(buttons)
        column.addStretch()
        self.setAccessibleName(sentence)

    def set_sentence(self, sentence: str) -> None:
        """Show another sentence."""
        self.label.setText(sentence)
        self.setAccessibleName(sentence)
