"""The Wiener filter and Kapur's threshold, against their definitions written out."""

import numpy as np
import pytest
from kapur import kapur_by_hand
from PIL import Image
from scipy.signal import wiener as reference

from busapp.engine.images.segmentation import WINDOW, denoise, kapur_threshold, segment, wiener


@pytest.mark.parametrize("seed", range(60))
def test_the_threshold_is_that_of_the_definition(seed: int) -> None:
    lots = np.random.default_rng(seed)
    counts = lots.integers(0, 12, lots.integers(2, 14)) * lots.integers(0, 2, 1 if seed % 3 else 14).max()
    counts[lots.random(len(counts)) < 0.4] = 0
    assert kapur_threshold(counts.astype(np.int64)) == kapur_by_hand(counts.tolist())


def test_the_threshold_parts_two_even_humps() -> None:
    counts = np.zeros(256, np.int64)
    counts[20:40] = counts[180:200] = 50
    assert kapur_threshold(counts) == 39, "of all thresholds in the gap the lowest"
    for lonely in (np.zeros(256, np.int64), np.eye(256, dtype=np.int64)[7] * 99):
        assert kapur_threshold(lonely) is None


def speckle(shape: tuple[int, int] = (40, 56), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(90, 25, shape).clip(0, 255).astype(np.uint8)


def test_the_filter_is_scipys_except_at_the_border() -> None:
    levels = speckle()
    filtered = wiener(levels)
    noise = np.mean(
        [levels_of(levels, row, column).var() for row in range(levels.shape[0]) for column in range(levels.shape[1])]
    )
    inside = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(filtered[inside], reference(levels.astype(float), WINDOW, noise)[inside], atol=1e-9)
    for row, column in ((0, 0), (39, 55), (0, 17), (20, 30)):
        window = levels_of(levels, row, column)
        kept = max(0.0, window.var() - noise) / window.var()
        assert filtered[row, column] == pytest.approx(window.mean() + kept * (levels[row, column] - window.mean()))


def levels_of(levels: np.ndarray, row: int, column: int) -> np.ndarray:
    """The window around a pixel, continued by the mirror image."""
    wide = np.pad(levels.astype(float), 1, mode="symmetric")
    return wide[row : row + 3, column : column + 3]


def test_the_filter_smooths_noise_and_keeps_edges() -> None:
    step = np.full((60, 60), 40.0)
    step[:, 30:] = 200
    noisy = (step + np.random.default_rng(1).normal(0, 6, step.shape)).clip(0, 255).astype(np.uint8)
    cleaned = np.asarray(denoise(Image.fromarray(noisy).convert("RGB"))).astype(float)[..., 0]
    assert cleaned[:, 5:25].std() < 0.6 * noisy[:, 5:25].std()
    assert cleaned[:, 30].mean() - cleaned[:, 29].mean() > 0.9 * 160
    assert abs(cleaned[:, 0].mean() - 40) < 3, "the border is not darkened"


def test_grey_stays_grey_and_even_images_stay_as_they_are() -> None:
    grey = Image.fromarray(speckle()).convert("RGB")
    for prepared in (np.asarray(denoise(grey)), np.asarray(segment(grey))):
        assert np.ptp(prepared, axis=2).max() == 0 and prepared.dtype == np.uint8
    for value in (0, 7, 255):
        even = Image.new("RGB", (30, 20), (value, value, value))
        for step in (denoise, segment):
            np.testing.assert_array_equal(np.asarray(step(even)), np.asarray(even))
    for size in ((1, 1), (1, 40), (2, 3)):
        small = grey.resize(size)
        assert denoise(small).size == segment(small).size == size


def test_what_is_dark_becomes_black_and_the_rest_stays_in_colour() -> None:
    picture = np.full((40, 60, 3), (150, 120, 130), np.uint8)
    picture += np.random.default_rng(0).integers(0, 30, (40, 60, 1), dtype=np.uint8)
    picture[10:30, 20:40] = np.random.default_rng(1).integers(20, 40, (20, 20, 1), dtype=np.uint8)
    found = np.asarray(segment(Image.fromarray(picture)))
    black = (found == 0).all(axis=2)
    lesion = np.zeros_like(black)
    lesion[10:30, 20:40] = True
    np.testing.assert_array_equal(black, lesion)
    np.testing.assert_array_equal(found[~lesion], picture[~lesion])
