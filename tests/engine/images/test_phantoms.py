"""Phantoms look like their class, are the same for the same seed, and all differ from each other."""

from pathlib import Path

import numpy as np
import pytest

from busapp.engine.images.phantoms import CLASSES, draw_phantom, write_phantoms
from busapp.engine.images.preprocessing import read_image
from busapp.errors import BadInput

SIZE = 128


def drawn(class_name: str, count: int = 12) -> list[tuple[np.ndarray, np.ndarray]]:
    """Grey values as float and lesions as bool of several phantoms."""
    phantoms = (draw_phantom(class_name, np.random.default_rng([7, seed]), SIZE) for seed in range(count))
    return [(pixels[:, :, 0].astype(float), mask > 0) for pixels, mask in phantoms]


@pytest.mark.parametrize("class_name", CLASSES)
@pytest.mark.parametrize("size", [64, 224, 300])
def test_pixels_and_mask_are_as_promised(class_name: str, size: int) -> None:
    pixels, mask = draw_phantom(class_name, np.random.default_rng(0), size)
    assert pixels.shape == (size, size, 3) and pixels.dtype == np.uint8
    assert mask.shape == (size, size) and mask.dtype == np.uint8
    assert (pixels == pixels[:, :, :1]).all(), "grey"
    assert set(np.unique(mask)) == ({0} if class_name == "normal" else {0, 255})


@pytest.mark.parametrize(("class_name", "wider_than_tall"), [("benign", True), ("malignant", False)])
def test_lesions_have_the_shape_of_their_class(class_name: str, wider_than_tall: bool) -> None:
    for _, lesion in drawn(class_name):
        rows, columns = np.nonzero(lesion)
        assert (columns.std() > rows.std()) == wider_than_tall
        assert 0.005 < lesion.mean() < 0.25


@pytest.mark.parametrize("class_name", ["benign", "malignant"])
def test_lesions_are_darker_than_the_tissue_beside_them(class_name: str) -> None:
    for grey, lesion in drawn(class_name):
        rows = lesion.any(axis=1)
        assert grey[lesion].mean() < 0.75 * grey[rows][~lesion[rows]].mean()


@pytest.mark.parametrize(("class_name", "brighter"), [("benign", True), ("malignant", False)])
def test_benign_lesions_enhance_and_malignant_ones_shadow_what_is_behind(class_name: str, brighter: bool) -> None:
    for grey, lesion in drawn(class_name):
        rows, columns = np.nonzero(lesion)
        behind = slice(rows.max() + 2, rows.max() + SIZE // 6)
        middle = grey[behind, int(np.quantile(columns, 0.3)) : int(np.quantile(columns, 0.7))].mean()
        beside = np.delete(grey[behind], np.unique(columns), axis=1).mean()
        assert (middle > beside) == brighter


def test_no_two_phantoms_look_alike() -> None:
    thumbnails = np.array(
        [grey.reshape(32, 4, 32, 4).mean(axis=(1, 3)).ravel() for name in CLASSES for grey, _ in drawn(name)]
    )
    correlation = np.corrcoef(thumbnails)
    assert np.triu(correlation, 1).max() < 0.96


def test_files_are_laid_out_as_busi_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for folder, counts in (("a", {"benign": 2, "normal": 1}), ("b", {"benign": 3}), ("c", {"benign": 2})):
        write_phantoms(tmp_path / folder, counts, size=64, seed=4 if folder != "c" else 5)
    names = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.png")}
    assert names == {
        f"{stem}{end}.png"
        for stem in ("benign/phantom benign (1)", "benign/phantom benign (2)", "normal/phantom normal (1)")
        for end in ("", "_mask")
    }
    first, more, other = (tmp_path / folder / "benign" / "phantom benign (2).png" for folder in "abc")
    assert first.read_bytes() == more.read_bytes() != other.read_bytes()
    assert read_image(first).size == (64, 64)


def test_a_class_without_phantoms_is_bad_input() -> None:
    with pytest.raises(BadInput, match="benign, malignant, normal"):
        draw_phantom("cyst", np.random.default_rng(0))
