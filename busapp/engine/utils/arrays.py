"""Types of arrays shared by several parts, and a checksum of arrays."""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""Weights, logits and other values of a network, float32."""
Indices = npt.NDArray[np.intp]
"""Positions of images in a selection, int (n,)."""


def checksum(array: npt.NDArray[Any]) -> str:
    """CRC-32 of an array's values, in C order."""
    return f"{zlib.crc32(np.ascontiguousarray(array).data.cast('B')) if array.size else 0:08x}"
