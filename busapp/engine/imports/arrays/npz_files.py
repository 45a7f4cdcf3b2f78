"""Files of NumPy with arrays of pictures and their labels, as MedMNIST ships them (`train_images`, `train_labels`, …).

They are read without NumPy's own loader: the header of an array says kind and size, and nothing is unpickled.
"""

import io
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final
from zipfile import ZipInfo

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from busapp.engine.images.preprocessing import MAX_BYTES, MAX_PIXELS
from busapp.engine.imports.arrays.arrays import MAX_PICTURES, add_pictures, name_classes, refuse_array
from busapp.engine.imports.files.archives import Archive, reason_to_skip
from busapp.engine.imports.files.sources import Listing, Steps
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.words import many
from busapp.errors import UnreadableImage

MAX_ALL: Final = 2**30
"""Bytes of all arrays of pictures in one file. They are kept in memory while they come in."""
_MAX_ARRAYS: Final = 1000
_HEAD: Final = 2**13
_LONGEST_NAME: Final = 200
_LONGEST_HEADER: Final = 4096
_IMAGES: Final = "images.npy"
_LABELS: Final = "labels.npy"


@dataclass(frozen=True, slots=True)
class _Array:
    """An array in the file, by its header. `load` reads it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], npt.NDArray[Any]]


class _NpzPictures:
    """An array of pictures, which is read when the first of them is."""

    def __init__(self, array: _Array, name: str) -> None:
        self._array = array
        self._name = name
        self._lock = Lock()
        self._loaded: npt.NDArray[np.uint8] | UnreadableImage | None = None

    def __len__(self) -> int:
        return self._array.shape[0]

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        if isinstance(self._loaded, UnreadableImage):
            raise UnreadableImage(self._loaded.what, file=self._loaded.file, remedy=self._loaded.remedy)
        return np.ascontiguousarray(self._loaded[index])

    def _load(self) -> npt.NDArray[np.uint8] | UnreadableImage:
        """The array, or the reason why it cannot be read, so that this is not tried again for each picture."""
        try:
            loaded = self._array.load()
        except UnreadableImage as error:
            return error
        return loaded[..., 0] if loaded.ndim == 4 and loaded.shape[3] == 1 else loaded


def list_npz(source: Path, given: Path, settings: ImportSettings, stack: ExitStack) -> Steps[Listing]:
    """List the pictures in a file of NumPy. The file stays open until `stack` is closed.

    Raises:
        BadInput: it holds no pictures, too much, something other than plain arrays, or is damaged.
        ValuesUnknown: it is not known what the labels mean.
    """
    archive = Archive(source, given)
    stack.callback(archive.close)
    try:
        members = archive.members()
        if len(members) > _MAX_ARRAYS:
            raise refuse_array(f"The file holds more than {_MAX_ARRAYS:,} arrays", given, "Split it.")
        arrays = {member.filename: _array(archive, member) for member in members}
        listing = Listing("NumPy file", source.name, given, labels={})
        numbers: Counter[str] = Counter()
        total = 0
        for name, array in arrays.items():
            if not name.endswith(_IMAGES):
                continue
            _check_pictures(name, array, given)
            total += int(np.prod(array.shape, dtype=object))
            if total > MAX_ALL:
                raise refuse_array(f"The file holds more than {MAX_ALL // 2**30} GiB of pictures", given, "Split it.")
            if len(listing.entries) + array.shape[0] > MAX_PICTURES:
                raise refuse_array(f"The file holds more than {MAX_PICTURES:,} pictures", given, "Split it.")
            labels = _labels(arrays.get(name.removesuffix(_IMAGES) + _LABELS), array.shape[0], given)
            numbers.update(str(label) for label in labels or ())
            prefix = name.removesuffix(_IMAGES).replace("/", "_").replace("\\", "_")
            add_pictures(listing, source, prefix, _NpzPictures(array, source.name), labels)
            yield len(listing.entries)
    except UnreadableImage as error:
        raise refuse_array(error.what, given) from error
    if not listing.entries:
        raise refuse_array(
            "The file has no arrays of pictures",
            given,
            "Arrays called images or, for instance, train_images are read, with train_labels beside.",
        )
    name_classes(listing, settings, numbers)
    return listing


def _array(archive: Archive, member: ZipInfo) -> _Array:
    """Read the header of one array. Raises `UnreadableImage`."""
    if len(member.filename) > _LONGEST_NAME:
        raise UnreadableImage(f"The name of one of its arrays is longer than {_LONGEST_NAME} letters")
    if reason := reason_to_skip(member, member.filename.replace("\\", "/")):
        raise UnreadableImage(f"One of its arrays cannot be read. {reason}")
    head = io.BytesIO(archive.read(member, _HEAD))
    try:
        version = npy.read_magic(head)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read(head, max_header_size=_LONGEST_HEADER)
    except Exception as error:  # NumPy raises errors of many kinds for damaged headers
        raise UnreadableImage("It is no file of NumPy, or it is damaged", file=member.filename) from error
    start, size = head.tell(), int(np.prod(shape, dtype=object)) * dtype.itemsize
    if min(shape, default=0) < 0 or dtype.hasobject or size != member.file_size - start or size > MAX_BYTES:
        raise UnreadableImage(
            f"Its array {member.filename} is damaged, larger than {MAX_BYTES // 2**20} MiB, or holds Python objects",
            file=member.filename,
        )

    def load() -> npt.NDArray[Any]:
        content = archive.read(member, start + size)
        if len(content) != start + size:
            raise UnreadableImage("It is damaged inside the file", file=member.filename)
        return np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if fortran else "C")

    return _Array(tuple(shape), dtype, load)


def _check_pictures(name: str, array: _Array, given: Path) -> None:
    is_grey = len(array.shape) == 3 or (len(array.shape) == 4 and array.shape[3] == 1)
    is_colour = len(array.shape) == 4 and array.shape[3] == 3
    if array.dtype != np.uint8 or not (is_grey or is_colour) or not 0 < array.shape[1] * array.shape[2] <= MAX_PIXELS:
        shape = "×".join(map(str, array.shape))
        raise refuse_array(
            f"The array {name.removesuffix('.npy')} ({array.dtype}, {shape}) does not hold pictures of 8 bits",
            given,
            "Save grey or RGB pictures as uint8 (number, height, width) or (number, height, width, 3).",
        )


def _labels(array: _Array | None, n: int, given: Path) -> list[int] | None:
    if array is None:
        return None
    if array.dtype.kind not in "uib" or int(np.prod(array.shape, dtype=object)) != n:
        raise refuse_array(
            f"The labels do not fit the {many(n, 'picture')}: there must be one whole number for each", given
        )
    return [int(label) for label in array.load().ravel()]
