"""Actions with a key, and buttons that show the key."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QPushButton, QWidget


def keyed_action(parent: QWidget, text: str, key: str, on_triggered: Callable[[], object]) -> QAction:
    """An action whose key works in each widget that it is added to, and in the widgets inside of that one."""
    action = QAction(text, parent)
    action.setShortcut(QKeySequence(key))
    action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    action.triggered.connect(lambda: on_triggered())
    return action


def button_for(action: QAction) -> QPushButton:
    """A button that triggers an action, and is enabled with it. Only the action listens to the key."""
    button = QPushButton(f"{action.text()} ({action.shortcut().toString()})")
    button.clicked.connect(action.trigger)
    button.setEnabled(action.isEnabled())
    action.enabledChanged.connect(button.setEnabled)
    return button
