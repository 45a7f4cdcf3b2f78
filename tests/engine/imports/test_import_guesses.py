"""What an import guesses, or cannot know, it says: in its preview and in its summary."""

from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from image_folders import imported, looked_at, picture
from PIL import Image

from busapp.engine.imports.alike_classes import alike_classes
from busapp.engine.imports.files.file_kinds import not_read
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def both(study: Workspace, *sources: Path, **settings: object) -> tuple[list[str], list[str]]:
    """The sentences of the preview, and then those of the import."""
    seen = [finding.text for finding in looked_at(study, *sources, **settings).findings]
    return seen, [finding["text"] for finding in imported(study, *sources, **settings)["findings"]]


# -- classes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("benign", "benigne"),
        ("benign", "gutartig"),
        ("benign", "bénin"),
        ("bening", "benign"),
        ("malignant", "malignent"),
        ("bösartig", "malignant"),
        ("phyllodes tumor", "phyllodes_tumour"),
        ("normal", "normal "),
    ],
)
def test_two_spellings_of_one_class_are_told(one: str, other: str) -> None:
    (found,) = alike_classes([one, other])
    assert found.kind == "odd" and found.text.startswith(f"The classes {min(one, other)} and {max(one, other)} may be")


@pytest.mark.parametrize(
    "names",
    [
        ["benign", "malignant", "normal"],
        ["normal", "abnormal"],
        ["class0", "class1"],
        ["birads 4a", "birads 4b"],
        ["invasive", "noninvasive"],
        ["ductal_carcinoma", "lobular_carcinoma", "mucinous_carcinoma", "papillary_carcinoma"],
        ["adenosis", "fibroadenoma", "phyllodes_tumor", "tubular_adenoma"],
        [f"finding {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)],
    ],
)
def test_different_classes_are_no_spellings_of_one(names: list[str]) -> None:
    assert alike_classes(names) == []


def test_a_class_that_the_study_has_in_another_spelling_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "benign" / "1.png", 1)
    imported(empty_study, tmp_path / "benign")
    picture(tmp_path / "gutartig" / "2.png", 2)
    for said in both(empty_study, tmp_path / "gutartig"):
        assert any(text.startswith("The classes benign and gutartig may be one.") for text in said)


def test_another_column_that_may_hold_classes_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    rows = ""
    for number in range(6):
        picture(tmp_path / "pictures" / f"{number}.png", number)
        rows += f"{number}.png,{['benign', 'malignant'][number % 2]},{['cyst', 'ductal', 'lobular'][number % 3]},x\n"
    table = tmp_path / "pictures" / "t.csv"
    table.write_text(f"file,class,type,operator\n{rows}")
    for said in both(empty_study, table):
        assert any(text.endswith("may hold classes too and are not used: type.") for text in said), said
    chosen = [finding.text for finding in looked_at(empty_study, table, class_column="class").findings]
    assert not any("may hold classes" in text for text in chosen)


# -- patients and sites ----------------------------------------------------------------------------------------


def test_tables_that_give_one_image_to_two_patients_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "data" / "benign" / f"{number}.png", number)
    (tmp_path / "data" / "a.csv").write_text("file,patient\nbenign/0.png,A 1\nbenign/1.png,A2\n")
    (tmp_path / "data" / "b.csv").write_text("file,patient\nbenign/0.png,a  1\nbenign/1.png,B2\nbenign/2.png,B3\n")
    for said in both(empty_study, tmp_path / "data"):
        assert "data/b.csv gives 1 image another patient than an earlier table, which counts." in said


def test_a_number_that_two_sites_use_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    rows = "".join(f"{n}.png,benign,{n % 3},{['UKE', 'Charité'][n // 3]}\n" for n in range(6))
    for number in range(6):
        picture(tmp_path / "all" / f"{number}.png", number)
    table = tmp_path / "all" / "t.csv"
    table.write_text(f"file,class,patient,site\n{rows}")
    for said in both(empty_study, table):
        assert any(text.startswith("3 patients have images of several sites.") for text in said), said


def test_a_number_that_the_study_knows_from_another_site_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    for number, site in enumerate(("UKE", "Charité")):
        picture(tmp_path / site / "benign" / f"P7_{number}.png", number)
        result = imported(empty_study, tmp_path / site / "benign", patient_pattern="{patient}_*", site=site)
        told = [text for f in result["findings"] if "several sites" in (text := f["text"])]
        assert bool(told) == (number == 1)


def test_a_site_may_be_called_0(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / "all" / f"{number}.png", number)
    (tmp_path / "all" / "t.csv").write_text("file,class,site\n0.png,benign,0\n1.png,benign,1\n")
    imported(empty_study, tmp_path / "all" / "t.csv")
    assert [image.site for image in empty_study.catalog.images()] == ["0", "1"]


def test_a_pattern_that_does_not_fit_every_name_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    for number, name in enumerate(("P1_a", "P1_b", "P2")):
        picture(tmp_path / "benign" / f"{name}.png", number)
    for said in both(empty_study, tmp_path / "benign", patient_pattern="{patient}_*"):
        assert "The pattern {patient}_* finds a patient in 2 of 3 names." in said
    fitting = [f.text for f in looked_at(empty_study, tmp_path / "benign", patient_pattern="{patient:2}*").findings]
    assert not any("The pattern" in text for text in fitting)


def test_dicom_files_of_nobody_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "benign").mkdir()
    for number, patient in enumerate(("ANONYMOUS", "", "4711")):
        pixels = np.random.default_rng(number).integers(0, 255, (1, 48, 64), np.uint8)
        said = {"PatientID": patient, "PatientName": "", "SOPInstanceUID": f"1.2.{number}"}
        (tmp_path / "benign" / f"{number}.dcm").write_bytes(dicom_bytes(pixels, **said))
    sentence = "2 DICOM files without a patient: all images of one examination count as one patient's."
    for told in both(empty_study, tmp_path / "benign"):
        assert sentence in told


# -- files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_a_file_of_several_pictures_is_told(empty_study: Workspace, tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (16, 20, 3), np.uint8)) for n in range(3)]
    (tmp_path / "benign").mkdir()
    options = {"lossless": True} if suffix == ".webp" else {}
    pages[0].save(tmp_path / "benign" / f"several{suffix}", save_all=True, append_images=pages[1:], **options)
    pages[1].save(tmp_path / "benign" / f"one{suffix}")
    found = imported(empty_study, tmp_path / "benign")["findings"]
    sentence = "1 picture: the file holds several pictures of this size, of which only the first came in."
    assert {"kind": "odd", "text": sentence} in found


@pytest.mark.parametrize(
    ("name", "what_to_do"),
    [
        ("a.GIF", "save it as PNG"),
        ("a.heic", "save it as PNG"),
        ("a.nii", "export its slices"),
        ("a.nii.gz", "export its slices"),
        ("a.svs", "export patches"),
        ("a.mp4", "export its frames"),
        ("a.mat", "MATLAB; export the pictures in it"),
    ],
)
def test_a_file_that_is_not_read_says_what_to_do(
    empty_study: Workspace, tmp_path: Path, name: str, what_to_do: str
) -> None:
    picture(tmp_path / "benign" / "1.png")
    (tmp_path / "benign" / name).write_bytes(b"something")
    (left,) = looked_at(empty_study, tmp_path / "benign").skipped
    assert what_to_do in left.reason
    with pytest.raises(BadInput, match=what_to_do):
        looked_at(empty_study, tmp_path / "benign" / name, class_name="benign")


def test_every_reason_is_about_the_file() -> None:
    assert {not_read(f"a.{ending}").partition(" ")[0] for ending in ("gif", "nii", "svs", "avi", "mat", "txt")} == {
        "It"
    }


def test_folders_of_network_drives_are_no_classes(empty_study: Workspace, tmp_path: Path) -> None:
    for number, folder in enumerate(("benign", "benign/@eaDir", "#recycle", "$RECYCLE.BIN", ".ipynb_checkpoints")):
        picture(tmp_path / "set" / folder / f"{number}.png", number)
    assert looked_at(empty_study, tmp_path / "set").counts == {"benign": 1}


def test_a_folder_of_segmentation_maps_holds_masks(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "set" / "benign" / f"{number}.png", number)
        path = tmp_path / "set" / "segmentation_maps" / "benign" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.pad(np.full((4, 4), 255, np.uint8), ((6, 6), (8, 8)))).save(path)
    result = imported(empty_study, tmp_path / "set")
    assert (result["counts"], result["masks"]) == ({"benign": 3}, 3)
