"""The central square of a picture, and heat maps of a network that sees only that."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES, SIZE, write_model

from busapp.engine.diagnosis.diagnosis import diagnose_one
from busapp.engine.images.framing import region_of, resized
from busapp.engine.images.heat_map import colour_heat_map, contours, on_picture
from busapp.engine.images.preprocessing import Preprocessing

CENTRE = Preprocessing(224, framing="centre")
SIZES = ((500, 471), (300, 700), (256, 256), (1024, 768), (61, 240), (30, 30), (2000, 90))


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_picture_resized_to_256_and_cut_to_224(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (size[1] // 8 + 1, size[0] // 8 + 1, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    short = min(size)
    wide, high = (256 if length == short else round(length * 256 / short) for length in size)
    assert resized(size, 224) == (wide, high)
    left, top = (wide - 224) // 2, (high - 224) // 2
    expected = picture.resize((wide, high), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    difference = np.asarray(expected).astype(int) - CENTRE.pixels(picture)
    assert np.abs(difference).max() <= 1


def test_a_circle_stays_round_and_a_long_strip_takes_no_memory() -> None:
    rows, columns = np.mgrid[:200, :600]
    disc = (((rows - 100) ** 2 + (columns - 300) ** 2) < 60**2).astype(np.uint8) * 200
    picture = Image.fromarray(disc).convert("RGB")
    heights, widths = (
        [np.ptp(np.flatnonzero(choice.pixels(picture)[..., 0].max(axis=axis) > 100)) for axis in (1, 0)]
        for choice in (CENTRE, Preprocessing(224))
    )
    assert abs(heights[0] - heights[1]) <= 1 and widths[0] > 2 * widths[1]
    assert Preprocessing(224, framing="centre").pixels(Image.new("RGB", (2_000_000, 1))).shape == (224, 224, 3)


@pytest.mark.parametrize("side", [16, 32, 50, 224, 512])
@pytest.mark.parametrize("size", SIZES)
def test_the_region_is_a_square_inside_the_picture(size: tuple[int, int], side: int) -> None:
    left, top, right, bottom = region_of(size, "centre", side)
    assert 0 < left < right < size[0] and 0 < top < bottom < size[1]
    assert right - left == pytest.approx(bottom - top, rel=0.02)
    assert right - left == pytest.approx(min(size) * 7 / 8, rel=0.03)
    assert (left + right) / 2 == pytest.approx(size[0] / 2, abs=max(1, min(size) / side))
    assert region_of(size, "stretch", side) == (0, 0, *size)


@pytest.mark.parametrize("size", [(640, 320), (300, 450), (224, 224)])
def test_a_hot_cell_in_the_corner_of_the_crop_lies_where_its_pixels_are(size: tuple[int, int], tmp_path: Path) -> None:
    """The tiny network's maps are the colours in 4×4 cells. A bright spot fills the crop's last cell."""
    model = write_model(tmp_path / "model.onnx", framing="centre")
    left, top, right, bottom = region_of(size, "centre", SIZE)
    cell = (right - left) / 4
    spot = round(right - cell), round(bottom - cell), round(right), round(bottom)
    picture = Image.new("RGB", size, (20, 20, 20))
    picture.paste((220, 20, 20), spot)
    picture.paste((220, 20, 20), (round(right) + 3, 0, size[0], size[1]))  # bright, but never seen
    found = diagnose_one(model, picture)
    heat_map = found.heat_maps[CLASSES[0]]
    assert found.predicted == CLASSES[0] and heat_map.max() == 1

    colours = np.asarray(colour_heat_map(heat_map, size)).astype(int).sum(axis=2)
    y, x = (int(places.mean()) for places in np.nonzero(colours > 0.98 * colours.max()))
    assert spot[0] <= x <= spot[2] and spot[1] <= y <= spot[3]
    margin = 1 + (right - left) / 48  # of the map's interpolation
    for outside in (
        colours[:, int(right + margin) + 1 :],
        colours[int(bottom + margin) + 1 :],
        colours[:, : int(left - margin)],
        colours[: int(top - margin)],
    ):
        assert outside.size == 0 or outside.max() <= 10, "no evidence where the network does not look"
    line = max(contours(heat_map, size), key=len)
    assert abs(line[:, 0].max() - right) < cell / 2 and abs(line[:, 1].max() - bottom) < cell / 2
    assert abs(line[:, 0].min() - spot[0]) < cell / 2 and abs(line[:, 1].min() - spot[1]) < cell / 2


def test_a_map_of_the_whole_picture_stays_as_it_is_and_others_stay_small() -> None:
    heat_map = np.random.default_rng(0).random((7, 7), np.float32)
    assert on_picture(heat_map, (0, 0, 500, 300), (500, 300)) is heat_map
    for size in SIZES:
        placed = on_picture(heat_map, CENTRE.region(size), size)
        assert placed.dtype == np.float32 and placed.min() >= 0 and placed.max() == 1
        assert max(placed.shape) <= 256
    nothing = on_picture(np.zeros((7, 7), np.float32), CENTRE.region((60, 30)), (60, 30))
    assert nothing.max() == 0
    assert on_picture(heat_map, CENTRE.region((9_000_000, 2)), (9_000_000, 2)).shape[1] <= 256
