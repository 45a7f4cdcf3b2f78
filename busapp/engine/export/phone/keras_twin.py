"""A Keras network that computes the same as torchvision's MobileNetV2, made from its weights.

Source: Sandler et al. 2018, table 2, as torchvision builds it. Differences that do not change the answers:
- Batch normalisation is folded into the convolution before it, since it is fixed after training.
- ImageNet's mean is subtracted first, and its deviation divides the first convolution's weights. The padding of the
  image is the mean in both networks, and an int8 file rounds pixels once instead of twice.
- A convolution of stride 2 pads both sides equally, as torch does. TensorFlow's `same` would pad only the far side of
  an even size, and shift everything by half a pixel.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from busapp.engine.images.preprocessing import MEAN, STD

Weights = Mapping[str, npt.NDArray[Any]]
"""torch's `state_dict` as arrays: `features.0.0.weight` and so on; convolutions are (out, in, height, width)."""

_STRIDES: Final = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
"""Strides of the 17 blocks. Everything else follows from the shapes of the weights."""
_FEATURES: Final = "features"
_EPSILON: Final = 1e-5
"""torch adds this to the variance; Keras would add 1e-3."""


def build_twin(
    keras: Any, weights: Weights, image_size: int, *, mirrored: bool = False, temperature: float = 1.0
) -> Any:
    """Build the network from pixels (n, size, size, 3), float32 in [0, 255], RGB, to the outputs of a model file in
    this project: logits (n, classes), divided by `temperature`, and class activation maps (n, classes, h, w), float32.

    `keras` is the package that computes it (`keras_setup.keras_on`). If `mirrored`, both outputs are means over the
    image and its mirror image.
    """
    features = _features(keras, weights, image_size)
    last, bias = weights["classifier.1.weight"], weights["classifier.1.bias"]
    pool = keras.layers.GlobalAveragePooling2D()
    answer, locate = keras.layers.Dense(len(bias)), keras.layers.Conv2D(len(bias), 1, use_bias=False)
    to_front = keras.layers.Permute((3, 1, 2))

    pixels = keras.Input((image_size, image_size, 3), dtype="float32")
    found = features(pixels)
    pooled, maps = pool(found), locate(found)
    if mirrored:
        found = features(pixels[:, :, ::-1])
        pooled = keras.layers.average([pooled, pool(found)])
        maps = keras.layers.average([maps, locate(found)[:, :, ::-1]])
    twin = keras.Model(pixels, [answer(pooled), to_front(maps)])
    answer.set_weights([last.T / temperature, bias / temperature])
    locate.set_weights([last.T[None, None]])
    return twin


class _Builder:
    """Makes layers, and fills them with weights once the network is built."""

    def __init__(self, keras: Any, weights: Weights) -> None:
        self._layers = keras.layers
        self._weights = weights
        self._contents: list[tuple[Any, list[npt.NDArray[np.float32]]]] = []

    def convolution(self, values: Any, name: str, stride: int = 1, *, clipped: bool = True, scale: Any = 1.0) -> Any:
        """Add the convolution `name` with the batch normalisation after it. The kernel is multiplied by `scale`,
        broadcast over (height, width, in, out). `clipped`: the values are clipped to [0, 6]."""
        kernel, bias = _folded(self._weights, name)
        kernel = kernel * scale
        if stride == 2:
            values = self._layers.ZeroPadding2D(1)(values)
        given = {"strides": stride, "padding": "valid" if stride == 2 else "same"}
        in_groups = kernel.shape[2] == 1 and values.shape[-1] > 1
        if in_groups:
            layer = self._layers.DepthwiseConv2D(kernel.shape[0], **given)
            kernel = kernel.swapaxes(2, 3)
        else:
            layer = self._layers.Conv2D(kernel.shape[3], kernel.shape[0], **given)
        values = layer(values)
        self._contents.append((layer, [kernel.astype(np.float32), bias.astype(np.float32)]))
        return self._layers.Activation("relu6")(values) if clipped else values

    def fill(self) -> None:
        for layer, arrays in self._contents:
            layer.set_weights(arrays)


def features_of(twin: Any) -> Any:
    """The part of a twin that computes the features: a network with all convolutions except that of the maps."""
    return twin.get_layer(_FEATURES)


def _features(keras: Any, weights: Weights, image_size: int) -> Any:
    """Build the network before the pooling: pixels to (n, h, w, channels)."""
    builder = _Builder(keras, weights)
    pixels = keras.Input((image_size, image_size, 3), dtype="float32")
    centred = keras.layers.Rescaling(1.0, offset=[-255 * float(value) for value in MEAN])(pixels)
    values = builder.convolution(centred, "features.0.0", 2, scale=1 / (255 * STD[:, None]))
    for number, stride in enumerate(_STRIDES, start=1):
        block, before = f"features.{number}.conv", values
        is_widened = f"{block}.3.weight" in weights
        if is_widened:
            values = builder.convolution(values, f"{block}.0.0")
        values = builder.convolution(values, f"{block}.1.0" if is_widened else f"{block}.0.0", stride)
        values = builder.convolution(values, f"{block}.2" if is_widened else f"{block}.1", clipped=False)
        if stride == 1 and before.shape[-1] == values.shape[-1]:
            values = keras.layers.add([before, values])
    features = keras.Model(pixels, builder.convolution(values, "features.18.0"), name=_FEATURES)
    builder.fill()
    return features


def _folded(weights: Weights, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fold a convolution and the batch normalisation after it: kernel (height, width, in, out) and bias (out,)."""
    parent, _, place = name.rpartition(".")
    normal = f"{parent}.{int(place) + 1}"
    kernel = weights[f"{name}.weight"].astype(np.float64)
    gamma, beta, mean, variance = (
        weights[f"{normal}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + _EPSILON)
    return (kernel * factor[:, None, None, None]).transpose(2, 3, 1, 0), beta - mean * factor
