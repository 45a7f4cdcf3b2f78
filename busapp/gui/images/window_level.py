"""Window and level: the range of grey values that the screen shows from black to white."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QMenu, QPushButton, QSlider, QWidget, QWidgetAction

from busapp.gui.theme import SPACE

ONLY_SHOWN: Final = "Changes only what you see, not what the model sees."
_BY_MOUSE: Final = "Or drag the image with the right button:\nsideways for the window, up and down for the level."
_NARROWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Window:
    """`width` grey values around `level` are shown from black to white. Both are 8-bit grey values, 0 to 255."""

    width: int = 255
    level: int = 128

    @property
    def is_plain(self) -> bool:
        """True if the window changes nothing."""
        return self == Window()

    def moved(self, wider: int, higher: int) -> "Window":
        """A window that is `wider` and `higher` by these grey values, as far as the range allows."""
        return Window(
            min(255, max(_NARROWEST, self.width + wider)),
            min(255, max(0, self.level + higher)),
        )

    def applied(self, image: Image.Image) -> Image.Image:
        """An RGB image as this window shows it."""
        if self.is_plain:
            return image
        values = (np.arange(256) - (self.level - self.width / 2)) * (255 / self.width)
        return image.point(values.clip(0, 255).round().astype(int).tolist() * 3)


class WindowMenu(QMenu):
    """Two sliders, and a button that resets them.

    Signals:
        changed: the `Window` that was chosen.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.width_slider, self.level_slider = _slider("Window", _NARROWEST), _slider("Level", 0)
        self.reset_button = QPushButton("&Reset")
        self.reset_button.clicked.connect(lambda: self._choose(Window()))
        words = QLabel(f"{ONLY_SHOWN}\n{_BY_MOUSE}")
        words.setProperty("role", "muted")
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        grid.setSpacing(SPACE)
        for row, (text, slider) in enumerate((("&Window", self.width_slider), ("&Level", self.level_slider))):
            label = QLabel(text)
            label.setBuddy(slider)
            grid.addWidget(label, row, 0)
            grid.addWidget(slider, row, 1)
            slider.valueChanged.connect(lambda _value: self._choose(self.window_chosen))
        grid.addWidget(words, 2, 0, 1, 2)
        grid.addWidget(self.reset_button, 3, 1, Qt.AlignmentFlag.AlignRight)
        action = QWidgetAction(self)
        action.setDefaultWidget(panel)
        self.addAction(action)
        self.aboutToShow.connect(lambda: QTimer.singleShot(0, self.width_slider.setFocus))
        self.show_window(Window())

    @property
    def window_chosen(self) -> Window:
        """The window that the sliders are set to."""
        return Window(self.width_slider.value(), self.level_slider.value())

    def show_window(self, window: Window) -> None:
        """Set the sliders. Emits nothing."""
        for slider, value in ((self.width_slider, window.width), (self.level_slider, window.level)):
            slider.blockSignals(True)
            slider.setValue(value)
            slider.blockSignals(False)
        self.reset_button.setEnabled(not window.is_plain)

    def _choose(self, window: Window) -> None:
        self.show_window(window)
        self.changed.emit(window)


def _slider(name: str, lowest: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(lowest, 255)
    slider.setMinimumWidth(220)
    slider.setAccessibleName(f"{name}, in grey values from {lowest} to 255")
    slider.setToolTip(ONLY_SHOWN)
    return slider
