"""The two networks of the published DCGAN, and the variants that the settings allow.

Source: Samrin 2024, section 3.4 with Figures 9 and 10, for 224×224 pixels. Other sizes keep the three doublings and
the depths; the first map is an eighth of the size.

The paper leaves some details open. Assumed here:
- strides: 1 for the first transposed convolution and 2 for the others, which gives the published map sizes;
- the order convolution, batch normalisation, LeakyReLU (as drawn in Figure 10), with Keras' momentum of 0.99;
- the dense layer's output is normalised per channel, after the reshape;
- Glorot's uniform initialisation, Keras' default; no dropout, since the paper does not mention it;
- noise is standard normal (uniform in Radford 2015, which the paper follows).
Kernel size and leaky slope are settings.

The functions build networks from the `keras` that they are given, for either framework (`keras_setup.keras_on`).
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from busapp.engine.gan import layers
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import SynthesizeSettings
from busapp.errors import BadModel

GENERATOR_DEPTHS: Final = (256, 128, 64, 32)
DISCRIMINATOR_DEPTHS: Final = (32, 64, 128)
CHANNELS: Final = 3

Noise = npt.NDArray[np.float32]
"""float32 (n, length), standard normal."""


class Stream(IntEnum):
    """Uses of random numbers. The value is the first number of a stream's seed, so that no two uses share a stream."""

    SHUFFLE = 0
    TRAINING = 1
    GRID = 2
    DRAWING = 3
    ALTERING = 4


def build_generator(
    keras: Any, settings: SynthesizeSettings, *, dtype_policy: str = "float32", in_training: bool = False
) -> Any:
    """Build the network from noise float32 (n, noise) to images float32 (n, size, size, 3) in [-1, 1], with weights
    from `settings.seed`.

    `dtype_policy` is Keras' name for the number format in which its layers compute. Images and weights are always
    float32. A network `in_training` has faster normalisation layers, with the same weights in the same order; otherwise
    all layers are Keras' own.
    """
    initial = _initialisers(keras, settings.seed, 0)
    base = settings.image_size // 8
    first, *inner = GENERATOR_DEPTHS
    own = {"dtype": dtype_policy}
    network = keras.Sequential(
        [
            keras.Input((settings.noise,)),
            keras.layers.Dense(base * base * first, use_bias=False, kernel_initializer=next(initial), **own),
            keras.layers.Reshape((base, base, first), **own),
            *_normalised(keras, settings, in_training, **own),
        ],
        name="generator",
    )
    for depth, strides in zip(inner, (1, 2, 2), strict=True):
        upscaling = _upscaling(keras, settings, depth, strides, use_bias=False, kernel_initializer=next(initial), **own)
        for layer in (*upscaling, *_normalised(keras, settings, in_training, **own)):
            network.add(layer)
    for layer in _upscaling(keras, settings, CHANNELS, 2, kernel_initializer=next(initial), **own):
        network.add(layer)
    network.add(keras.layers.Activation("tanh", dtype="float32"))
    return network


def _upscaling(keras: Any, settings: SynthesizeSettings, depth: int, strides: int, **options: Any) -> list[Any]:
    """Layers that make the map `strides` times as wide: a transposed convolution, and a cropping if needed.

    If the kernel extends farther on one side than on the other, TensorFlow and torch crop differently. So the map is
    cropped here.
    """
    surplus = settings.kernel_size - strides
    cut_off = (surplus // 2, surplus - surplus // 2)
    if surplus % 2 == 0:
        return [keras.layers.Conv2DTranspose(depth, settings.kernel_size, strides, padding="same", **options)]
    return [
        keras.layers.Conv2DTranspose(depth, settings.kernel_size, strides, padding="valid", **options),
        keras.layers.Cropping2D((cut_off, cut_off), dtype=options["dtype"]),
    ]


def build_discriminator(
    keras: Any, settings: SynthesizeSettings, *, dtype_policy: str = "float32", in_training: bool = False
) -> Any:
    """Build the network from images float32 (n, size, size, 3) in [-1, 1] to logits float32 (n, 1). `dtype_policy` and
    `in_training`: see `build_generator`.

    The published sigmoid is not a layer of the network. It is applied where D(x) is reported, and it is part of the
    loss, which thus avoids log(0). Mathematically this is the same. With `settings.spectral` the kernels are normalised
    instead of the maps.
    """
    initial = _initialisers(keras, settings.seed, 1)
    own = {"dtype": dtype_policy}
    network = keras.Sequential(
        [keras.Input((settings.image_size, settings.image_size, CHANNELS))], name="discriminator"
    )
    convolution, dense = keras.layers.Conv2D, keras.layers.Dense
    if settings.spectral:
        convolution, dense = (layers.spectral(keras, kind) for kind in (convolution, dense))
    for number, depth in enumerate(DISCRIMINATOR_DEPTHS):
        seed = {"seed": number} if settings.spectral else {}
        network.add(
            convolution(
                depth,
                settings.kernel_size,
                2,
                padding="same",
                use_bias=settings.spectral,
                kernel_initializer=next(initial),
                **seed,
                **own,
            )
        )
        if settings.spectral:
            network.add(keras.layers.LeakyReLU(negative_slope=settings.leak, **own))
            continue
        for layer in _normalised(keras, settings, in_training, **own):
            network.add(layer)
    network.add(keras.layers.Flatten(**own))
    seed = {"seed": len(DISCRIMINATOR_DEPTHS)} if settings.spectral else {}
    network.add(dense(1, kernel_initializer=next(initial), dtype="float32", **seed))
    return network


def _initialisers(keras: Any, seed: int, network: int) -> Iterator[Any]:
    for state in np.random.SeedSequence([seed, network]).generate_state(8):
        yield keras.initializers.GlorotUniform(seed=int(state))


def _normalised(keras: Any, settings: SynthesizeSettings, in_training: bool, dtype: str) -> tuple[Any, Any]:
    normalisation = layers.normalisation(keras) if in_training else keras.layers.BatchNormalization
    own = {"momentum": 0.99, "epsilon": 1e-3, "dtype": dtype}
    return normalisation(**own), keras.layers.LeakyReLU(negative_slope=settings.leak, dtype=dtype)


def load_generator(keras: Any, path: Path, settings: SynthesizeSettings) -> Any:
    """Load the network that was saved at `path` with these settings.

    Only its weights are read. The layers are built anew, so that the file cannot determine which code is executed.

    Raises:
        BadModel: the file cannot be read, or holds another network's weights.
    """
    network = build_generator(keras, settings)
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BadModel("The generator cannot be read", file=path, remedy="Train the generator again.") from error
    return network


def noise(settings: SynthesizeSettings, count: int, *stream: int) -> Noise:
    """Draw `count` noise vectors. The same seed and `stream` always give the same vectors."""
    random = np.random.default_rng([settings.seed, *stream])
    return random.standard_normal((count, settings.noise), dtype=np.float32)


def draw_from(keras: Any, network: Any, vectors: Noise) -> Pixels:
    """Return the generator's images for these noise vectors, in inference mode: uint8 (n, size, size, 3)."""
    images: npt.NDArray[np.float32] = keras.ops.convert_to_numpy(network(vectors, training=False))
    return np.round((images + 1) * 127.5).astype(np.uint8)
