"""The button with a menu of all measurements that take several cross-validations."""

from functools import partial
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

_ENTRIES: Final = {
    "leaks": (
        "What &leaks are worth…",
        "Measure by how much each leak of the published protocol raises the accuracy here",
    ),
    "gain": (
        "What synthetic images are &worth…",
        "Measure how synthetic images change the classifier, compared with plain augmentation",
    ),
    "rivals": (
        "What GAN and &fusion are worth…",
        "Measure GAN-ResNet and its rivals: a plain CNN, its parts alone, and synthetic images without fusion",
    ),
    "optimizers": (
        "Which &optimiser is best…",
        "Measure one network with SGD, Adam, AdamW and RMSprop",
    ),
}
"""Words and tip of each measurement, by the kind of its job."""


class MeasurementsButton(QPushButton):
    """Opens the menu by mouse, by Space, or by its key.

    Signals:
        chosen: the kind of the measurement.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Measureme&nts", parent)
        self.setToolTip("Compare several cross-validations: what leaks, synthetic images or a GAN are worth")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.entries: dict[str, QAction] = {}
        for kind, (words, tip) in _ENTRIES.items():
            entry = menu.addAction(words, partial(self.chosen.emit, kind))
            entry.setToolTip(tip)
            self.entries[kind] = entry
        self.setMenu(menu)
