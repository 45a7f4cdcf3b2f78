"""Convert the stored values of a DICOM picture to 8-bit RGB: palettes, windows and colour spaces.

A stored value has at most 16 bits. So the result is computed once for every possible value and then looked up.
Source: DICOM PS3.3, C.7.6.3.1 (photometric interpretation), C.7.9 (palettes), C.11.1 and C.11.2 (modality, VOI).
"""

import math
from contextlib import suppress
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian

from busapp.engine.images.contrast import bits_used, hides, main_range
from busapp.engine.images.dicom.file import DicomFile, Values
from busapp.engine.images.remarks import Decoded, Remark
from busapp.errors import UnreadableImage

Samples = npt.NDArray[Any]
"""Signed or unsigned integers of 8 or 16 bits as stored, shape (height, width) or (height, width, 3)."""

Levels = npt.NDArray[np.float64]
"""One number for every possible value of a sample, in the order of the unsigned values: (256,) or (65536,)."""

_Table = tuple[npt.NDArray[np.int64], int, int]
"""The entries of a lookup table, the stored value of the first one, and the bits of each."""

_SEQUENCES: Final = ("ModalityLUTSequence", "VOILUTSequence")
_MAX_ENTRIES: Final = 2**16
_MAX_WINDOWS: Final = 10
"""Windows of a file that are tried. Files have one or two."""
_AT_ONCE: Final = 2**22


def to_rgb(samples: Samples, colours: str, dicom: DicomFile, bits_stored: int) -> Decoded:
    """Convert samples to 8-bit RGB; `colours` is their photometric interpretation, which a decoder may have changed.

    The first of the file's windows that does not hide the picture is applied to grey values. Without a window, 8-bit
    values stay as they are, and deeper ones are scaled from the smallest to the largest value of the frame, without its
    padding and without a few that stand far out. Colours are brightened if their values use fewer bits than declared.

    Raises:
        UnreadableImage: the palette is missing or invalid.
    """
    samples = np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
    if samples.ndim == 3:
        return _colour(samples, colours, bits_stored)
    unsigned = samples.view(f"u{samples.dtype.itemsize}")
    if colours == "PALETTE COLOR":
        return Decoded(Image.fromarray(_palette(_every_value(samples.dtype), _counts(unsigned) > 0, dicom)[unsigned]))
    greys, remarks = _greys(samples, unsigned, colours, dicom, bits_stored)
    if unsigned.dtype.itemsize == 1:
        return Decoded(Image.fromarray(unsigned).point(greys.tolist()).convert("RGB"), remarks)
    return Decoded(Image.fromarray(greys[unsigned]).convert("RGB"), remarks)


def _colour(samples: Samples, colours: str, bits_stored: int) -> Decoded:
    remarks: tuple[Remark, ...] = ()
    if samples.dtype.itemsize == 2:
        used = bits_used(main_range(samples)[1])
        if used < bits_stored:
            bits_stored, remarks = used, (Remark.FEWER_BITS,)
        samples = np.minimum(samples >> max(0, bits_stored - 8), 255)
    image = Image.fromarray(samples.astype(np.uint8), "YCbCr" if colours.startswith("YBR") else "RGB")
    return Decoded(image.convert("RGB"), remarks)


def _every_value(dtype: np.dtype[Any]) -> Levels:
    unsigned = np.arange(256**dtype.itemsize).astype(f"u{dtype.itemsize}")
    return unsigned.view(dtype).astype(np.float64)


def _greys(
    samples: Samples, unsigned: Samples, colours: str, dicom: DicomFile, bits_stored: int
) -> tuple[npt.NDArray[np.uint8], tuple[Remark, ...]]:
    """The grey of every value, 0 black to 255 white, and remarks about it."""
    stored = _every_value(samples.dtype)
    counts = _counts(unsigned)
    tables, remarks = _tables(counts > 0, stored, dicom)
    levels = _rescaled(stored, tables.get("ModalityLUTSequence"), dicom)
    padding = _padding(stored, counts, dicom)
    if padding.any():
        counts[padding] = 0
        remarks.append(Remark.PADDING)
    least = -(1 << (bits_stored - 1)) if samples.dtype.kind == "i" else 0
    possible = (stored >= least) & (stored < least + (1 << bits_stored))
    plain, clipped = _stretched(levels, possible, counts, whole=bits_stored <= 8)
    windows = _windows(levels, tables.get("VOILUTSequence"), dicom)
    shown = next((window for window in windows if not hides(window, plain, counts, possible)), None)
    if shown is None:
        shown = plain
        remarks += [Remark.WINDOW_IGNORED] if windows else []
        remarks += [Remark.OUTLIERS] if clipped else []
    greys = np.rint(shown.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    greys = 255 - greys if colours == "MONOCHROME1" else greys
    greys[padding] = 0
    return greys, tuple(remarks)


def _counts(unsigned: Samples) -> npt.NDArray[np.intp]:
    """The number of pixels of every value."""
    if unsigned.dtype.itemsize == 1:  # Pillow counts ten times as fast
        return np.array(Image.fromarray(unsigned).histogram(), np.intp)
    counts = np.zeros(256**unsigned.dtype.itemsize, np.intp)
    flat = unsigned.ravel()
    for begin in range(0, flat.size, _AT_ONCE):  # because counting makes numbers of eight bytes
        counts += np.bincount(flat[begin : begin + _AT_ONCE], minlength=len(counts))
    return counts


def _padding(stored: Levels, counts: npt.NDArray[np.intp], dicom: DicomFile) -> npt.NDArray[np.bool_]:
    """True for the values that fill the picture up to a rectangle: those declared, if they lie outside of all others.
    Many files declare a value that the picture has itself. Pictures of 8 bits are never stretched, so that padding does
    no harm in them."""
    none = np.zeros(len(stored), bool)
    value = _padding_value(dicom, "PixelPaddingValue", stored)
    if value is None or len(stored) == 256:
        return none
    limit = _padding_value(dicom, "PixelPaddingRangeLimit", stored)
    ends = sorted((value, value if limit is None else limit))
    padding = (stored >= ends[0]) & (stored <= ends[1])
    others = stored[(counts > 0) & ~padding]
    inside = others.size == 0 or (others.min() < ends[1] and others.max() > ends[0])
    return none if inside or not counts[padding].any() else padding


def _padding_value(dicom: DicomFile, keyword: str, stored: Levels) -> float | None:
    """A declared value as a stored one: files give it signed or unsigned, and pydicom as bytes if it cannot know."""
    raw = dicom.values.binary(keyword)
    number = _words(raw, _order(dicom)).tolist()[0] if len(raw) >= 2 else dicom.values.number(keyword)
    return None if number is None else float(stored[int(number) % len(stored)])


def _stretched(
    levels: Levels, possible: npt.NDArray[np.bool_], counts: npt.NDArray[np.intp], *, whole: bool
) -> tuple[Levels, bool]:
    """All values from 0 to 1, from the smallest to the largest possible one if `whole`, or else to the largest of the
    frame. True if a few that stand far out are beyond that."""
    used = levels[possible if whole else counts > 0]
    least, largest = (float(used.min()), float(used.max())) if whole else main_range(levels, counts)
    clipped = bool(used.min() < least or used.max() > largest)
    return (levels - least) / (largest - least or 1.0), clipped


def _tables(used: npt.NDArray[np.bool_], stored: Levels, dicom: DicomFile) -> tuple[dict[str, _Table], list[Remark]]:
    """The first usable lookup table of each sequence, and a remark if one has only others. `used` are the values that
    the frame contains."""
    tables: dict[str, _Table] = {}
    for keyword in _SEQUENCES:
        for item in dicom.values.items(keyword)[:_MAX_WINDOWS]:
            with suppress(Exception):  # damaged tables make numpy and pydicom raise errors of every kind
                table = _table(item, "LUTDescriptor", "LUTData", dicom)
                is_flat = keyword == "ModalityLUTSequence" and _is_flat(_looked_up(stored, *table[:2])[used], used)
                if not is_flat and table[0].max() < 2 ** table[2]:
                    tables.setdefault(keyword, table)
    is_lacking = any(dicom.values.items(keyword) and keyword not in tables for keyword in _SEQUENCES)
    return tables, [Remark.TABLE_IGNORED] if is_lacking else []


def _is_flat(shown: npt.NDArray[Any], used: npt.NDArray[np.bool_]) -> bool:
    """True if a table makes one value of all those that a picture contains."""
    return int(np.count_nonzero(used)) > 1 and bool((shown == shown[:1]).all())


def _rescaled(stored: Levels, table: _Table | None, dicom: DicomFile) -> Levels:
    """The values after the modality's table, or after its slope and intercept."""
    if table is not None:
        return _looked_up(stored, table[0], table[1])
    slope, intercept = dicom.values.number("RescaleSlope"), dicom.values.number("RescaleIntercept")
    if slope is None or intercept is None or not slope or not math.isfinite(slope * 65536.0 + intercept):
        return stored
    return stored * slope + intercept


def _windows(levels: Levels, table: _Table | None, dicom: DicomFile) -> list[Levels]:
    """The values through each of the windows, and through the VOI table, 0 to 1."""
    pairs = zip(dicom.values.numbers("WindowCenter"), dicom.values.numbers("WindowWidth"), strict=False)
    function = dicom.values.text("VOILUTFunction").upper()
    seen = [
        _through(levels, centre, width, function)
        for centre, width in [*pairs][:_MAX_WINDOWS]
        if math.isfinite(centre) and 0 < width < math.inf
    ]
    if table is not None:
        seen.append(_looked_up(levels, table[0], table[1]) / (2.0 ** table[2] - 1.0))
    return seen


def _through(levels: Levels, centre: float, width: float, function: str) -> Levels:
    """The values through one window, 0 to 1."""
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp((-4.0 * (levels - centre) / width).clip(-700.0, 700.0))))
    if function == "LINEAR_EXACT":
        return (levels - centre) / width + 0.5
    if width > 1:
        return (levels - (centre - 0.5)) / (width - 1.0) + 0.5
    return np.where(levels > centre - 0.5, 1.0, 0.0)


def _palette(stored: Levels, used: npt.NDArray[np.bool_], dicom: DicomFile) -> npt.NDArray[np.uint8]:
    """The colour of every value, (256, 3) or (65536, 3). `used` are the values that the frame contains.

    Raises:
        UnreadableImage: the palette is missing or damaged, or has entries for none of the frame's values.
    """
    columns = []
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        data = f"Segmented{name}Data" if f"Segmented{name}Data" in dicom.values else f"{name}Data"
        try:
            entries, first, bits = _table(dicom.values, f"{name}Descriptor", data, dicom)
        except (TypeError, ValueError, OverflowError):
            raise no_table() from None
        if not (used & (stored >= first) & (stored < first + len(entries))).any():
            raise no_table()
        columns.append(_looked_up(stored, entries, first))
    table = np.stack(columns, axis=1).astype(np.uint16)
    # Some files declare 16 bits but store values from 0 to 255.
    return (table >> 8 if bits > 8 and table.max() > 255 else table.clip(max=255)).astype(np.uint8)


def _looked_up(values: Levels, entries: npt.NDArray[np.int64], first: int) -> Levels:
    """The entries for these values. Values before the first entry get the first, values after the last get the last."""
    return entries[(np.rint(values) - first).clip(0, len(entries) - 1).astype(np.int64)].astype(np.float64)


def _table(values: Values, descriptor: str, data: str, dicom: DicomFile) -> _Table:
    """A lookup table's entries, the stored value of the first entry, and the bits per entry."""
    order = _order(dicom)
    n_entries, first, bits = _words(values.any(descriptor), order).tolist()
    n_entries = n_entries or _MAX_ENTRIES
    if first >= 2**15 and dicom.values.whole_number("PixelRepresentation", 0) == 1:
        first -= 2**16
    raw = values.any(data)
    if data.startswith("Segmented"):
        segments = _octets(raw, order) if bits == 8 else _words(raw, order)
        entries = _expanded(segments, n_entries, wide=bits > 8)[:n_entries]  # the last segment may lead beyond
    elif isinstance(raw, bytes) and len(raw) < 2 * n_entries:  # one byte an entry, two to a word
        entries = _octets(raw, order)
    else:
        entries = _words(raw, order)
    if not (0 < len(entries) <= 2 * n_entries and n_entries <= _MAX_ENTRIES and 8 <= bits <= 16):
        raise no_table()
    return entries[:n_entries], first, bits


def _order(dicom: DicomFile) -> str:
    return ">" if dicom.syntax == ExplicitVRBigEndian else "<"


def _words(value: Any, order: str) -> npt.NDArray[np.int64]:
    if isinstance(value, bytes):
        return np.frombuffer(value[: len(value) // 2 * 2], f"{order}u2").astype(np.int64)
    return np.atleast_1d(np.asarray(value, np.int64))


def _octets(value: Any, order: str) -> npt.NDArray[np.int64]:
    """8-bit entries. Each word holds two, the first one in the lower byte."""
    if not isinstance(value, bytes):
        return _words(value, order)
    if order == ">" and len(value) % 2 == 0:
        value = np.frombuffer(value, np.uint16).byteswap().tobytes()
    return np.frombuffer(value, np.uint8).astype(np.int64)


def _expanded(data: npt.NDArray[np.int64], n_entries: int, *, wide: bool) -> npt.NDArray[np.int64]:
    """The first `n_entries` entries of a segmented table (C.7.9.2).

    pydicom's own expansion has no limit, and segments that repeat segments that repeat segments grow exponentially.
    """
    entries: list[int] = []
    at = 0
    while at + 1 < len(data) and len(entries) < n_entries:
        kind, length = int(data[at]), int(data[at + 1])
        if kind != 2:
            at += 2 + _segment(data, at, entries)
            continue
        place = [int(word) for word in data[at + 2 : at + (4 if wide else 6)]]
        offset = place[0] | place[1] << 16 if wide else sum(octet << 8 * k for k, octet in enumerate(place))
        copied = offset // 2 if wide else offset
        for _ in range(length):
            if len(entries) >= n_entries:
                break
            copied += 2 + _segment(data, copied, entries)
        at += 4 if wide else 6
    return np.array(entries, np.int64)


def _segment(data: npt.NDArray[np.int64], at: int, entries: list[int]) -> int:
    """Append a discrete or a linear segment to `entries`, and return its length in `data`."""
    kind, length = int(data[at]), int(data[at + 1])
    if kind == 0:
        entries.extend(data[at + 2 : at + 2 + length].tolist())
        return length
    if kind == 1 and entries:
        end = int(data[at + 2])
        entries.extend(np.rint(np.linspace(entries[-1], end, length + 1)[1:]).astype(np.int64).tolist())
        return 1
    raise no_table()


def no_table() -> UnreadableImage:
    return UnreadableImage(
        "A lookup table of the picture is missing or damaged",
        remedy="Export it from the archive as an uncompressed DICOM file, or as PNG.",
    )
