"""Convert the stored values of a DICOM picture to 8-bit RGB: palettes, windows and colour spaces.

A stored value has at most 16 bits. So the result is computed once for every possible value and then looked up.
Source: DICOM PS3.3, C.7.6.3.1 (photometric interpretation), C.7.9 (palettes), C.11.1 and C.11.2 (modality, VOI).
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian

from busapp.engine.images.dicom_file import DicomFile, Values
from busapp.errors import UnreadableImage

Samples = npt.NDArray[Any]
"""Signed or unsigned integers of 8 or 16 bits as stored, shape (height, width) or (height, width, 3)."""

Levels = npt.NDArray[np.float64]
"""One number for every possible value of a sample, in the order of the unsigned values: (256,) or (65536,)."""

_MAX_ENTRIES: Final = 2**16


def to_rgb(samples: Samples, colours: str, dicom: DicomFile, bits_stored: int) -> Image.Image:
    """Convert samples to 8-bit RGB; `colours` is their photometric interpretation, which a decoder may have changed.

    The file's window is applied to grey values. Without a window, 8-bit values stay as they are, and deeper ones are
    scaled from the smallest to the largest value of the frame.

    Raises:
        UnreadableImage: the palette is missing or invalid.
    """
    samples = np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
    if samples.ndim == 3:
        return _colour(samples, colours, bits_stored)
    unsigned = samples.view(f"u{samples.dtype.itemsize}")
    if colours == "PALETTE COLOR":
        return Image.fromarray(_palette(_every_value(samples.dtype), dicom)[unsigned])
    return Image.fromarray(_greys(samples, unsigned, colours, dicom, bits_stored)[unsigned]).convert("RGB")


def _colour(samples: Samples, colours: str, bits_stored: int) -> Image.Image:
    if samples.dtype.itemsize == 2:
        samples = np.minimum(samples >> max(0, bits_stored - 8), 255)
    image = Image.fromarray(samples.astype(np.uint8), "YCbCr" if colours.startswith("YBR") else "RGB")
    return image.convert("RGB")


def _every_value(dtype: np.dtype[Any]) -> Levels:
    unsigned = np.arange(256**dtype.itemsize).astype(f"u{dtype.itemsize}")
    return unsigned.view(dtype).astype(np.float64)


def _greys(
    samples: Samples, unsigned: Samples, colours: str, dicom: DicomFile, bits_stored: int
) -> npt.NDArray[np.uint8]:
    """The grey of every value, 0 black to 255 white."""
    stored = _every_value(samples.dtype)
    levels = _rescaled(stored, dicom)
    shown = _windowed(levels, dicom)
    if shown is None:
        if bits_stored <= 8:
            least = -(1 << (bits_stored - 1)) if samples.dtype.kind == "i" else 0
            used = levels[(stored >= least) & (stored < least + (1 << bits_stored))]
        else:
            used = levels[(stored >= samples.min()) & (stored <= samples.max())]
        shown = (levels - used.min()) / (np.ptp(used) or 1.0)
    greys = np.rint(shown.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    return 255 - greys if colours == "MONOCHROME1" else greys


def _rescaled(stored: Levels, dicom: DicomFile) -> Levels:
    """The values after the modality's table, or after its slope and intercept."""
    for item in dicom.values.items("ModalityLUTSequence")[:1]:
        entries, first, _ = _table(item, "LUTDescriptor", "LUTData", dicom)
        return _looked_up(stored, entries, first)
    slope, intercept = dicom.values.number("RescaleSlope"), dicom.values.number("RescaleIntercept")
    if slope is None or intercept is None or not slope or not math.isfinite(slope * 65536.0 + intercept):
        return stored
    return stored * slope + intercept


def _windowed(levels: Levels, dicom: DicomFile) -> Levels | None:
    """The values through the first window, or else through the VOI table, 0 to 1; None if the file has neither."""
    centre, width = dicom.values.number("WindowCenter"), dicom.values.number("WindowWidth")
    if centre is not None and width is not None and math.isfinite(centre) and 0 < width < math.inf:
        function = dicom.values.text("VOILUTFunction").upper()
        if function == "SIGMOID":
            return np.asarray(1.0 / (1.0 + np.exp((-4.0 * (levels - centre) / width).clip(-700.0, 700.0))))
        if function == "LINEAR_EXACT":
            return (levels - centre) / width + 0.5
        if width > 1:
            return (levels - (centre - 0.5)) / (width - 1.0) + 0.5
        return np.where(levels > centre - 0.5, 1.0, 0.0)
    for item in dicom.values.items("VOILUTSequence")[:1]:
        entries, first, bits = _table(item, "LUTDescriptor", "LUTData", dicom)
        return _looked_up(levels, entries, first) / (2.0**bits - 1.0)
    return None


def _palette(stored: Levels, dicom: DicomFile) -> npt.NDArray[np.uint8]:
    """The colour of every value, (256, 3) or (65536, 3)."""
    columns = []
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        data = f"Segmented{name}Data" if f"Segmented{name}Data" in dicom.values else f"{name}Data"
        entries, first, bits = _table(dicom.values, f"{name}Descriptor", data, dicom)
        columns.append(_looked_up(stored, entries, first))
    table = np.stack(columns, axis=1).astype(np.uint16)
    # Some files declare 16 bits but store values from 0 to 255.
    return (table >> 8 if bits > 8 and table.max() > 255 else table.clip(max=255)).astype(np.uint8)


def _looked_up(values: Levels, entries: npt.NDArray[np.int64], first: int) -> Levels:
    """The entries for these values. Values before the first entry get the first, values after the last get the last."""
    return entries[(np.rint(values) - first).clip(0, len(entries) - 1).astype(np.int64)].astype(np.float64)


def _table(values: Values, descriptor: str, data: str, dicom: DicomFile) -> tuple[npt.NDArray[np.int64], int, int]:
    """A lookup table's entries, the stored value of the first entry, and the bits per entry."""
    order = ">" if dicom.syntax == ExplicitVRBigEndian else "<"
    n_entries, first, bits = _words(values.any(descriptor), order).tolist()
    n_entries = n_entries or _MAX_ENTRIES
    if first >= 2**15 and dicom.values.whole_number("PixelRepresentation", 0) == 1:
        first -= 2**16
    raw = values.any(data)
    if data.startswith("Segmented"):
        entries = _expanded(_octets(raw, order) if bits == 8 else _words(raw, order), n_entries, wide=bits > 8)
    elif isinstance(raw, bytes) and len(raw) < 2 * n_entries:  # one byte an entry, two to a word
        entries = _octets(raw, order)
    else:
        entries = _words(raw, order)
    if not (len(entries) and n_entries <= _MAX_ENTRIES and 8 <= bits <= 16):
        raise no_table()
    return entries[:n_entries], first, bits


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
