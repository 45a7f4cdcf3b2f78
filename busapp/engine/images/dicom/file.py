"""Read an untrusted DICOM file: a few of its values, and the place of its pixels.

pydicom reads the elements. This module adds the limits that pydicom lacks: the number of elements, the size of a
value, and the size of an inflated file. It keeps only the elements in `_WANTED`.
"""

import io
import logging
import math
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from busapp.engine.images.preprocessing import MAX_BYTES
from busapp.errors import UnreadableImage

# pydicom logs the values that it complains about, and a value may name a patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_COLOURS: Final = ("Red", "Green", "Blue")
_WANTED: Final = frozenset(
    tag
    for keyword in (
        *("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Modality"),
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "BurnedInAnnotation"),
        *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "IssuerOfPatientID"),
        *("Laterality", "ImageLaterality", "InstitutionName", "Manufacturer", "ManufacturerModelName"),
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelPaddingValue", "PixelPaddingRangeLimit"),
        *("PixelRepresentation", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
        *("PixelAspectRatio", "ImagerPixelSpacing"),
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
        *("SequenceOfUltrasoundRegions", "PixelSpacing", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
        *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
        *(f"{colour}PaletteColorLookupTable{part}" for colour in _COLOURS for part in ("Descriptor", "Data")),
        *(f"Segmented{colour}PaletteColorLookupTableData" for colour in _COLOURS),
    )
    if (tag := tag_for_keyword(keyword)) is not None
)
UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_PIXEL_DATA: Final = 0x7FE00010
_META: Final = (0x00020002, 0x00020010)  # the kind of object, and the transfer syntax
_MAX_VALUE: Final = 2**19
_LARGE: Final = frozenset({0x52009229, 0x52009230})
"""The functional groups: a few hundred bytes for each frame."""
_MAX_NESTED_VALUE: Final = 2**26
_MAX_READS: Final = 200_000


class GuardedStream:
    """A stream with a limited number of reads, which limits time and memory: pydicom reads every element and sequence
    item on its own, and makes an object of each, even the smallest."""

    def __init__(self, stream: BinaryIO, *, largest: int) -> None:
        self._stream = stream
        self._largest = largest
        self._reads_left = _MAX_READS
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0 or size > self._largest:
            raise too_much()
        return self._stream.read(size)


@dataclass(frozen=True)
class Values:
    """The elements of a file or of an item of a sequence, looked up by keyword."""

    elements: Dataset

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.elements

    def any(self, keyword: str) -> Any:
        """The value; None if it is missing, empty or cannot be parsed."""
        try:
            return self.elements.get(keyword)
        except Exception:  # pydicom parses a value on first access, and raises errors of every kind
            return None

    def text(self, keyword: str) -> str:
        """The value without surrounding blanks; empty if it is missing or damaged."""
        value = self.any(keyword)
        try:
            return "" if value is None else str(value).strip(" \0")
        except Exception:  # pydicom decodes a name only now
            return ""

    def numbers(self, keyword: str) -> list[float]:
        """One or more numbers; empty if the value is missing or not a number."""
        value = self.any(keyword)
        try:
            return [float(number) for number in (value if hasattr(value, "__len__") else [value])]
        except (TypeError, ValueError):
            return []

    def number(self, keyword: str) -> float | None:
        """The number, or the first of several; None if it is missing, damaged or not finite."""
        values = self.numbers(keyword)
        return values[0] if values and math.isfinite(values[0]) else None

    def whole_number(self, keyword: str, default: int) -> int:
        """The number; `default` if it is missing, -1 if it is not a whole number."""
        value = self.any(keyword)
        if value is None:
            return default
        number = self.number(keyword)
        return int(number) if number is not None and number.is_integer() else -1

    def binary(self, keyword: str) -> bytes:
        """The bytes of an element; empty if it is missing or not bytes."""
        value = self.any(keyword)
        return value if isinstance(value, bytes) else b""

    def items(self, keyword: str) -> list["Values"]:
        """The items of a sequence; empty if it is missing or damaged."""
        value = self.any(keyword)
        return [Values(item) for item in value] if isinstance(value, Sequence) else []


@dataclass(frozen=True)
class DicomFile:
    """A parsed file. `values` holds no pixels: they are the `pixel_length` bytes of `content` from `pixels_at` on.

    `pixels_at` is None if the file has no pixels. `pixel_length` is `UNDEFINED_LENGTH` if they are encapsulated.
    `content` is None if only a stream was read.
    """

    values: Values
    kind: str
    syntax: UID | None
    content: bytes | None
    pixels_at: int | None
    pixel_length: int
    pixel_vr: str


def too_much() -> UnreadableImage:
    return UnreadableImage(
        "The DICOM file claims to hold more than a file can hold",
        remedy="Export it again from the archive or from the ultrasound machine.",
    )


def cut_short() -> UnreadableImage:
    return UnreadableImage(
        "The DICOM file is cut short: pixels are missing", remedy="Copy it again from where it came from."
    )


def read(stream: BinaryIO, *, content: bytes | None = None) -> DicomFile:
    """Read everything before the pixels.

    Raises:
        UnreadableImage: it exceeds the limits of this module.
        Exception: of any kind, from pydicom, if the file is damaged.
    """
    stream.seek(132 if stream.read(132).endswith(b"DICM") else 0)
    guarded = GuardedStream(stream, largest=_MAX_NESTED_VALUE)
    meta = read_dataset(
        guarded,  # type: ignore[arg-type]  # pydicom only reads, seeks and tells
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, vr, length: tag >> 16 != 2 or _is_too_large(tag, length),
        specific_tags=[*_META],
    )
    kind = str(meta.get("MediaStorageSOPClassUID", ""))
    if kind == MediaStorageDirectoryStorage:
        raise UnreadableImage(
            "It is a list of DICOM files (DICOMDIR) and contains no picture",
            remedy="Import the folder that contains it. The listed files are in there.",
        )
    syntax = UID(str(meta.TransferSyntaxUID)) if "TransferSyntaxUID" in meta else None
    if syntax == DeflatedExplicitVRLittleEndian:
        content = _inflate(stream.read(MAX_BYTES + 1))
        guarded = GuardedStream(io.BytesIO(content), largest=_MAX_NESTED_VALUE)
    return _read_values(guarded, kind, syntax, content)


def _read_values(stream: GuardedStream, kind: str, syntax: UID | None, content: bytes | None) -> DicomFile:
    pixels: tuple[int | None, int, str] = (None, 0, "OW")

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal pixels
        if tag == _PIXEL_DATA:
            pixels = (stream.tell(), length, vr or "OW")
        return tag == _PIXEL_DATA or (tag in _WANTED and _is_too_large(tag, length))

    values = read_dataset(
        stream,  # type: ignore[arg-type]
        is_implicit_VR=syntax in (None, ImplicitVRLittleEndian),
        is_little_endian=syntax != ExplicitVRBigEndian,
        stop_when=at_pixels,
        specific_tags=[*_WANTED],
    )
    if syntax is None and pixels[1] != UNDEFINED_LENGTH:  # pydicom has detected it from the first element
        syntax = ImplicitVRLittleEndian if values.original_encoding[0] else ExplicitVRLittleEndian
    return DicomFile(Values(values), kind or str(values.get("SOPClassUID", "")), syntax, content, *pixels)


def _is_too_large(tag: BaseTag, length: int) -> bool:
    most = _MAX_NESTED_VALUE if tag in _LARGE else _MAX_VALUE
    if most < length < UNDEFINED_LENGTH:
        raise too_much()
    return False


def _inflate(deflated: bytes) -> bytes:
    """Inflate the deflated syntax (PS3.5, A.5) up to 512 MiB. pydicom has no such limit."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(deflated, MAX_BYTES)
    if inflater.unconsumed_tail or len(deflated) > MAX_BYTES:
        raise too_much()
    return content
