"""DICOM files: how they are recognised, their frames, regions, spacing and header, and real files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_reading import COLOUR, GREY, as_rgb, frames_of, pixels_of, refusal
from dicom_samples import PATIENT, dicom_bytes, encoded, region
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from busapp.engine.images.dicom.reading import evenly_spaced, read_frames, read_header
from busapp.engine.images.signatures import is_dicom
from busapp.errors import UnreadableImage

# -- recognition -----------------------------------------------------------------------------------------


def test_a_file_without_the_preamble_is_recognised_and_read() -> None:
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian):
        content = dicom_bytes(GREY, syntax=syntax, preamble=False)
        assert is_dicom(content[:132])
        assert (pixels_of(content) == as_rgb(GREY)).all()


def test_other_files_are_not_taken_for_dicom() -> None:
    assert is_dicom(dicom_bytes(GREY)[:132])
    others = [encoded(GREY[0], name) for name in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000")]
    others += [b"", b"DICM", b"\x08\0" * 66, bytes(132), b"\x08\0\x05\0" * 33, b"file,class\n" * 12, b"PK\3\4" * 33]
    assert not any(is_dicom(other[:132]) for other in others)
    assert refusal(encoded(GREY[0], "PNG")).what == "It is not a DICOM file"


# -- loops -----------------------------------------------------------------------------------------------


def test_a_long_loop_is_taken_in_even_steps() -> None:
    loop = np.stack([np.full((8, 8), number, np.uint8) for number in range(1, 101)])
    frames = frames_of(dicom_bytes(loop), most=5)
    assert [frame.number for frame in frames] == [11, 31, 51, 71, 91]
    assert [frame.picture.getpixel((0, 0)) for frame in frames] == [(n, n, n) for n in (11, 31, 51, 71, 91)]
    assert [frame.number for frame in frames_of(dicom_bytes(loop[:4]), most=5)] == [1, 2, 3, 4]
    assert evenly_spaced(100, 1) == [50]
    for n_frames in range(1, 40):
        for most in range(1, n_frames + 1):
            chosen = evenly_spaced(n_frames, most)
            steps = np.diff(chosen)
            assert len(chosen) == most
            assert not len(steps) or (steps.min() >= 1 and np.ptp(steps) <= 1)


def test_frames_are_decoded_one_at_a_time() -> None:
    good = encoded(GREY[0], "JPEG2000", no_jp2=True)
    content = dicom_bytes(GREY, syntax=uid.JPEG2000Lossless, frames=[good, good[:70], good])
    frames = read_frames(content, file="picture.dcm", most=9, crop_to_regions=False)
    assert (np.asarray(next(frames).picture)[..., 0] == GREY[0]).all()
    with pytest.raises(UnreadableImage, match="damaged"):
        next(frames)


# -- regions, spacing, header ----------------------------------------------------------------------------


def test_cropping_keeps_the_box_around_all_regions() -> None:
    content = dicom_bytes(GREY, SequenceOfUltrasoundRegions=[region((3, 4, 10, 12)), region((8, 2, 20, 9))])
    whole, cropped = frames_of(content)[0], frames_of(content, crop=True)[0]
    assert not whole.cropped
    assert cropped.cropped
    assert (np.asarray(cropped.picture)[..., 0] == GREY[0, 2:13, 3:21]).all()


@pytest.mark.parametrize(
    "box", [(0, 0, 32, 10), (0, 0, 10, 22), (10, 0, 10, 9), (9, 9, 3, 20), (0, 0, 4_000_000_000, 4_000_000_000)]
)
def test_impossible_regions_crop_nothing(box: tuple[int, int, int, int]) -> None:
    frame = frames_of(dicom_bytes(GREY, SequenceOfUltrasoundRegions=[region(box)]), crop=True)[0]
    assert not frame.cropped
    assert frame.picture.size == (31, 21)


def test_a_region_may_end_at_the_edge_or_one_beyond() -> None:
    for right, bottom in ((30, 20), (31, 21)):
        content = dicom_bytes(GREY, SequenceOfUltrasoundRegions=[region((5, 6, right, bottom))])
        assert frames_of(content, crop=True)[0].picture.size == (26, 15)


def test_spacing_is_millimetres() -> None:
    def spacing(*regions: Dataset, **elements: Any) -> float | None:
        return frames_of(dicom_bytes(GREY, SequenceOfUltrasoundRegions=[*regions], **elements))[0].spacing_mm

    box = (0, 0, 10, 10)
    assert spacing(region(box)) == pytest.approx(0.2)
    assert spacing(region(box, PhysicalDeltaX=-0.02)) == pytest.approx(0.2)
    assert spacing(region(box, RegionSpatialFormat=3, PhysicalUnitsXDirection=4), region(box)) == pytest.approx(0.2)
    assert spacing(region(box, PhysicalUnitsXDirection=4)) is None
    assert spacing(PixelSpacing=["0.5", "0.25"]) == 0.25
    assert spacing(region(box), PixelSpacing=["0.5", "0.25"]) == pytest.approx(0.2)
    assert spacing(region(box, PhysicalDeltaX=0.0), PixelSpacing=["0", "0"]) is None
    assert spacing(region(box, PhysicalDeltaX=float("nan"))) is None
    assert spacing() is None


def test_the_header_says_what_would_be_imported() -> None:
    content = dicom_bytes(COLOUR, BurnedInAnnotation="YES")
    header = read_header(io.BytesIO(content), "picture.dcm")
    assert header == read_header(content, "picture.dcm")
    assert (header.modality, header.frames, header.width, header.height) == ("US", 3, 31, 21)
    assert header.instance == "1.2.3.4"
    assert header.burned_in
    assert not read_header(dicom_bytes(GREY, BurnedInAnnotation="NO"), "picture.dcm").burned_in
    assert not read_header(dicom_bytes(GREY), "picture.dcm").burned_in
    assert read_header(dicom_bytes(GREY, Modality=None), "picture.dcm").modality == ""


def test_the_header_stops_before_the_pixels() -> None:
    content = dicom_bytes(np.zeros((4, 500, 500), np.uint8))
    header = read_header(io.BytesIO(content[:3000]), "picture.dcm")
    assert header.frames == 4


def patient(**elements: Any) -> str:
    return read_header(dicom_bytes(GREY, **elements), "picture.dcm").patient


def test_who_the_patient_is() -> None:
    assert patient() == patient(PatientName="Another^Spelling", StudyInstanceUID="9.9")
    assert patient() != patient(PatientID="another")
    assert patient() == patient(IssuerOfPatientID="some machines say who") == PATIENT
    nameless = {"PatientID": None, "PatientBirthDate": "19700101"}
    assert patient(**nameless) == patient(**nameless, StudyInstanceUID="9.9")
    assert patient(**nameless) != patient(**nameless | {"PatientBirthDate": "19700102"})
    for elements in ({"PatientID": ""}, {"PatientID": "Anonymous"}, {**nameless, "PatientName": "ANONYMOUS^"}):
        assert patient(**elements) == patient(**elements, SOPInstanceUID="9.9")  # the study
        assert patient(**elements) != patient(**elements, StudyInstanceUID="9.9")
    alone = {"PatientID": None, "PatientName": None, "StudyInstanceUID": None}
    assert patient(**alone) != patient(**alone, SOPInstanceUID="9.9")


# -- real files ------------------------------------------------------------------------------------------


def real(us_dicom: Path, name: str) -> bytes:
    return (us_dicom / f"{name}.dcm").read_bytes()


def test_jpeg_2000_and_uncompressed_are_the_same_picture(us_dicom: Path) -> None:
    uncompressed, compressed = pixels_of(real(us_dicom, "US1_UNCR")), pixels_of(real(us_dicom, "US1_J2KR"))
    assert uncompressed.shape == (1, 480, 640, 3)
    assert (uncompressed == compressed).all()
    assert np.ptp(uncompressed.astype(int), axis=-1).max() > 100  # power Doppler in colour


def test_the_palette_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "OBXXXX1A")
    dataset = pydicom.dcmread(io.BytesIO(content))
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    assert (pixels_of(content)[0] == expected).all()


def test_the_segmented_palette_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "gdcm-US-ALOKA-16")
    dataset = pydicom.dcmread(io.BytesIO(content))
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    assert (pixels_of(content)[0] == expected).all()


def test_the_two_frames_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "OBXXXX1A_rle_2frame")
    first, second = frames_of(content)
    assert (np.asarray(first.picture) == pixels_of(real(us_dicom, "OBXXXX1A"))[0]).all()
    assert first.spacing_mm == pytest.approx(0.262, abs=0.001)
    dataset = pydicom.dcmread(io.BytesIO(content))
    expected = apply_color_lut(dataset.pixel_array, dataset)[1] >> 8
    assert (np.asarray(second.picture) == expected).all()


def test_cropping_drops_the_banner_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "OBXXXX1A")
    whole, cropped = (np.asarray(frames_of(content, crop=crop)[0].picture).astype(int) for crop in (False, True))
    blue = whole[..., 2] - whole[..., 0] > 40  # the banner's ground
    assert blue[:50].mean() > 0.5
    assert cropped.shape == (517, 680, 3)
    assert (cropped[..., 2] - cropped[..., 0] > 40).mean() < 0.01


def test_headers_of_real_files(us_dicom: Path) -> None:
    headers = {path.stem: read_header(io.BytesIO(path.read_bytes()), path) for path in us_dicom.glob("*.dcm")}
    assert len(headers) == 5
    assert headers["OBXXXX1A"].patient == headers["OBXXXX1A_rle_2frame"].patient
    assert headers["US1_UNCR"].patient == headers["US1_J2KR"].patient
    assert len({header.patient for header in headers.values()}) == 3
    assert headers["OBXXXX1A_rle_2frame"].frames == 2
    assert {header.modality for header in headers.values()} == {"US"}
