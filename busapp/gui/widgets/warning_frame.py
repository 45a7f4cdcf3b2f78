"""Permanent warnings: a triangle, a heading and a list."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from busapp.gui.theme import SPACE


class WarningFrame(QFrame):
    """A list of warnings. Hidden while the list is empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("level", "warning")
        self.label = words_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        layout.addWidget(self.label)
        self.hide()

    def show_list(self, heading: str, entries: Sequence[str]) -> None:
        """Show a list of warnings under a heading; an empty list hides the frame."""
        self.label.setText("\n".join([f"⚠ {heading}", *(f"• {entry}" for entry in entries)]))
        self.setAccessibleName(self.label.text())
        self.setVisible(bool(entries))


def words_label(role: str = "") -> QLabel:
    """Return a label whose text wraps and can be selected. `role` is one of the theme's: heading, muted, warning,
    error."""
    label = QLabel()
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # a long word widens no panel
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label


def large_label() -> QLabel:
    """Return a large label for the main result of a panel: a class, or an accuracy."""
    label = words_label()
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * 1.5)
    font.setBold(True)
    label.setFont(font)
    return label
