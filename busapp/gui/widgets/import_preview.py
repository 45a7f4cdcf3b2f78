"""Before an import: what will come in per class, what will be skipped and why, where masks are joined."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QThread, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.imports.folders import Preview, preview
from busapp.engine.settings import ImportSettings
from busapp.engine.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.theme import SPACE

_BY_FOLDER = "as each folder is named"


class _Look(QThread):
    """Looks at the sources off the window's thread.

    Signals:
        seen: the `Preview`, or the sentence that says why there is none.
    """

    seen = Signal(object)

    def __init__(self, workspace: Workspace, sources: Sequence[Path], class_name: str | None, parent: QDialog) -> None:
        super().__init__(parent)
        self._workspace, self._sources, self._class_name = workspace, sources, class_name

    def run(self) -> None:
        seen: Preview | str
        try:
            known = self._workspace.catalog.known()
            seen = preview(self._sources, self._class_name, known, self.isInterruptionRequested)
        except UserError as error:
            seen = str(error)
        if not self.isInterruptionRequested():
            self.seen.emit(seen)


class ImportPreview(QDialog):
    """Asks whether to import what was found; for single images it asks for their class first."""

    def __init__(self, workspace: Workspace, sources: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import images")
        self._workspace = workspace
        self._sources = tuple(sources)
        self._needs_class = any(not source.is_dir() for source in sources)
        self._look: _Look | None = None
        self._look_again = False

        self.class_box = QComboBox()
        self.class_box.setEditable(True)
        self.class_box.setAccessibleName("Class of the images")
        self.class_box.addItems([*([] if self._needs_class else [_BY_FOLDER]), *workspace.catalog.classes()])
        self.class_box.setPlaceholderText("the class of these images")
        if self._needs_class:
            self.class_box.setCurrentIndex(-1)
        self.class_box.currentTextChanged.connect(self._start_looking)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.found = _table("What will come in", ("Class", "New images"))
        self.skipped = _table("What will be skipped", ("File", "Why it is skipped"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.import_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

        form = QFormLayout()
        from_where = QLabel("\n".join(str(source) for source in self._sources[:4]))
        from_where.setWordWrap(True)
        if len(self._sources) > 4:
            from_where.setText(f"{from_where.text()}\nand {len(self._sources) - 4} more")
        form.addRow("From", from_where)
        form.addRow("Class", self.class_box)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addLayout(form)
        column.addWidget(self.summary)
        column.addWidget(self.found, 1)
        column.addWidget(self.skipped, 2)
        column.addWidget(self.buttons)
        self.resize(640, 520)
        self._start_looking()

    @property
    def class_name(self) -> str | None:
        """The class of all images; None where the folders say it."""
        text = self.class_box.currentText().strip()
        return None if not text or text == _BY_FOLDER else text

    def settings(self) -> ImportSettings:
        """What to import, as the user agreed to."""
        return ImportSettings(sources=self._sources, class_name=self.class_name)

    def done(self, result: int) -> None:
        """Close; a look at the files ends with the file at hand."""
        self.hide()
        self._look_again = False
        if self._look is not None:
            self._look.requestInterruption()
            self._look.wait()
        super().done(result)

    def _start_looking(self) -> None:
        self.import_button.setEnabled(False)
        if self._look is not None:
            self._look_again = True
            self._look.requestInterruption()
            return
        if self._needs_class and self.class_name is None:
            self._show_nothing("Which class are these images? Choose one, or type a new one.")
            return
        self.summary.setText("Looking at the files …")
        self._look = _Look(self._workspace, self._sources, self.class_name, self)
        self._look.seen.connect(self._on_seen)
        self._look.finished.connect(self._on_looked)
        self._look.start()

    def _on_looked(self) -> None:
        self._look = None
        if self._look_again:
            self._look_again = False
            self._start_looking()

    def _on_seen(self, seen: Preview | str) -> None:
        if self._look_again:
            return
        if isinstance(seen, str):
            self._show_nothing(seen)
            return
        new = sum(seen.counts.values())
        parts = [f"{new:,} new images"]
        if seen.already_present:
            parts.append(f"{seen.already_present:,} are in the study already")
        parts.append(f"{seen.masks:,} lesion masks are joined to their images" if seen.masks else "no lesion masks")
        if seen.skipped:
            parts.append(f"{len(seen.skipped):,} files are skipped")
        self.summary.setText(", ".join(parts) + ".")
        _fill(self.found, [(name, f"{count:,}") for name, count in seen.counts.items()])
        _fill(self.skipped, [(skipped.file, skipped.reason) for skipped in seen.skipped])
        self.skipped.setVisible(bool(seen.skipped))
        self.import_button.setText(f"Import {new:,} images" if new else "Import")
        self.import_button.setEnabled(bool(new or seen.already_present))
        self.import_button.setFocus()

    def _show_nothing(self, sentence: str) -> None:
        self.summary.setText(sentence)
        _fill(self.found, [])
        _fill(self.skipped, [])
        self.skipped.hide()
        self.import_button.setText("Import")


def _table(name: str, columns: tuple[str, str]) -> QTreeWidget:
    table = QTreeWidget()
    table.setAccessibleName(name)
    table.setHeaderLabels(columns)
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    table.setAlternatingRowColors(True)
    table.setColumnWidth(0, 280)
    return table


def _fill(table: QTreeWidget, rows: Sequence[tuple[str, str]]) -> None:
    table.clear()
    for row in rows:
        item = QTreeWidgetItem(list(row))
        if row[1].replace(",", "").isdigit():
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        table.addTopLevelItem(item)
