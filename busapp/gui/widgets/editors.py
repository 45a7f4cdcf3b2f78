"""One editor for each type that a setting can have. Each takes and returns plain values, or None for no choice."""

import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic.fields import FieldInfo
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from busapp.gui.user_settings import last_folder, remember_folder

_NOTHING = -(2**31)
"""Internal value of an empty number box, which is shown as an empty field with its placeholder."""


class Editor(QWidget):
    """Base of all editors.

    Signals:
        changed: the user or `set_value` changed the value.
    """

    changed = Signal()

    def value(self) -> Any:
        """Return the value in the field; None if it is empty."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Fill in a value; None empties the field."""
        raise NotImplementedError

    def _hold(self, widget: QWidget, *others: QWidget) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(widget, 1)
        for other in others:
            row.addWidget(other)
        self.setFocusProxy(widget)
        # Qt would squeeze a box in a low window, and make it as wide as the longest possible number.
        widget.setMinimumSize(72, widget.sizeHint().height())


class _IgnoreWheel(QObject):
    """Lets the mouse wheel scroll the panel instead of changing the value under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QWheelEvent) and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class ChoiceEditor(Editor):
    """A combo box with a list of (value, words)."""

    def __init__(self, options: Sequence[tuple[Any, str]]) -> None:
        super().__init__()
        self.box = QComboBox()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(6)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.installEventFilter(_IgnoreWheel(self))
        self.set_options(options)
        self.box.currentIndexChanged.connect(self.changed)
        self._hold(self.box)

    def set_options(self, options: Sequence[tuple[Any, str]]) -> None:
        """Offer these options. The chosen one stays chosen if it is among them, or else the first is chosen."""
        chosen = self.value()
        self.box.blockSignals(True)
        self.box.clear()
        for value, words in options:
            self.box.addItem(words, value)
        self.box.setCurrentIndex(next((i for i, (value, _) in enumerate(options) if value == chosen), 0))
        self.box.blockSignals(False)
        if self.value() != chosen:
            self.changed.emit()

    def value(self) -> Any:
        return self.box.currentData()

    def set_value(self, value: Any) -> None:
        for index in range(self.box.count()):
            if self.box.itemData(index) == value:
                self.box.setCurrentIndex(index)
                return


class _IntBox(QSpinBox):
    """Accepts any number while typing, so that the form can show what is wrong with it. Steps stay within limits."""

    def __init__(self, low: int, high: int, step: int) -> None:
        super().__init__()
        self._low, self._high = low, high
        self.setRange(_NOTHING, 2**31 - 1)
        self.setSingleStep(step)

    def textFromValue(self, value: int) -> str:
        return "" if value == _NOTHING else str(value)

    def valueFromText(self, text: str) -> int:
        try:
            return max(_NOTHING + 1, min(int(text), 2**31 - 1))
        except ValueError:
            return _NOTHING

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        if not text.strip():
            return QValidator.State.Acceptable, text, position
        state = QValidator.State.Acceptable if text.lstrip("-").isdigit() else QValidator.State.Invalid
        return (QValidator.State.Intermediate if text == "-" else state), text, position

    def stepBy(self, steps: int) -> None:
        if self.value() == _NOTHING:
            self.setValue(self._low)
        else:
            self.setValue(max(self._low, min(self._high, self.value() + steps * self.singleStep())))

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        if self.value() < self._high:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if self.value() > self._low:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return flags


class IntEditor(Editor):
    """A whole number. Some fields can be empty, which is shown as "auto"."""

    def __init__(self, low: int, high: int, step: int, may_be_empty: bool) -> None:
        super().__init__()
        self.box = _IntBox(low, high, step)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.installEventFilter(_IgnoreWheel(self))
        self.box.lineEdit().setPlaceholderText("auto" if may_be_empty else "")
        self.box.valueChanged.connect(self.changed)
        self._hold(self.box)

    def value(self) -> int | None:
        value = self.box.value()
        return None if value == _NOTHING else value

    def set_value(self, value: int | None) -> None:
        self.box.setValue(_NOTHING if value is None else value)


class _FloatBox(QDoubleSpinBox):
    """Shows a number without an exponent (0.0001), and steps by a tenth of its size."""

    def __init__(self, low: float, high: float, may_be_empty: bool) -> None:
        super().__init__()
        self._low, self._high, self._may_be_empty = low, high, may_be_empty
        self.setDecimals(8)
        self.setRange(_NOTHING, 1e9)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:
        return "" if value == _NOTHING else f"{value:.8f}".rstrip("0").rstrip(".")

    def valueFromText(self, text: str) -> float:
        if not text.strip() and self._may_be_empty:
            return _NOTHING
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return self.value()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        if not text.strip() and self._may_be_empty:
            return QValidator.State.Acceptable, text, position
        try:
            float(text.replace(",", "."))
        except ValueError:
            is_begun = not text.strip("-+.,eE0123456789")
            return (QValidator.State.Intermediate if is_begun else QValidator.State.Invalid), text, position
        return QValidator.State.Acceptable, text, position

    def stepBy(self, steps: int) -> None:
        if self.value() == _NOTHING:
            self.setValue(self._low)
            return
        super().stepBy(steps)
        self.setValue(max(self._low, min(self._high, self.value())))


class FloatEditor(Editor):
    """A number. Some fields can be empty, which is shown as "auto"."""

    def __init__(self, low: float, high: float, may_be_empty: bool) -> None:
        super().__init__()
        self._may_be_empty = may_be_empty
        self.box = _FloatBox(low, high, may_be_empty)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.installEventFilter(_IgnoreWheel(self))
        self.box.lineEdit().setPlaceholderText("auto" if may_be_empty else "")
        self.box.valueChanged.connect(self.changed)
        self._hold(self.box)
        self.set_value(None)

    def value(self) -> float | None:
        value = self.box.value()
        return None if value == _NOTHING else value

    def set_value(self, value: float | None) -> None:
        empty = _NOTHING if self._may_be_empty else 0.0
        self.box.setValue(empty if value is None else value)


class BoolEditor(Editor):
    """A checkbox."""

    def __init__(self) -> None:
        super().__init__()
        self.box = QCheckBox()
        self.box.toggled.connect(self.changed)
        self._hold(self.box)

    def value(self) -> bool:
        return self.box.isChecked()

    def set_value(self, value: bool | None) -> None:
        self.box.setChecked(bool(value))


class TextEditor(Editor):
    """A text. If the field can be empty, an empty text is None."""

    def __init__(self, may_be_empty: bool) -> None:
        super().__init__()
        self._may_be_empty = may_be_empty
        self.box = QLineEdit()
        self.box.textChanged.connect(self.changed)
        self._hold(self.box)

    def value(self) -> str | None:
        text = self.box.text().strip()
        return None if self._may_be_empty and not text else text

    def set_value(self, value: str | None) -> None:
        self.box.setText(value or "")


class PathEditor(Editor):
    """A file, typed or chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.box = QLineEdit()
        self.box.setPlaceholderText("auto")
        self.box.textChanged.connect(self.changed)
        self.browse = QToolButton()
        self.browse.setText("…")
        self.browse.setToolTip("Choose a file")
        self.browse.setAccessibleName("Choose a file")
        self.browse.clicked.connect(self._choose)
        self._hold(self.box, self.browse)

    def value(self) -> Path | None:
        text = self.box.text().strip()
        return Path(text) if text else None

    def set_value(self, value: Path | str | None) -> None:
        self.box.setText("" if value is None else str(value))

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose a file", self.box.text() or str(last_folder()))
        if name:
            remember_folder(Path(name).parent)
            self.box.setText(name)


class SetEditor(Editor):
    """Some of a list of choices, from a menu, in the order in which they were chosen. None is "auto"."""

    def __init__(self, options: Sequence[str]) -> None:
        super().__init__()
        self.box = QToolButton()
        self.box.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        menu = QMenu(self.box)
        self.actions_of: dict[str, QAction] = {}
        for option in options:
            action = menu.addAction(option)
            action.setCheckable(True)
            action.triggered.connect(self._choose)
            self.actions_of[option] = action
        self.box.setMenu(menu)
        self._chosen: tuple[str, ...] = ()
        self._hold(self.box)
        self.set_value(())

    def value(self) -> tuple[str, ...]:
        return self._chosen

    def set_value(self, value: Sequence[str] | None) -> None:
        before, self._chosen = self._chosen, tuple(value or ())
        for option, action in self.actions_of.items():
            action.setChecked(option in self._chosen)
        self.box.setText(", ".join(self._chosen) or "auto")
        if self._chosen != before:
            self.changed.emit()

    def _choose(self) -> None:
        checked = [option for option, action in self.actions_of.items() if action.isChecked()]
        kept = [option for option in self._chosen if option in checked]
        self.set_value([*kept, *(option for option in checked if option not in kept)])


def _limit(field: FieldInfo, *names: str) -> float | None:
    for constraint in field.metadata:
        for name in names:
            found: float | None = getattr(constraint, name, None)
            if found is not None:
                return found
    return None


def _step(field: FieldInfo) -> int:
    extra = field.json_schema_extra
    step = extra.get("step") if isinstance(extra, dict) else None
    return step if isinstance(step, int) else 1


def editor_for(field: FieldInfo) -> Editor | None:
    """Return the editor of a settings field; None for types that no form asks for (tuples of paths)."""
    kind: Any = field.annotation
    arguments = typing.get_args(kind)
    may_be_empty = isinstance(kind, types.UnionType) and types.NoneType in arguments
    if may_be_empty:
        kind = next(part for part in arguments if part is not types.NoneType)
    if kind is bool:
        three = [(None, "auto"), (True, "on"), (False, "off")]
        return ChoiceEditor(three) if may_be_empty else BoolEditor()
    if typing.get_origin(kind) is tuple and typing.get_origin(arguments[0]) is Literal:
        return SetEditor(typing.get_args(arguments[0]))
    if typing.get_origin(kind) is Literal:
        return ChoiceEditor([(option, str(option)) for option in typing.get_args(kind)])
    if kind is int:
        low, high = _limit(field, "ge", "gt"), _limit(field, "le", "lt")
        return IntEditor(
            int(low) if low is not None else -(2**31) + 1,
            int(high) if high is not None else 2**31 - 1,
            int(_limit(field, "multiple_of") or _step(field)),
            may_be_empty,
        )
    if kind is float:
        low, high = _limit(field, "ge", "gt"), _limit(field, "le", "lt")
        return FloatEditor(low if low is not None else -1e9, high if high is not None else 1e9, may_be_empty)
    if kind is str:
        return TextEditor(may_be_empty)
    if kind is Path:
        return PathEditor()
    return None


class Column(QVBoxLayout):
    """A column without margins."""

    def __init__(self, parent: QWidget | None = None, spacing: int = 0) -> None:
        super().__init__()
        if parent is not None:
            parent.setLayout(self)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)
