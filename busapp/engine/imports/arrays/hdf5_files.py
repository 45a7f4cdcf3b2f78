"""Files of HDF5 with an array of pictures, as PCam ships them: `…_x.h5` with the pictures, `…_y.h5` with the labels,
`…_meta.csv` with the slide of each picture.

HDF5's own library runs in another process (`hdf5_process`).
"""

import csv
import math
from collections import Counter, OrderedDict
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from busapp.engine.images.preprocessing import MAX_PIXELS
from busapp.engine.imports.arrays.arrays import MAX_PICTURES, add_pictures, name_classes, refuse_array
from busapp.engine.imports.arrays.hdf5_process import ArrayFound, Hdf5Process, LabelsUnfit
from busapp.engine.imports.files.sources import Listing, Steps
from busapp.engine.imports.findings import Finding
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.words import many
from busapp.errors import UnreadableImage

_BLOCK: Final = 4 * 2**20
"""Bytes read at once, about 150 patches of 96×96 pixels."""
_LARGE_BLOCK: Final = 64 * 2**20
"""Bytes read at once of an array with large chunks."""
_KEPT: Final = 8
"""Blocks of few pictures that are kept in memory."""
_PICTURES: Final = ("x", "images")
_LABELS: Final = ("y", "labels")


class _Hdf5Pictures:
    """An array of pictures in another process, which is read in blocks."""

    def __init__(self, reader: Hdf5Process, array: ArrayFound, name: str) -> None:
        self._reader = reader
        self._n, *shape = array.shape
        self._shape = tuple(shape)
        self._name = name
        self._lock = Lock()
        self._rows = _rows_at_once(array)
        # The threads that store images are at most 16 pictures apart.
        self._kept = 2 if self._rows >= 16 else _KEPT if self._rows > 1 else 1
        self._blocks: OrderedDict[int, npt.NDArray[np.uint8] | UnreadableImage] = OrderedDict()

    def __len__(self) -> int:
        return self._n

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        number, at = divmod(index, self._rows)
        with self._lock:
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = self._read(number)
            self._blocks.move_to_end(number)
            if len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
        if isinstance(block, UnreadableImage):
            raise UnreadableImage(block.what, file=self._name, remedy=block.remedy)
        picture = block[at]
        return np.ascontiguousarray(picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture)

    def _read(self, number: int) -> npt.NDArray[np.uint8] | UnreadableImage:
        """A block, or the reason why it cannot be read, so that this is not tried again for each picture."""
        start = number * self._rows
        try:
            return self._reader.rows(start, min(start + self._rows, self._n), self._shape)
        except UnreadableImage as error:
            return error


def _rows_at_once(array: ArrayFound) -> int:
    """Number of pictures to read at once: about 4 MiB of them, and whole chunks, so that none is unpacked twice; but
    not more than 64 MiB."""
    size = math.prod(array.shape[1:])
    rows = max(1, _BLOCK // size)
    if array.chunks is None:
        return rows
    high = array.chunks[0]
    return rows // high * high if high <= rows else max(rows, min(high, _LARGE_BLOCK // size))


def list_hdf5(source: Path, given: Path, settings: ImportSettings, stack: ExitStack) -> Steps[Listing]:
    """List the pictures in a file of HDF5. The process that reads it runs until `stack` is closed.

    Raises:
        BadInput: it holds no pictures, too many, something other than plain arrays, or is damaged.
        ValuesUnknown: it is not known what the labels mean.
    """
    listing = Listing("HDF5 file", source.name, given, labels={})
    try:
        reader = Hdf5Process(source.name)
        stack.callback(reader.close)
        array = reader.open(source, _PICTURES)
        if array is None:
            raise refuse_array(
                "The file has no array of pictures called x or images",
                given,
                "If it holds labels, choose the file with the pictures beside it, whose name ends with _x.h5.",
            )
        _check_pictures(array, given)
        labels = _labels(reader, source, given, array.shape[0])
    except UnreadableImage as error:
        raise refuse_array(error.what, given, error.remedy) from error
    patients = _patients(source, array.shape[0], labels, listing)
    yield 0
    add_pictures(listing, source, _prefix(source), _Hdf5Pictures(reader, array, source.name), labels, patients)
    yield len(listing.entries)
    name_classes(listing, settings, Counter(map(str, labels or ())))
    return listing


def beside(source: Path, ending: str) -> Path | None:
    """The file of labels (`y.h5`) or of slides (`meta.csv`) that belongs to a file of pictures; None if it is not
    there."""
    stem = source.stem
    other = source.with_name(f"{stem[: -len('x')]}{ending}")
    return other if stem.endswith("_x") and other.is_file() else None


def _prefix(source: Path) -> str:
    """The beginning of the names of pictures: `train_` for `camelyonpatch_level_2_split_train_x.h5`."""
    words = source.stem.removesuffix("_x").split("_")
    return f"{words[-1]}_" if words[-1] in ("train", "valid", "val", "test") else ""


def _check_pictures(array: ArrayFound, given: Path) -> None:
    shape = array.shape
    is_grey = len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
    is_colour = len(shape) == 4 and shape[3] == 3
    is_small = (is_grey or is_colour) and 0 < shape[1] * shape[2] <= MAX_PIXELS and shape[0] <= MAX_PICTURES
    fits = array.chunks is None or (len(array.chunks) == len(shape) and min(array.chunks) > 0)
    if array.dtype != "uint8" or not is_small or not fits:
        raise refuse_array(
            f"Its array ({array.dtype[:50]}, {'×'.join(map(str, shape[:9]))}) does not hold pictures of 8 bits",
            given,
            "Save grey or RGB pictures as uint8 (number, height, width) or (number, height, width, 3), at most "
            f"{MAX_PICTURES:,} in a file.",
        )


def _labels(reader: Hdf5Process, source: Path, given: Path, n: int) -> list[int] | None:
    """The label of each picture, from the file beside or from the same file; None if there is none."""
    try:
        labels = reader.labels(beside(source, "y.h5") or source, _LABELS, MAX_PICTURES)
        if labels is not None and len(labels) != n:
            raise LabelsUnfit
    except LabelsUnfit:
        raise refuse_array(
            f"The labels do not fit the {many(n, 'picture')}: there must be one whole number for each", given
        ) from None
    return None if labels is None else [int(label) for label in labels]


def _patients(source: Path, n: int, labels: list[int] | None, listing: Listing) -> list[str] | None:
    """The slide of each picture, which stands for its patient; None if no table beside gives it."""
    table = beside(source, "meta.csv")
    if table is None:
        return None
    slides: list[str] = []
    contradictions = 0
    with suppress(OSError, csv.Error), table.open(encoding="utf-8", errors="replace", newline="") as stream:
        for number, row in zip(range(n + 1), csv.DictReader(stream), strict=False):
            slides.append((row.get("wsi") or "").strip())
            said = {"true": 1, "false": 0, "1": 1, "0": 0}.get((row.get("center_tumor_patch") or "").strip().lower())
            contradictions += labels is not None and number < n and said is not None and said != labels[number]
    if len(slides) != n or contradictions or not any(slides):
        text = f"{table.name} does not fit the pictures row by row. No patients are taken from it."
        listing.findings.append(Finding("odd", text))
        return None
    text = f"The slide in {table.name} stands for the patient: {len(set(slides))} slides."
    listing.findings.append(Finding("assumed", text))
    return [f"PCam {slide}" if slide else "" for slide in slides]
