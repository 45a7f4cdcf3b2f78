from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from busapp.engine.curation.side_by_side import side_by_side
from busapp.engine.images.preprocessing import read_image


@pytest.fixture
def picture(phantom_folder: Path) -> Image.Image:
    found = sorted((phantom_folder / "benign").glob("*).png"))[0]
    return read_image(found).resize((300, 240), Image.Resampling.BICUBIC)


def test_a_picture_does_not_differ_from_its_mirror_image(picture: Image.Image) -> None:
    both = side_by_side(picture, ImageOps.mirror(picture), mirrored=True, cropped=False)
    assert both.mean == 0.0
    assert np.array_equal(np.asarray(both.brought), np.asarray(picture))
    assert np.array_equal(np.asarray(both.second), np.asarray(ImageOps.mirror(picture)))
    assert side_by_side(picture, ImageOps.mirror(picture), mirrored=False, cropped=False).mean > 5


def test_a_smaller_copy_is_shown_as_large(picture: Image.Image) -> None:
    both = side_by_side(picture.resize((150, 120), Image.Resampling.BICUBIC), picture, mirrored=False, cropped=False)
    assert both.first.size == both.second.size == (300, 240)
    assert both.mean < 3


def test_what_was_drawn_on_one_of_them_is_seen_where_it_is(picture: Image.Image) -> None:
    marked = picture.copy()
    marked.paste((255, 255, 255), (200, 100, 210, 110))
    both = side_by_side(picture, marked, mirrored=False, cropped=False)
    rows, columns = np.nonzero(both.difference > 50)
    assert (rows.min() >= 100, rows.max() < 110, columns.min() >= 200, columns.max() < 210) == (True,) * 4
    assert both.difference.shape == (240, 300)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("first_is_cropped", [False, True])
def test_a_part_is_laid_where_it_was_cut_out(busi_original: Path, mirrored: bool, first_is_cropped: bool) -> None:
    whole = read_image(busi_original / "benign" / "benign (15).png")
    width, height = whole.size
    part = whole.crop((width // 6, height // 10, width * 9 // 10, height * 9 // 10)).resize((280, 260))
    part = ImageOps.mirror(part) if mirrored else part
    pair = (part, whole) if first_is_cropped else (whole, part)
    both = side_by_side(*pair, mirrored=mirrored, cropped=True)
    plain = side_by_side(*pair, mirrored=mirrored, cropped=False)
    assert both.mean < 0.3 * plain.mean
    part_shown = both.first if first_is_cropped else both.second
    black = np.asarray(part_shown).max(axis=2) == 0
    assert black[:, :5].all() and black[:, -5:].all(), "the part must lie where it was cut out"


def test_pictures_without_anything_in_them_do_no_harm() -> None:
    blank = Image.new("RGB", (40, 3))
    both = side_by_side(blank, Image.new("RGB", (1, 1)), mirrored=True, cropped=True)
    assert both.mean == 0.0
    assert side_by_side(Image.new("RGB", (4000, 10)), blank, mirrored=False, cropped=False).first.width == 1024
