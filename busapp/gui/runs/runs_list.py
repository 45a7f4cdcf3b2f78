"""The past runs of one kind of job: open, rename, note, resume, delete with undo."""

from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QHeaderView,
    QInputDialog,
    QMenu,
    QPushButton,
    QStackedLayout,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.message_strip import MessageStrip
from busapp.gui.words import result_in_brief, settings_in_words, when_in_words

_COLUMNS = ("Name", "When", "Settings", "State", "Result")
_ID = Qt.ItemDataRole.UserRole
SHORTEST_NAME = 100
"""Least width of the column of names, in pixels."""
MOST_COMPARED = 8
"""Most runs in one comparison, because nobody reads more columns."""


class RunsList(QWidget):
    """The study's runs of one kind, the newest first.

    Signals:
        opened: id of the run to show (double-click, Enter).
        resume_requested: id of the run to resume.
        compare_requested: ids (list of str) of two or more finished cross-validations.
        selection_changed: another set of runs is selected.
        changed: a run was renamed, deleted or brought back.
    """

    opened = Signal(str)
    resume_requested = Signal(str)
    compare_requested = Signal(list)
    selection_changed = Signal()
    changed = Signal()

    def __init__(self, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self._workspace: Workspace | None = None
        self.strip = MessageStrip()
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Past runs")
        self.tree.setHeaderLabels(_COLUMNS)
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setMinimumHeight(56)  # two runs
        self.tree.setAlternatingRowColors(True)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # many names start with the same words
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.tree.viewport().installEventFilter(self)
        self.tree.header().moveSection(4, 1)  # a narrow panel shows only the first two: name and result
        self.tree.header().setStretchLastSection(True)
        self.tree.setSortingEnabled(True)
        self.tree.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self.tree.itemActivated.connect(lambda item, _column: self.opened.emit(item.data(0, _ID)))
        self.tree.itemSelectionChanged.connect(self._on_selection)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self._empty = EmptyState("No runs yet. Choose the settings and start a run.")
        self._stack = QStackedLayout()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.tree)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.strip)
        column.addLayout(self._stack, 1)
        self.compare_button = QPushButton("&Compare the selected runs")
        self.compare_button.setVisible(kind == "validate")
        self.compare_button.clicked.connect(self._compare)
        column.addWidget(self.compare_button)

        self.open_action = self._action("Open", None, self._open)
        self.resume_action = self._action("Resume", "Ctrl+R", self._resume)
        self.rename_action = self._action("Rename…", "F2", self._rename)
        self.note_action = self._action("Note…", "Ctrl+Shift+N", self._note)
        self.compare_action = self._action("Compare", "Ctrl+Shift+C", self._compare)
        self.compare_action.setVisible(kind == "validate")
        self.delete_action = self._action("Move to the trash", "Del", self._delete)
        self._on_selection()

    def _action(self, text: str, keys: str | None, slot: Any) -> QAction:
        action = QAction(text, self)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(slot)
        self.tree.addAction(action)
        return action

    # -- content -------------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        """List the runs of another study."""
        self._workspace = workspace
        self.strip.clear()
        self.tree.clear()
        self.refresh()

    def refresh(self) -> None:
        """Read the runs again. The selection stays."""
        selected = set(self.selected_ids())
        current = self.tree.currentItem()
        current_id = current.data(0, _ID) if current else None
        runs = self._workspace.runs(self.kind) if self._workspace else []
        self.tree.blockSignals(True)
        self.tree.setSortingEnabled(False)
        self.tree.clear()
        for run in runs:
            item = _item(run)
            self.tree.addTopLevelItem(item)
            if run.id == current_id:
                self.tree.setCurrentItem(item)
            item.setSelected(run.id in selected)
        self.tree.setSortingEnabled(True)
        self.tree.blockSignals(False)
        self._leave_room_for_results()
        self._stack.setCurrentWidget(self.tree if runs else self._empty)
        self._on_selection()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._leave_room_for_results()
        return super().eventFilter(watched, event)

    def _leave_room_for_results(self) -> None:
        """Elide long names if the results would not fit beside them. The tooltips show the whole names."""
        room = self.tree.viewport().width() - self.tree.sizeHintForColumn(4)
        self.tree.setColumnWidth(0, min(self.tree.sizeHintForColumn(0), max(SHORTEST_NAME, room)))

    def selected_ids(self) -> list[str]:
        """Return the ids of the selected runs."""
        return [item.data(0, _ID) for item in self.tree.selectedItems()]

    def select(self, run_id: str) -> None:
        """Select one run."""
        for index in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(index)
            if item is not None and item.data(0, _ID) == run_id:
                self.tree.setCurrentItem(item)

    # -- actions on runs --------------------------------------------------------------------------------

    def _selected(self) -> list[Run]:
        if self._workspace is None:
            return []
        runs = []
        for run_id in self.selected_ids():
            try:
                runs.append(self._workspace.run(run_id))
            except UserError as error:
                self.strip.add(str(error))
        return runs

    def _on_selection(self) -> None:
        runs = self._selected()
        one = len(runs) == 1
        for action in (self.open_action, self.rename_action, self.note_action):
            action.setEnabled(one)
        self.resume_action.setEnabled(one and runs[0].can_resume)
        self._offer_comparison(runs)
        self.delete_action.setEnabled(bool(runs) and all(run.info.state != "running" for run in runs))
        self.selection_changed.emit()

    def _offer_comparison(self, runs: list[Run]) -> None:
        unfinished = [run.info.name for run in runs if run.info.state != "finished"]
        if len(runs) < 2:
            why_not = "Select two or more finished runs: hold Ctrl or Shift and click."
        elif unfinished:
            why_not = f"“{unfinished[0]}” is not finished. Only finished runs can be compared."
        elif len(runs) > MOST_COMPARED:
            why_not = f"Select no more than {MOST_COMPARED} runs."
        else:
            why_not = ""
        for offered in (self.compare_action, self.compare_button):
            offered.setEnabled(not why_not and self.kind == "validate")
            offered.setToolTip(why_not or f"Compare these {len(runs)} runs side by side (Ctrl+Shift+C)")

    def _show_menu(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addActions([self.open_action, self.resume_action, self.compare_action])
        menu.addActions([self.rename_action, self.note_action, self.delete_action])
        menu.exec(self.tree.viewport().mapToGlobal(position))
        menu.deleteLater()

    def _open(self) -> None:
        self.opened.emit(self.selected_ids()[0])

    def _resume(self) -> None:
        self.resume_requested.emit(self.selected_ids()[0])

    def _compare(self) -> None:
        self.compare_requested.emit(self.selected_ids())

    def _rename(self) -> None:
        run = self._selected()[0]
        name, agreed = QInputDialog.getText(self, "Rename the run", "Name", text=run.info.name)
        if agreed and name.strip():
            run.rename(name.strip())
            self._was_changed()

    def _note(self) -> None:
        run = self._selected()[0]
        note, agreed = QInputDialog.getMultiLineText(self, "Note", f"About {run.info.name}", run.info.note)
        if agreed:
            run.rename(run.info.name, note.strip())
            self._was_changed()

    def _delete(self) -> None:
        runs = self._selected()
        assert self._workspace is not None
        for run in runs:
            self._workspace.delete_run(run)
        what = f"“{runs[0].info.name}” was" if len(runs) == 1 else f"{len(runs)} runs were"
        ids = [run.id for run in runs]
        self.strip.add(
            f"{what} moved to the study's trash.", level="info", action="Undo", on_action=lambda: self._restore(ids)
        )
        self._was_changed()

    def _restore(self, run_ids: list[str]) -> None:
        assert self._workspace is not None
        for run_id in run_ids:
            self._workspace.restore_run(run_id)
        self._was_changed()

    def _was_changed(self) -> None:
        self.refresh()
        self.changed.emit()


def _item(run: Run) -> QTreeWidgetItem:
    info = run.info
    words = (
        info.name,
        when_in_words(info.created),
        settings_in_words(info),
        f"{info.state}, can be resumed" if run.can_resume else info.state,
        result_in_brief(info.kind, run.result()) or info.state,
    )
    item = QTreeWidgetItem(list(words))
    item.setData(0, _ID, run.id)
    for column, text in enumerate(words):
        item.setToolTip(column, f"{text}. This number leaks." if text.startswith("⚠") else text)
    if info.note:
        item.setToolTip(0, f"{info.name}\n\n{info.note}")
    if info.error:
        item.setToolTip(3, info.error)
    return item
