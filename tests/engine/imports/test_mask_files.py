"""Masks are found by folder and name, and joined to their images; nothing is taken for a mask without a word."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import imported, looked_at, mask
from PIL import Image
from public_sets import masks, pictures
from told import but_patients

from busapp.engine.study.workspace import Workspace


def laid_out(folder: Path, images: tuple[str, ...], of_masks: tuple[str, ...]) -> Path:
    for file in images:
        pictures((folder / file).parent, Path(file).name)
    for file in of_masks:
        masks((folder / file).parent, Path(file).name)
    return folder


@pytest.mark.parametrize(
    ("images", "of_masks"),
    [
        (("benign/a.png",), ("benign/a_mask.png", "benign/a_mask_1.png", "benign/a_MASK2.PNG")),
        (("benign/a.png",), ("benign/mask_a.png", "benign/a-mask.png", "benign/a mask.png", "benign/a.mask.png")),
        (("benign/a.png",), ("benign/a_seg.png", "benign/a_gt.png", "benign/a_tumor.png", "benign/a_other1.png")),
        (("benign/a.png", "benign/b.png"), ("benign/a_roi.png", "benign/b_segmentation.png")),
        (("benign/1 Benign Image.bmp",), ("benign/1 Benign Mask.tif",)),
        (("benign/x_img.png", "benign/y_image.png"), ("benign/x_mask.png", "benign/y_mask.png")),
        (("benign/Test_Image_1.png", "benign/Test_Image_11.png"), ("benign/mask_1.png", "benign/mask_11.png")),
        (("benign/Test_Image_1.png", "benign/Test_Image_2.png"), ("benign/Test_mask_1.png", "benign/Test_mask_2.png")),
        (("benign/images/a.png", "cyst/images/a.png"), ("benign/masks/a.png", "cyst/masks/a_mask.png")),
        (("benign/a.png", "cyst/b.png"), ("masks/a.png", "GT/b.png")),
        (("benign/a.png", "cyst/a.png"), ("masks/benign/a.png", "masks/cyst/a.png")),
        (("train/benign/1.png", "val/benign/1.png"), ("train_masks/benign/1.png", "val/ground_truth/benign/1.png")),
        (("images/train/benign/1.png", "images/val/benign/1.png"), ("masks/train/benign/1.png",)),
        (("benign/images/a.png",), ("benign/masks/0/a.png", "benign/masks/1/a.png")),
        (("img/benign/us_0012.png",), ("label/benign/12.png",)),
        (("benign/case1/image.png", "benign/case2/image.png"), ("benign/case1/mask.png", "benign/case2/mask.png")),
        (("benign/scan.jpg", "benign/scan.png"), ()),
        (("segmentation/benign/images/a.png", "segmentation/cyst/images/a.png"), ("segmentation/benign/masks/a.png",)),
        (("images_and_masks/benign/a.png",), ("images_and_masks/benign/a_mask.png",)),
    ],
)
def test_masks_are_joined_and_never_come_in_as_images(
    empty_study: Workspace, tmp_path: Path, images: tuple[str, ...], of_masks: tuple[str, ...]
) -> None:
    source = laid_out(tmp_path / "download", images, of_masks)
    seen = looked_at(empty_study, source)
    assert (sum(seen.counts.values()), seen.masks, seen.skipped) == (len(images), len(of_masks), [])
    assert set(seen.counts) <= {"benign", "cyst"}
    result = imported(empty_study, source)
    assert (result["imported"], result["masks"], result["skipped"]) == (len(images), len(of_masks), [])
    if of_masks:
        with_mask = [image for image in empty_study.catalog.images() if image.mask]
        assert with_mask
        for image in with_mask:
            assert image.mask is not None
            inside = np.asarray(Image.open(empty_study.mask_path(image.mask))) > 0
            assert (inside == (np.arange(20) // 2 % 10 >= 1) & (np.arange(20) < 8)).all()


@pytest.mark.parametrize(
    ("images", "of_masks", "reason"),
    [
        (("benign/a.png",), ("benign/b_mask.png",), "It is a mask, and its image is missing"),
        (("benign/a.png",), ("masks/b.png",), "It is a mask, and its image is missing"),
        (("benign/a.png", "cyst/b.png"), ("cyst/a_mask.png",), "It is a mask, and its image is missing"),
        (("benign/1.png", "cyst/1.png"), ("masks/1.png",), "It is a mask, and several images have its name"),
        (
            ("benign/x_1.png", "benign/y_1.png"),
            ("benign/mask_1.png",),
            "It is a mask, and several images have its name",
        ),
    ],
)
def test_a_mask_that_fits_no_image_is_told(
    empty_study: Workspace, tmp_path: Path, images: tuple[str, ...], of_masks: tuple[str, ...], reason: str
) -> None:
    source = laid_out(tmp_path / "download", images, of_masks)
    seen = looked_at(empty_study, source)
    assert (sum(seen.counts.values()), seen.masks) == (len(images), 0)
    assert [left.reason for left in seen.skipped] == [reason]
    assert [left["reason"] for left in imported(empty_study, source)["skipped"]] == [reason]


@pytest.mark.parametrize(
    ("images", "word"),
    [
        (("benign/patient_gt.png", "cyst/b.png"), "gt"),
        (("benign/scan1_tumor.png", "cyst/b.png"), "tumor"),
        (("benign/scan1.png", "benign/scan1_other1.png", "cyst/b.png"), "other1"),
    ],
)
def test_a_name_that_may_say_mask_is_an_image_and_told(
    empty_study: Workspace, tmp_path: Path, images: tuple[str, ...], word: str
) -> None:
    seen = looked_at(empty_study, laid_out(tmp_path / "download", images, ()))
    assert sum(seen.counts.values()) == len(images)
    (finding,) = but_patients(seen.findings)
    assert finding.kind == "odd" and f"1 file with {word} in the name may be masks" in finding.text


def test_images_that_differ_in_their_ending_only_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    seen = looked_at(empty_study, laid_out(tmp_path / "download", ("benign/a.jpg",), ("benign/a.png",)))
    assert seen.counts == {"benign": 2}
    assert seen.findings[0].text.startswith("2 images with the name of another, but another ending.")


def test_marked_copies_and_cut_outs_are_left_out_and_told(empty_study: Workspace, tmp_path: Path) -> None:
    images = ("benign/1 Benign Image.bmp", "benign/1 Benign Lesion.bmp", "cyst/a_img.png", "cyst/a_roi.png")
    source = laid_out(tmp_path / "download", images, ("benign/1 Benign Mask.tif", "cyst/a_mask.png"))
    seen = looked_at(empty_study, source)
    assert (seen.counts, seen.masks) == ({"benign": 1, "cyst": 1}, 2)
    reason = "It shows the lesion of another image again, as a cut-out or with marks"
    assert [left.reason for left in seen.skipped] == [reason, reason]
    assert imported(empty_study, source)["counts"] == seen.counts


def test_a_folder_of_masks_alone_gives_no_images(empty_study: Workspace, tmp_path: Path) -> None:
    from busapp.errors import BadInput

    source = laid_out(tmp_path / "download", (), ("masks/benign/a.png", "masks/cyst/b.png"))
    with pytest.raises(BadInput, match="It is a mask, and its image is missing"):
        imported(empty_study, source)
    with pytest.raises(BadInput, match="It is a mask, and its image is missing"):
        imported(empty_study, source, class_name="benign")


def test_a_mask_of_another_size_and_one_that_is_a_picture_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    source = laid_out(tmp_path / "download", ("benign/a.png", "benign/b.png", "masks/b.png"), ())
    mask(source / "masks" / "a.png", slice(0, 4), size=(10, 10))
    result = imported(empty_study, source)
    assert {left["file"]: left["reason"] for left in result["skipped"]} == {
        "masks/a.png": "The mask is 10×10 pixels, its image 20×16",
        "masks/b.png": "It is called a mask, but shows a picture",
    }
    assert (result["counts"], result["masks"]) == ({"benign": 2}, 0)
