"""Panels side by side, a column of settings that scrolls, and windows that fit on the screen."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from busapp.gui.theme import SPACE

SIDE_WIDTH = 300
"""Pixels of the left and the right panel."""
_FRAME_WIDTH, _FRAME_HEIGHT = 16, 40
"""Pixels that the frame and the title of a window may take."""


def settings_column(*parts: QWidget | QLayout) -> QWidget:
    """Return a settings panel with its parts one below the other."""
    panel = QWidget()
    column = QVBoxLayout(panel)
    column.setContentsMargins(0, 0, SPACE, 0)
    column.setSpacing(SPACE)
    for part in parts:
        if isinstance(part, QLayout):
            column.addLayout(part)
        else:
            column.addWidget(part)
    column.addStretch()
    return panel


def vertical(name: str, parts: Sequence[tuple[QWidget, int]]) -> QSplitter:
    """Return a splitter whose parts share the height by their numbers, until the user moves the handles."""
    splitter = QSplitter(Qt.Orientation.Vertical)
    splitter.setObjectName(name)
    splitter.setChildrenCollapsible(False)
    for index, (part, share) in enumerate(parts):
        splitter.addWidget(part)
        splitter.setStretchFactor(index, share)
    splitter.setSizes([100 * share for _, share in parts])
    return splitter


def three_panels(name: str, left: QWidget, middle: QWidget, right: QWidget, right_width: int = SIDE_WIDTH) -> QSplitter:
    """Return a splitter of settings, pictures and numbers. The middle takes all space that is left. The window
    remembers the sizes by `name`."""
    splitter = QSplitter(Qt.Orientation.Horizontal)
    splitter.setObjectName(f"{name}-panels")
    for panel in (left, middle, right):
        splitter.addWidget(panel)
    for index, stretch in enumerate((0, 1, 0)):
        splitter.setStretchFactor(index, stretch)
        splitter.setCollapsible(index, index != 1)
    splitter.setSizes([SIDE_WIDTH, 10_000, right_width])
    left.setMinimumWidth(SIDE_WIDTH - 60)
    right.setMinimumWidth(right_width)  # in a narrower panel, the intervals in its tables would be cut off
    return splitter


class SideBySide(QWidget):
    """Two widgets beside each other, or one below the other where there are fewer than `narrow` pixels for both."""

    def __init__(self, first: QWidget, second: QWidget, narrow: int, shares: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self._narrow = narrow
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(SPACE)
        for widget, share in zip((first, second), shares, strict=True):
            self._box.addWidget(widget, share)

    def minimumSizeHint(self) -> QSize:
        needed = super().minimumSizeHint()
        return QSize(min(needed.width(), self._narrow // 2), needed.height())  # or it could never become narrow

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = event.size().width() < self._narrow
        self._box.setDirection(QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight)


def resize_within_screen(window: QWidget, width: int, height: int) -> None:
    """Give a window or dialog this size, or what the screen has room for with the window's frame."""
    room = window.screen().availableSize() - QSize(_FRAME_WIDTH, _FRAME_HEIGHT)
    window.resize(QSize(width, height).boundedTo(room))


def scrolling(panel: QWidget) -> QScrollArea:
    """Return the panel in an area that scrolls vertically if the window is too low."""
    area = QScrollArea()
    area.setWidget(panel)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
