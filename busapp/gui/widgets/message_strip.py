"""The strip at the top of a tab: what happened and what to do. Several messages are counted and listed, not stacked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from busapp.gui.theme import SPACE

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence, its details (may be empty), and an action offered with it (its label may be empty)."""

    sentence: str
    details: str = ""
    level: Level = "error"
    action: str = ""
    on_action: Callable[[], None] | None = None


class MessageStrip(QFrame):
    """Shows the newest message, counts the others and lists them all under "Details". Hidden while empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: list[Message] = []
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.action_button = QPushButton()
        self.action_button.clicked.connect(self._act)
        self.details_button = QPushButton("Details")
        self.details_button.setCheckable(True)
        self.details_button.toggled.connect(self._show_details)
        self.copy_button = QPushButton("Copy")
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._as_text()))
        for pushed in (self.action_button, self.details_button, self.copy_button):
            pushed.setAutoDefault(False)  # in a dialog, Enter in another field would press it
        self.close_button = QToolButton()
        self.close_button.setText("✕")
        self.close_button.setAutoRaise(True)
        self.close_button.setToolTip("Close")
        self.close_button.setAccessibleName("Close messages")
        self.close_button.clicked.connect(self.clear)
        self.details = QPlainTextEdit(readOnly=True)
        self.details.setAccessibleName("Details of the messages")
        self.details.setMaximumHeight(160)
        self.details.hide()

        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.label, 1)
        for button in (self.action_button, self.details_button, self.copy_button, self.close_button):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, SPACE // 2, SPACE // 2, SPACE // 2)
        column.addLayout(row)
        column.addWidget(self.details)
        self.setAccessibleName("Messages")
        self.hide()

    @property
    def messages(self) -> list[Message]:
        """The listed messages, the newest last."""
        return list(self._messages)

    def add(
        self,
        sentence: str,
        details: str = "",
        *,
        level: Level = "error",
        action: str = "",
        on_action: Callable[[], None] | None = None,
    ) -> None:
        """Show a message. The same sentence is never listed twice."""
        message = Message(sentence, details, level, action, on_action)
        self._messages = [old for old in self._messages if old.sentence != sentence] + [message]
        self._show_newest()

    def clear(self) -> None:
        """Remove all messages."""
        self._messages.clear()
        self.details_button.setChecked(False)
        self.hide()

    def remove(self, sentence: str) -> None:
        """Remove one message."""
        self._keep([message for message in self._messages if message.sentence != sentence])

    def remove_infos(self) -> None:
        """Remove the messages of level "info"."""
        self._keep([message for message in self._messages if message.level != "info"])

    def _keep(self, messages: list[Message]) -> None:
        self._messages = messages
        if messages:
            self._show_newest()
        else:
            self.clear()

    def _show_newest(self) -> None:
        newest = self._messages[-1]
        count = len(self._messages)
        self.label.setText(newest.sentence if count == 1 else f"{newest.sentence} (newest of {count} messages)")
        self.action_button.setText(newest.action)
        self.action_button.setVisible(bool(newest.action))
        has_more = count > 1 or bool(newest.details)
        self.details_button.setVisible(has_more)
        self.copy_button.setVisible(has_more or newest.level == "error")
        self.details.setPlainText(self._as_text())
        self.setProperty("level", newest.level)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def _act(self) -> None:
        newest = self._messages[-1]
        self.remove(newest.sentence)
        if newest.on_action is not None:
            newest.on_action()

    def _show_details(self, wanted: bool) -> None:
        self.details.setVisible(wanted)

    def _as_text(self) -> str:
        return "\n\n".join(f"{m.sentence}\n{m.details}".strip() for m in reversed(self._messages))
