"""A network in numbers: its layers up to the last feature map, for those who build it with another framework."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Padding = tuple[int, int, int, int]
"""Cells added above, below, to the left and to the right. They are 0."""
PIXELS: Final = "pixels"
"""Name of the input: pixels that are normalised."""


@dataclass(frozen=True)
class Step:
    """A layer, and the names of the steps whose output it takes.

    `convolution` has a `kernel`, float32 (out, in, height, width), of which `in` is 1 if each channel has a kernel of
    its own, and a `bias` (out,). `pool` takes the largest of `size`×`size` cells, `average` their mean. `leaky` is
    LeakyReLU with a `slope` below 0. `add` adds two outputs, `join` puts several one behind the other, `channels` takes
    those from the first to before the second number (None: to the end). `resize` interpolates linearly to a `grid`
    (height, width). `pad` only pads.
    """

    name: str
    op: Literal["convolution", "relu", "relu6", "leaky", "pool", "average", "add", "join", "channels", "resize", "pad"]
    inputs: tuple[str, ...]
    kernel: Array | None = field(default=None, repr=False)
    bias: Array | None = field(default=None, repr=False)
    size: int = 1
    stride: int = 1
    padding: Padding = (0, 0, 0, 0)
    slope: float = 0.0
    channels: tuple[int, int | None] = (0, None)
    grid: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps of a network in order, the last of which is the last feature map; the colours' `mean` and `std`, in [0,
    1], and `weight` (classes, channels) and `bias` (classes,) of the last layer."""

    steps: tuple[Step, ...]
    mean: Array
    std: Array
    weight: Array
    bias: Array
