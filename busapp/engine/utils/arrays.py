"""Types of arrays that pass between parts."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""Numbers of a network, float32."""
Indices = npt.NDArray[np.intp]
"""Positions of images in a selection, int (n,)."""
