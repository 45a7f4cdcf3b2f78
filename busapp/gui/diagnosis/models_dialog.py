"""The list of all models: choose, import, export, retire or restore one."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from itertools import takewhile
from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QAction, QColor, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.models.inspection import Inspection, Unusable, export_model_file, inspect_all
from busapp.engine.models.library import SUFFIX, Imported, ModelFile, import_model, restore, retire
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name
from busapp.engine.utils.words import images_in_groups, per_cent
from busapp.errors import UserError
from busapp.gui.diagnosis.model_details import ModelDetails
from busapp.gui.theme import SPACE, colours
from busapp.gui.user_settings import last_folder, remember_folder
from busapp.gui.widgets.background import Background, Handle
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.message_strip import MessageStrip
from busapp.gui.widgets.panels import resize_within_screen
from busapp.gui.words import when_in_words
from busapp.summaries.validation import has_leaks

_NONE: Final = (
    "No model yet. Cross-validate a system in the Validation tab and choose “Use for diagnosis” there, "
    "or drop a model file here."
)
_READING: Final = "Reading the models…"
_FOUND: Final = Qt.ItemDataRole.UserRole
_FILES: Final = f"Models (*{SUFFIX})"

Entry = Inspection | Unusable


def model_files(data: QMimeData) -> list[Path]:
    """Return the model files among dragged or pasted data."""
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [file for file in files if file.suffix.lower() == SUFFIX]


class ModelsDialog(QDialog):
    """Models on the left, the selected one on the right. Threads open, copy and move the files.

    Signals:
        used: the file (`Path`) of the model to diagnose with; the dialog closes.
        changed: a model was imported, retired or restored.
    """

    used = Signal(object)
    changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        parent: QWidget | None = None,
        *,
        chosen: Path | None = None,
        offered: Sequence[Path] = (),
    ) -> None:
        """`chosen` is selected; `offered` are model files that the user may want to import."""
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.setAcceptDrops(True)
        self._workspace, self._wanted = workspace, chosen
        self._then: Callable[[object], None] = lambda _found: None
        self._look, self._work = Background(self), Background(self)
        self._look.made.connect(self._fill)
        self._look.failed.connect(self._on_failed)
        self._work.made.connect(self._on_done)
        self._work.failed.connect(self._on_failed)
        self.strip = MessageStrip()
        self.details = ModelDetails()
        self.tree = self._make_tree()
        self.empty = EmptyState(_READING)
        self._lay_out()
        resize_within_screen(self, 1060, 620)
        self._offer()
        self.refresh()
        if offered:
            names = ", ".join(f"“{file.name}”" for file in offered)
            self.strip.add(
                f"Import {names} into this study?",
                level="info",
                action="Import",
                on_action=partial(self.import_files, offered),
            )

    # -- layout --------------------------------------------------------------------------------------------

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Models")
        tree.setHeaderLabels(["Name", "From", "Accuracy", "Made"])
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setAlternatingRowColors(True)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.currentItemChanged.connect(lambda *_items: self._offer())
        tree.itemActivated.connect(lambda _item, _column: self._use())
        remove = QAction("Retire", tree)
        remove.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        remove.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        remove.triggered.connect(self._retire)
        tree.addAction(remove)
        return tree

    def _lay_out(self) -> None:
        self.import_button = self._button("&Import…", self._ask_for_import)
        self.export_button = self._button("&Export…", self._ask_for_export)
        self.retire_button = self._button("&Retire (Del)", self._retire)
        self.restore_button = self._button("&Bring back", self._restore)
        self.use_button = self._button("&Use (Enter)", self._use)
        self.close_button = self._button("Close (Esc)", self.reject)
        self.import_button.setToolTip("Copy a model file into this study. It is tested first.")
        self.export_button.setToolTip("Write a copy of the model and its card, to give to others")
        self.use_button.setToolTip("Diagnose with this model")
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        for button in (self.import_button, self.export_button, self.retire_button, self.restore_button):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.use_button)
        buttons.addWidget(self.close_button)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.tree)
        self.panels = QSplitter(Qt.Orientation.Horizontal)
        self.panels.addWidget(self._pages)
        self.panels.addWidget(self.details)
        self.panels.setSizes([560, 500])
        self.panels.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addWidget(self.strip)
        column.addWidget(self.panels, 1)
        column.addLayout(buttons)

    def _button(self, text: str, slot: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)  # Enter in the list uses the model
        button.clicked.connect(lambda: slot())
        return button

    # -- content -------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the models again; the selection stays on its model."""
        self._look.ask_long(partial(_look_at_all, self._workspace))

    def _fill(self, entries: list[Entry]) -> None:
        current = self.current()
        wanted = self._wanted or (current.file.path if current else None)
        self._wanted = None
        self.tree.clear()
        items = [_item(entry) for entry in entries]
        self.tree.addTopLevelItems(items)
        self.empty.set_sentence(_NONE)
        self._pages.setCurrentWidget(self.tree if items else self.empty)
        chosen = [item for item, entry in zip(items, entries, strict=True) if entry.file.path == wanted]
        if items:
            self.tree.setCurrentItem((chosen or items)[0])
            self.tree.setFocus()
        self._offer()

    def current(self) -> Entry | None:
        """The selected model."""
        item = self.tree.currentItem()
        return item.data(0, _FOUND) if item else None

    def _offer(self) -> None:
        found, busy = self.current(), not self.import_button.isEnabled()
        self.details.show_model(found)
        usable = isinstance(found, Inspection) and not busy
        retired = found is not None and found.file.retired
        ships = found is not None and found.file.origin == "ships with busapp"
        self.use_button.setEnabled(usable and not retired)
        self.export_button.setEnabled(usable)
        self.retire_button.setVisible(not retired)
        self.retire_button.setEnabled(found is not None and not ships and not busy)
        self.retire_button.setToolTip(
            "A model that ships with busapp cannot be retired"
            if ships
            else "It can no longer be chosen; its file is kept"
        )
        self.restore_button.setVisible(retired)
        self.restore_button.setEnabled(not busy)

    # -- actions -------------------------------------------------------------------------------------------

    def _do(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        self._then = then
        self._set_busy(True)
        self._work.ask(work)

    def _set_busy(self, busy: bool) -> None:
        self.import_button.setEnabled(not busy)
        self._offer()

    def _on_done(self, found: object) -> None:
        self._set_busy(False)
        self._then(found)

    def _on_failed(self, sentence: str) -> None:
        self._set_busy(False)
        self.strip.add(sentence)

    def _use(self) -> None:
        found = self.current()
        if self.use_button.isEnabled() and found is not None:
            self.used.emit(found.file.path)
            self.accept()

    def _ask_for_import(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Import models", str(last_folder()), _FILES)
        if names:
            remember_folder(Path(names[0]).parent)
            self.import_files([Path(name) for name in names])

    def import_files(self, files: Sequence[Path]) -> None:
        """Copy model files into the study, and show the outcome for each."""
        if self.import_button.isEnabled():
            workspace = self._workspace
            self._do(lambda: _import_all(workspace, files), self._on_imported)

    def _on_imported(self, found: object) -> None:
        assert isinstance(found, list)
        for one in found:
            if isinstance(one, Imported):
                self._wanted = one.file.path
                self.strip.add(one.sentence, level="info")
            else:
                self.strip.add(str(one))
        self._was_changed()

    def _ask_for_export(self) -> None:
        found = self.current()
        if found is None:
            return
        suggested = last_folder() / f"{safe_name(found.file.name)}{SUFFIX}"
        name, _ = QFileDialog.getSaveFileName(self, "Export the model", str(suggested), _FILES)
        if name:
            out = Path(name) if Path(name).suffix.lower() == SUFFIX else Path(f"{name}{SUFFIX}")
            remember_folder(out.parent)
            self._do(partial(export_model_file, found.file, out), self._on_exported)

    def _on_exported(self, found: object) -> None:
        assert isinstance(found, tuple)
        copy, card = found
        self.strip.add(f"The model is in {copy}. Its card is beside it: {card.name}.", level="info")

    def _retire(self) -> None:
        found = self.current()
        if found is not None and not found.file.retired and self.retire_button.isEnabled():
            self._do(partial(retire, self._workspace, found.file), self._on_retired)

    def _on_retired(self, found: object) -> None:
        assert isinstance(found, ModelFile)
        self.strip.add(
            f"“{found.name}” is retired. It can no longer be chosen; its file is kept.",
            level="info",
            action="Undo",
            on_action=partial(self._bring_back, found),
        )
        self._wanted = found.path
        self._was_changed()

    def _restore(self) -> None:
        found = self.current()
        if found is not None:
            self._bring_back(found.file)

    def _bring_back(self, file: ModelFile) -> None:
        self._do(partial(restore, self._workspace, file), self._on_restored)

    def _on_restored(self, found: object) -> None:
        assert isinstance(found, ModelFile)
        self.strip.remove_infos()  # the offer to undo is obsolete
        self.strip.add(f"“{found.name}” is in use again.", level="info")
        self._wanted = found.path
        self._was_changed()

    def _was_changed(self) -> None:
        self.refresh()
        self.changed.emit()

    # -- dropped files, and the end ------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if model_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.import_files(model_files(event.mimeData()))
        event.acceptProposedAction()

    def done(self, result: int) -> None:
        """Close, after the model that is being opened or copied is finished."""
        self.hide()
        self._look.stop()
        self._work.stop()
        super().done(result)


def _look_at_all(workspace: Workspace, handle: Handle) -> list[Entry]:
    return list(takewhile(lambda _entry: not handle.is_stopped(), inspect_all(workspace)))


def _import_all(workspace: Workspace, files: Sequence[Path]) -> list[Imported | UserError]:
    found: list[Imported | UserError] = []
    for file in files:
        try:
            found.append(import_model(workspace, file))
        except UserError as error:
            found.append(error)
    return found


def _item(found: Entry) -> QTreeWidgetItem:
    file = found.file
    origin = f"{file.origin}, retired" if file.retired else file.origin
    item = QTreeWidgetItem([file.name, origin, "cannot be opened"])
    item.setData(0, _FOUND, found)
    if isinstance(found, Inspection):
        about = found.description.provenance
        interval = list(about.accuracy_ci95) if about.accuracy_ci95 else None
        accuracy = per_cent(about.accuracy, interval).replace(" to ", "–")
        of = f"Protocol {escape(about.protocol)}, {images_in_groups(about.n_images, about.n_groups)}."
        is_leaky = has_leaks(about.model_dump())
        item.setText(2, f"⚠ {accuracy}" if is_leaky else accuracy)
        item.setToolTip(2, f"<p>{of}{' This accuracy leaks.' if is_leaky else ''}</p>")
        item.setText(3, _when(about.created))
    if file.retired or isinstance(found, Unusable):
        for column in range(4):
            item.setForeground(column, QColor(colours().muted))
    return item


def _when(created: str) -> str:
    try:
        return when_in_words(created)
    except ValueError:  # a model from elsewhere may contain any text
        return created[:16]
