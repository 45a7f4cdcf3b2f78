"""Files whose names say nothing, or the wrong thing: their content decides, in the import and in a diagnosis."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_discs import scan
from dicom_samples import encoded
from image_folders import imported, looked_at, mask, picture

from busapp.engine.diagnosis.job import images_to_diagnose
from busapp.engine.imports.files.file_kinds import file_kind
from busapp.engine.study.workspace import Workspace

NAMES = (
    *("IM_0001", "I1000000", "1.2.840.113619.2.21.848.0", "IMG.DCM", "a.ima", "US000001 (1)", "1.2.840.11.55 (2)"),
    *("1.2.840.113619.2.55.3-1", "1.2.840.113619.2.55_0001", "1.3.6.1.4.1.5962.99.1.copy", "scan.dcm (1)"),
    *("export.dc3", "image.acr", "US1.img", "0003.v2", "scan.DICM", "US.1.2.840.113663.1500.1", "lesion.left"),
    *("bild.größer", "scan.dcm.bak", "scan.html", "a.b c"),
)
PIXELS = np.random.default_rng(3).integers(0, 256, (24, 32), np.uint8)


@pytest.mark.parametrize("zipped", [False, True])
def test_dicom_files_come_in_under_any_name(empty_study: Workspace, tmp_path: Path, zipped: bool) -> None:
    source = tmp_path / "scans"
    (source / "benign").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (source / "benign" / name).write_bytes(scan(number))
    (source / "benign" / "README").write_text("not a picture", encoding="utf-8")
    (source / "benign" / "empty.raw").touch()
    assert {path.name for path in images_to_diagnose([source])} == set(NAMES)
    if zipped:
        with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
            for path in source.rglob("*.*"):
                archive.write(path, path.relative_to(source))
            for path in (source / "benign").iterdir():
                if not path.suffix:
                    archive.write(path, path.relative_to(source))
        source = tmp_path / "scans.zip"
    assert looked_at(empty_study, source).counts == {"benign": len(NAMES)}
    result = imported(empty_study, source)
    assert (result["imported"], result["patients"]) == (len(NAMES), len(NAMES))
    assert sorted(left["file"] for left in result["skipped"]) == ["benign/README", "benign/empty.raw"]


@pytest.mark.parametrize("name", ["scan.png", "scan.JPG", "scan.tif"])
def test_a_dicom_file_under_the_name_of_a_picture(empty_study: Workspace, tmp_path: Path, name: str) -> None:
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / name).write_bytes(scan(0))
    mask(tmp_path / "benign" / "scan_mask.png", slice(0, 5))
    assert looked_at(empty_study, tmp_path / "benign").dicom_files == 1
    result = imported(empty_study, tmp_path / "benign")
    assert (result["imported"], result["patients"], result["masks"]) == (1, 1, 0)
    assert "mask of a DICOM file" in result["skipped"][0]["reason"]
    assert [image.source for image in empty_study.catalog.images()] == ["DICOM"]


@pytest.mark.parametrize("name", ["scan.dcm", "IM_0001"])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "BMP", "TIFF"])
def test_a_picture_under_the_name_of_a_dicom_file(
    empty_study: Workspace, tmp_path: Path, name: str, format_name: str
) -> None:
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / name).write_bytes(content := encoded(PIXELS, format_name))
    assert looked_at(empty_study, tmp_path / "benign").counts == {"benign": 1}
    assert list(images_to_diagnose([tmp_path])) == [tmp_path / "benign" / name]
    assert imported(empty_study, tmp_path / "benign")["imported"] == 1
    image = empty_study.catalog.images()[0]
    assert image.file == f"benign/{name}"
    path = empty_study.image_path(image)
    assert path.read_bytes() == content
    assert path.suffix in (".png", ".jpg", ".bmp", ".tif")  # copies of a study skip files without an ending
    empty_study.image_path(image).unlink()
    again = imported(empty_study, tmp_path / "benign")
    assert (again["imported"], again["already_present"]) == (0, 1)
    assert path.read_bytes() == content


def test_pictures_are_listed_without_being_opened(tmp_path: Path) -> None:
    def read(most: int) -> bytes:
        raise AssertionError

    assert file_kind("patch.png", read) == "picture"
    assert file_kind("patch_mask.PNG", read) == "mask"
    assert file_kind("labels.csv", read) is None
    assert file_kind("more.7z", read) is None


def test_a_damaged_dicom_file_is_skipped_by_its_name(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "benign" / "good.png")
    (tmp_path / "benign" / "bad.dcm").write_bytes(b"\0" * 200)
    result = imported(empty_study, tmp_path / "benign")
    assert result["skipped"] == [{"file": "benign/bad.dcm", "reason": "It is not a DICOM file"}]
