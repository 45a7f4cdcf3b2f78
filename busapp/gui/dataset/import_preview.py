"""The preview of an import: new images of each class, masks, and skipped files with the reasons."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QScrollArea,
    QSplitter,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.contract.dataset import ImportFinding
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.found import ClassUnknown
from busapp.engine.imports.preview import Preview, preview
from busapp.engine.imports.tables.class_values import ValuesUnknown
from busapp.engine.imports.tables.columns import TableUnclear
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.errors import UserError
from busapp.gui.dataset.findings_html import findings_as_html, in_window
from busapp.gui.dataset.import_options import ImportOptions
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background, Handle
from busapp.gui.widgets.pair_table import PairTable
from busapp.summaries.dataset import findings_by_kind

LOOKING: Final = "Looking at the files …"


class ImportPreview(QDialog):
    """Asks the user to confirm the import of the images found.

    If nothing says which class the images have, what a table's values mean, or which column is which, the dialog asks
    for it first. Options that the sources do not need are hidden.
    """

    def __init__(self, workspace: Workspace, sources: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import images")
        self._workspace = workspace
        self._sources = tuple(sources)
        self._looking = Background(self)
        self._looking.made.connect(self._on_seen)
        self._looking.failed.connect(self._show_nothing)
        self.options = ImportOptions(workspace.catalog.classes(), self._sources)
        self.options.changed.connect(self._start_looking)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.import_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self._left_side())
        splitter.addWidget(self._right_side())
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([300, 560])
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addWidget(splitter, 1)
        column.addWidget(self.buttons)
        available = self.screen().availableSize()
        self.resize(min(880, available.width() - 24), min(640, available.height() - 48))
        self._start_looking()

    def _left_side(self) -> QWidget:
        self.from_where = QLabel()
        self.from_where.setWordWrap(True)
        self.from_where.setTextFormat(Qt.TextFormat.PlainText)
        self.from_where.setToolTip("\n".join(str(source) for source in self._sources[:20]))
        self._name_sources([source.name for source in self._sources])
        scrolled = QScrollArea()
        scrolled.setWidgetResizable(True)
        scrolled.setFrameShape(QScrollArea.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scrolled.setWidget(self.options)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, SPACE, 0)
        column.addWidget(self.from_where)
        column.addWidget(scrolled, 1)
        return side

    def _right_side(self) -> QWidget:
        self.summary = QLabel()
        self.reasons = QLabel()
        self.reasons.setProperty("role", "muted")
        for label in (self.summary, self.reasons):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.findings = QTextBrowser()
        self.findings.setAccessibleName("What was recognised, assumed or looks odd")
        self.findings.setOpenLinks(False)
        self.found = PairTable("New images of each class", ("Class", "New images"))
        self.skipped = PairTable("Skipped files", ("File", "Why it is skipped"))
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.summary)
        column.addWidget(self.findings, 3)
        column.addWidget(self.found, 2)
        column.addWidget(self.reasons)
        column.addWidget(self.skipped, 3)
        return side

    def settings(self) -> ImportSettings:
        """Settings of the import, as chosen in the dialog.

        Raises:
            ValidationError: a number is out of its range.
        """
        return ImportSettings(sources=self._sources, **self.options.values())

    def done(self, result: int) -> None:
        """Close; a look at the files ends with the file at hand."""
        self.hide()
        self.options.pattern.stop()
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
            self._show_nothing(f"{seen.what}. Which class do they have? Choose one on the left, or type a new one.")
            self.options.ask_for_class()
        elif isinstance(seen, TableUnclear) and (seen.columns or isinstance(seen, ValuesUnknown)):
            self._show_nothing(f"{seen.what} ({seen.file}). Choose on the left.")
            self.options.ask(seen)
        elif isinstance(seen, UserError):
            self._show_nothing(in_window(str(seen)))
        else:
            self._show(seen)

    def _show(self, seen: Preview) -> None:
        new = sum(seen.counts.values())
        self._name_sources(seen.kinds)
        self.options.follow(seen)
        self.summary.setText(_in_words(seen, new))
        self._show_findings([*seen.findings, *_about_text(seen)])
        self.found.show_rows([(self._named(name), f"{count:,}") for name, count in seen.counts.items()])
        self._show_skipped([(skipped.file, in_window(skipped.reason)) for skipped in seen.skipped])
        self.import_button.setText(f"Import {many(new, 'image')}" if new else "Import")
        self.import_button.setEnabled(bool(new or seen.already_present))
        if not self.options.is_being_typed_in():
            self.import_button.setFocus()

    def _named(self, name: str) -> str:
        """The name of a class, marked if it is new. Otherwise a folder of loose files could become a class
        unnoticed."""
        known = self._workspace.catalog.classes()
        return name if name in known or not known else f"{name} (a new class)"

    def _show_nothing(self, sentence: str) -> None:
        self.summary.setText(sentence)
        self._show_findings([])
        self.found.show_rows([])
        self._show_skipped([])
        self.import_button.setText("Import")

    def _show_findings(self, findings: Sequence[Finding]) -> None:
        as_kept: list[ImportFinding] = [{"kind": kind, "text": text} for kind, text in findings]
        self.findings.setHtml(findings_as_html(findings_by_kind(as_kept)))
        self.findings.setVisible(bool(findings))

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


def _about_text(seen: Preview) -> list[Finding]:
    if not seen.burned_in:
        return []
    say = "says" if seen.burned_in == 1 else "say"
    text = (
        f"{many(seen.burned_in, 'DICOM file')} {say} that text about the patient may be burned into the picture. Check "
        "the images after the import, and cover any text that names a patient."
    )
    return [Finding("odd", text)]
