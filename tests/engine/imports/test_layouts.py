"""Folders of sets that nobody knows: which of them name a class, and when the user is asked."""

from pathlib import Path

import pytest
from image_folders import imported, looked_at, picture
from public_sets import pictures, table
from told import but_patients, found_by

from busapp.engine.events import Skipped
from busapp.engine.imports.found import ClassUnknown
from busapp.engine.imports.sorting.layouts import class_in_name, class_word, is_mask_folder, names_no_class
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

NO_CLASS = """
    images Image IMG imgs original Originals photos pictures png JPG data Dataset train Training val valid validation
    test testing all inputs fold1 Fold_10 40X 400x 100X 224x224 Original_Images train_images masks GT
"""
CLASSES = "benign Malignant normal class0 0 birads4 lesion cyst 良性 gutartig_ä P-17 BrEaST mybus idc_positive"


@pytest.mark.parametrize("name", NO_CLASS.split())
def test_folders_that_name_no_class(name: str) -> None:
    assert names_no_class(name)


@pytest.mark.parametrize("name", CLASSES.split())
def test_folders_that_name_a_class_or_may(name: str) -> None:
    assert not names_no_class(name)


def test_folders_of_masks() -> None:
    for name in ("mask", "Masks", "GT", "groundTruth", "ground_truth", "Ground Truth", "labels", "annotations", "seg"):
        assert is_mask_folder(name), name
    for name in ("segmentations", "lesion masks", "train_masks", "TrainMasks", "benign_masks", "mask_images", "masks2"):
        assert is_mask_folder(name), name
    for name in ("Dataset_BUSI_with_GT", "images_and_masks", "lesion", "unmasked", "benign", "label_benign", "gtx"):
        assert not is_mask_folder(name), name


def test_usual_words_for_classes() -> None:
    words = {"Benign ": "benign", "benign images": "benign", "train_benign": "benign", "InSitu": "insitu"}
    for name, word in {**words, "In situ": "in situ", "CLASS1": "class1"}.items():
        assert class_word(name) == word
    assert class_word("not benign") is class_word("images") is class_word("adeno") is None


def test_classes_that_names_begin_with() -> None:
    assert [class_in_name(name) for name in ("benign (1).png", "malignant_3.png", "Normal-4.JPG")] == [
        "benign",
        "malignant",
        "normal",
    ]
    for name in ("scan3.png", "non-malignant_1.png", "benign_or_malignant_1.png", "abnormal_1.png", "benignity.png"):
        assert class_in_name(name) is None, name


def laid_out(folder: Path, *files: str) -> Path:
    for file in files:
        pictures((folder / file).parent, Path(file).name)
    return folder


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        (("train/benign/a.png", "val/malignant/b.png"), {"benign": 1, "malignant": 1}),
        (("benign/train/a.png", "malignant/val/b.png"), {"benign": 1, "malignant": 1}),
        (("Benign/Images/a.png", "Malignant/Images/b.png"), {"benign": 1, "malignant": 1}),
        (("images/40X/benign/a.png", "images/100X/malignant/b.png"), {"benign": 1, "malignant": 1}),
        (("benign/fold1/40x/a.png", "malignant/fold2/40x/b.png"), {"benign": 1, "malignant": 1}),
        (("train_benign/a.png", "test_benign/b.png", "train_cyst/c.png"), {"benign": 2, "cyst": 1}),
        (("set/images/benign/a.png", "set/images/malignant/b.png", "set/cover.png"), {"benign": 1, "malignant": 1}),
        (("segmentation/benign/images/a.png", "segmentation/malignant/images/b.png"), {}),
        (("grade 1/a.png", "grade 2/b.png"), {"grade 1": 1, "grade 2": 1}),
        (("malignant/ductal/a.png", "malignant/lobular/b.png"), {"ductal": 1, "lobular": 1}),
        (("benign (1).png", "malignant_3.png", "Benign-4.png"), {"benign": 2, "malignant": 1}),
        (("images/benign_1.png", "images/normal_3.png"), {"benign": 1, "normal": 1}),
        (("ward/a.png", "ward/b.png"), {"ward": 2}),
    ],
)
def test_the_class_is_the_nearest_folder_that_names_one(
    empty_study: Workspace, tmp_path: Path, files: tuple[str, ...], counts: dict[str, int]
) -> None:
    source = laid_out(tmp_path / "download", *files)
    if not counts:
        with pytest.raises(BadInput, match="It is a mask, and its image is missing"):
            looked_at(empty_study, source)
        return
    assert looked_at(empty_study, source).counts == counts
    assert imported(empty_study, source)["counts"] == counts


@pytest.mark.parametrize(
    "files",
    [
        ("images/a.png", "images/b.png"),
        ("Images/a.png", "IMG/b.png"),
        ("train/a.png", "test/b.png"),
        ("40X/a.png", "100X/b.png"),
        ("mybus/images/a.png", "mybus/images/b.png"),
        ("fold1/a.png", "fold2/b.png"),
        ("images/benign_1.png", "images/scan_3.png"),
        ("patient_01/a.png", "patient_02/b.png", "patient_03/c.png"),
        ("10253/a.png", "10254/b.png", "8863/c.png"),
    ],
)
def test_nobody_is_asked_about_a_class_called_images(
    empty_study: Workspace, tmp_path: Path, files: tuple[str, ...]
) -> None:
    source = laid_out(tmp_path / "download", *files)
    with pytest.raises(ClassUnknown, match="--class"):
        looked_at(empty_study, source)
    with pytest.raises(ClassUnknown):
        imported(empty_study, source)
    assert imported(empty_study, source, class_name="images")["counts"] == {"images": len(files)}


@pytest.mark.parametrize("name", ["images", "train", "Masks", "40x", "data set"])
def test_a_source_that_names_no_class_is_asked_about_too(empty_study: Workspace, tmp_path: Path, name: str) -> None:
    with pytest.raises(ClassUnknown):
        looked_at(empty_study, laid_out(tmp_path / name, "a.png", "b.png"))
    assert looked_at(empty_study, laid_out(tmp_path / "benign", "images/a.png")).counts == {"benign": 1}


def test_folders_looked_through_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(tmp_path / "download", "train/benign/a.png", "train/malignant/b.png")
    (finding,) = but_patients(looked_at(empty_study, source).findings)
    assert finding == ("assumed", "These folders name no class and are looked through: train.")


def test_one_folder_that_is_no_usual_class_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    (finding,) = but_patients(looked_at(empty_study, laid_out(tmp_path / "download", "ward/a.png")).findings)
    assert finding == ("assumed", "All images come in as one class, which is called like their folder.")


def test_folders_of_patients_below_a_class_are_patients(empty_study: Workspace, tmp_path: Path) -> None:
    files = ("benign/patient_01/a.png", "benign/patient_01/b.png", "benign/0217/c.png", "malignant/case 3/40X/d.png")
    source = laid_out(tmp_path / "download", *files, "patient_9/malignant/e.png")
    seen = looked_at(empty_study, source)
    assert (seen.counts, seen.patients) == ({"benign": 3, "malignant": 2}, 4)
    assert any("4 folders called after patients" in finding.text for finding in seen.findings)
    result = imported(empty_study, source)
    assert (result["counts"], result["patients"]) == (seen.counts, 4)
    assert "0217" not in str(result["findings"])


def test_a_table_beside_decides_where_folders_do_not(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(tmp_path / "download", "images/a.png", "images/b.png", "images/c.png")
    table(source / "labels.csv", "file,class,patient", "a.png,benign,P-1", "b.png,malignant,P-1")
    seen = looked_at(empty_study, source)
    assert (seen.counts, seen.patients) == ({"benign": 1, "malignant": 1}, 1)
    assert [(left.file, left.reason) for left in seen.skipped] == [("images/c.png", "No table gives its class")]
    assert "labels.csv: files from file, classes from class" in seen.findings[0].text
    table(source / "second.csv", "file,class", "a.png,malignant", "b.png,malignant")
    seen = looked_at(empty_study, source)
    assert seen.counts == {"malignant": 1}
    assert Skipped("images/a.png", "Two tables give it different classes") in seen.skipped


def test_numbers_in_a_table_beside_are_asked_about(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(tmp_path / "download", "images/a.png", "images/b.png")
    table(source / "labels.csv", "file,label", "a.png,0", "b.png,1")
    with pytest.raises(BadInput, match="not known what the values"):
        looked_at(empty_study, source)
    assert looked_at(empty_study, source, class_values="0=benign, 1=malignant").counts == {"benign": 1, "malignant": 1}


def test_numbers_of_folders_are_told_and_can_be_named(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(tmp_path / "download", "0/a.png", "1/b.png", "2/c.png")
    assert "Nothing says what these classes mean: 0, 1, 2." in looked_at(empty_study, source).findings[0].text
    seen = looked_at(empty_study, source, class_values="0=benign, 1=malignant, 2=-")
    assert (seen.counts, but_patients(seen.findings)) == ({"benign": 1, "malignant": 1}, [])
    assert [left.reason for left in seen.skipped] == ["Images of this class are left out"]


def test_names_that_contradict_their_folder_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(tmp_path / "download", "benign/malignant_1.png", "benign/benign_2.png", "malignant/scan.png")
    seen = looked_at(empty_study, source)
    assert seen.counts == {"benign": 2, "malignant": 1}
    assert but_patients(seen.findings) == [
        ("odd", "1 image with a name that begins with another class than the image's own.")
    ]


def test_only_folders_of_a_name_come_in(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(
        tmp_path / "download", *(f"{name}/{at}X/a.png" for name in ("benign", "cyst") for at in (40, 100))
    )
    seen = looked_at(empty_study, source, only="40x")
    assert seen.counts == {"benign": 1, "cyst": 1}
    assert seen.findings[0] == ("left out", "2 images in other folders than 40x left out.")
    assert imported(empty_study, source, only="100X , 40X")["counts"] == {"benign": 2, "cyst": 2}
    with pytest.raises(BadInput, match="no folder called 200X"):
        looked_at(empty_study, source, only="200X")


def test_the_same_picture_in_two_classes_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    for name in ("benign", "malignant"):
        picture(tmp_path / "download" / name / "a.png", 7)
    result = imported(empty_study, tmp_path / "download")
    assert result["counts"] == {"benign": 1, "malignant": 1}
    text = "1 picture is here in more than one class, byte for byte. Check which class is right."
    assert found_by(result) == [("odd", text)]


def test_a_copy_gives_its_mask_to_the_first(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "download" / "benign" / "a.png", 7)
    picture(tmp_path / "download" / "more" / "benign" / "a.png", 7)
    picture(tmp_path / "download" / "more" / "benign" / "a_mask.png", 8)
    seen = looked_at(empty_study, tmp_path / "download")
    assert (seen.counts, seen.masks) == ({"benign": 1}, 1)
    assert (
        but_patients(seen.findings)[-1].text
        == "1 image lies here twice, under the same name and class. Each counts once."
    )
