"""A slider for the frames of a loop."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

PAGES: Final = {Qt.Key.Key_PageUp: -1, Qt.Key.Key_PageDown: 1}
"""Frames to move by, for each key."""


class _Slider(QSlider):
    """Page Down moves forward, as in a text. Qt's slider moves back."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in PAGES:
            self.setValue(self.value() + PAGES[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)


class FrameSlider(QWidget):
    """Hidden if there is only one frame. Frames count from 1. Arrow keys and Page Up and Down change the frame.

    Signals:
        frame_wanted: the number of the frame that was chosen.
    """

    frame_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = _Slider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Frame")
        self.slider.setToolTip("Frame of the loop (arrow keys, Page Up and Page Down)")
        self.slider.valueChanged.connect(self._choose)
        self.words = QLabel()
        label = QLabel("F&rame")
        label.setBuddy(self.slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.words)
        self.hide()

    def show_frame(self, number: int, frames: int) -> None:
        """Set the slider to frame `number` of `frames`. Emits nothing."""
        self.slider.blockSignals(True)
        self.slider.setRange(1, frames)
        self.slider.setPageStep(max(1, frames // 10))
        self.slider.setValue(number)
        self.slider.blockSignals(False)
        self._tell()
        self.setVisible(frames > 1)

    def walk(self, steps: int) -> bool:
        """Choose a later or earlier frame. True if there are several frames."""
        if self.slider.maximum() > 1:
            self.slider.setValue(self.slider.value() + steps)
        return self.slider.maximum() > 1

    def _choose(self, number: int) -> None:
        self._tell()
        self.frame_wanted.emit(number)

    def _tell(self) -> None:
        widest = f"frame {self.slider.maximum()} of {self.slider.maximum()}"
        self.words.setMinimumWidth(self.words.fontMetrics().horizontalAdvance(widest))
        self.words.setText(f"frame {self.slider.value()} of {self.slider.maximum()}")
