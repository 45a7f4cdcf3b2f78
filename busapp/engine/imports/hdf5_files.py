"""Files of HDF5 with an array of pictures, as PCam ships them: `…_x.h5` with the pictures, `…_y.h5` with the labels,
`…_meta.csv` with the slide of each picture.

Only plain arrays are read, in slices: no links to other files, no virtual arrays, no filters of plug-ins.
"""

import csv
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from busapp.engine.images.preprocessing import MAX_PIXELS
from busapp.engine.imports.archives import MAX_RATIO
from busapp.engine.imports.arrays import MAX_PICTURES, add_pictures, name_classes, refuse_array
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.sources import Listing, Steps
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.words import many
from busapp.errors import UnreadableImage

_MAX_CHUNK: Final = 64 * 2**20
_MAX_LABELS: Final = 64 * 2**20
_BLOCK: Final = 4 * 2**20
"""Bytes read at once, about 150 patches of 96×96 pixels."""
_KEPT: Final = 8
"""Blocks kept in memory, at least one for each thread that stores images."""
_FILTERS: Final = frozenset({1, 2, 3})
"""Deflate, shuffle and Fletcher's checksum: the filters that are part of HDF5 itself."""
_PICTURES: Final = ("x", "images")
_LABELS: Final = ("y", "labels")


class _Hdf5Pictures:
    def __init__(self, data: Any, name: str) -> None:
        self._data = data
        self._name = name
        self._lock = Lock()
        self._rows = max(1, _BLOCK // int(np.prod(data.shape[1:])))
        self._blocks: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()

    def __len__(self) -> int:
        return int(self._data.shape[0])

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        number, at = divmod(index, self._rows)
        with self._lock:
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = self._read(number)
            self._blocks.move_to_end(number)
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        picture = block[at]
        return np.ascontiguousarray(picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture)

    def _read(self, number: int) -> npt.NDArray[np.uint8]:
        try:
            block: npt.NDArray[np.uint8] = self._data[number * self._rows : (number + 1) * self._rows]
        except Exception as error:  # h5py raises errors of many kinds for damaged files
            raise UnreadableImage("The file is damaged there", file=self._name) from error
        return block


def list_hdf5(source: Path, given: Path, settings: ImportSettings, stack: ExitStack) -> Steps[Listing]:
    """List the pictures in a file of HDF5. The file stays open until `stack` is closed.

    Raises:
        BadInput: it holds no pictures, too many, something other than plain arrays, or is damaged.
        ValuesUnknown: it is not known what the labels mean.
    """
    listing = Listing("HDF5 file", source.name, given, labels={})
    with _readable(given):
        data = _dataset(_open(source, stack), _PICTURES, given)
        if data is None:
            raise refuse_array(
                "The file has no array of pictures called x or images",
                given,
                "If it holds labels, choose the file with the pictures beside it, whose name ends with _x.h5.",
            )
        _check_pictures(data, given)
        labels = _labels(source, given, len(data), stack)
    patients = _patients(source, len(data), labels, listing)
    yield 0
    prefix = _prefix(source)
    add_pictures(listing, source, prefix, _Hdf5Pictures(data, source.name), labels, patients)
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


@contextmanager
def _readable(given: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise refuse_array("The file is no file of HDF5, or it is damaged", given) from error


def _open(path: Path, stack: ExitStack) -> Any:
    import h5py  # loaded only for such files

    return stack.enter_context(h5py.File(path, "r", locking=False))


def _dataset(file: Any, names: tuple[str, ...], given: Path) -> Any:
    """The first array with one of these names, None if there is none. Raises `BadInput` if it is not a plain one."""
    import h5py

    for name in names:
        link = file.get(name, getlink=True)
        if link is None:
            continue
        data = file[name] if isinstance(link, h5py.HardLink) else None
        if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
            raise refuse_array(f"Its array {name} lies in another file", given, "Save it in one file.")
        creation = data.id.get_create_plist()
        filters = {creation.get_filter(number)[0] for number in range(creation.get_nfilters())}
        if not filters <= _FILTERS:
            raise refuse_array(f"Its array {name} is packed in a way that is not read", given, "Pack it with gzip.")
        if data.chunks and int(np.prod(data.chunks, dtype=object)) * data.dtype.itemsize > _MAX_CHUNK:
            raise refuse_array(f"Its array {name} has chunks of more than 64 MiB", given, "Save it in smaller chunks.")
        size, stored = int(np.prod(data.shape, dtype=object)) * data.dtype.itemsize, data.id.get_storage_size()
        if size > 2**20 and size > MAX_RATIO * stored:
            raise refuse_array(f"Its array {name} is far larger than the file", given)
        return data
    return None


def _check_pictures(data: Any, given: Path) -> None:
    shape = tuple(map(int, data.shape))
    is_grey = len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
    is_colour = len(shape) == 4 and shape[3] == 3
    is_small = (is_grey or is_colour) and 0 < shape[1] * shape[2] <= MAX_PIXELS and shape[0] <= MAX_PICTURES
    if data.dtype != np.uint8 or not is_small:
        raise refuse_array(
            f"Its array ({data.dtype}, {'×'.join(map(str, shape))}) does not hold pictures of 8 bits",
            given,
            "Save grey or RGB pictures as uint8 (number, height, width) or (number, height, width, 3), at most "
            f"{MAX_PICTURES:,} in a file.",
        )


def _labels(source: Path, given: Path, n: int, stack: ExitStack) -> list[int] | None:
    """The label of each picture, from the file beside or from the same file; None if there is none."""
    other = beside(source, "y.h5")
    with ExitStack() as opened:
        data = _dataset(_open(other or source, opened), _LABELS, given)
        if data is None:
            return None
        size = int(np.prod(data.shape, dtype=object))
        if data.dtype.kind not in "uib" or size != n or size * data.dtype.itemsize > _MAX_LABELS:
            raise refuse_array(
                f"The labels do not fit the {many(n, 'picture')}: there must be one whole number for each", given
            )
        return [int(label) for label in data[()].ravel()]


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
