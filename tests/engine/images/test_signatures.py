"""The kind of a file by its first bytes."""

import numpy as np
import pytest
from dicom_discs import directory_bytes, scan
from dicom_samples import dicom_bytes, encoded
from pydicom import uid

from busapp.engine.images.signatures import HEAD, is_dicom, is_dicom_directory, picture_suffix

GREY = np.zeros((1, 9, 9), np.uint8)


def test_pictures_are_told_apart() -> None:
    kinds = {"PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "TIFF": ".tif", "GIF": None, "WEBP": None}
    for format_name, suffix in kinds.items():
        assert picture_suffix(encoded(GREY[0], format_name)[:HEAD]) == suffix
    for other in (b"", b"BM", b"BMW is a maker of cars, not a picture", scan(0), b"II*"):
        assert picture_suffix(other[:HEAD]) is None


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
@pytest.mark.parametrize("first", ["SpecificCharacterSet", "ImageType", "InstanceCreationDate", "SOPClassUID"])
def test_dicom_without_preamble_may_begin_with_any_element(syntax: str, first: str) -> None:
    values = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "SMALL PARTS", "0001", "B" * 16, "C" * 16],
        "InstanceCreationDate": "20200101",
        "SOPClassUID": uid.UltrasoundImageStorage,
    }
    content = dicom_bytes(GREY, syntax=syntax, preamble=False, **{first: values[first]})
    assert is_dicom(content[:HEAD])


def test_a_file_with_one_element_of_group_8() -> None:
    gone = dict.fromkeys(("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Modality"))
    assert is_dicom(dicom_bytes(GREY, preamble=False, **gone | {"Modality": "US"})[:HEAD])


def test_directories_are_told_from_images() -> None:
    assert is_dicom_directory(directory_bytes([("A",)])[:HEAD])
    assert not is_dicom_directory(scan(0)[:HEAD])
