"""Altered copies: reproducible, similar to the image, and not equal to it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from busapp.engine.classifiers.augmentation import MIRRORED, number_of_views, view
from busapp.engine.images.phantoms import draw_phantom
from busapp.engine.settings.recipes import RECIPES


@pytest.fixture
def image() -> np.ndarray:
    return draw_phantom("malignant", np.random.default_rng(3), 64)[0]


def test_the_first_views_are_the_image_and_its_mirror_image(image: np.ndarray) -> None:
    assert_array_equal(view(image, 0), image)
    assert_array_equal(view(image, MIRRORED)[:, ::-1], image)


def test_an_altered_copy_depends_on_the_image_and_its_number_alone(image: np.ndarray) -> None:
    first = view(image, 5)
    view(255 - image, 5)
    assert_array_equal(view(image.copy(), 5), first)
    assert first.shape == image.shape and first.dtype == np.uint8
    assert not np.array_equal(view(image, 6), first)


def test_altered_copies_keep_what_there_is_to_see(image: np.ndarray) -> None:
    """Grey like the image, neither black nor white, and about as bright."""
    for number in range(2, 20):
        copy = view(image, number)
        assert_array_equal(copy[..., 0], copy[..., 2])
        assert 0.5 < copy.mean() / image.mean() < 2
        assert copy.std() > image.std() / 2


def test_recipes_need_views() -> None:
    assert number_of_views(RECIPES["paper"]) == 1
    assert number_of_views(RECIPES["careful"]) == 2 + RECIPES["careful"].variants
    assert number_of_views(RECIPES["paper"].model_copy(update={"mirrored_test": True})) == 2
