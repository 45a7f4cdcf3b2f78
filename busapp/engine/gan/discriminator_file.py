"""The convolutions of a trained discriminator as a file beside its generator, for classifiers that use their features.

The file, `discriminator.safetensors`, has for each block `number/kernel` (height, width, in, out), `number/bias`, and
`number/gamma`, `/beta`, `/mean` and `/variance` (out,), float32, and knows nothing of a framework.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np

from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.gan.networks import Networks
from busapp.engine.study.checkpoints import Arrays, load_checkpoint, save_checkpoint
from busapp.errors import BadModel, CannotResume

FILE: Final = "discriminator.safetensors"
_EPSILON: Final = 1e-3
"""That of the normalisation (`dcgan._normalised`)."""


def save_discriminator(folder: Path, networks: Networks) -> None:
    """Write the file into the folder of the generator."""
    save_checkpoint(folder / FILE, _arrays(networks), {})


def has_discriminator(record: GeneratorRecord) -> bool:
    """True if the generator's folder has the file. Generators of earlier versions lack it."""
    return (record.folder / FILE).is_file()


def read_discriminator(record: GeneratorRecord) -> Arrays:
    """The arrays of the file.

    Raises:
        BadModel: it is missing or damaged.
    """
    try:
        return load_checkpoint(record.folder / FILE)[0]
    except CannotResume as error:
        raise BadModel(
            "The discriminator cannot be read", file=record.folder / FILE, remedy="Train the generator again."
        ) from error


def _arrays(networks: Networks) -> Arrays:
    ops = networks.keras.ops
    found: Arrays = {}
    number = -1
    for layer in networks.discriminator.layers:
        if isinstance(layer, networks.keras.layers.Conv2D):
            number += 1
            depth = layer.kernel.shape[-1]
            kernel = layer.effective_kernel() if networks.settings.spectral else layer.kernel
            found[f"{number}/kernel"] = _numbers(ops, kernel)
            found[f"{number}/bias"] = _numbers(ops, layer.bias) if layer.use_bias else np.zeros(depth, np.float32)
            as_it_is = (np.ones(depth), np.zeros(depth), np.zeros(depth), np.full(depth, 1 - _EPSILON))
            for name, value in zip(("gamma", "beta", "mean", "variance"), as_it_is, strict=True):
                found[f"{number}/{name}"] = value.astype(np.float32)
        elif isinstance(layer, networks.keras.layers.BatchNormalization):
            parts = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
            for name, value in zip(("gamma", "beta", "mean", "variance"), parts, strict=True):
                found[f"{number}/{name}"] = _numbers(ops, value)
    return found


def _numbers(ops: Any, value: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(value), dtype=np.float32).copy()
