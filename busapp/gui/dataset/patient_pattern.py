"""Where the patient stands in the file names: a pattern, with the number of patients that it finds."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from busapp.engine.imports.sorting.patients import PatternPreview, pattern_preview, suggest_patterns
from busapp.gui.widgets.background import Background

_PAUSE: Final = 400
"""Milliseconds after the last key press before the files are looked at again."""


class PatientPattern(QWidget):
    """A field for the pattern, with suggestions that fit the files. Below it stands what the pattern finds.

    Signals:
        changed: the user changed the pattern, and stopped typing.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._suggested = False
        self._counting = Background(self)
        self._counting.made.connect(self._show_found)
        self._counting.failed.connect(self._show_found)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self.changed)
        self.box = QComboBox()
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setAccessibleName("Where the patient stands in the file names")
        line = self.box.lineEdit()
        assert line is not None  # the box is editable
        line.setPlaceholderText("not in the file names")
        self.box.setToolTip(
            "<p>{patient} marks the patient, * stands for anything: {patient}_*.png. {patient:4} are the first four "
            "letters. With a /, the pattern is one for folder and file: {patient}/*. A regular expression with one "
            "group is allowed too.</p>"
        )
        self.box.currentTextChanged.connect(self._on_text)
        self.found = QLabel()
        self.found.setWordWrap(True)
        self.found.setProperty("role", "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.box)
        column.addWidget(self.found)
        self.setFocusProxy(self.box)
        self.found.hide()

    def value(self) -> str | None:
        """The pattern, None if there is none."""
        return self.box.currentText().strip() or None

    def stop(self) -> None:
        """Stop counting."""
        self._pause.stop()
        self._counting.stop()

    def set_names(self, names: Sequence[str]) -> None:
        """Use these names of files with their folders, for suggestions and to count patients."""
        self._names = list(names)
        if not self._suggested and names:
            self._suggested = True
            text = self.box.currentText()
            self.box.blockSignals(True)
            self.box.addItems(["", *suggest_patterns(names)])
            self.box.setCurrentText(text)
            self.box.blockSignals(False)
        self._count()

    def _on_text(self) -> None:
        self._count()
        self._pause.start()

    def _count(self) -> None:
        pattern = self.value()
        self.found.setVisible(pattern is not None)
        if pattern is None or not self._names:
            self._counting.ask(None)
            return
        self._counting.ask(partial(pattern_preview, self._names, pattern))

    def _show_found(self, found: object) -> None:
        self.found.setText(found.text if isinstance(found, PatternPreview) else str(found))
