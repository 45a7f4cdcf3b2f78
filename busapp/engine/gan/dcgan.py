"""The published DCGAN's two networks.

Source: Samrin 2024, section 3.4 with Figures 9 and 10, for 224×224 pixels. Other sizes keep the three doublings and
the depths; the first map is an eighth of the size.

What the paper leaves open, and what is assumed here:
- strides: 1 for the first transposed convolution and 2 for the others, as the published map sizes ask for;
- the order convolution, batch normalisation, LeakyReLU (as drawn in Figure 10), with Keras' momentum of 0.99;
- the dense layer's output is normalised per channel, after the reshape;
- Glorot's uniform initialisation, Keras' default; no dropout, since none is spoken of;
- noise is standard normal (Radford 2015, which the paper follows, takes it uniform).
Kernel size and leaky slope are settings.
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from busapp.engine.gan.keras_setup import keras
from busapp.engine.preprocessing import Pixels
from busapp.engine.settings import SynthesizeSettings
from busapp.errors import BadModel

GENERATOR_DEPTHS: Final = (256, 128, 64, 32)
DISCRIMINATOR_DEPTHS: Final = (32, 64, 128)
CHANNELS: Final = 3

Noise = npt.NDArray[np.float32]
"""float32 (n, length), standard normal."""


class Stream(IntEnum):
    """What random numbers are drawn for: the first number of their stream, so that no two uses share any."""

    SHUFFLE = 0
    TRAINING = 1
    GRID = 2
    DRAWING = 3


def build_generator(settings: SynthesizeSettings) -> Any:
    """Noise float32 (n, noise) to images float32 (n, size, size, 3) in [-1, 1]; weights from `settings.seed`."""
    layers = keras.layers
    initial = _initialisers(settings.seed, 0)
    base = settings.image_size // 8
    first, *inner = GENERATOR_DEPTHS

    def upscale(depth: int, strides: int, **options: Any) -> Any:
        return layers.Conv2DTranspose(
            depth,
            settings.kernel_size,
            strides,
            padding="same",
            kernel_initializer=next(initial),
            **options,
        )

    network = keras.Sequential(
        [
            keras.Input((settings.noise,)),
            layers.Dense(base * base * first, use_bias=False, kernel_initializer=next(initial)),
            layers.Reshape((base, base, first)),
            *_normalised(settings),
        ],
        name="generator",
    )
    for depth, strides in zip(inner, (1, 2, 2), strict=True):
        for layer in (upscale(depth, strides, use_bias=False), *_normalised(settings)):
            network.add(layer)
    network.add(upscale(CHANNELS, 2, activation="tanh"))
    return network


def build_discriminator(settings: SynthesizeSettings) -> Any:
    """Images float32 (n, size, size, 3) in [-1, 1] to logits float32 (n, 1).

    The published sigmoid stands outside: it is applied where D(x) is reported, and it is part of the loss, which
    is then safe against log(0). Mathematically the two are the same.
    """
    layers = keras.layers
    initial = _initialisers(settings.seed, 1)
    network = keras.Sequential(
        [keras.Input((settings.image_size, settings.image_size, CHANNELS))], name="discriminator"
    )
    for depth in DISCRIMINATOR_DEPTHS:
        network.add(
            layers.Conv2D(
                depth,
                settings.kernel_size,
                2,
                padding="same",
                use_bias=False,
                kernel_initializer=next(initial),
            )
        )
        for layer in _normalised(settings):
            network.add(layer)
    network.add(layers.Flatten())
    network.add(layers.Dense(1, kernel_initializer=next(initial)))
    return network


def _initialisers(seed: int, network: int) -> Iterator[Any]:
    for state in np.random.SeedSequence([seed, network]).generate_state(8):
        yield keras.initializers.GlorotUniform(seed=int(state))


def _normalised(settings: SynthesizeSettings) -> tuple[Any, Any]:
    return keras.layers.BatchNormalization(), keras.layers.LeakyReLU(negative_slope=settings.leak)


def load_generator(path: Path, settings: SynthesizeSettings) -> Any:
    """The network that was saved at `path` with these settings.

    Only its weights are read: the layers are built anew, so that nothing in the file can say what is executed.

    Raises:
        BadModel: the file cannot be read, or holds another network's weights.
    """
    network = build_generator(settings)
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BadModel("The generator cannot be read", file=path, remedy="Train the generator again.") from error
    return network


def noise(settings: SynthesizeSettings, count: int, *stream: int) -> Noise:
    """`count` noise vectors. The same seed and `stream` give the same ones, whatever was drawn before."""
    random = np.random.default_rng([settings.seed, *stream])
    return random.standard_normal((count, settings.noise), dtype=np.float32)


def draw_from(network: Any, vectors: Noise) -> Pixels:
    """The generator's images of these noise vectors, in inference mode: uint8 (n, size, size, 3)."""
    images = np.asarray(network(vectors, training=False))
    return np.round((images + 1) * 127.5).astype(np.uint8)
