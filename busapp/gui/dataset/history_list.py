"""The list of all changes to the dataset, to undo them back to any one."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QBrush, QColor, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStackedLayout,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import Catalog, Change
from busapp.engine.utils.words import many
from busapp.gui.theme import SPACE, colours, theme
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.panels import resize_within_screen
from busapp.gui.words import when_in_words

_WHAT, _WHEN, _STATE = range(3)


class HistoryList(QDialog):
    """Lists changes, the newest first. Undone changes are struck through.

    Changes are undone one by one between events, so that the window stays responsive. Esc stops after the current one.

    Signals:
        changed: the dataset was changed here.
    """

    changed = Signal()

    def __init__(self, catalog: Catalog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("History of the dataset")
        self._catalog = catalog
        self._to_undo: int | None = None
        self._undone = 0
        self._step = QTimer(self, interval=0)
        self._step.timeout.connect(self._undo_next)
        self.table = QTreeWidget()
        self.table.setAccessibleName("Changes, the newest first")
        self.table.setHeaderLabels(["Change", "When", "State"])
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAlternatingRowColors(True)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.header().setStretchLastSection(False)
        self.table.header().setSectionResizeMode(_WHAT, QHeaderView.ResizeMode.Stretch)
        for column in (_WHEN, _STATE):
            self.table.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.table.currentItemChanged.connect(lambda *_items: self._offer())
        self.empty = EmptyState(
            "No changes yet. This list will show every import, every image set aside, every changed class and every "
            "decision on duplicates. Each of them can be undone."
        )
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setProperty("role", "muted")
        self._lay_out()
        self._add_key("Undo", [QKeySequence("Ctrl+Z")], self._undo_newest)
        self._add_key("Redo", [QKeySequence("Ctrl+Y"), QKeySequence("Ctrl+Shift+Z")], self.redo_button.click)
        theme.changed.connect(self.refresh)
        resize_within_screen(self, 720, 480)
        self.refresh()
        self.table.setFocus()

    def _lay_out(self) -> None:
        self.undo_button = QPushButton("&Undo down to here")
        self.undo_button.clicked.connect(self._undo_down)
        self.redo_button = QPushButton("&Redo (Ctrl+Y)")
        self.redo_button.setToolTip("Redo the change that was undone last, if nothing else has changed since")
        self.redo_button.clicked.connect(self._redo)
        self.close_button = QPushButton("Close (Esc)")
        self.close_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        for button in (self.undo_button, self.redo_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.close_button)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.table)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addLayout(self._stack, 1)
        column.addWidget(self.told)
        column.addLayout(buttons)

    def _add_key(self, text: str, keys: list[QKeySequence], slot: object) -> None:
        action = QAction(text, self)
        action.setShortcuts(keys)
        action.triggered.connect(slot)
        self.addAction(action)

    # -- content -------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the catalog again. The selection stays on its change."""
        current = self._current()
        history = self._catalog.history()
        self._changes = {change.id: change for change in history}
        self.table.clear()
        items = [self._item(change) for change in history]
        self.table.addTopLevelItems(items)
        self._stack.setCurrentIndex(int(bool(items)))
        wanted = [item for item in items if current and item.data(_WHAT, Qt.ItemDataRole.UserRole) == current.id]
        if items:
            self.table.setCurrentItem((wanted or items)[0])
        self._offer()

    def _item(self, change: Change) -> QTreeWidgetItem:
        item = QTreeWidgetItem([change.what, when_in_words(change.at), "undone" if change.undone else ""])
        item.setData(_WHAT, Qt.ItemDataRole.UserRole, change.id)
        item.setToolTip(_WHAT, change.what)
        if change.undone:
            font = item.font(_WHAT)
            font.setStrikeOut(True)
            item.setFont(_WHAT, font)
            for column in (_WHAT, _WHEN, _STATE):
                item.setForeground(column, QBrush(QColor(colours().muted)))
        return item

    def _current(self) -> Change | None:
        item = self.table.currentItem()
        return self._changes.get(item.data(_WHAT, Qt.ItemDataRole.UserRole)) if item is not None else None

    def _count_down_to(self, change: Change | None) -> int:
        """Number of changes to undo down to this one, itself included; 0 if it is undone already."""
        if change is None or change.undone:
            return 0
        return sum(not other.undone and other.id >= change.id for other in self._changes.values())

    def _offer(self) -> None:
        count = self._count_down_to(self._current())
        self.undo_button.setText("&Undo this change" if count == 1 else f"&Undo {many(count, 'change')}, down to here")
        if not count:
            self.undo_button.setText("&Undo down to here")
        self.undo_button.setEnabled(bool(count) and self._to_undo is None)
        self.redo_button.setEnabled(any(change.undone for change in self._changes.values()) and self._to_undo is None)

    # -- what the user does --------------------------------------------------------------------------------

    def _undo_newest(self) -> None:
        newest = next((change for change in self._changes.values() if not change.undone), None)
        self._begin(newest)

    def _undo_down(self) -> None:
        self._begin(self._current())

    def _begin(self, change: Change | None) -> None:
        if self._to_undo is None and self._count_down_to(change):
            assert change is not None
            self._to_undo, self._undone = self._count_down_to(change), 0
            self._offer()
            self._step.start()

    def _undo_next(self) -> None:
        assert self._to_undo is not None
        what = self._catalog.undo() if self._undone < self._to_undo else None
        if what is None:
            self._end()
        else:
            self._undone += 1
            self.told.setText(f"Undone {self._undone:,} of {self._to_undo:,}: {what}")

    def _end(self) -> None:
        self._step.stop()
        self._to_undo = None
        if self._undone != 1:
            self.told.setText(f"{many(self._undone, 'change')} undone.")
        self.refresh()
        self.changed.emit()

    def _redo(self) -> None:
        redone = self._catalog.redo()
        self.told.setText(
            f"Redone: {redone}" if redone else "Nothing can be redone, because the dataset has changed since the undo."
        )
        self.refresh()
        if redone:
            self.changed.emit()

    def reject(self) -> None:
        if self._to_undo is not None:
            self._end()  # the first Esc stops, the second one closes
        else:
            super().reject()
