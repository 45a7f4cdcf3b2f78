"""Public sets that need an answer, or cannot come in: the sentence says which set it is, why, and what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from image_folders import imported, looked_at
from public_sets import breakhis, bus_uclm, busbra, busi, cbis_jpeg, mias, pcam_hdf5, pictures, table, udiat
from public_sets import masks as masks_at
from told import NO_PATIENTS

from busapp.engine.imports.found import ClassUnknown
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def stu(root: Path) -> None:
    pictures(root / "Hospital", "Test_Image_1.png", "Test_Image_11.png")
    masks_at(root / "Hospital", "mask_1.png", "mask_11.png")


def busi_whu(root: Path) -> None:
    for part in ("train", "val", "test"):
        pictures(root / "BUSI-WHU" / part / "img", f"{part}1.png")
        masks_at(root / "BUSI-WHU" / part / "mask", f"{part}1.png")


def without(build: Callable[[Path], None], name: str) -> Callable[[Path], None]:
    """The set without its table."""

    def built(root: Path) -> None:
        build(root)
        for path in root.rglob(name):
            path.unlink()

    return built


@pytest.mark.parametrize(
    ("build", "sentence", "images", "masks"),
    [
        (stu, r"This looks like STU-Hospital\. Its authors publish no class of any image", 2, 2),
        (busi_whu, r"This looks like BUSI-WHU\. Its authors publish no class of any image", 3, 3),
        (without(busbra, "*.csv"), r"This looks like BUS-BRA\. .*bus_data\.csv, which is not here", 6, 6),
        (without(udiat, "*.xlsx"), "It is not known which class the images are of", 4, 4),
        (without(mias, "Info.txt"), r"This looks like MIAS\. .*Info\.txt, which is not here", 5, 0),
        (without(cbis_jpeg, "*.csv"), "called after patients, cases or videos", 8, 0),
    ],
)
def test_the_class_is_asked_for_and_can_be_given(
    empty_study: Workspace, tmp_path: Path, build: Callable[[Path], None], sentence: str, images: int, masks: int
) -> None:
    build(tmp_path / "download")
    with pytest.raises(ClassUnknown, match=f"{sentence}.*--class"):
        looked_at(empty_study, tmp_path / "download")
    with pytest.raises(ClassUnknown, match=sentence):
        imported(empty_study, tmp_path / "download")
    result = imported(empty_study, tmp_path / "download", class_name="unsure")
    assert (result["counts"], result["masks"]) == ({"unsure": images}, masks)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (("OASBUD.mat", "README.txt"), r"OASBUD holds raw ultrasound signals.*Compute a picture of each signal"),
        (
            ("Train/DATA/DATA_000.nrrd", "Train/labels.csv"),
            "three-dimensional.*Save slices",
        ),
        (("images/Case_1-01.tif", "groundTruth/Case_1-01.json"), "no class of a picture.*Decide on a class"),
    ],
)
def test_what_cannot_come_in_is_refused_with_the_way(
    empty_study: Workspace, tmp_path: Path, files: tuple[str, ...], sentence: str
) -> None:
    for file in files:
        table(tmp_path / "download" / file, "case_id,label", "0,M")
        if file.endswith(".tif"):
            pictures((tmp_path / "download" / file).parent, Path(file).name)
    with pytest.raises(BadInput, match=sentence) as caught:
        imported(empty_study, tmp_path / "download")
    assert caught.value.file == str(tmp_path / "download")


def inbreast(root: Path) -> None:
    rows = ["Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"]
    of_films = (("6c613a14b80a8591", "2"), ("6c613a14b80a8591", "5"), ("036aff49b8ac84f0", "4a"))
    for number, (patient, birads) in enumerate(of_films):
        name = f"{20586908 + number}_{patient}_MG_R_CC_ANON.dcm"
        pixels = np.random.default_rng(number).integers(0, 256, (1, 16, 20), np.uint8)
        (root / "AllDICOMs").mkdir(parents=True, exist_ok=True)
        content = dicom_bytes(pixels, SOPInstanceUID=f"1.2.3.{number}", PatientID="removed")
        (root / "AllDICOMs" / name).write_bytes(content)
        rows.append(f"removed;removed;R;CC;201001;{20586908 + number};2;{birads}")
    table(root / "INbreast.csv", *rows)


def test_birads_of_inbreast_are_asked_about(empty_study: Workspace, tmp_path: Path) -> None:
    inbreast(tmp_path / "download")
    with pytest.raises(BadInput, match=r"not known what the values in the column Bi-Rads mean.*--class-values"):
        looked_at(empty_study, tmp_path / "download")
    values = "2=benign, 5=malignant, 4a=-"
    seen = looked_at(empty_study, tmp_path / "download", class_values=values)
    assert (seen.counts, seen.patients) == ({"benign": 1, "malignant": 1}, 1)
    assert [left.reason for left in seen.skipped] == ["Images of the class value 4a are left out"]
    result = imported(empty_study, tmp_path / "download", class_values=values)
    assert (result["counts"], result["patients"]) == (seen.counts, 1)


def test_films_of_cbis_ddsm_as_dicom_files_come_in(empty_study: Workspace, tmp_path: Path) -> None:
    cbis_jpeg(tmp_path / "jpeg form")
    source = tmp_path / "download"
    for number, film in enumerate(("Mass-Training_P_00001", "Mass-Training_P_00002", "Mass-Training_P_00003")):
        for part in ("", "_1"):
            folder = source / "CBIS-DDSM" / f"{film}_LEFT_CC{part}" / "07-20-2016-DDSM" / "1.000000-images"
            folder.mkdir(parents=True)
            pixels = np.random.default_rng(2 * number + len(part)).integers(0, 256, (1, 16, 20), np.uint8)
            uid = f"1.2.{number}.{len(part) + 1}"
            (folder / "1-1.dcm").write_bytes(dicom_bytes(pixels, SOPInstanceUID=uid, PatientID=film))
    for path in (tmp_path / "jpeg form" / "csv").glob("*case*.csv"):
        path.rename(source / path.name)
    seen = looked_at(empty_study, source)
    assert (seen.counts, seen.patients) == ({"benign": 1, "malignant": 1}, 2)
    said = "\n".join(finding.text for finding in seen.findings)
    assert "This looks like CBIS-DDSM: 3,103 images, 1,566 patients, 2 classes. 2 of its 3,103 images are here" in said
    assert "BENIGN_WITHOUT_CALLBACK (1 row) counts as benign." in said
    assert "3 files left out. It is a crop or a mask of an abnormality; the whole films come in." in said
    assert "1 file left out. Its table gives several classes for it." in said
    assert imported(empty_study, source)["counts"] == seen.counts


def test_magnifications_are_a_choice(empty_study: Workspace, tmp_path: Path) -> None:
    breakhis(tmp_path / "download")
    said = [finding.text for finding in looked_at(empty_study, tmp_path / "download").findings]
    here = "20 of its 7,909 images are here, of 3 patients."
    assert said[0] == f"This looks like BreakHis: 7,909 images, 82 patients, 2 classes. {here}"
    all_four = "40X 5, 100X 5, 200X 5, 400X 5"
    assert f"Images of all magnifications come in: {all_four}. For one of them, use --only 40X." in said
    assert "1 slide with images under several types of tumour. Each slide counts as one patient." in said
    seen = looked_at(empty_study, tmp_path / "download", only="100X,400x")
    assert (seen.counts, seen.patients) == ({"benign": 4, "malignant": 6}, 3)
    assert not any("all magnifications" in finding.text for finding in seen.findings)
    flat = tmp_path / "flat" / "benign"
    flat.mkdir(parents=True)
    for path in (tmp_path / "download").rglob("SOB_B*.png"):
        path.rename(flat / path.name)
    assert looked_at(empty_study, flat.parent, only="40X").counts == {"benign": 2}


def test_patients_of_two_sets_with_the_same_numbers_are_not_one(empty_study: Workspace, tmp_path: Path) -> None:
    busbra(tmp_path / "one")
    udiat(tmp_path / "two")
    assert imported(empty_study, tmp_path / "one", tmp_path / "two")["patients"] == 3 + 4
    again = imported(empty_study, tmp_path / "one" / "bus_data.csv")
    assert (again["imported"], again["already_present"], again["patients"]) == (0, 6, 0)


def test_frames_to_look_at_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    bus_uclm(tmp_path / "download")
    said = [finding.text for finding in looked_at(empty_study, tmp_path / "download").findings]
    assert "INFO.csv marks 1 image as Doppler or Combined. Look at them before a validation." in said


def test_a_set_without_patients_says_what_its_groups_are(empty_study: Workspace, tmp_path: Path) -> None:
    busi(tmp_path / "download")
    said = [finding.text for finding in looked_at(empty_study, tmp_path / "download").findings]
    assert said[:2] == [
        "This looks like BUSI: 780 images, 3 classes. 6 of its 780 images are here.",
        NO_PATIENTS.text,
    ]


@pytest.mark.parametrize(
    ("folder", "images", "patients", "masks"), [("BUSBRA", 572, 326, 572), ("Dataset_BUSI_with_GT", 780, 0, 798)]
)
def test_real_sets_are_seen_right(
    empty_study: Workspace, shared_data: Callable[[str], Path], folder: str, images: int, patients: int, masks: int
) -> None:
    seen = looked_at(empty_study, shared_data(folder))
    assert (sum(seen.counts.values()), seen.patients, seen.masks) == (images, patients, masks)
    assert set(seen.counts) <= {"benign", "malignant", "normal"}
    beginning = "This looks like BUS-BRA: " if patients else "This looks like BUSI: 780 images, 3 classes."
    assert seen.findings[0].text.startswith(beginning)
    if patients:
        assert "572 of its 1,875 images are here, of 326 patients." in seen.findings[0].text


def test_arrays_of_a_folder_come_in_beside_each_other(empty_study: Workspace, tmp_path: Path) -> None:
    pcam_hdf5(tmp_path / "pcam", "train")
    pcam_hdf5(tmp_path / "pcam", "valid", 4)
    seen = looked_at(empty_study, tmp_path / "pcam")
    assert (seen.counts, seen.patients, len(seen.kinds)) == ({"no tumour": 5, "tumour": 5}, 5, 2)
