"""A form made from a settings model: titles, tooltips, units, limits and defaults all come from its fields."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QWidget,
)

from busapp.engine.settings import JobSettings
from busapp.gui.theme import SPACE
from busapp.gui.widgets.editors import ChoiceEditor, Column, Editor, editor_for

_BASIS: Final[tuple[str, ...]] = ("class_name", "preset")
"""The fields that other fields' defaults depend on."""


class _Field(QWidget):
    """One setting: its editor, its unit, the button that restores the default, and its error."""

    def __init__(self, name: str, field: FieldInfo, editor: Editor) -> None:
        super().__init__()
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        self.name = name
        self.is_under_more = bool(extra.get("more"))
        self.editor = editor
        self.default: Any = None
        self.title = QLabel(field.title or name)
        self.title.setBuddy(editor)
        self.unit = QLabel(str(extra.get("unit") or ""))
        self.unit.setProperty("role", "muted")
        self.unit.setVisible(bool(self.unit.text()))
        self.mark = QToolButton()
        self.mark.setText("↺")
        self.mark.setAutoRaise(True)
        self.mark.setAccessibleName(f"{self.title.text()}: back to the default")
        self.mark.clicked.connect(lambda: editor.set_value(self.default))
        self.error = QLabel()
        self.error.setProperty("role", "error")
        self.error.setWordWrap(True)
        self.error.hide()
        focus = editor.focusProxy() or editor
        for widget in (self.title, editor, focus):
            widget.setToolTip(f"<p>{field.description or ''}</p>")
        focus.setAccessibleName(self.title.text())
        focus.setAccessibleDescription(field.description or "")

        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(editor, 1)
        row.addWidget(self.unit)
        row.addWidget(self.mark)
        policy = self.mark.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.mark.setSizePolicy(policy)
        column = Column(self, 2)
        column.addLayout(row)
        column.addWidget(self.error)

    def show_state(self, error: str) -> None:
        """Mark a value that is not the default, and show its error (may be empty)."""
        self.mark.setVisible(self.editor.value() != self.default)
        self.mark.setToolTip(f"Differs from the default, {value_in_words(self.default)}. Click to restore it.")
        self.error.setText(error)
        self.error.setVisible(bool(error))


class SettingsForm(QWidget):
    """Asks for the settings of a job. A few fields are always visible, the others under "More".

    The form shows `fields` in this order (all, if not given), without those in `hidden`. It keeps the values of fields
    that are not shown, so that `set_values` followed by `settings` loses nothing. The values of the fields named in
    `choices` are chosen from a list (see `set_choices`), not typed.

    Signals:
        changed: a value changed, by the user or by the program.
    """

    changed = Signal()

    def __init__(
        self,
        model_class: type[JobSettings],
        fields: Sequence[str] | None = None,
        hidden: Collection[str] = (),
        choices: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.model_class = model_class
        self._fields: dict[str, _Field] = {}
        self._held: dict[str, Any] = {}
        self._defaults: dict[str, Any] = {}
        self._is_filling = False
        shown = [name for name in fields or model_class.model_fields if name not in hidden]
        for name in shown:
            field = model_class.model_fields[name]
            editor = ChoiceEditor([]) if name in choices else editor_for(field)
            if editor is None:
                continue
            if not field.is_required():
                editor.set_value(field.default)
            self._fields[name] = _Field(name, field, editor)
        self._lay_out()
        for name in self._fields:
            self._connect(name)
        self.reset()

    # -- values --------------------------------------------------------------------------------------------

    def values(self) -> dict[str, Any]:
        """Return the values in the form, valid or not. None means "auto"."""
        shown = {name: field.editor.value() for name, field in self._fields.items()}
        return {**self._defaults, **self._held, **shown}

    def settings(self) -> JobSettings:
        """Return the settings.

        Raises:
            ValidationError: a value is not allowed; its field shows why.
        """
        return self.model_class.model_validate(self.values())

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Fill in values; other fields keep theirs. Values that defaults depend on are filled in first."""
        self._is_filling = True
        for name in sorted(values, key=lambda name: name not in _BASIS):
            if name in self._fields:
                self._fields[name].editor.set_value(values[name])
            elif name in self.model_class.model_fields:
                self._held[name] = values[name]
            if name in _BASIS:
                self._refill(everything=True)
        self._is_filling = False
        self._look()

    def set_choices(self, name: str, options: Sequence[str]) -> None:
        """Offer these options for a field named in `choices`. The chosen one stays if it is among them."""
        editor = self._fields[name].editor
        assert isinstance(editor, ChoiceEditor)
        editor.set_options([(option, option) for option in options])

    def field(self, name: str) -> Editor:
        """Return the editor of a shown field."""
        return self._fields[name].editor

    def error(self, name: str) -> str:
        """Return the error of a field; empty if it is valid."""
        return self._fields[name].error.text()

    @property
    def is_valid(self) -> bool:
        """True if `settings` would raise no error."""
        return not self._errors()

    def reset(self) -> None:
        """Restore the defaults of the chosen preset and class; these two stay chosen."""
        self._is_filling = True
        self._refill(everything=True)
        self._is_filling = False
        self._look()

    # -- inside --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._open_part, self._more_part = _Rows(), _Rows()
        more = [field for field in self._fields.values() if field.is_under_more]
        for field in self._fields.values():
            (self._more_part if field.is_under_more else self._open_part).form.addRow(field.title, field)
        self.more_button = QToolButton()
        self.more_button.setText("More")
        self.more_button.setCheckable(True)
        self.more_button.setAutoRaise(True)
        self.more_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more_button.setVisible(bool(more))
        self.more_button.toggled.connect(self._show_more)
        self.reset_button = QPushButton("Reset")
        self.reset_button.setToolTip("Restore all defaults of the preset")
        self.reset_button.clicked.connect(self.reset)
        buttons = QHBoxLayout()
        buttons.addWidget(self.more_button)
        buttons.addStretch()
        buttons.addWidget(self.reset_button)
        column = Column(self, SPACE)
        column.addWidget(self._open_part)
        column.addLayout(buttons)
        column.addWidget(self._more_part)
        self._show_more(False)

    def _show_more(self, wanted: bool) -> None:
        self.more_button.setArrowType(Qt.ArrowType.DownArrow if wanted else Qt.ArrowType.RightArrow)
        self._more_part.setVisible(wanted)

    def _connect(self, name: str) -> None:
        self._fields[name].editor.changed.connect(lambda: self._on_edit(name))

    def _on_edit(self, name: str) -> None:
        if self._is_filling:
            return
        if name in _BASIS:
            self._is_filling = True
            # A new preset replaces all values; a new class changes only the values that the user has not edited.
            self._refill(everything=name == "preset")
            self._is_filling = False
        self._look()

    def _refill(self, *, everything: bool) -> None:
        untouched = {name for name, field in self._fields.items() if field.editor.value() == field.default}
        self._defaults = self._find_defaults()
        for name, field in self._fields.items():
            field.default = self._defaults.get(name)
            if name in _BASIS and field.editor.value() not in (None, ""):
                field.default = field.editor.value()
            elif everything or name in untouched:
                field.editor.set_value(field.default)
        if everything:
            self._held = {name: value for name, value in self._held.items() if name in _BASIS}

    def _find_defaults(self) -> dict[str, Any]:
        """Return the defaults for the current basis; None for required fields without a default."""
        fields = self.model_class.model_fields
        shown = {name: self._fields[name].editor.value() for name in _BASIS if name in self._fields}
        shown = {**self._held, **shown}
        basis = {name: shown[name] for name in _BASIS if shown.get(name)}
        words = [name for name, field in fields.items() if field.is_required() and field.annotation is str]
        filled: dict[str, Any]
        try:
            filled = self.model_class.model_validate({**dict.fromkeys(words, ""), **basis}).model_dump()
        except ValidationError:
            filled = {name: None if field.is_required() else field.default for name, field in fields.items()}
        return {name: None if name in words and name not in basis else value for name, value in filled.items()}

    def _errors(self) -> dict[str, str]:
        try:
            self.settings()
        except ValidationError as error:
            return {str(problem["loc"][0]): _plain(problem) for problem in error.errors() if problem["loc"]}
        return {}

    def _look(self) -> None:
        errors = self._errors()
        for name, field in self._fields.items():
            field.show_state(errors.get(name, ""))
        hidden = any(field.is_under_more and errors.get(name) for name, field in self._fields.items())
        if hidden:
            self.more_button.setChecked(True)
        self.changed.emit()


class _Rows(QWidget):
    """Titles to the left of their fields, or above them if the panel is too narrow."""

    def __init__(self) -> None:
        super().__init__()
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(6)
        self.form.setHorizontalSpacing(SPACE)
        self.form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)


def value_in_words(value: Any) -> str:
    """Return a setting's value as the user reads it."""
    if value is None or value in ("", ()):
        return "auto"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(problem: Any) -> str:
    limits = problem.get("ctx", {})
    words = {
        "greater_than_equal": "At least {ge}.",
        "greater_than": "More than {gt}.",
        "less_than_equal": "At most {le}.",
        "less_than": "Less than {lt}.",
        "multiple_of": "A multiple of {multiple_of}.",
    }
    if problem["type"] in words:
        return words[problem["type"]].format(**limits)
    if problem["input"] in (None, "") or problem["type"] == "missing":
        return "Fill this in."
    return str(problem["msg"])
