"""The base of the views that a tab can show in place of a run's pictures and numbers."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from busapp.engine.study.workspace import Workspace
from busapp.gui.theme import SPACE
from busapp.gui.widgets.view_head import ViewHead


class RunView(QWidget):
    """A view that fills the tab except for its settings. Its `back_button` or Esc leads back to the run. Subclasses set
    the text of the `heading`, and add their content to the `column` under the head.

    Signals:
        left: the user wants to see the run again.
    """

    left = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """`name` is the name of the view for screen readers."""
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
        """Read the study again. Called while the view is shown."""

    def close_view(self) -> None:
        """Forget all requests, because the view is no longer shown."""

    def stop(self) -> None:
        """Stop the work in the background, and wait until it has ended."""
