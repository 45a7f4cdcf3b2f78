"""What a tab can show in the place of one run's pictures and numbers."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from busapp.engine.study.workspace import Workspace
from busapp.gui.theme import SPACE
from busapp.gui.widgets.view_head import ViewHead


class RunView(QWidget):
    """A view over the whole tab but for its settings. Its `back_button` or Esc leads back to the run. Subclasses put
    their `heading` into words, and what they show into the `column`, under the head.

    Signals:
        left: the user wants to see the run again.
    """

    left = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """`name` is what the view is called by a screen reader."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.head = ViewHead("← &Back to the run (Esc)")
        self.back_button, self.heading = self.head.back_button, self.head.heading
        self.back_button.clicked.connect(self.left)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(SPACE, 0, 0, 0)
        self.column.setSpacing(SPACE)
        self.column.addWidget(self.head)

    def refresh(self, workspace: Workspace) -> None:
        """Look at the study again; called while the view is shown."""

    def close_view(self) -> None:
        """It is not shown any more: forget what was asked for."""

    def stop(self) -> None:
        """Wait for what is done in the background."""
