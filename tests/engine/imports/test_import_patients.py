"""Tables, IDC patches and DICOM files: the import takes the class and the patient from them, but never the name."""

from pathlib import Path

import numpy as np
import pytest
from dicom_samples import PATIENT, dicom_bytes
from image_folders import events_of, imported, looked_at, odd, picture
from PIL import Image

from busapp.engine.catalog import ImageRecord
from busapp.engine.imports.tables import tables
from busapp.engine.study import patients
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def reasons(result: dict) -> dict[str, str]:
    return {left["file"]: left["reason"] for left in result["skipped"]}


def by_file(workspace: Workspace) -> dict[str, ImageRecord]:
    return {image.file: image for image in workspace.catalog.images()}


def everything_stored(workspace: Workspace) -> bytes:
    """All bytes of the catalog's files."""
    workspace.close()
    return b"".join(path.read_bytes() for path in workspace.root.glob("catalog.sqlite*"))


# -- tables --------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of four images, two of them in a subfolder, one with a mask."""
    for number in range(3):
        picture(tmp_path / "data" / f"{number}.png", number)
    picture(tmp_path / "data" / "more" / "3.png", 3)
    Image.new("L", (20, 16), 255).save(tmp_path / "data" / "more" / "3_mask.png")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,class,patient\n0.png,benign,P-1\nmore/3.png,Malignant,P-1\n", "utf-8"),
        ("Patient ID;Filename;Diagnosis\r\nP-1;0.png;benign\r\np-1 ;more\\3.png;malignant\r\n", "utf-8-sig"),
        ("image_path\tlabel\tsubject\n./0.png\tbenign\tP-1\n\nmore/../more/3.png\tmalignant\tP-1\n", "utf-16"),
        ('sep=;\n"file";"class";"patient"\n"0.png";"benign";"P-1"\n"more/3.png";"malignant";"P-1"', "cp1252"),
    ],
)
def test_a_table_says_class_and_patient(empty_study: Workspace, pictures: Path, text: str, encoding: str) -> None:
    (pictures / "labels.csv").write_bytes(text.encode(encoding))
    seen = looked_at(empty_study, pictures / "labels.csv")
    assert (seen.kinds, seen.counts, seen.patients, seen.masks) == (
        ["Table labels.csv"],
        {"benign": 1, "malignant": 1},
        1,
        1,
    )
    result = imported(empty_study, pictures / "labels.csv")
    assert (result["skipped"], result["patients"], result["masks"]) == ([], 1, 1)
    found = by_file(empty_study)
    assert set(found) == {"benign/0.png", "malignant/3.png"}
    first, second = found.values()
    assert first.patient == second.patient == patients.pseudonym("P-1")
    assert first.group == second.group
    assert (first.source, first.mask is None, second.mask is None) == ("labels.csv", True, False)


def test_a_table_in_another_code_page_is_read(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "kräftig.png")
    (tmp_path / "t.csv").write_bytes("file;class\nkräftig.png;gutartig\n".encode("cp1252"))
    assert imported(empty_study, tmp_path / "t.csv")["counts"] == {"gutartig": 1}


def test_rows_that_cannot_be_followed_are_skipped_with_their_number(empty_study: Workspace, pictures: Path) -> None:
    picture(pictures.parent / "outside.png", 9)
    (pictures / "labels.csv").write_text(
        "file,class,patient\n"
        "0.png,benign,P-1\n"
        "missing.png,benign,P-1\n"
        "../outside.png,benign,P-1\n"
        f"{pictures.parent / 'outside.png'},benign,P-1\n"
        "C:/outside.png,benign,P-1\n"
        "1.png,benign,P-1\n"
        "1.png,malignant,P-1\n"
        "2.png,,P-1\n"
        ",benign,P-1\n"
        f"{pictures / 'more/3.png'},benign,P-2\n"
        "more,benign,P-2\n"
        f"{'x' * 5000},benign,P-2\n"
        "0.png,benign,P-1\n"
    )
    result = imported(empty_study, pictures / "labels.csv")
    found = {left["file"].rpartition(" ")[2]: left["reason"] for left in result["skipped"]}
    assert found.pop("13") == f"There is no image {'x' * 5000}"
    assert found == {
        "3": "There is no image missing.png",
        "4": "../outside.png lies outside the folder of the table",
        "5": f"{pictures.parent / 'outside.png'} lies outside the folder of the table",
        "6": "C:/outside.png lies outside the folder of the table",
        "7": "1.png has another class or patient in another row",
        "8": "1.png has another class or patient in another row",
        "9": "It has no class",
        "10": "It names no file",
        "12": "There is no image more",
    }
    assert set(by_file(empty_study)) == {"benign/0.png", "benign/3.png"}
    assert [left.reason for left in looked_at(empty_study, pictures / "labels.csv").skipped] == [
        left["reason"] for left in result["skipped"]
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no column that names the files"),
        ("0.png,benign\n", "no header"),
        ("file,patient\n0.png,P-1\n", "no column for the class"),
        ("file,class\nmissing.png,benign\n", "no images in the table.*missing.png"),
        ('file,class\n"0.png,benign\n' + "x" * 200_000, "cannot be read"),
    ],
)
def test_a_table_that_says_too_little_is_bad_input(
    empty_study: Workspace, pictures: Path, text: str, sentence: str
) -> None:
    (pictures / "t.csv").write_text(text)
    with pytest.raises(BadInput, match=sentence) as caught:
        imported(empty_study, pictures / "t.csv")
    assert caught.value.file and caught.value.remedy


def test_a_huge_table_is_refused_before_it_is_read(
    empty_study: Workspace, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "t.csv").write_text("file,class\n0.png,benign\n" + "\n" * 100)
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 100)
    with pytest.raises(BadInput, match=r"larger than .*t\.csv"):
        imported(empty_study, pictures / "t.csv")


def test_a_table_needs_no_classes_where_the_class_is_given(empty_study: Workspace, pictures: Path) -> None:
    (pictures / "t.csv").write_text("file,patient\n0.png,P-1\n1.png,P-1\n")
    result = imported(empty_study, pictures / "t.csv", class_name="benign")
    assert (result["counts"], result["patients"]) == ({"benign": 2}, 1)


def test_a_table_inside_a_folder_only_says_whose_images_they_are(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "data" / "benign" / f"{number}.png", number)
    (tmp_path / "data" / "t.csv").write_text(
        "file,label,patient\nbenign/0.png,malignant,P-1\nbenign/1.png,,P-1\nbenign/2.png,,P-2\nbenign/2.png,,P-3\n"
    )
    (tmp_path / "data" / "other.csv").write_text("a,b\n1,2\n")
    result = imported(empty_study, tmp_path / "data")
    assert result["counts"] == {"benign": 4}
    images = by_file(empty_study)
    assert [images[f"benign/{n}.png"].patient for n in range(4)] == [*2 * [patients.pseudonym("P-1")], None, None]
    assert reasons(result) == {
        "data/other.csv": "It is a table; to import the images that it lists, import the table itself",
        "t.csv, row 4": "benign/2.png has another class or patient in another row",
        "t.csv, row 5": "benign/2.png has another class or patient in another row",
    }
    assert [finding.text for finding in looked_at(empty_study, tmp_path / "data").findings] == [
        "data/t.csv names the patients of 2 images. It decides no class.",
        "A table gives another class than the folder for 1 image. The folder's class counts.",
    ]


def test_a_patient_of_a_table_is_stored_as_a_keyed_hash_only(empty_study: Workspace, pictures: Path) -> None:
    (pictures / "t.csv").write_text("file,class,patient\n0.png,benign,Jane Doe-4711\n1.png,benign,Jane Doe-4711\n")
    imported(empty_study, pictures / "t.csv")
    stored = everything_stored(empty_study)
    assert patients.pseudonym("Jane Doe-4711").encode() in stored
    assert b"Doe" not in stored and b"4711" not in stored


def test_a_name_that_holds_the_patient_is_warned_of_and_a_class_that_does_is_refused(
    empty_study: Workspace, tmp_path: Path
) -> None:
    picture(tmp_path / "data" / "benign" / "P-17_left.png", 1)
    picture(tmp_path / "data" / "P-17" / "right.png", 2)
    (tmp_path / "data" / "t.csv").write_text("file,patient\nbenign/P-17_left.png,P-17\nP-17/right.png,P-17\n")
    events = events_of(empty_study, tmp_path / "data")
    assert any("1 file name contains a patient" in text for text in odd(events))
    assert "would have the patient's name" in reasons(events[-1].result)["P-17/right.png"]  # type: ignore[attr-defined]
    assert set(by_file(empty_study)) == {"benign/P-17_left.png"}


# -- IDC -----------------------------------------------------------------------------------------------------


def test_idc_patches_carry_class_and_patient_in_their_names(empty_study: Workspace, tmp_path: Path) -> None:
    names = ["10253_idx5_x1_y1_class0.png", "10253_idx5_x1_y2_class1.png", "8863_idx5_x1_y1_class1.png"]
    for seed, name in enumerate(names):
        picture(tmp_path / "IDC" / name.partition("_")[0] / name[-5] / name, seed)
    result = imported(empty_study, tmp_path / "IDC")
    assert (result["counts"], result["patients"], result["skipped"]) == ({"class0": 1, "class1": 2}, 2, [])
    groups = {image.file: image.group for image in empty_study.catalog.images()}
    assert groups[f"class0/{names[0]}"] == groups[f"class1/{names[1]}"] != groups[f"class1/{names[2]}"]


def test_a_single_patch_needs_no_class(empty_study: Workspace, tmp_path: Path) -> None:
    patch = picture(tmp_path / "10253_idx5_x1_y1_class0.png")
    assert imported(empty_study, patch)["counts"] == {"class0": 1}


@pytest.mark.parametrize("source", ["", "labels.csv"])
def test_the_idc_set_comes_in_by_folder_and_by_table_alike(
    empty_study: Workspace, idc_patches: Path, source: str
) -> None:
    result = imported(empty_study, idc_patches / source)
    assert (result["counts"], result["patients"], result["skipped"]) == ({"class0": 623, "class1": 429}, 12, [])
    assert len({image.group for image in empty_study.catalog.images()}) == 12
    other = idc_patches if source else idc_patches / "labels.csv"
    assert looked_at(empty_study, other).already_present == 1052


# -- DICOM ---------------------------------------------------------------------------------------------------

REGION = {"RegionLocationMinX0": 4, "RegionLocationMinY0": 2, "RegionLocationMaxX1": 15, "RegionLocationMaxY1": 11}


def loop(seed: int, frames: int = 1, size: tuple[int, int] = (16, 20)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, *size), np.uint8)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Two patients: a loop and a still image of one, and a still image without an ending in its name of the other."""
    folder = tmp_path / "scans"
    for name in ("benign", "malignant"):
        (folder / name).mkdir(parents=True)
    (folder / "benign" / "DOE_JANE.dcm").write_bytes(dicom_bytes(loop(1, 30), SOPInstanceUID="1.2.3.1"))
    (folder / "malignant" / "DOE_JANE.dcm").write_bytes(dicom_bytes(loop(2), SOPInstanceUID="1.2.3.2"))
    other = dicom_bytes(loop(3), SOPInstanceUID="1.2.3.3", PatientID="SECRET-1", BurnedInAnnotation="YES")
    (folder / "malignant" / "IM_0001").write_bytes(other)
    return folder


def test_dicom_files_become_frames_and_their_patient_a_group(empty_study: Workspace, scans: Path) -> None:
    seen = looked_at(empty_study, scans)
    assert (seen.counts, seen.patients, seen.dicom_files) == ({"benign": 10, "malignant": 2}, 2, 3)
    assert (seen.loops, seen.loop_frames, seen.burned_in) == (1, 30, 1)
    events = events_of(empty_study, scans)
    result = events[-1].result  # type: ignore[attr-defined]
    assert (result["imported"], result["skipped"], result["patients"]) == (12, [], 2)
    assert any("burned into" in text for text in odd(events))
    images = empty_study.catalog.images()
    benign = [image for image in images if image.class_name == "benign"]
    still, other = (image for image in images if image.class_name == "malignant")
    assert {image.group for image in benign} == {still.group} != {other.group}
    assert {image.source for image in images} == {"DICOM"}
    numbers = [int(image.file.removesuffix(".png").rpartition(" frame ")[2]) for image in benign]
    assert numbers == [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]
    stored = np.asarray(Image.open(empty_study.image_path(benign[0])))[..., 0]
    np.testing.assert_array_equal(stored, loop(1, 30)[1])


def test_importing_dicom_twice_adds_nothing(empty_study: Workspace, scans: Path) -> None:
    imported(empty_study, scans)
    seen = looked_at(empty_study, scans)
    assert (seen.counts, seen.already_present) == ({}, 12)
    assert (imported(empty_study, scans)["imported"], len(empty_study.catalog.history())) == (0, 1)


def test_no_name_or_number_of_a_patient_is_stored(empty_study: Workspace, scans: Path) -> None:
    imported(empty_study, scans)
    stored = everything_stored(empty_study)
    for secret in (PATIENT, "SECRET", "Doe", "DOE", "Jane", "1.2.3.1"):
        assert secret.encode() not in stored
    kept = [path for path in empty_study.root.rglob("*") if path.is_file() and "runs" not in path.parts]
    assert not any(b"SECRET" in path.read_bytes() or "DOE" in path.name for path in kept)


def test_a_folder_called_after_its_patient_is_no_class(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "export" / "DOE^JANE").mkdir(parents=True)
    (tmp_path / "export" / "DOE^JANE" / "IM_0001").write_bytes(dicom_bytes(loop(1)))
    (tmp_path / "export" / "ben").mkdir()
    (tmp_path / "export" / "ben" / "IM_0002").write_bytes(dicom_bytes(loop(2), PatientName="Benign^Ann"))
    seen = looked_at(empty_study, tmp_path / "export")
    assert [left.reason for left in seen.skipped] == [
        "The class would have the patient's name; give the class with --class"
    ]
    assert imported(empty_study, tmp_path / "export")["counts"] == {"ben": 1}
    assert imported(empty_study, tmp_path / "export", class_name="cyst")["counts"] == {"ben": 1, "cyst": 1}


def test_frames_are_cut_to_the_regions_unless_asked_otherwise(empty_study: Workspace, tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    region = Dataset()
    for keyword, value in REGION.items():
        setattr(region, keyword, value)
    region.RegionSpatialFormat, region.PhysicalUnitsXDirection, region.PhysicalDeltaX = 1, 3, 0.02
    file = tmp_path / "scan.dcm"
    file.write_bytes(dicom_bytes(loop(1), SequenceOfUltrasoundRegions=[region]))
    imported(empty_study, file, class_name="benign")
    imported(empty_study, file, class_name="whole", crop_to_regions=False)
    cut, whole = empty_study.catalog.images()
    assert (cut.width, cut.height, whole.width, whole.height) == (12, 10, 20, 16)
    assert cut.spacing_mm == whole.spacing_mm == pytest.approx(0.2)


def test_a_loop_gives_as_many_frames_as_asked_for(empty_study: Workspace, scans: Path) -> None:
    assert looked_at(empty_study, scans, frames=3).counts == {"benign": 3, "malignant": 2}
    assert imported(empty_study, scans, frames=3)["counts"] == {"benign": 3, "malignant": 2}


def test_a_loop_that_breaks_off_keeps_the_frames_before(empty_study: Workspace, tmp_path: Path) -> None:
    whole = dicom_bytes(loop(1, 4))
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "a.dcm").write_bytes(whole[: -int(1.5 * 16 * 20)])
    result = imported(empty_study, tmp_path / "benign")
    assert [left["file"] for left in result["skipped"]] == ["benign/a.dcm"]
    assert result["imported"] == 2


def test_what_is_called_dicom_and_is_not_is_skipped(empty_study: Workspace, scans: Path) -> None:
    (scans / "benign" / "text.dcm").write_text("hello")
    (scans / "benign" / "README").write_text("no suffix, no DICOM")
    (scans / "benign" / "empty").touch()
    result = imported(empty_study, scans)
    assert reasons(result) == {
        "benign/text.dcm": "It is not a DICOM file",
        "benign/README": "It is not an image",
        "benign/empty": "It is not an image",
    }


def test_a_table_may_say_class_and_patient_of_dicom_files(empty_study: Workspace, scans: Path) -> None:
    (scans / "t.csv").write_text("file,class,patient\nbenign/DOE_JANE.dcm,cyst,P-1\nmalignant/DOE_JANE.dcm,cyst,P-2\n")
    result = imported(empty_study, scans / "t.csv", frames=1)
    assert (result["counts"], result["patients"]) == ({"cyst": 2}, 2)


def test_patients_of_another_computer_are_warned_of(
    empty_study: Workspace, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("another computer" in text for text in odd(events_of(empty_study, scans)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path / "elsewhere")
    events = events_of(empty_study, scans, class_name="new")
    assert any("another computer" in text for text in odd(events))


def test_the_shared_dicom_files_come_in(empty_study: Workspace, us_dicom: Path) -> None:
    result = imported(empty_study, us_dicom, class_name="benign")
    assert (result["imported"], result["skipped"], result["patients"]) == (6, [], 3)
    assert empty_study.catalog.images()[0].spacing_mm == pytest.approx(0.3827, abs=1e-4)


def test_a_patient_whom_a_table_and_a_dicom_file_name_is_one(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "scans" / "benign").mkdir(parents=True)
    (tmp_path / "scans" / "benign" / "IM_0001").write_bytes(dicom_bytes(loop(1)))
    picture(tmp_path / "table" / "a.png")
    (tmp_path / "table" / "labels.csv").write_text(f"file,class,patient\na.png,benign,{PATIENT}\n")
    imported(empty_study, tmp_path / "scans")
    imported(empty_study, tmp_path / "table" / "labels.csv")
    first, second = empty_study.catalog.images()
    assert first.group == second.group
