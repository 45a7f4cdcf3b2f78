"""A page as a DICOM Secondary Capture, which a picture archive files beside the study that its image came from.

Source: DICOM PS3.3, A.8 (Secondary Capture Image IOD), by highdicom. What says whose the image is passes from the
source into the new file alone: neither the study nor a sentence for people gets any of it.
"""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

import busapp
from busapp.engine.diagnosis import RESEARCH_USE
from busapp.engine.imports.dicom import is_dicom
from busapp.engine.imports.dicom_file import Values, read
from busapp.engine.quiet import no_warnings

SERIES: Final = 9901
"""The number of the new series; archives sort by it, and it should come last."""
_LONGEST_TEXT: Final = 64
"""Letters of the type LO."""


@dataclass(frozen=True)
class _Origin:
    """What the source says of patient and study; empty where it says nothing."""

    values: Values
    kind: str

    def text(self, keyword: str) -> str:
        return self.values.text(keyword)


def secondary_capture(
    page: npt.NDArray[np.uint8], source: bytes, frame: int, *, patient: str, reader: str, finding: str
) -> bytes:
    """A page, uint8 (height, width, 3) RGB, as the bytes of a DICOM file.

    `source` are the bytes of the file that the page is about; where that is DICOM, the new object belongs to the same
    patient and study, in a new series, and refers to the source's `frame`, counted from 1. Else it is a study of its
    own, whose patient is the one named, or nobody. A `patient` that was typed stands on the page; the source's own name
    is not replaced by it.
    """
    origin = _origin_of(source)
    now = datetime.now(UTC)
    common: dict[str, Any] = {
        "photometric_interpretation": "RGB",
        "bits_allocated": 8,
        "coordinate_system": "PATIENT",
        "patient_orientation": ("L", "F"),  # highdicom asks for one; a page has none, see `_say_what_it_is`
        "series_instance_uid": generate_uid(),
        "series_number": SERIES,
        "sop_instance_uid": generate_uid(),
        "instance_number": 1,
        "manufacturer": "busapp",
        "transfer_syntax_uid": ExplicitVRLittleEndian,
        "study_instance_uid": _uid(origin, "StudyInstanceUID") or generate_uid(),
        "patient_id": _known(origin, "PatientID"),
        "patient_name": _known(origin, "PatientName") or patient or None,
        "patient_birth_date": _date(origin, "PatientBirthDate"),
        "patient_sex": _sex(origin),
        "accession_number": _known(origin, "AccessionNumber"),
        "study_id": _known(origin, "StudyID"),
        "study_date": _date(origin, "StudyDate") or now.date(),
        "study_time": None if _date(origin, "StudyDate") else now.time().replace(microsecond=0),
        "referring_physician_name": _known(origin, "ReferringPhysicianName"),
    }
    with no_warnings():  # pydicom warns of values of the source that break the standard, and repeats them
        made = SCImage(page, **common)
        _say_what_it_is(made, finding, reader, is_named=bool(patient))
        if origin is not None:
            _refer(made, origin, frame)
        stream = io.BytesIO()
        made.save_as(stream)
    return stream.getvalue()


def _moment() -> tuple[str, str]:
    now = datetime.now(UTC)
    return f"{now:%Y%m%d}", f"{now:%H%M%S}"


def _origin_of(source: bytes) -> _Origin | None:
    if not is_dicom(source[:132]):
        return None
    with no_warnings():
        found = read(io.BytesIO(source))
    return _Origin(found.values, found.kind)


def _say_what_it_is(made: Dataset, finding: str, reader: str, *, is_named: bool) -> None:
    made.SeriesDescription = "busapp diagnosis, research use only"
    made.SeriesDate, made.SeriesTime = made.ContentDate, made.ContentTime = _moment()
    made.ConversionType, made.PatientOrientation = "WSD", None
    made.SoftwareVersions = busapp.__version__
    made.ImageComments = f"{finding}. {RESEARCH_USE}"
    made.BurnedInAnnotation = "YES" if is_named else "NO"
    if reader:
        made.OperatorsName = reader[:_LONGEST_TEXT]


def _refer(made: Dataset, origin: _Origin, frame: int) -> None:
    """Name the image that the page is about; an object that does not say which it is cannot be referred to."""
    instance, kind = _uid(origin, "SOPInstanceUID"), origin.kind
    if not instance or not kind:
        return
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = kind, instance
    if (origin.values.number("NumberOfFrames") or 1) > 1:
        item.ReferencedFrameNumber = frame
    made.SourceImageSequence = Sequence([item])


def _known(origin: _Origin | None, keyword: str) -> str | None:
    return (origin.text(keyword)[:_LONGEST_TEXT] or None) if origin else None


def _uid(origin: _Origin | None, keyword: str) -> str:
    text = origin.text(keyword) if origin else ""
    return text if text and UID(text).is_valid else ""


def _date(origin: _Origin | None, keyword: str) -> str | None:
    """As DICOM writes dates; None for what is none."""
    text = origin.text(keyword) if origin else ""
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return None
    return text


def _sex(origin: _Origin | None) -> str | None:
    text = origin.text("PatientSex").upper() if origin else ""
    return text if text in ("M", "F", "O") else None
