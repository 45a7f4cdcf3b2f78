"""Small pictures for the grid: loaded, scaled and tinted by their masks in the background."""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image
from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.preprocessing import decode_stored, read_image
from busapp.engine.study.thumbnails import make_mask_thumbnail, make_thumbnail, mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_atomically
from busapp.errors import UserError
from busapp.gui.images.image_canvas import mask_overlay
from busapp.gui.widgets.background import BackgroundQueue

_KEPT_BYTES: Final = 128 * 2**20
_MOST_WAITING: Final = 400
"""Most pictures that wait to be loaded. If the user scrolls past more, the oldest requests are dropped."""


@dataclass(frozen=True, slots=True)
class Look:
    """Size and tint of pictures: at most `side` pixels wide and high, and with the lesion tinted if there is a mask."""

    side: int
    with_mask: bool


def thumbnail(workspace: Workspace, image: ImageRecord) -> QImage:
    """The small picture, from the cache or newly made. Null if the image cannot be read."""
    cached = thumbnail_path(workspace, image.sha256)
    small = QImage(str(cached)) if cached.exists() else QImage()
    if not small.isNull():
        return small
    try:
        content = make_thumbnail(read_image(workspace.image_path(image)))
    except UserError:
        return QImage()
    _keep(cached, content)
    return QImage.fromData(content)


def _keep(cached: Path, content: bytes) -> None:
    with suppress(UserError, OSError):  # if the disk is full, the picture is made again each time
        write_atomically(cached, content, survives_power_cut=False)


def mask_thumbnail(workspace: Workspace, sha256: str) -> Image.Image | None:
    """The small mask, from the cache or newly made. None if it cannot be read."""
    cached = mask_thumbnail_path(workspace, sha256)
    try:
        if cached.exists():
            return read_image(cached)
        content = make_mask_thumbnail(read_image(workspace.mask_path(sha256)))
    except UserError:
        return None
    _keep(cached, content)
    return decode_stored(content, file=cached)


def picture(workspace: Workspace, image: ImageRecord, look: Look) -> QImage:
    """The small picture with this look. Null if the image cannot be read."""
    small = thumbnail(workspace, image)
    if small.isNull():
        return small
    scaled = fitted(small, QSize(look.side, look.side))
    if look.with_mask and image.mask is not None:
        mask = mask_thumbnail(workspace, image.mask)
        if mask is not None:
            scaled = _tinted(scaled, mask)
    return scaled


def _tinted(scaled: QImage, mask: Image.Image) -> QImage:
    fitting = mask.convert("L").resize((scaled.width(), scaled.height()), Image.Resampling.BILINEAR)
    tinted = scaled.convertToFormat(QImage.Format.Format_RGB32)
    painter = QPainter(tinted)
    painter.drawImage(0, 0, mask_overlay(fitting.point(lambda value: 255 if value >= 128 else 0)))
    painter.end()
    return tinted


_Key = tuple[str, str | None]
"""Content hashes of an image and its mask. Both are needed, because the same picture may have two masks."""


@dataclass(frozen=True, slots=True)
class _Kept:
    look: Look
    picture: QImage


class Thumbnails(QObject):
    """Loads small pictures. Those in memory are available at once, the others after `loaded`.

    Signals:
        loaded: the content hash of an image whose small picture is now available.
    """

    loaded = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._memory: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0
        # The newest request comes first: that is what the user looks at. A second thread fills a page no sooner, and
        # doubles the time of the window's frames on two cores.
        self._queue = BackgroundQueue(self, most_waiting=_MOST_WAITING)
        self._queue.made.connect(self._keep)

    def open_study(self, workspace: Workspace) -> None:
        """Load from another study."""
        self._queue.clear()
        self._memory.clear()
        self._bytes = 0
        self._workspace = workspace

    def get(self, image: ImageRecord, look: Look) -> tuple[QImage | None, bool]:
        """The small picture, and True if it has this look.

        The picture is null if the image cannot be read, and None while it is being loaded. While it is loaded again
        for a new look, it still has the old one.
        """
        key = image.sha256, image.mask
        found = self._memory.get(key)
        if found is not None:
            self._memory.move_to_end(key)
            if found.look == look:
                return found.picture, True
        if self._workspace is not None:
            self._queue.put(key, partial(_make, self._workspace, image, look))
        return found.picture if found is not None else None, False

    def stop(self) -> None:
        """Forget what waits, and wait for what is being loaded."""
        self._queue.stop()

    def _keep(self, key: _Key, made: _Kept) -> None:
        before = self._memory.pop(key, None)
        self._memory[key] = made
        self._bytes += made.picture.sizeInBytes() - (before.picture.sizeInBytes() if before else 0)
        while self._bytes > _KEPT_BYTES:
            self._bytes -= self._memory.popitem(last=False)[1].picture.sizeInBytes()
        self.loaded.emit(key[0])


def _make(workspace: Workspace, image: ImageRecord, look: Look) -> _Kept:
    return _Kept(look, picture(workspace, image, look))


def fitted(small: QImage, size: QSize) -> QImage:
    """A picture scaled to fit into `size`, with its aspect ratio kept."""
    return small.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
