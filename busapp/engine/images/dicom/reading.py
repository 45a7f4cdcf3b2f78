"""Read ultrasound pictures from DICOM files, without anything that identifies the patient.

`DicomHeader.patient`, `.instance` and `.identifiers` are the only identifiers that leave this module. A caller hashes
the first two (`busapp.engine.study.patients`), searches for the others where they must not appear, and keeps nothing
else. Messages for people contain only these values of the file: modality, size and compression.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from PIL import Image

from busapp.engine.images.dicom.origin import device_of, identifiers_of, patient_of, site_of
from busapp.engine.images.preprocessing import MAX_BYTES
from busapp.engine.images.remarks import Remark
from busapp.engine.images.signatures import HEAD, is_dicom
from busapp.engine.utils.quiet import no_warnings
from busapp.errors import Contradicted, UnreadableImage

if TYPE_CHECKING:
    from busapp.engine.images.dicom.file import DicomFile
    from busapp.engine.images.dicom.format import PixelFormat
    from busapp.engine.images.dicom.shape import PixelShape
    from busapp.engine.images.marks import Box

_STRUCTURED_REPORTS: Final = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED_DOCUMENTS: Final = "1.2.840.10008.5.1.4.1.1.104."
_ULTRASOUND: Final = ("1.2.840.10008.5.1.4.1.1.3", "1.2.840.10008.5.1.4.1.1.6")
"""Kinds of object that are ultrasound images: single ones, loops and volumes, also the retired kinds."""
_ANYTHING: Final = frozenset({"", "OT", "SC"})
"""Modalities that say nothing: other, and what was captured from a screen."""


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
    is_counted: bool = True
    """False if only the beginning of a loop was read, so that `frames` is the number that it declares."""
    remarks: tuple[Remark, ...] = ()
    """What is odd about the file as a whole."""

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
    """True if everything around the ultrasound picture was cut away."""
    remarks: tuple[Remark, ...] = ()
    """What was done to get the picture from what is stored."""


def read_header(content_or_stream: bytes | BinaryIO, file: Path | str, *, take_anyway: bool = False) -> DicomHeader:
    """Read everything before the pixels from the bytes of a file, or from a seekable stream that has at least these;
    takes a few milliseconds. For `take_anyway` see `open_loop`.

    Raises:
        Contradicted: as `open_loop`.
        UnreadableImage: it contains no readable ultrasound picture.
    """
    with _readable(file):
        dicom, pixels, remarks = _opened(content_or_stream, take_anyway)
        return DicomHeader(
            patient=patient_of(dicom.values),
            instance=dicom.values.text("SOPInstanceUID"),
            identifiers=identifiers_of(dicom.values),
            modality=dicom.values.text("Modality"),
            frames=pixels.frames.count,
            width=pixels.width,
            height=pixels.height,
            burned_in=dicom.values.text("BurnedInAnnotation").upper() == "YES",
            site=site_of(dicom.values),
            device=device_of(dicom.values),
            is_counted=pixels.frames.is_counted,
            remarks=remarks,
        )


@dataclass(frozen=True)
class DicomLoop:
    """The frames of a file, each decoded on request. A single picture is a loop of one frame."""

    file: str
    _dicom: "DicomFile" = field(repr=False)
    _pixels: "PixelFormat" = field(repr=False)
    _crops: bool
    _shape: "PixelShape"
    _remarks: tuple[Remark, ...]
    _boxes: "list[tuple[Box | None, tuple[Remark, ...]]]" = field(default_factory=list, repr=False, compare=False)

    @property
    def n_frames(self) -> int:
        """The number of frames that can be read, 1 or more."""
        return self._pixels.frames.count

    def frame(self, index: int) -> DicomFrame:
        """Decode only frame `index`, counted from 0. Raises `UnreadableImage`."""
        from busapp.engine.images.dicom.pixels import decode_frame
        from busapp.engine.images.dicom.shape import with_square_pixels

        with _readable(self.file):
            seen = decode_frame(self._dicom, self._pixels, index)
        box, about_box = self._box_in(seen.picture) if self._crops else (None, ())
        cut = seen.picture.crop(box) if box else seen.picture
        picture, spacing = with_square_pixels(cut, self._shape)
        remarks = self._remarks + seen.remarks + about_box + self._shape.remarks
        return DicomFrame(picture, index + 1, spacing, cropped=box is not None, remarks=remarks)

    def _box_in(self, whole: Image.Image) -> "tuple[Box | None, tuple[Remark, ...]]":
        """The box of all frames, found in the first one that is decoded, and remarks about it. Banners do not move."""
        from busapp.engine.images.dicom.regions import ultrasound_box

        if not self._boxes:
            self._boxes.append(ultrasound_box(self._dicom.values, whole))
        return self._boxes[0]


def open_loop(content: bytes, *, file: Path | str, crop_to_regions: bool, take_anyway: bool = False) -> DicomLoop:
    """Check a file whose frames are decoded later.

    `crop_to_regions` cuts each frame to the box around the ultrasound regions. This removes the machine's banner with
    the patient's name. If the file names no regions, or if they may contain a banner, text around the picture is
    searched for. `DicomFrame.remarks` say what was cut, and if letters remain. `take_anyway` reads pictures of other
    modalities, and those whose description contradicts itself.

    Raises:
        Contradicted: it can only be read with `take_anyway`.
        UnreadableImage: it contains no readable ultrasound picture.
    """
    from busapp.engine.images.dicom.shape import shape_of

    with _readable(file):
        dicom, pixels, remarks = _opened(content, take_anyway)
        return DicomLoop(str(file), dicom, pixels, crop_to_regions, shape_of(dicom.values), remarks)


def read_frames(
    content: bytes, *, file: Path | str, most: int, crop_to_regions: bool, take_anyway: bool = False
) -> Iterator[DicomFrame]:
    """Decode the frames one by one. If a loop has more than `most` frames, decode `most` evenly spaced ones.

    For `crop_to_regions` and `take_anyway` see `open_loop`.

    Raises:
        Contradicted: as `open_loop`.
        UnreadableImage: the file or one of the frames cannot be read. Frames before it have been yielded.
    """
    loop = open_loop(content, file=file, crop_to_regions=crop_to_regions, take_anyway=take_anyway)
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
        raise type(error)(error.what, file=file, remedy=error.remedy) from None
    except Exception:  # damaged files make pydicom and the decoders raise errors of every kind
        raise UnreadableImage(
            "The DICOM file is damaged", file=file, remedy="Copy it again from where it came from."
        ) from None


def _opened(content_or_stream: bytes | BinaryIO, anyway: bool) -> "tuple[DicomFile, PixelFormat, tuple[Remark, ...]]":
    # Imported here because every scan of a folder calls `is_dicom`, and pydicom is slow to load.
    from busapp.engine.images.dicom import file as dicom_file
    from busapp.engine.images.dicom import format as dicom_format

    content = content_or_stream if isinstance(content_or_stream, bytes) else None
    if content is not None and len(content) > MAX_BYTES:
        raise dicom_file.too_much()
    stream = content_or_stream if not isinstance(content_or_stream, bytes) else io.BytesIO(content_or_stream)
    if not is_dicom(stream.read(HEAD)):
        raise UnreadableImage("It is not a DICOM file", remedy="Check that it was copied completely.")
    stream.seek(0)
    dicom = dicom_file.read(stream, content=content)
    about_kind = _checked_kind(dicom, anyway)
    pixels = dicom_format.checked_format(dicom, stream, anyway=anyway)
    return dicom, pixels, about_kind + pixels.remarks + pixels.frames.remarks


def _checked_kind(dicom: "DicomFile", anyway: bool) -> tuple[Remark, ...]:
    """Remarks if the file does not say that it is an ultrasound image.

    Raises:
        Contradicted: it says that it is an image of another kind.
        UnreadableImage: it is no image.
    """
    modality = dicom.values.text("Modality").upper()
    if dicom.kind.startswith(_ENCAPSULATED_DOCUMENTS):
        raise UnreadableImage(
            "It is a document inside a DICOM file, such as a PDF, not a picture", remedy="Leave it out."
        )
    if dicom.kind.startswith(_STRUCTURED_REPORTS) or modality == "SR":
        raise UnreadableImage("It is a structured report, not a picture", remedy="Leave it out.")
    if modality == "US" or (modality in _ANYTHING and dicom.kind.startswith(_ULTRASOUND)):
        return ()
    if modality in _ANYTHING:
        return (Remark.NOT_SAID,)
    if dicom.pixels_at is None:
        raise UnreadableImage("The DICOM file holds no picture", remedy="Leave it out.")
    if not anyway:
        named = modality if re.fullmatch(r"[A-Z]{2,12}", modality) else "unknown"
        raise Contradicted(f"It is not an ultrasound image (its modality is {named})", remedy="Leave it out.")
    return (Remark.OTHER_MODALITY,)
