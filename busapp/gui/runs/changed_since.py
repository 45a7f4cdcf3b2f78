"""The changes to the dataset since the shown run began."""

import logging
from functools import partial

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import latest_changes

log = logging.getLogger(__name__)


class ChangedSince(QWidget):
    """Lists the changes; takes no space if there are none. The comparison runs in the background, and only while this
    widget is visible, because the fingerprint of a large dataset takes a while."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run_id = ""
        self._unasked: tuple[Workspace, Run] | None = None
        self._work = Background(self)
        self._work.made.connect(self._show)
        # The study may have been moved away; the run is shown all the same.
        self._work.failed.connect(partial(log.warning, "cannot compare the dataset with that of a run: %s"))
        self.label = words_label()
        self.frame = QFrame()
        self.frame.setProperty("level", "info")
        inside = QVBoxLayout(self.frame)
        inside.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        inside.addWidget(self.label)
        self.frame.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.addWidget(self.frame)

    def clear(self) -> None:
        """Show nothing, as no run is shown."""
        self._run_id, self._unasked = "", None
        self._work.ask(None)
        self.frame.hide()

    def look(self, workspace: Workspace, run: Run) -> None:
        """Compare the dataset with the one at the start of the run."""
        if run.id != self._run_id:
            self.clear()
        self._run_id = run.id
        self._unasked = workspace, run
        self._work.ask(None)  # a comparison that is running is out of date
        if self.isVisible():
            self._ask()

    def stop(self) -> None:
        """Forget the comparison, and wait if one is running."""
        self.clear()
        self._work.stop()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    def _ask(self) -> None:
        if self._unasked is not None:
            workspace, run = self._unasked
            self._work.ask(partial(workspace.changed_since, run))
            self._unasked = None

    def _show(self, changes: list[str]) -> None:
        self.label.setText("\n".join(["Since this run began, the dataset has changed:", *latest_changes(changes)]))
        self.label.setToolTip("\n".join(changes))
        self.frame.setVisible(bool(changes))
