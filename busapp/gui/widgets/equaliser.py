"""Adaptive equalisation for the eye, made off the window's thread."""

import threading
from typing import Final

from PIL import Image, ImageOps
from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal
from PySide6.QtGui import QImage

from busapp.engine.preprocessing import equalise
from busapp.gui.widgets.image_canvas import to_qimage

LONGEST_SIDE: Final = 2048
"""Pixels; a larger image is equalised at this size and enlarged again, or it would take seconds and gigabytes."""


def equalised(image: Image.Image) -> QImage:
    """The image as large as it is, equalised."""
    if max(image.size) <= LONGEST_SIDE:
        return to_qimage(equalise(image))
    small = ImageOps.contain(image, (LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return to_qimage(equalise(small).resize(image.size, Image.Resampling.BILINEAR))


class Equaliser(QObject):
    """Equalises the image that was asked for last; those before it are forgotten.

    Signals:
        made: the image that was asked for last, equalised, as large as it was.
    """

    made = Signal(QImage)
    _done = Signal(int, QImage)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked = 0
        self._waiting: tuple[int, Image.Image] | None = None
        self._lock = threading.Lock()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._done.connect(self._keep_newest)

    def ask(self, image: Image.Image | None) -> None:
        """Equalise this image, and none that was asked for before; None: none at all."""
        with self._lock:
            self._asked += 1
            self._waiting = None if image is None else (self._asked, image)
        if image is not None:
            self._pool.start(_Make(self))

    def stop(self) -> None:
        """Forget what was asked for, and wait for what is being made."""
        self.ask(None)
        self._pool.waitForDone()

    def make_newest(self) -> None:
        """Called in the pool's thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            number, image = waiting
            self._done.emit(number, equalised(image))

    def _keep_newest(self, number: int, picture: QImage) -> None:
        if number == self._asked:
            self.made.emit(picture)


class _Make(QRunnable):
    def __init__(self, owner: Equaliser) -> None:
        super().__init__()
        self._owner = owner

    def run(self) -> None:
        self._owner.make_newest()
