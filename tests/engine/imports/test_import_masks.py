"""Import of masks: each is joined to its image, several to one."""

from pathlib import Path

import numpy as np
from image_folders import imported, looked_at, mask, picture
from PIL import Image

from busapp.engine.study.workspace import Workspace


def test_masks_of_an_image_are_merged_into_one(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "benign" / "a.png")
    mask(tmp_path / "benign" / "a_mask.png", slice(0, 4))
    mask(tmp_path / "benign" / "a_MASK_1.PNG", slice(10, 12), value=1)
    assert looked_at(empty_study, tmp_path / "benign").masks == 2
    assert imported(empty_study, tmp_path / "benign")["imported"] == 1
    (image,) = empty_study.catalog.images()
    assert image.mask is not None
    merged = np.asarray(Image.open(empty_study.mask_path(image.mask)))
    expected = np.zeros((16, 20), bool)
    expected[:, :4] = expected[:, 10:12] = True
    np.testing.assert_array_equal(merged > 0, expected)


def test_an_empty_mask_stays_empty(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "normal" / "a.png")
    mask(tmp_path / "normal" / "a_mask.png", slice(0, 0))
    imported(empty_study, tmp_path / "normal")
    (image,) = empty_study.catalog.images()
    assert image.mask is not None
    assert np.asarray(Image.open(empty_study.mask_path(image.mask))).max() == 0


def test_a_mask_that_comes_later_is_joined_to_its_image(empty_study: Workspace, folder: Path) -> None:
    imported(empty_study, folder)
    mask(folder / "benign" / "benign (1)_mask.png", slice(0, 4))
    seen = looked_at(empty_study, folder)
    assert (seen.counts, seen.already_present, seen.masks) == ({}, 5, 1)
    result = imported(empty_study, folder)
    assert (result["imported"], result["already_present"], result["masks"]) == (0, 5, 1)
    assert [image.file for image in empty_study.catalog.images() if image.mask] == ["benign/benign (1).png"]
    assert looked_at(empty_study, folder).masks == imported(empty_study, folder)["masks"] == 0
    assert empty_study.catalog.undo() == "1 mask joined to images that were there without"
    assert not any(image.mask for image in empty_study.catalog.images())


def test_phantoms_come_with_their_masks(phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    assert phantom_study.catalog.counts() == {"benign": 8, "malignant": 8, "normal": 8}
    assert all(image.mask for image in images)


def test_busi_as_downloaded_joins_its_masks(empty_study: Workspace, busi_original: Path) -> None:
    result = imported(empty_study, busi_original)
    assert (result["imported"], result["masks"], result["skipped"]) == (59, 60, [])  # benign (25) has two
    for image in empty_study.catalog.images():
        assert image.mask is not None
        merged = np.asarray(Image.open(empty_study.mask_path(image.mask)))
        assert merged.shape == (image.height, image.width)
        assert (merged.max() > 0) == (image.class_name != "normal")
