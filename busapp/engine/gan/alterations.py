"""Altered views of real and drawn images for the discriminator, so that it cannot learn a small class by heart.

Source: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training": the same kinds of alteration
for real and drawn images, through which the generator's gradient passes, so that they do not come to be drawn. Of
theirs, those fit for ultrasound: shifts and intensity, and mirroring from side to side. No cut-outs, which look like
shadows; no colour; nothing upside down, since sound comes from above.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

LARGEST_SHIFT: Final = 1 / 8
"""Of the picture's side, in each direction; what comes in repeats the edge."""
LARGEST_OFFSET: Final = 0.1
"""Of brightness, where the darkest and the brightest are 2 apart."""
LARGEST_GAIN: Final = 0.2
"""Contrast is multiplied with 1 ± this."""


class Alterations(NamedTuple):
    """One for each of n images: where the columns and rows of the altered picture come from, int32 (n, size), and by
    what contrast is multiplied and brightness raised, float32 (n,)."""

    columns: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    gain: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]


def draw_alterations(random: np.random.Generator, n: int, size: int) -> Alterations:
    """Alterations for n square images, even over what is allowed; half of them mirror."""
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
    """Images (n, size, size, channels) in [-1, 1] as the alterations have them; of the same shape.

    Rows and columns are moved by products with matrices of zeros and ones: their gradient is another such product, the
    same in both frameworks and in every run, which that of gathering is not.
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
