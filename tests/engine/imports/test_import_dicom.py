"""DICOM files as archives leave them: what comes in, what is said, and what the user may insist on."""

from pathlib import Path

import numpy as np
import pytest
from dicom_discs import directory_bytes, scan
from dicom_samples import PATIENT, dicom_bytes, encoded
from fuzz_discs import DISC_BOMBS
from image_folders import events_of, imported, looked_at
from PIL import Image, ImageDraw
from pydicom import uid
from pydicom.encaps import encapsulate

from busapp.engine.events import Skipped
from busapp.engine.images.dicom.directory import listed_files
from busapp.engine.images.remarks import Remark
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage

LOOP = np.random.default_rng(0).integers(0, 256, (4, 24, 32), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "benign").mkdir()
    return tmp_path / "benign"


def findings(result: dict) -> list[str]:
    return [finding["text"] for finding in result["findings"]]


@pytest.mark.parametrize("declared", [9, 2, None])
def test_a_loop_with_a_wrong_number_of_frames(empty_study: Workspace, folder: Path, declared: int | None) -> None:
    (folder / "loop").write_bytes(dicom_bytes(LOOP, NumberOfFrames=declared))
    count, remark = {9: (4, Remark.FEWER_FRAMES), 2: (4, Remark.MORE_FRAMES), None: (4, Remark.FRAMES_COUNTED)}[
        declared
    ]
    seen = looked_at(empty_study, folder)
    assert (seen.counts, seen.loop_frames) == ({"benign": count}, count)
    assert any(remark.value in finding.text for finding in seen.findings)
    result = imported(empty_study, folder)
    assert result["imported"] == count
    assert any(remark.value in text for text in findings(result))
    stored = {image.file.rpartition(" ")[2] for image in empty_study.catalog.images()}
    assert stored == {f"{number + 1}.png" for number in range(count)}


def test_the_preview_counts_the_frames_of_a_large_compressed_loop(empty_study: Workspace, folder: Path) -> None:
    large = np.random.default_rng(1).integers(0, 256, (6, 160, 160), np.uint8)
    frames = [encoded(frame, "JPEG2000", no_jp2=True) for frame in large]
    split = encapsulate(frames, has_bot=False)
    content = dicom_bytes(large, syntax=uid.JPEG2000Lossless, frames=frames, PixelData=split, NumberOfFrames=40)
    assert len(content) > 2 * 2**16
    (folder / "loop").write_bytes(content)
    assert looked_at(empty_study, folder).counts == {"benign": 6}
    assert imported(empty_study, folder)["imported"] == 6


def test_other_modalities_name_the_setting_that_takes_them(empty_study: Workspace, folder: Path) -> None:
    (folder / "a").write_bytes(dicom_bytes(LOOP[:1], Modality="MG"))
    (folder / "b").write_bytes(dicom_bytes(LOOP[1:2], BitsStored=12, SOPInstanceUID="1.2.5"))
    (folder / "c").write_bytes(dicom_bytes(LOOP[2:3], Modality="SR", SOPInstanceUID="1.2.6"))
    seen = looked_at(empty_study, folder)
    assert (seen.counts, seen.contradicted) == ({}, 2)
    skipped = [event for event in events_of(empty_study, folder) if isinstance(event, Skipped)]
    assert skipped == seen.skipped
    assert ["--take-anyway" in left.reason for left in skipped] == [True, True, False]
    assert looked_at(empty_study, folder, take_anyway=True).counts == {"benign": 2}
    result = imported(empty_study, folder, take_anyway=True)
    assert result["imported"] == 2
    for remark in (Remark.OTHER_MODALITY, Remark.TAKEN_ANYWAY):
        assert any(remark.value in text for text in findings(result))


def test_a_captured_screen_comes_in_with_a_note(empty_study: Workspace, folder: Path) -> None:
    content = dicom_bytes(LOOP[:1], Modality="OT", kind=uid.SecondaryCaptureImageStorage)
    (folder / "a").write_bytes(content)
    result = imported(empty_study, folder)
    assert result["imported"] == 1
    assert {"kind": "odd", "text": f"1 picture: {Remark.NOT_SAID}."} in result["findings"]


def test_a_banner_does_not_come_in(empty_study: Workspace, folder: Path) -> None:
    image = Image.fromarray(np.zeros((300, 400), np.uint8))
    noise = np.random.default_rng(2).integers(40, 140, (130, 200), np.uint8)
    image.paste(Image.fromarray(noise).resize((400, 260)), (0, 40))
    ImageDraw.Draw(image).text((8, 8), "DOE JANE  12.03.1961  ID 4711-22", fill=230)
    (folder / "a").write_bytes(dicom_bytes(np.asarray(image)[None]))
    result = imported(empty_study, folder)
    assert any(Remark.BANNER_CUT.value in text for text in findings(result))
    (record,) = empty_study.catalog.images()
    stored = np.asarray(Image.open(empty_study.image_path(record)).convert("L"))
    assert stored.shape[0] < 290 and stored.max() < 200
    whole = imported(empty_study, folder, crop_to_regions=False, class_name="whole")
    assert whole["imported"] == 1
    assert not any(Remark.BANNER_CUT.value in text for text in findings(whole))


def test_hospital_and_machine_are_kept_and_nothing_of_the_patient(empty_study: Workspace, folder: Path) -> None:
    about = {
        "InstitutionName": "General Hospital",
        "Manufacturer": "GE Healthcare",
        "ManufacturerModelName": "LOGIQ E9",
    }
    (folder / "a").write_bytes(dicom_bytes(LOOP[:1], **about))
    (folder / "b").write_bytes(dicom_bytes(LOOP[1:2], SOPInstanceUID="1.2.5", InstitutionName=f"Ward of {PATIENT}"))
    imported(empty_study, folder, site="Elsewhere")
    told = {(image.site, image.device) for image in empty_study.catalog.images()}
    assert told == {("General Hospital", "GE Healthcare LOGIQ E9"), ("Elsewhere", None)}
    assert PATIENT not in repr(empty_study.catalog.images())


@pytest.mark.parametrize("bomb", DISC_BOMBS, ids=lambda bomb: bomb[0])
def test_huge_directories_are_refused_or_read_in_no_time(bomb: tuple) -> None:
    content = bomb[1]()
    try:
        assert len(listed_files(content, file="DICOMDIR")) <= 50_000
    except UnreadableImage as error:
        assert "damaged" in error.what


def test_many_missing_files_are_counted(empty_study: Workspace, folder: Path) -> None:
    (folder / "DICOMDIR").write_bytes(directory_bytes([("A",), *((f"GONE{number}",) for number in range(150))]))
    (folder / "A").write_bytes(scan(1))
    result = imported(empty_study, folder)
    assert result["imported"] == 1
    assert result["skipped"][-1]["reason"] == "It lists 50 other files that are missing"
    assert len(result["skipped"]) == 101
