"""The preview of an import: new images of each class, masks, and skipped files with the reasons."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.imports.names import is_table
from busapp.engine.imports.preview import Preview, preview
from busapp.engine.imports.sorting import ClassUnknown
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.errors import UserError
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background, Handle
from busapp.gui.widgets.editors import Editor, editor_for
from busapp.gui.widgets.pair_table import PairTable

LOOKING: Final = "Looking at the files …"
_BY_SOURCE: Final = "from folder or file names"


class ImportPreview(QDialog):
    """Asks the user to confirm the import of the images found.

    If neither folders nor names say which class the images have, the dialog asks for it first. The fields for DICOM
    are visible only if there are DICOM files or loops.
    """

    def __init__(self, workspace: Workspace, sources: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import images")
        self._workspace = workspace
        self._sources = tuple(sources)
        self._looking = Background(self)
        self._looking.made.connect(self._on_seen)
        self._looking.failed.connect(self._show_nothing)
        self._make_fields()
        self.summary = QLabel()
        self.notes = QLabel()
        self.notes.setProperty("role", "muted")
        self.warning = QLabel()
        self.warning.setProperty("role", "warning")
        self.reasons = QLabel()
        self.reasons.setProperty("role", "muted")
        for label in (self.summary, self.notes, self.warning, self.reasons):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.found = PairTable("New images of each class", ("Class", "New images"))
        self.skipped = PairTable("Skipped files", ("File", "Why it is skipped"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.import_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addLayout(self.form)
        column.addWidget(self.summary)
        column.addWidget(self.notes)
        column.addWidget(self.warning)
        column.addWidget(self.found, 2)
        column.addWidget(self.reasons)
        column.addWidget(self.skipped, 3)
        column.addWidget(self.buttons)
        self.resize(680, 600)
        self._start_looking()

    def _make_fields(self) -> None:
        self.from_where = QLabel()
        self.from_where.setWordWrap(True)
        self.from_where.setTextFormat(Qt.TextFormat.PlainText)
        self.from_where.setToolTip("\n".join(str(source) for source in self._sources[:20]))
        self._name_sources([source.name for source in self._sources])
        self.class_box = QComboBox()
        self.class_box.setEditable(True)
        self.class_box.setAccessibleName("Class of the images")
        self.class_box.addItems([_BY_SOURCE, *self._workspace.catalog.classes()])
        self.class_box.setToolTip(ImportSettings.model_fields["class_name"].description or "")
        self.class_box.currentTextChanged.connect(self._start_looking)
        self.frames = self._editor("frames")
        self.frames.changed.connect(self._start_looking)
        self.crop = self._editor("crop_to_regions")
        self.form = QFormLayout()
        self.form.addRow("From", self.from_where)
        self.form.addRow("Class", self.class_box)
        self.form.addRow(_title("frames"), self.frames)
        self.form.addRow(_title("crop_to_regions"), self.crop)
        self.form.setRowVisible(self.class_box, not all(is_table(source.name) for source in self._sources))
        self.form.setRowVisible(self.frames, False)
        self.form.setRowVisible(self.crop, False)

    def _editor(self, name: str) -> Editor:
        field = ImportSettings.model_fields[name]
        editor = editor_for(field)
        assert editor is not None
        editor.set_value(field.default)
        editor.setToolTip(field.description or "")
        (editor.focusProxy() or editor).setAccessibleName(field.title or name)
        return editor

    @property
    def class_name(self) -> str | None:
        """The class of all images; None if folders or names determine it."""
        text = self.class_box.currentText().strip()
        return None if not text or text == _BY_SOURCE else text

    def settings(self) -> ImportSettings:
        """Settings of the import, as chosen in the dialog.

        Raises:
            ValidationError: a number is out of its range.
        """
        given: dict[str, Any] = {"frames": self.frames.value(), "crop_to_regions": self.crop.value()}
        return ImportSettings(sources=self._sources, class_name=self.class_name, **given)

    def done(self, result: int) -> None:
        """Close; a look at the files ends with the file at hand."""
        self.hide()
        self._looking.stop()
        super().done(result)

    def _start_looking(self) -> None:
        self.import_button.setEnabled(False)
        try:
            settings = self.settings()
        except ValidationError as error:
            self._looking.ask(None)
            problem = error.errors()[0]
            said = problem["msg"].removeprefix("Value error, ")
            self._show_nothing(f"{_title(str(problem['loc'][0]))}: {said}.")
            return
        self.summary.setText(LOOKING)
        self._looking.ask_long(partial(_look, self._workspace, settings))

    def _on_seen(self, seen: Preview | UserError) -> None:
        if isinstance(seen, ClassUnknown):
            self._show_nothing("Which class do these images have? Choose one, or type a new one.")
            self._ask_for_class()
        elif isinstance(seen, UserError):
            self._show_nothing(str(seen))
        else:
            self._show(seen)

    def _ask_for_class(self) -> None:
        at = self.class_box.findText(_BY_SOURCE)
        if at >= 0:
            self.class_box.blockSignals(True)
            self.class_box.removeItem(at)
            self.class_box.setCurrentIndex(-1)
            self.class_box.blockSignals(False)
            self.class_box.setPlaceholderText("the class of these images")
        self.class_box.setFocus()

    def _show(self, seen: Preview) -> None:
        new = sum(seen.counts.values())
        self._name_sources(seen.kinds)
        self.form.setRowVisible(self.frames, seen.loops > 0)
        self.form.setRowVisible(self.crop, seen.dicom_files > 0)
        self.summary.setText(_in_words(seen, new))
        self._show_notes([finding.text for finding in seen.findings], _warning(seen))
        self.found.show_rows([(self._named(name), f"{count:,}") for name, count in seen.counts.items()])
        self._show_skipped([(skipped.file, skipped.reason) for skipped in seen.skipped])
        self.import_button.setText(f"Import {many(new, 'image')}" if new else "Import")
        self.import_button.setEnabled(bool(new or seen.already_present))
        if not self.form.isRowVisible(self.frames):  # the user may be typing a number there
            self.import_button.setFocus()

    def _named(self, name: str) -> str:
        """The name of a class, marked if it is new. Otherwise a folder of loose files could become a class
        unnoticed."""
        known = self._workspace.catalog.classes()
        return name if name in known or not known else f"{name} (a new class)"

    def _show_nothing(self, sentence: str) -> None:
        self.summary.setText(sentence)
        self._show_notes([], "")
        self.found.show_rows([])
        self._show_skipped([])
        self.import_button.setText("Import")

    def _show_notes(self, notes: Sequence[str], warning: str) -> None:
        self.notes.setText("\n".join(notes))
        self.warning.setText(warning)
        for label in (self.notes, self.warning):
            label.setVisible(bool(label.text()))

    def _show_skipped(self, rows: list[tuple[str, str]]) -> None:
        reasons = Counter(reason for _, reason in rows).most_common(3)
        self.reasons.setText("Skipped: " + "; ".join(f"{count:,} × {reason}" for reason, count in reasons))
        self.skipped.show_rows(rows)
        for widget in (self.reasons, self.skipped):
            widget.setVisible(bool(rows))

    def _name_sources(self, names: Sequence[str]) -> None:
        more = [f"and {len(names) - 4} more"] if len(names) > 4 else []
        self.from_where.setText("\n".join([*names[:4], *more]))


def _look(workspace: Workspace, settings: ImportSettings, handle: Handle) -> Preview | UserError | None:
    try:
        return preview(settings, workspace.catalog.known(), handle.is_stopped)
    except UserError as error:  # the dialog asks for the class where the error says that it is not known
        return error


def _title(name: str) -> str:
    return ImportSettings.model_fields[name].title or name


def _in_words(seen: Preview, new: int) -> str:
    of_patients = f" of {many(seen.patients, 'patient')}" if seen.patients else ""
    parts = [f"{many(new, 'new image')}{of_patients}"]
    if seen.already_present:
        parts.append(f"{seen.already_present:,} already in the study")
    if seen.dicom_files:
        loops = f", with {many(seen.loops, 'loop')} of {seen.loop_frames:,} frames in all" if seen.loops else ""
        parts.append(f"{many(seen.dicom_files, 'DICOM file')}{loops}")
    if seen.masks:
        joined = "is joined to its image" if seen.masks == 1 else "are joined to their images"
        parts.append(f"{many(seen.masks, 'lesion mask')} {joined}")
    if seen.skipped:
        parts.append(f"{many(len(seen.skipped), 'file')} {'is' if len(seen.skipped) == 1 else 'are'} skipped")
    return "; ".join(parts) + "."


def _warning(seen: Preview) -> str:
    if not seen.burned_in:
        return ""
    say = "says" if seen.burned_in == 1 else "say"
    return (
        f"{many(seen.burned_in, 'DICOM file')} {say} that text about the patient may be burned into the picture. Check "
        "the images after the import, and cover any text that names a patient."
    )
