"""Small pictures of the study's images: made once, kept in the study's cache, loaded off the window's thread."""

import threading
from collections import OrderedDict
from typing import Final

from PySide6.QtCore import QObject, QRunnable, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QImage

from busapp.engine.catalog import ImageRecord
from busapp.engine.files import write_atomically
from busapp.engine.preprocessing import read_image
from busapp.engine.thumbnails import make_thumbnail, thumbnail_path
from busapp.engine.workspace import Workspace
from busapp.errors import UserError

_KEPT_IN_MEMORY: Final = 1500
_MOST_WAITING: Final = 400
"""Whoever scrolls past more than these does not wait for the first of them."""


def thumbnail(workspace: Workspace, image: ImageRecord) -> QImage:
    """The small picture, from the cache or made now; a null picture where the image cannot be read."""
    cached = thumbnail_path(workspace, image.sha256)
    small = QImage(str(cached)) if cached.exists() else QImage()
    if not small.isNull():
        return small
    try:
        content = make_thumbnail(read_image(workspace.image_path(image)))
        write_atomically(cached, content)
    except (UserError, OSError):
        return QImage()
    return QImage.fromData(content)


class Thumbnails(QObject):
    """Gives small pictures: at once where they are in memory, else by `loaded` a little later.

    Signals:
        loaded: the content hash of an image whose small picture is now there.
    """

    loaded = Signal(str)
    _made = Signal(object, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._memory: OrderedDict[str, QImage] = OrderedDict()
        self._waiting: OrderedDict[str, ImageRecord] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._made.connect(self._keep)

    def open_study(self, workspace: Workspace) -> None:
        """Load from another study."""
        with self._lock:
            self._waiting.clear()
        self._memory.clear()
        self._workspace = workspace

    def get(self, image: ImageRecord) -> QImage | None:
        """The small picture (null where the image cannot be read), or None while it is being loaded."""
        found = self._memory.get(image.sha256)
        if found is not None:
            self._memory.move_to_end(image.sha256)
            return found
        with self._lock:
            is_new = image.sha256 not in self._waiting
            self._waiting[image.sha256] = image
            self._waiting.move_to_end(image.sha256)
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)
        if is_new and self._workspace is not None:
            self._pool.start(_Load(self, self._workspace))
        return None

    def stop(self) -> None:
        """Forget what waits, and wait for what is being loaded."""
        with self._lock:
            self._waiting.clear()
        self._pool.waitForDone()

    def load_newest(self, workspace: Workspace) -> None:
        """Load what was asked for last: that is what the user looks at. Called in the pool's threads."""
        with self._lock:
            if not self._waiting or workspace is not self._workspace:
                return
            sha256, image = self._waiting.popitem()
        self._made.emit(workspace, sha256, thumbnail(workspace, image))

    def _keep(self, workspace: Workspace, sha256: str, small: QImage) -> None:
        if workspace is not self._workspace:
            return
        self._memory[sha256] = small
        if len(self._memory) > _KEPT_IN_MEMORY:
            self._memory.popitem(last=False)
        self.loaded.emit(sha256)


class _Load(QRunnable):
    def __init__(self, owner: Thumbnails, workspace: Workspace) -> None:
        super().__init__()
        self._owner = owner
        self._workspace = workspace

    def run(self) -> None:
        self._owner.load_newest(self._workspace)


def fitted(small: QImage, size: QSize) -> QImage:
    """Scaled into `size`, its aspect kept."""
    return small.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
