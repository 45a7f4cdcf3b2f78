"""Altered copies of training images. They imitate another operator, another gain or another scanner on the same lesion.

Nothing is cut out and nothing is blurred strongly, because the network has to learn a lesion's margin and its shadow.
"""

import zlib
from typing import Final

import numpy as np
from PIL import Image

from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings.recipes import Recipe

LARGEST_CUT: Final = 0.2
"""Largest share of the width and of the height that is cut off."""
LARGEST_ANGLE: Final = 10.0
"""Degrees of rotation, to either side."""
MIRRORED: Final = 1
"""The number of the view that is the mirror image."""


def view(pixels: Pixels, number: int) -> Pixels:
    """One view of an image; both are uint8 (size, size, 3). View 0 is the image, view 1 its mirror image, and every
    higher number another altered copy. The copy depends only on the image and the number."""
    if number == 0:
        return pixels
    if number == MIRRORED:
        return np.ascontiguousarray(pixels[:, ::-1])
    return _altered(pixels, np.random.default_rng([number, zlib.crc32(pixels.tobytes())]))


def number_of_views(recipe: Recipe) -> int:
    """Number of views of each image that a recipe needs for training and test together."""
    return 2 + recipe.variants if recipe.variants else 1 + recipe.mirrored_test


def _altered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Mirror (half of the copies), rotate, crop and resize; then alter gamma, contrast, brightness and, in some copies,
    add speckle."""
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
    """Alter gamma by up to ±0.3 (natural logarithm), contrast by up to ±20 % and brightness by up to ±15 %. A table of
    the 256 levels is enough, since all pixels of a level change alike."""
    levels = (np.arange(256) / 255.0) ** np.exp(rng.uniform(-0.3, 0.3))
    mean = levels[pixels].mean()
    levels = (levels - mean) * rng.uniform(0.8, 1.2) + mean * rng.uniform(0.85, 1.15)
    altered: Pixels = (levels.clip(0, 1) * 255).astype(np.uint8)[pixels]
    return altered


def _speckled(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Add multiplicative noise of 8 %, like speckle, to three copies in ten."""
    if rng.random() >= 0.3:
        return pixels
    noise = 1 + 0.08 * rng.standard_normal(pixels.shape[:2], dtype=np.float32)
    return (pixels * noise[..., None]).clip(0, 255).astype(np.uint8)
