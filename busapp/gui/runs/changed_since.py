"""What has changed in the dataset since the run that is shown began."""

import logging

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.gui.theme import SPACE
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import latest_changes

log = logging.getLogger(__name__)


class ChangedSince(QWidget):
    """Takes no room while nothing has changed. The catalog is asked off the window's thread, and only while this can
    be seen: the fingerprint of a large dataset takes a while."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run_id = ""
        self._unasked: tuple[Workspace, Run] | None = None
        self._question = 0
        self._answer = _Answer()
        self._answer.given.connect(self._on_answer)
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
        """No run is shown."""
        self._run_id, self._unasked = "", None
        self._question += 1
        self.frame.hide()

    def look(self, workspace: Workspace, run: Run) -> None:
        """Compare the dataset with the one that the run began with."""
        if run.id != self._run_id:
            self.clear()
        self._run_id = run.id
        self._unasked = workspace, run
        self._question += 1  # what is being asked now is out of date
        if self.isVisible():
            self._ask()

    def stop(self) -> None:
        """Wait for what is being asked."""
        self.clear()
        QThreadPool.globalInstance().waitForDone()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    def _ask(self) -> None:
        if self._unasked is not None:
            QThreadPool.globalInstance().start(_Question(*self._unasked, self._question, self._answer))
            self._unasked = None

    def _on_answer(self, question: int, changes: list[str]) -> None:
        if question != self._question:
            return
        self.label.setText("\n".join(["Since this run began, the dataset has changed:", *latest_changes(changes)]))
        self.label.setToolTip("\n".join(changes))
        self.frame.setVisible(bool(changes))


class _Answer(QObject):
    """Outlives the widget where a question is still being asked."""

    given = Signal(int, list)


class _Question(QRunnable):
    def __init__(self, workspace: Workspace, run: Run, number: int, answer: _Answer) -> None:
        super().__init__()
        self._workspace, self._run, self._number, self._answer = workspace, run, number, answer

    def run(self) -> None:
        try:
            changes = self._workspace.changed_since(self._run)
        except Exception:  # the study may have been moved away; the run is shown all the same
            log.exception("what has changed since a run cannot be told")
            return
        self._answer.given.emit(self._number, changes)
