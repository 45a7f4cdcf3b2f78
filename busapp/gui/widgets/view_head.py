"""The first row of a view: the button that leads back, the heading, and controls on the right."""

from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

from busapp.gui.widgets.flow_row import FlowRow


class ViewHead(QWidget):
    """`back_button`, `heading` and whatever is added."""

    def __init__(self, back: str, parent: QWidget | None = None) -> None:
        """`back` is written on the button."""
        super().__init__(parent)
        self.back_button = QPushButton(back)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.heading.setMinimumWidth(1)  # a run may have a long name
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._row = FlowRow(self)
        self._row.addWidget(self.back_button)
        self._row.addWidget(self.heading)
        self._row.add_gap()

    def add(self, control: QWidget) -> None:
        """Add a control at the right end."""
        self._row.addWidget(control)
