"""Altered views of real and drawn images for the discriminator, so that it cannot memorise a small class.

Source: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training". Real and drawn images get the
same kinds of alteration, and the generator's gradient passes through them, so that the generator does not learn to draw
altered images. Only alterations that suit ultrasound are used: shifts, intensity, and mirroring from side to side.
There are no cut-outs, because they look like shadows, no changes of colour, and no images upside down, because sound
comes from above.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

LARGEST_SHIFT: Final = 1 / 8
"""Largest shift in each direction, as a fraction of the picture's side. Uncovered pixels repeat the edge."""
LARGEST_OFFSET: Final = 0.1
"""Largest change of brightness, in [-1, 1] units: black and white are 2 apart."""
LARGEST_GAIN: Final = 0.2
"""Contrast is multiplied by a factor within 1 ± this."""


class Alterations(NamedTuple):
    """Alterations of n images: the source column and row of each column and row of the altered picture, int32
    (n, size), and the factor of the contrast and the change of the brightness, float32 (n,)."""

    columns: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    gain: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]


def draw_alterations(random: np.random.Generator, n: int, size: int) -> Alterations:
    """Draw alterations for n square images, uniformly within the limits; on average half of them mirror."""
    reach = int(size * LARGEST_SHIFT)
    places = np.arange(size)
    shifts = random.integers(-reach, reach + 1, (2, n, 1))
    across, down = np.clip(places + shifts, 0, size - 1).astype(np.int32)
    mirrored = random.random((n, 1)) < 0.5
    return Alterations(
        np.where(mirrored, size - 1 - across, across).astype(np.int32),
        down,
        random.uniform(1 - LARGEST_GAIN, 1 + LARGEST_GAIN, n).astype(np.float32),
        random.uniform(-LARGEST_OFFSET, LARGEST_OFFSET, n).astype(np.float32),
    )


def alter(keras: Any, images: Any, alterations: Alterations) -> Any:
    """Apply the alterations to images (n, size, size, channels) in [-1, 1]; returns the same shape.

    Rows and columns are moved by products with matrices of zeros and ones. The gradient is another such product, the
    same in both frameworks and in every run; the gradient of gathering is not.
    """
    ops = keras.ops
    _, size, _, channels = images.shape
    dtype = images.dtype
    rows, columns = (ops.one_hot(places, size, dtype=dtype) for places in (alterations.rows, alterations.columns))
    down = ops.reshape(ops.matmul(rows, ops.reshape(images, (-1, size, size * channels))), (-1, size, size, channels))
    turned = ops.reshape(ops.transpose(down, (0, 2, 1, 3)), (-1, size, size * channels))
    across = ops.reshape(ops.matmul(columns, turned), (-1, size, size, channels))
    moved = ops.transpose(across, (0, 2, 1, 3))
    mean = ops.mean(moved, axis=(1, 2, 3), keepdims=True)
    gain, offset = (
        ops.cast(ops.reshape(values, (-1, 1, 1, 1)), dtype) for values in (alterations.gain, alterations.offset)
    )
    return (moved - mean) * gain + mean + offset
