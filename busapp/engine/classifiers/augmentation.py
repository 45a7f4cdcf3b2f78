"""Altered copies of training images: what another hand, another gain or another scanner might have made of the same
lesion. No cut-out and no strong blur: a lesion's margin and its shadow are what is to be learned."""

import zlib
from typing import Final

import numpy as np
from PIL import Image

from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings.recipes import Recipe

LARGEST_CUT: Final = 0.2
"""Of the width and the height, at most."""
LARGEST_ANGLE: Final = 10.0
"""Degrees, to either side."""
MIRRORED: Final = 1
"""The number of the view that is the mirror image."""


def view(pixels: Pixels, number: int) -> Pixels:
    """One of an image's views, uint8 (size, size, 3) from the same: 0 is the image, 1 its mirror image, and every
    further number another altered copy. The same image and number give the same copy, whatever else is drawn."""
    if number == 0:
        return pixels
    if number == MIRRORED:
        return np.ascontiguousarray(pixels[:, ::-1])
    return _altered(pixels, np.random.default_rng([number, zlib.crc32(pixels.tobytes())]))


def number_of_views(recipe: Recipe) -> int:
    """How many views of each image a recipe needs, in training and test together."""
    return 2 + recipe.variants if recipe.variants else 1 + recipe.mirrored_test


def _altered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Mirrored or not, turned, cut and resized; then gamma, contrast, brightness and, in some, speckle."""
    image = Image.fromarray(pixels)
    size = image.size
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.7:
        image = image.rotate(rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE), Image.Resampling.BILINEAR)
    width, height = (side * rng.uniform(1 - LARGEST_CUT, 1.0) for side in size)
    left, top = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - height)
    cut = image.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
    return _speckled(_tone(np.asarray(cut), rng), rng)


def _tone(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Gamma within ±0.3 (natural logarithm), contrast within ±20 % of it, brightness within ±15 %: by a table of the
    256 levels, since it is the same for every pixel of a level."""
    levels = (np.arange(256) / 255.0) ** np.exp(rng.uniform(-0.3, 0.3))
    mean = levels[pixels].mean()
    levels = (levels - mean) * rng.uniform(0.8, 1.2) + mean * rng.uniform(0.85, 1.15)
    altered: Pixels = (levels.clip(0, 1) * 255).astype(np.uint8)[pixels]
    return altered


def _speckled(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Three copies in ten with multiplicative noise, as speckle is, of 8 %."""
    if rng.random() >= 0.3:
        return pixels
    noise = 1 + 0.08 * rng.standard_normal(pixels.shape[:2], dtype=np.float32)
    return (pixels * noise[..., None]).clip(0, 255).astype(np.uint8)
