"""The patient, the hospital and the machine of a DICOM file."""

from typing import Any

import numpy as np
import pytest
from dicom_samples import dicom_bytes

from busapp.engine.images.dicom.reading import DicomHeader, read_header

PIXELS = np.zeros((1, 8, 8), np.uint8)


def header(**elements: Any) -> DicomHeader:
    return read_header(dicom_bytes(PIXELS, **elements), "picture.dcm")


@pytest.mark.parametrize(
    ("maker", "model", "device"),
    [
        ("GE Healthcare", "LOGIQ E9", "GE Healthcare LOGIQ E9"),
        ("Philips Medical Systems", "Philips  EPIQ 7G ", "Philips EPIQ 7G"),
        ("SIEMENS", None, "SIEMENS"),
        (None, "Aplio\t500", "Aplio 500"),
        ("unknown", "n/a", None),
        (None, None, None),
        ("SECRET-4711", "LOGIQ", None),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_machine(maker: str | None, model: str | None, device: str | None) -> None:
    assert header(Manufacturer=maker, ManufacturerModelName=model).device == device


@pytest.mark.parametrize(
    ("institution", "site"),
    [
        ("Klinikum rechts der Isar", "Klinikum rechts der Isar"),
        (" St.  Anna\x07Hospital ", "St. Anna Hospital"),
        ("REMOVED", None),
        ("", None),
        ("x" * 50, None),
        ("y z" * 90, ("y z" * 90)[:64].strip()),
        ("Practice of Jane D.", None),
        ("doe", None),
        ("Ward 4711, SECRET-4711", None),
        ("JaneDoeClinic", None),
        ("Dover Hospital", "Dover Hospital"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_hospital_never_names_the_patient(institution: str, site: str | None) -> None:
    assert header(InstitutionName=institution).site == site


def test_serial_numbers_and_stations_are_not_read() -> None:
    found = header(Manufacturer="GE", StationName="ROOM7", DeviceSerialNumber="12345")
    assert (found.device, found.site) == ("GE", None)


@pytest.mark.parametrize("nobody", ["REMOVED", "XXXX", "000000", "ANON", "unbekannt", "n/a", "Anonymized^Patient"])
def test_placeholders_make_no_patient(nobody: str) -> None:
    one, other = (header(PatientID=nobody, StudyInstanceUID=f"1.2.{study}") for study in (3, 4))
    assert one.patient != other.patient
    assert one.identifiers == ("Doe", "Jane")
    born = {"PatientID": None, "PatientBirthDate": "19700101"}
    one, other = (header(**born, PatientName=f"{nobody}^^^", StudyInstanceUID=f"1.2.{study}") for study in (3, 4))
    assert one.patient != other.patient
