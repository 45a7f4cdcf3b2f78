"""Import of folders: classes, names, and images that are there already."""

import shutil
from pathlib import Path

import pytest
from image_folders import imported, looked_at, mask, picture

from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.thumbnails import mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

NO_PATIENTS = (
    "Nothing names the patients. Images of one patient can stand in training and test, except those that a check finds "
    "to be near-duplicates."
)


def test_folders_are_classes_and_names_are_kept(empty_study: Workspace, folder: Path) -> None:
    result = imported(empty_study, folder)
    kinds = [finding["kind"] for finding in result.pop("findings")]
    assert kinds == ["recognised", "assumed"]  # the names are those of BUSI, and name no patients
    assert result == {
        "imported": 5,
        "already_present": 0,
        "completed": {},
        "skipped": [],
        "counts": {"benign": 3, "malignant": 2},
        "masks": 0,
        "patients": 0,
    }
    images = empty_study.catalog.images()
    assert [image.file for image in images if image.class_name == "benign"] == [
        "benign/benign (1).png",
        "benign/benign (2).png",
        "benign/benign (10).png",
    ]
    assert {image.file for image in images if image.class_name == "malignant"} == {
        "malignant/m1.JPG",
        "malignant/m2.JPG",
    }
    for image in images:
        assert (image.width, image.height, image.kind, image.mask) == (20, 16, "real", None)
        assert image.source == "data"  # only the folder's name: its full path may name a person


def test_importing_twice_adds_nothing(empty_study: Workspace, folder: Path) -> None:
    imported(empty_study, folder)
    again = imported(empty_study, folder)
    assert (again["imported"], again["already_present"]) == (0, 5)
    assert len(empty_study.catalog.history()) == 1


def test_one_undo_takes_the_whole_import_back_and_importing_brings_it_again(
    empty_study: Workspace, folder: Path
) -> None:
    imported(empty_study, folder)
    assert empty_study.catalog.undo() == "5 images imported"
    assert empty_study.catalog.images() == []
    assert imported(empty_study, folder)["imported"] == 5


def test_a_changed_file_of_a_known_name_is_a_new_image(empty_study: Workspace, folder: Path) -> None:
    imported(empty_study, folder)
    picture(folder / "benign" / "benign (1).png", seed=55)
    seen = looked_at(empty_study, folder)
    assert (seen.counts, seen.already_present) == ({"benign": 1}, 4)
    result = imported(empty_study, folder)
    assert (result["imported"], result["already_present"]) == (1, 4)


def test_a_folder_of_one_class_takes_its_name_or_the_given_one(empty_study: Workspace, folder: Path) -> None:
    assert imported(empty_study, folder / "benign")["counts"] == {"benign": 3}
    assert imported(empty_study, folder / "Malignant ", class_name="Cyst")["counts"] == {"benign": 3, "cyst": 2}


def test_single_files_need_a_class(empty_study: Workspace, folder: Path) -> None:
    file = folder / "benign" / "benign (1).png"
    with pytest.raises(BadInput, match=r"benign \(1\)\.png.*--class"):
        imported(empty_study, file)
    assert imported(empty_study, file, class_name="benign")["counts"] == {"benign": 1}


def test_classes_are_found_inside_a_wrapping_folder(empty_study: Workspace, folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "download" / "Dataset_BUSI_with_GT")
    assert imported(empty_study, tmp_path / "download")["counts"] == {"benign": 3, "malignant": 2}


def test_the_same_file_from_two_sources_comes_in_once(empty_study: Workspace, folder: Path) -> None:
    assert imported(empty_study, folder, folder / "benign")["imported"] == 5


def test_the_preview_says_what_the_import_then_does(empty_study: Workspace, folder: Path) -> None:
    (folder / "benign" / "zero.png").touch()
    mask(folder / "benign" / "benign (1)_mask.png", slice(0, 4))
    seen = looked_at(empty_study, folder)
    assert empty_study.catalog.images() == [] and not (empty_study.root / "images").exists()
    result = imported(empty_study, folder)
    assert seen.counts == result["counts"]
    assert seen.masks == 1
    assert [left.file for left in seen.skipped] == [left["file"] for left in result["skipped"]]
    assert looked_at(empty_study, folder).already_present == 5


def test_the_same_picture_of_the_same_name_in_two_folders_comes_in_once(empty_study: Workspace, folder: Path) -> None:
    shutil.copytree(folder / "benign", folder / "test" / "benign")
    assert looked_at(empty_study, folder).counts == {"benign": 3, "malignant": 2}
    result = imported(empty_study, folder)
    assert (result["imported"], result["already_present"]) == (5, 0)
    text = "3 images lie here twice, under the same name and class. Each counts once."
    assert result["findings"][-2] == {"kind": "left out", "text": text}


def test_small_pictures_are_made_on_the_way(empty_study: Workspace, folder: Path) -> None:
    mask(folder / "benign" / "benign (1)_mask.png", slice(0, 4))
    imported(empty_study, folder)
    images = empty_study.catalog.images()
    assert all(read_image(thumbnail_path(empty_study, image.sha256)).size == (20, 16) for image in images)
    assert images[0].mask is not None and mask_thumbnail_path(empty_study, images[0].mask).exists()


@pytest.mark.busi
def test_busi_is_780_images(empty_study: Workspace, busi_256: Path) -> None:
    counts = {"benign": 437, "malignant": 210, "normal": 133}
    assert looked_at(empty_study, busi_256).counts == counts
    result = imported(empty_study, busi_256)
    assert (result["imported"], result["already_present"], result["skipped"], result["counts"]) == (780, 0, [], counts)
    again = imported(empty_study, busi_256)
    assert (again["imported"], again["already_present"], again["counts"]) == (0, 780, counts)
