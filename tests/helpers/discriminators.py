"""A discriminator's file without a GAN."""

from itertools import pairwise

import numpy as np

from busapp.engine.networks.layers.discriminator import DEPTHS
from busapp.engine.study.checkpoints import Arrays


def some_discriminator(kernel_size: int = 4) -> Arrays:
    """The arrays of a discriminator's file, with random numbers."""
    rng = np.random.default_rng(5)
    found: Arrays = {}
    for number, (inputs, outputs) in enumerate(pairwise(DEPTHS)):
        kernel = rng.normal(0, (inputs * kernel_size**2) ** -0.5, (kernel_size, kernel_size, inputs, outputs))
        found[f"{number}/kernel"] = kernel.astype(np.float32)
        for part in ("bias", "gamma", "beta", "mean", "variance"):
            found[f"{number}/{part}"] = rng.uniform(0.5, 1.5, outputs).astype(np.float32)
    return found
