"""Write a page as a DICOM Secondary Capture, which a picture archive files beside the study of its image.

Source: DICOM PS3.3, A.8 (Secondary Capture Image IOD), by highdicom. The patient's identifiers are copied only from
the source into the new file. They enter neither the study nor any message for people.
"""

import io
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

import busapp
from busapp.engine.images.dicom.file import DicomFile, read
from busapp.engine.images.signatures import HEAD, is_dicom
from busapp.engine.utils.quiet import no_warnings
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import UnreadableImage

# highdicom logs the values that it complains about, and a value may name a patient.
logging.getLogger("highdicom").setLevel(logging.CRITICAL + 1)

SERIES: Final = 9901
"""The number of the new series. Archives sort by it, and the new series should come last."""
_LONGEST_COMMENT: Final = 1000
_TAKEN_OVER: Final = (
    *("PatientID", "IssuerOfPatientID", "PatientName"),
    *("StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
"""Text that archives compare. It is copied exactly as in the source, even if it breaks the standard."""
_CHECKED: Final[dict[str, tuple[str, ...]]] = {
    "PatientBirthDate": ("%Y%m%d",),
    "StudyDate": ("%Y%m%d",),
    "StudyTime": ("%H%M%S.%f", "%H%M%S", "%H%M", "%H"),
}
_ONE_OF: Final = {"PatientSex": ("M", "F", "O"), "Laterality": ("L", "R")}


def secondary_capture(
    page: npt.NDArray[np.uint8],
    source: Path,
    frame: int,
    series: dict[str, tuple[str, int]],
    *,
    patient: str,
    reader: str,
    finding: str,
    burned_in: bool = False,
) -> bytes:
    """The bytes of a DICOM file with a page, uint8 (height, width, 3) RGB.

    `source` is the file that the page is about. If it is DICOM, the new object belongs to the same patient and study
    and refers to the source's `frame`, counted from 1. Otherwise the object is a study of its own, and its patient is
    `patient`, or nobody if that is empty. A typed `patient` stands on the page and never replaces the source's name.
    `series` is passed from page to page, empty at first: the pages of one study form one new series. `burned_in` is
    true if the picture on the page has letters, which may name the patient.

    Raises:
        UnreadableImage: the source is missing or damaged, or its data of the patient cannot be written.
    """
    try:
        with source.open("rb") as stream, no_warnings():  # pydicom's warnings repeat the source's values
            origin = read(stream) if is_dicom(stream.read(HEAD)) and not stream.seek(0) else None
    except UnreadableImage as error:
        raise UnreadableImage(error.what, file=source, remedy=error.remedy) from None
    except OSError as error:
        remedy = "Check that the file is still there."
        raise UnreadableImage("The image can no longer be read", file=source, remedy=remedy) from error
    except Exception:  # pydicom's errors, of every kind, repeat values too
        raise UnreadableImage("The DICOM file is damaged", file=source, remedy="Copy it again.") from None
    try:
        with no_warnings():
            made = _made(page, origin, frame, series, patient=patient, reader=reader, finding=finding)
            return _as_bytes(made, may_name=burned_in or bool(patient), origin=origin)
    except Exception:
        what = "The patient and study data of the DICOM file cannot be copied into another file"
        raise UnreadableImage(what, file=source, remedy="Export it again from the archive.") from None


def _made(
    page: npt.NDArray[np.uint8],
    origin: DicomFile | None,
    frame: int,
    series: dict[str, tuple[str, int]],
    *,
    patient: str,
    reader: str,
    finding: str,
) -> SCImage:
    now = datetime.now(UTC)
    study = _uid(origin, "StudyInstanceUID") or generate_uid()
    series_uid, count = series.get(study, (generate_uid(), 0))
    series[study] = series_uid, count + 1
    made = SCImage(
        page,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # highdicom requires one; a page has none, see `_describe`
        study_instance_uid=study,
        series_instance_uid=series_uid,
        series_number=SERIES,
        sop_instance_uid=generate_uid(),
        instance_number=count + 1,
        manufacturer="busapp",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        specific_character_set="ISO_IR 192",
    )
    _describe(made, now, finding, reader)
    if origin is None:
        made.PatientName = _typed(patient)
        made.StudyDate, made.StudyTime = made.ContentDate, made.ContentTime
    else:
        _take_over(made, origin)
        _refer(made, origin, frame)
    return made


def _as_bytes(made: Dataset, *, may_name: bool, origin: DicomFile | None) -> bytes:
    if may_name or (origin and origin.values.text("BurnedInAnnotation").upper() == "YES"):
        made.BurnedInAnnotation = "YES"  # never "NO": the picture or the file name on the page may name the patient
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _describe(made: Dataset, now: datetime, finding: str, reader: str) -> None:
    made.SeriesDescription = "busapp diagnosis, research use only"
    made.ContentDate = made.SeriesDate = f"{now:%Y%m%d}"
    made.ContentTime = made.SeriesTime = f"{now:%H%M%S}"
    made.TimezoneOffsetFromUTC = "+0000"
    made.ConversionType, made.PatientOrientation = "WSD", None
    made.ManufacturerModelName, made.SoftwareVersions = "busapp", busapp.__version__
    made.ImageComments = f"{RESEARCH_USE} {finding[:_LONGEST_COMMENT]}"
    made.Laterality = None
    if reader:
        made.OperatorsName = _typed(reader)


def _typed(name: str) -> str:
    """A name in DICOM's form: on one line, without DICOM's separators of values and spellings."""
    return " ".join(name.replace("\\", " ").replace("=", " ").split())


def _take_over(made: Dataset, origin: DicomFile) -> None:
    """Copy patient and study, as far as the source names them."""
    for keyword in _TAKEN_OVER:
        if value := _as_stored(origin.values.any(keyword)):
            setattr(made, keyword, value)
    for keyword, formats in _CHECKED.items():
        value = origin.values.text(keyword)
        if any(_fits(value, wanted) for wanted in formats):
            setattr(made, keyword, value)
    for keyword, known in _ONE_OF.items():
        if (value := origin.values.text(keyword).upper()) in known:
            setattr(made, keyword, value)
    if (side := origin.values.text("ImageLaterality").upper()) in ("L", "R", "B"):
        made.ImageLaterality = side
        del made.Laterality


def _as_stored(value: Any) -> str:
    parts = value if isinstance(value, MultiValue) else [] if value is None else [value]
    return "\\".join(str(part) for part in parts)


def _fits(value: str, wanted: str) -> bool:
    try:
        datetime.strptime(value, wanted)
    except ValueError:
        return False
    return True


def _refer(made: Dataset, origin: DicomFile, frame: int) -> None:
    """Refer to the image that the page is about, if the source has valid identifiers of itself and its kind."""
    instance, kind = _uid(origin, "SOPInstanceUID"), origin.kind
    if not instance or not UID(kind).is_valid:
        return
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = kind, instance
    if (origin.values.number("NumberOfFrames") or 1) > 1:
        item.ReferencedFrameNumber = frame
    made.SourceImageSequence = Sequence([item])


def _uid(origin: DicomFile | None, keyword: str) -> str:
    text = origin.values.text(keyword) if origin else ""
    return text if text and UID(text).is_valid else ""
