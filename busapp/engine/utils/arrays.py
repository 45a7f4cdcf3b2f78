"""Types of arrays shared by several parts."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""Weights, logits and other values of a network, float32."""
Indices = npt.NDArray[np.intp]
"""Positions of images in a selection, int (n,)."""
