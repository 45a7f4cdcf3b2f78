"""The scrolling column of widgets on either side of the Dataset tab."""

from PySide6.QtCore import QMargins
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from busapp.gui.theme import SPACE


class SidePanel(QScrollArea):
    """Widgets are added to `column`."""

    def __init__(self, name: str, margins: QMargins, parent: QWidget | None = None) -> None:
        """`name` is read by screen readers."""
        super().__init__(parent)
        panel = QWidget()
        self.column = QVBoxLayout(panel)
        self.column.setContentsMargins(margins)
        self.column.setSpacing(SPACE)
        self.setWidget(panel)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName(name)

    def add_heading(self, text: str) -> None:
        """Add the heading of the widgets that follow."""
        label = QLabel(text)
        label.setProperty("role", "heading")
        self.column.addWidget(label)
