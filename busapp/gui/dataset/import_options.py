"""The options of an import, as far as the chosen sources need them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from busapp.engine.imports.names import is_table
from busapp.engine.imports.preview import Preview
from busapp.engine.imports.tables.class_values import ValuesUnknown
from busapp.engine.imports.tables.columns import NO_COLUMN, TableUnclear
from busapp.engine.settings import ImportSettings
from busapp.gui.dataset.class_values import ClassValues
from busapp.gui.dataset.patient_pattern import PatientPattern
from busapp.gui.widgets.editors import BoolEditor, ChoiceEditor, Editor, TextEditor, editor_for

BY_SOURCE: Final = "from folder or file names"
_COLUMNS: Final = {
    "file_column": "Files",
    "class_column": "Class",
    "patient_column": "Patient",
    "site_column": "Site",
    "device_column": "Device",
}
_EDITORS: Final = ("only", "site", "device", "update", "frames", "crop_to_regions", "take_anyway")
_NO_COLUMNS: Final[Mapping[str, str]] = MappingProxyType({})
_CHANGE_WHAT_COMES_IN: Final = ("only", "update", "frames", "take_anyway")


class ImportOptions(QWidget):
    """Asks for the class, the columns of a table, patients, site and the DICOM options.

    Rows that the sources do not need stay hidden.

    Signals:
        changed: the user changed an option.
    """

    changed = Signal()

    def __init__(self, classes: Sequence[str], sources: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.class_box = QComboBox()
        self.class_box.setEditable(True)
        self.class_box.setAccessibleName("Class of the images")
        self.class_box.addItems([BY_SOURCE, *classes])
        self.class_box.setToolTip(ImportSettings.model_fields["class_name"].description or "")
        self.class_box.currentTextChanged.connect(self.changed)
        self.class_values = ClassValues(classes)
        self.class_values.changed.connect(self.changed)
        self.columns = {name: self._column_box(name) for name in _COLUMNS}
        self.pattern = PatientPattern()
        self.pattern.changed.connect(self.changed)
        self.only = ChoiceEditor([(None, "everything")])
        self.editors = {name: self._editor(name) for name in _EDITORS}
        self.form = QFormLayout()
        self.form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._fill(has_tables_only=all(is_table(source.name) for source in sources))

    def _fill(self, *, has_tables_only: bool) -> None:
        self.table_name = QLabel()
        self.table_name.setTextFormat(Qt.TextFormat.PlainText)
        self.table_name.setProperty("role", "muted")
        self.form.addRow("Class", self.class_box)
        self.form.addRow(self.class_values)
        self.form.addRow(self.table_name)
        for name, box in self.columns.items():
            self.form.addRow(_COLUMNS[name], box)
        self.form.addRow("Patients", self.pattern)
        for name, editor in self.editors.items():
            if isinstance(editor, BoolEditor):  # beside its long title, the fields of all rows would be narrow
                editor.box.setText(_title(name))
                self.form.addRow(editor)
            else:
                self.form.addRow(_title(name), editor)
        self.form.setRowVisible(self.class_box, not has_tables_only)
        self._show_columns(())
        for name in ("only", "update", "frames", "crop_to_regions", "take_anyway"):
            self.form.setRowVisible(self.editors[name], False)
        column = QVBoxLayout(self)
        column.addLayout(self.form)
        column.addStretch()

    # -- values --------------------------------------------------------------------------------------------

    @property
    def class_name(self) -> str | None:
        """The class of all images; None if folders, names or a table determine it."""
        text = self.class_box.currentText().strip()
        return None if not text or text == BY_SOURCE else text

    def values(self) -> dict[str, Any]:
        """The options as fields of `ImportSettings`, valid or not."""
        return {
            "class_name": self.class_name,
            "class_values": self.class_values.as_setting(),
            "patient_pattern": self.pattern.value(),
            **{name: box.currentData() for name, box in self.columns.items()},
            **{name: editor.value() for name, editor in self.editors.items()},
        }

    def is_being_typed_in(self) -> bool:
        """True if the keyboard focus is in one of the fields."""
        focus = self.focusWidget()
        return focus is not None and focus.hasFocus()

    # -- what the sources need -----------------------------------------------------------------------------

    def ask_for_class(self) -> None:
        """Ask for the class, because nothing else says it."""
        self.form.setRowVisible(self.class_box, True)
        at = self.class_box.findText(BY_SOURCE)
        if at >= 0:
            self.class_box.blockSignals(True)
            self.class_box.removeItem(at)
            self.class_box.setCurrentIndex(-1)
            self.class_box.blockSignals(False)
            self.class_box.setPlaceholderText("the class of these images")
        self.class_box.setFocus()

    def ask(self, unclear: TableUnclear) -> None:
        """Show the options that answer this question."""
        self._show_columns(unclear.columns, Path(unclear.file or "").name, unclear.used)
        if isinstance(unclear, ValuesUnknown):
            self.class_values.ask(unclear.values)

    def follow(self, seen: Preview) -> None:
        """Show the options that these files need."""
        self.pattern.set_names(seen.names)
        if seen.tables:
            self._show_columns(seen.tables[0].columns, seen.tables[0].name, seen.tables[0].used)
        else:
            self._show_columns(())
        self.form.setRowVisible(self.only, bool(seen.parts))
        self.only.set_options([(None, "everything"), *((part, part) for part in seen.parts)])
        self.form.setRowVisible(self.editors["update"], seen.already_present > 0)
        self.form.setRowVisible(self.editors["frames"], seen.loops > 0)
        self.form.setRowVisible(self.editors["crop_to_regions"], seen.dicom_files > 0)
        takes_anyway = bool(self.editors["take_anyway"].value())
        self.form.setRowVisible(self.editors["take_anyway"], seen.contradicted > 0 or takes_anyway)

    def _show_columns(self, header: Sequence[str], table: str = "", used: Mapping[str, str] = _NO_COLUMNS) -> None:
        """Offer these columns, and say which are in use. Without any, the rows for columns are hidden."""
        self.form.setRowVisible(self.table_name, bool(header))
        self.table_name.setText(f"Columns of {table}")
        for name, box in self.columns.items():
            if [box.itemText(at) for at in range(1, box.count() - 1)] != list(header):
                chosen = box.currentData()
                box.blockSignals(True)
                box.clear()
                box.addItem(_guessed(None), None)
                for column in header:
                    box.addItem(column, column)
                box.addItem("none", NO_COLUMN)
                box.setCurrentIndex(max(0, box.findData(chosen)))
                box.blockSignals(False)
            box.setItemText(0, _guessed(used.get(name)))
            self.form.setRowVisible(box, bool(header))

    def _column_box(self, name: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(f"Column: {_COLUMNS[name]}")
        box.setToolTip(ImportSettings.model_fields[name].description or "")
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.currentIndexChanged.connect(self.changed)
        return box

    def _editor(self, name: str) -> Editor:
        field = ImportSettings.model_fields[name]
        editor = self.only if name == "only" else editor_for(field)
        assert editor is not None
        editor.set_value(field.default)
        if isinstance(editor, TextEditor):
            editor.box.setPlaceholderText("of images without one")
        editor.setToolTip(field.description or "")
        (editor.focusProxy() or editor).setAccessibleName(field.title or name)
        if name in _CHANGE_WHAT_COMES_IN:
            editor.changed.connect(self.changed)
        return editor


def _guessed(column: str | None) -> str:
    """The words for a column that the user did not choose."""
    return "guess" if column is None else f"guessed: {column}"


def _title(name: str) -> str:
    return ImportSettings.model_fields[name].title or name
