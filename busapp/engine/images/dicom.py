"""Read ultrasound pictures from DICOM files, without anything that identifies the patient.

`DicomHeader.patient`, `.instance` and `.identifiers` are the only identifiers that leave this module. A caller hashes
the first two (`busapp.engine.study.patients`), searches for the others where they must not appear, and keeps nothing
else. Messages for people contain only these values of the file: modality, size and compression.
"""

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from PIL import Image

from busapp.engine.images.preprocessing import MAX_BYTES
from busapp.engine.images.remarks import Remark
from busapp.engine.utils.quiet import no_warnings
from busapp.errors import UnreadableImage

if TYPE_CHECKING:
    from busapp.engine.images.dicom_file import DicomFile, Values
    from busapp.engine.images.dicom_pixels import PixelFormat
    from busapp.engine.images.dicom_shape import PixelShape

_STRUCTURED_REPORTS: Final = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED_DOCUMENTS: Final = "1.2.840.10008.5.1.4.1.1.104."
# Anonymisers write these in place of the patient's number. Taken literally, they would make all patients one.
_NOBODY: Final = frozenset({"", "0", "anon", "anonymous", "anonymized", "anonymised", "none", "unknown"})

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, the last two exclusive, as Pillow's `crop` takes them."""


@dataclass(frozen=True)
class DicomHeader:
    """The header of a file, read before its pixels are decoded. `patient` and `instance` are identifiers: hash them,
    never store them. `identifiers` are the patient's number and the parts of the name: never store them."""

    patient: str = field(repr=False)
    instance: str = field(repr=False)
    identifiers: tuple[str, ...] = field(repr=False)
    modality: str
    frames: int
    width: int
    height: int
    burned_in: bool
    """True if the file itself says that its picture may contain text that identifies the patient."""
    site: str | None = None
    """The hospital, None if it is unknown or its name contains the patient's."""
    device: str | None = None
    """The maker and the model of the machine, None if unknown."""

    @property
    def names_patient(self) -> bool:
        """True if `patient` is a number or name, not that of the study or picture in its place."""
        return self.patient in self.identifiers or self.patient.startswith("name ")


@dataclass(frozen=True)
class DicomFrame:
    """One frame: 8-bit RGB with square pixels, its number in the loop from 1, and the side of a pixel in millimetres,
    None if unknown."""

    picture: Image.Image
    number: int
    spacing_mm: float | None
    cropped: bool
    """True if everything around the ultrasound regions was cut away."""
    remarks: tuple[Remark, ...] = ()
    """What was done to get the picture from what is stored."""


def is_dicom(head: bytes) -> bool:
    """True if a file that begins with `head` (132 bytes or more) is meant to be a DICOM file."""
    return head[128:132] == b"DICM" or _begins_with_elements(head)


def _begins_with_elements(head: bytes) -> bool:
    """True if DICOM elements stand where the preamble should be, as in files from before the year 1996.

    Two elements of group 8 (or of the file's own group 2) must follow each other in order. No other format of
    pictures, tables or archives begins like this.
    """
    at, last_tag, found = 0, 0, 0
    while found < 2:
        if len(head) < at + 8:
            return False
        group, element, length = struct.unpack_from("<HHL", head, at)
        tag = group << 16 | element
        if group not in (0x0002, 0x0008) or (found and tag <= last_tag):
            return False
        vr = head[at + 4 : at + 6]
        if vr in (b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"UL", b"US", b"DT", b"PN", b"ST"):
            length = length >> 16
        elif vr == b"OB" and group == 0x0002 and len(head) >= at + 12:
            length = 4 + struct.unpack_from("<L", head, at + 8)[0]
        if length % 2 or length > 128:
            return False
        at, last_tag, found = at + 8 + length, tag, found + 1
    return True


def read_header(content_or_stream: bytes | BinaryIO, file: Path | str) -> DicomHeader:
    """Read everything before the pixels from the bytes of a file or a seekable stream; takes a few milliseconds.

    Raises:
        UnreadableImage: it contains no readable ultrasound picture.
    """
    with _readable(file):
        dicom, pixels = _opened(content_or_stream)
        return DicomHeader(
            patient=_patient(dicom.values),
            instance=dicom.values.text("SOPInstanceUID"),
            identifiers=_identifiers(dicom.values),
            modality=dicom.values.text("Modality"),
            frames=pixels.frames,
            width=pixels.width,
            height=pixels.height,
            burned_in=dicom.values.text("BurnedInAnnotation").upper() == "YES",
        )


@dataclass(frozen=True)
class DicomLoop:
    """The frames of a file, each decoded on request. A single picture is a loop of one frame."""

    file: str
    _dicom: "DicomFile" = field(repr=False)
    _pixels: "PixelFormat" = field(repr=False)
    _box: Box | None
    _shape: "PixelShape"

    @property
    def n_frames(self) -> int:
        """The number of frames that the file declares, 1 or more."""
        return self._pixels.frames

    def frame(self, index: int) -> DicomFrame:
        """Decode only frame `index`, counted from 0. Raises `UnreadableImage`."""
        from busapp.engine.images.dicom_pixels import decode_frame
        from busapp.engine.images.dicom_shape import with_square_pixels

        with _readable(self.file):
            seen = decode_frame(self._dicom, self._pixels, index)
        cut = seen.picture.crop(self._box) if self._box else seen.picture
        picture, spacing = with_square_pixels(cut, self._shape)
        remarks = seen.remarks + self._shape.remarks
        return DicomFrame(picture, index + 1, spacing, cropped=self._box is not None, remarks=remarks)


def open_loop(content: bytes, *, file: Path | str, crop_to_regions: bool) -> DicomLoop:
    """Check a file whose frames are decoded later.

    `crop_to_regions` cuts each frame to the box around the ultrasound regions. This removes the machine's banner with
    the patient's name. If the file names no regions, or impossible ones, nothing is cut (`DicomFrame.cropped`).

    Raises:
        UnreadableImage: it contains no readable ultrasound picture.
    """
    from busapp.engine.images.dicom_shape import shape_of

    with _readable(file):
        dicom, pixels = _opened(content)
        box = _regions_box(dicom.values, pixels) if crop_to_regions else None
        return DicomLoop(str(file), dicom, pixels, box, shape_of(dicom.values))


def read_frames(content: bytes, *, file: Path | str, most: int, crop_to_regions: bool) -> Iterator[DicomFrame]:
    """Decode the frames one by one. If a loop has more than `most` frames, decode `most` evenly spaced ones.

    For `crop_to_regions` see `open_loop`.

    Raises:
        UnreadableImage: the file or one of the frames cannot be read. Frames before it have been yielded.
    """
    loop = open_loop(content, file=file, crop_to_regions=crop_to_regions)
    for index in evenly_spaced(loop.n_frames, most):
        yield loop.frame(index)  # warnings are off only while a frame is decoded, not while the caller's code runs


def evenly_spaced(n_frames: int, most: int) -> list[int]:
    """Up to `most` frame indices, each in the middle of an equal stretch of the loop."""
    n_taken = min(n_frames, most)
    return [(2 * k + 1) * n_frames // (2 * n_taken) for k in range(n_taken)]


@contextmanager
def _readable(file: Path | str) -> Iterator[None]:
    """Turn every error about a bad file into a message for people that repeats none of the file's values."""
    try:
        # pydicom's warnings about values that break the standard repeat these values.
        with no_warnings(), np.errstate(all="ignore"):
            yield
    # The first error is not kept as the cause, because it may repeat values too.
    except UnreadableImage as error:
        raise UnreadableImage(error.what, file=file, remedy=error.remedy) from None
    except Exception:  # damaged files make pydicom and the decoders raise errors of every kind
        raise UnreadableImage(
            "The DICOM file is damaged", file=file, remedy="Copy it again from where it came from."
        ) from None


def _opened(content_or_stream: bytes | BinaryIO) -> "tuple[DicomFile, PixelFormat]":
    # Imported here because every scan of a folder calls `is_dicom`, and pydicom is slow to load.
    from busapp.engine.images import dicom_file, dicom_pixels

    content = content_or_stream if isinstance(content_or_stream, bytes) else None
    if content is not None and len(content) > MAX_BYTES:
        raise dicom_file.too_much()
    stream = content_or_stream if not isinstance(content_or_stream, bytes) else io.BytesIO(content_or_stream)
    if not is_dicom(stream.read(132)):
        raise UnreadableImage("It is not a DICOM file", remedy="Check that it was copied completely.")
    stream.seek(0)
    dicom = dicom_file.read(stream, content=content)
    _must_be_ultrasound(dicom)
    return dicom, dicom_pixels.checked_format(dicom)


def _must_be_ultrasound(dicom: "DicomFile") -> None:
    modality = dicom.values.text("Modality").upper()
    if dicom.kind.startswith(_ENCAPSULATED_DOCUMENTS):
        raise UnreadableImage(
            "It is a document inside a DICOM file, such as a PDF, not a picture", remedy="Leave it out."
        )
    if dicom.kind.startswith(_STRUCTURED_REPORTS) or modality == "SR":
        raise UnreadableImage("It is a structured report, not a picture", remedy="Leave it out.")
    if modality not in ("", "US"):
        named = modality if re.fullmatch(r"[A-Z]{2,12}", modality) else "unknown"
        raise UnreadableImage(f"It is not an ultrasound image (its modality is {named})", remedy="Leave it out.")


def _patient(values: "Values") -> str:
    """The best identifier of the patient in the file; without number and name, that of the study or the picture.

    The patient's number is used alone, as in tables. Its issuer is ignored, because not every machine names it. One
    patient taken for two could be split between training and test; two taken for one are only kept together."""
    number, name, born = (values.text(keyword) for keyword in ("PatientID", "PatientName", "PatientBirthDate"))
    if number.casefold() not in _NOBODY:
        return number
    if born and name.strip("^ ").casefold() not in _NOBODY:
        return f"name {name} born {born}"
    for keyword, kind in (("StudyInstanceUID", "study"), ("SOPInstanceUID", "picture")):
        if uid := values.text(keyword):
            return f"{kind} {uid}"
    return ""


def _identifiers(values: "Values") -> tuple[str, ...]:
    parts = [values.text("PatientID"), *re.split(r"[\^=\s]+", values.text("PatientName"))]
    return tuple(part for part in parts if part.casefold() not in _NOBODY)


def _regions_box(values: "Values", pixels: "PixelFormat") -> Box | None:
    """The box around all ultrasound regions that lie inside the picture."""
    regions = values.items("SequenceOfUltrasoundRegions")
    boxes = [box for region in regions if (box := _region_box(region, pixels))]
    if not boxes:
        return None
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _region_box(region: "Values", pixels: "PixelFormat") -> Box | None:
    left, top, right, bottom = (
        region.whole_number(f"RegionLocation{corner}", -1) for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    )
    # The last pixel belongs to the region; some machines name the one after it.
    if not (0 <= left < right <= pixels.width and 0 <= top < bottom <= pixels.height):
        return None
    return left, top, min(right + 1, pixels.width), min(bottom + 1, pixels.height)
