"""What the values in a table's class column mean: one field for each value, filled in by the user."""

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QCompleter, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from busapp.engine.utils.words import many

LEAVE_OUT: Final = "-"
_PAUSE: Final = 400
"""Milliseconds after the last key press before the files are looked at again."""


class ClassValues(QWidget):
    """Asks for the class that each value stands for. Hidden until there is something to ask.

    Signals:
        changed: the user filled in a value, or changed one.
    """

    changed = Signal()

    def __init__(self, classes: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes = list(classes)
        self.fields: dict[str, QLineEdit] = {}
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self.changed)
        self.question = QLabel(f"Which class does each value mean? {LEAVE_OUT} leaves its images out.")
        self.question.setWordWrap(True)
        self._form = QFormLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.question)
        column.addLayout(self._form)
        self.hide()

    def ask(self, counts: Mapping[str, int]) -> None:
        """Ask for the meaning of these values, with the number of rows that have each. Answers given before stay."""
        if set(counts) == set(self.fields):
            return
        given = {value: field.text() for value, field in self.fields.items()}
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = {value: self._field(value, given.get(value, "")) for value in counts}
        for value, field in self.fields.items():
            label = QLabel(f"{value}  ({many(counts[value], 'row')})")
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setBuddy(field)
            self._form.addRow(label, field)
        self.show()
        if self.fields:
            next(iter(self.fields.values())).setFocus()

    def _field(self, value: str, text: str) -> QLineEdit:
        field = QLineEdit(text)
        field.setPlaceholderText("class")
        field.setAccessibleName(f"Class of the value {value}")
        field.setCompleter(QCompleter(self._classes, field))
        field.textEdited.connect(lambda _text: self._pause.start())
        return field

    def answers(self) -> dict[str, str]:
        """The class of each value that is filled in; `LEAVE_OUT` leaves its images out."""
        return {value: field.text().strip() for value, field in self.fields.items() if field.text().strip()}

    def as_setting(self) -> str | None:
        """The answers as `ImportSettings.class_values`, None without any."""
        return ", ".join(f"{value}={meaning}" for value, meaning in self.answers().items()) or None
