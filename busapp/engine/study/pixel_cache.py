"""The pixels of a study's images for a run: decoded and resized once, and kept in the study's cache.

The cache can be deleted at any time, and never returns wrong pixels. Each entry records the bytes, the file, the
preprocessing and its version that its pixels come from, and their checksum. If any of these differs, the image is
decoded again. A cache that cannot be written is no error.
"""

import os
import shutil
import time
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import PIL

from busapp.engine.catalog import ImageRecord
from busapp.engine.events import Event, Progress, Skipped
from busapp.engine.images import preprocessing
from busapp.engine.images.preprocessing import Pixels, Preprocessing, read_image
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_atomically
from busapp.engine.utils.prefetch import in_order
from busapp.errors import UnreadableImage, UserError

MAX_BYTES: Final = 2 * 2**30
"""Bytes of the cache for a study's pixels: 14,000 images of 224×224. Beyond that, the least recently used entries are
deleted. A run on more images than fit decodes them each time."""
RESERVE: Final = 2 * 2**30
"""Bytes that the cache leaves free on the disk, for data that cannot be computed again."""
_REPORT_AFTER: Final = 0.1
"""Seconds between two events."""


def load_pixels(
    workspace: Workspace, records: Sequence[ImageRecord], preparing: Preprocessing
) -> Generator[Event, None, tuple[list[ImageRecord], Pixels]]:
    """Return the readable images, in their order, and their pixels, uint8 (n, size, size, 3). Pixels come from the
    cache or are decoded in threads. Unreadable images are reported as `Skipped`."""
    cache = _Cache.of(workspace, preparing, len(records))
    pixels = np.empty((len(records), preparing.size, preparing.size, 3), np.uint8)
    loaded: list[ImageRecord] = []
    tried, reported = 0, 0.0
    with closing(in_order(cache.pixels, records, "pixels")) as steps:
        for done in steps:
            if done is not None:
                record, future = done
                tried += 1
                try:
                    pixels[len(loaded)] = future.result()
                    loaded.append(record)
                except UnreadableImage as error:
                    yield Skipped(record.file, str(error))
            if time.monotonic() - reported > _REPORT_AFTER:
                reported = time.monotonic()
                yield Progress(tried, len(records), f"loading image {min(tried + 1, len(records))}")
    if cache.keeps:
        cache.bound()
    return loaded, pixels[: len(loaded)]


@dataclass(frozen=True)
class _Cache:
    """Cached pixels of a study's images under one preprocessing. Safe to use from several threads."""

    workspace: Workspace
    preparing: Preprocessing
    made_by: str
    keeps: bool
    """True if decoded pixels are written to the cache."""

    @classmethod
    def of(cls, workspace: Workspace, preparing: Preprocessing, n_images: int) -> "_Cache":
        """The cache for a run on `n_images` images."""
        needed = n_images * preparing.size**2 * 3
        keeps = needed <= MAX_BYTES and shutil.disk_usage(workspace.root).free - needed >= RESERVE
        return cls(workspace, preparing, _made_by(preparing), keeps)

    @property
    def folder(self) -> Path:
        """Folder of all cached pixels of the study."""
        return self.workspace.root / "cache" / "pixels"

    def path(self, record: ImageRecord) -> Path:
        """Path of an image's cached pixels; the file may not exist yet."""
        kind = "-".join([str(self.preparing.size), *(step.short.replace(" ", "-") for step in self.preparing.steps)])
        return self.folder / kind / record.sha256[:2] / record.sha256

    def pixels(self, record: ImageRecord) -> Pixels:
        """Pixels of an image, uint8 (size, size, 3). Raises `UnreadableImage` even if its pixels are cached: the images
        of a run must not depend on the cache."""
        stored = self.workspace.image_path(record)
        try:
            key = self._key(record, stored.stat())
        except OSError:
            return self.preparing.pixels(read_image(stored))  # raises the error that describes the problem
        kept = self._kept(record, key)
        if kept is None:
            kept = self.preparing.pixels(read_image(stored))
            self._keep(record, key, kept)
        return kept

    def _key(self, record: ImageRecord, file: os.stat_result) -> bytes:
        """First line of a cache entry. The file's size and time reveal that it was replaced or damaged."""
        return f"{record.sha256} {file.st_size} {file.st_mtime_ns} {self.preparing} {self.made_by}\n".encode()

    def _kept(self, record: ImageRecord, key: bytes) -> Pixels | None:
        path, size = self.path(record), self.preparing.size
        try:
            content = path.read_bytes()
        except OSError:
            return None
        begin = len(key) + 4
        if len(content) != begin + size * size * 3 or content[:begin] != _head(key, memoryview(content)[begin:]):
            return None
        with suppress(OSError):
            os.utime(path)  # marks the time of its last use
        return np.frombuffer(content, np.uint8, offset=begin).reshape(size, size, 3)

    def _keep(self, record: ImageRecord, key: bytes, pixels: Pixels) -> None:
        if self.keeps:
            content = pixels.tobytes()
            with suppress(UserError, OSError):  # the image is decoded again next time
                write_atomically(self.path(record), _head(key, content) + content, survives_power_cut=False)

    def bound(self) -> None:
        """Delete the least recently used entries until the cache takes no more than `MAX_BYTES`."""
        found = []
        for path in self.folder.rglob("*"):
            with suppress(OSError):
                status = path.stat()
                if path.is_file():
                    found.append((status.st_mtime_ns, status.st_size, path))
        excess = sum(size for _, size, _ in found) - MAX_BYTES
        for _, size, path in sorted(found):
            if excess <= 0:
                break
            with suppress(OSError):
                path.unlink()
                excess -= size


def _head(key: bytes, pixels: bytes | memoryview) -> bytes:
    return key + zlib.crc32(pixels).to_bytes(4, "big")


def _made_by(preparing: Preprocessing) -> str:
    """Versions of everything that determines the pixels."""
    versions = f"{preprocessing.VERSION}, Pillow {PIL.__version__}"
    if preparing.equalise:
        import skimage

        versions += f", scikit-image {skimage.__version__}"  # type: ignore[attr-defined]
    return versions
