"""Undo, Redo and History of the Edit menu, for changes to the dataset."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from busapp.engine.catalog import Catalog
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.history_list import HistoryList


class DatasetHistory(QObject):
    """Three actions that are enabled while a study is open.

    Signals:
        changed: the dataset was changed.
    """

    changed = Signal()

    def __init__(self, window: QMainWindow) -> None:
        """The status line of the window reports each undo and redo."""
        super().__init__(window)
        self._window = window
        self._catalog: Catalog | None = None
        self.undo_action = self._action("&Undo dataset change", self._undo, "Ctrl+Z")
        self.redo_action = self._action("&Redo dataset change", self._redo, "Ctrl+Shift+Z", "Ctrl+Y")
        self.list_action = self._action("&History…", self._show)

    def _action(self, text: str, slot: object, *keys: str) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setEnabled(False)
        action.triggered.connect(slot)
        return action

    def fill(self, menu: QMenu) -> None:
        """Add the actions to a menu."""
        menu.addActions([self.undo_action, self.redo_action, self.list_action])

    def open_study(self, workspace: Workspace) -> None:
        """Use the changes of another study."""
        self._catalog = workspace.catalog
        for action in (self.undo_action, self.redo_action, self.list_action):
            action.setEnabled(True)

    def _undo(self) -> None:
        assert self._catalog is not None
        undone = self._catalog.undo()
        self._report(f"Undone: {undone}" if undone else "There is nothing to undo.", undone)

    def _redo(self) -> None:
        assert self._catalog is not None
        redone = self._catalog.redo()
        self._report(f"Redone: {redone}" if redone else "There is nothing to redo.", redone)

    def _report(self, words: str, change: str | None) -> None:
        self._window.statusBar().showMessage(words, 8000)
        if change is not None:
            self.changed.emit()

    def _show(self) -> None:
        assert self._catalog is not None
        dialog = HistoryList(self._catalog, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(self.changed)
        dialog.open()
