"""A Keras network that computes the same as a network of torch, made from its numbers.

Differences that do not change the answers:
- Batch normalisation is folded into the convolution before it, since it is fixed after training.
- The colours' mean is subtracted first, and their deviation divides the first convolution's weights. The padding of the
  image is the mean in both networks, and an int8 file rounds pixels once instead of twice.
- A convolution of stride 2 pads as torch does. TensorFlow's `same` would pad only the far side of an even size, and
  shift everything by half a pixel.
"""

from typing import Any, Final

import numpy as np

from busapp.engine.networks.plan import PIXELS, Plan, Step

_FEATURES: Final = "features"


def build_twin(keras: Any, plan: Plan, image_size: int, *, mirrored: bool = False, temperature: float = 1.0) -> Any:
    """Build the network from pixels (n, size, size, 3), float32 in [0, 255], RGB, to the outputs of a model file in
    this project: logits (n, classes), divided by `temperature`, and class activation maps (n, classes, h, w), float32.

    `keras` is the package that computes it (`keras_setup.keras_on`). If `mirrored`, both outputs are means over the
    image and its mirror image.
    """
    features = _features(keras, plan, image_size)
    pool = keras.layers.GlobalAveragePooling2D()
    answer, locate = keras.layers.Dense(len(plan.bias)), keras.layers.Conv2D(len(plan.bias), 1, use_bias=False)
    to_front = keras.layers.Permute((3, 1, 2))

    pixels = keras.Input((image_size, image_size, 3), dtype="float32")
    found = features(pixels)
    pooled, maps = pool(found), locate(found)
    if mirrored:
        found = features(pixels[:, :, ::-1])
        pooled = keras.layers.average([pooled, pool(found)])
        maps = keras.layers.average([maps, locate(found)[:, :, ::-1]])
    twin = keras.Model(pixels, [answer(pooled), to_front(maps)])
    answer.set_weights([plan.weight.T / temperature, plan.bias / temperature])
    locate.set_weights([plan.weight.T[None, None]])
    return twin


def features_of(twin: Any) -> Any:
    """The part of a twin that computes the features: a network with all convolutions except that of the maps."""
    return twin.get_layer(_FEATURES)


def _features(keras: Any, plan: Plan, image_size: int) -> Any:
    """Build the network before the last pooling: pixels to (n, h, w, channels)."""
    pixels = keras.Input((image_size, image_size, 3), dtype="float32")
    centred = keras.layers.Rescaling(1.0, offset=[-255 * float(value) for value in plan.mean])(pixels)
    outputs = {PIXELS: centred}
    of_pixels = {PIXELS}
    """Outputs that are still pixels, whose deviation the next convolution has to divide by."""
    contents: list[tuple[Any, list[Any]]] = []
    for step in plan.steps:
        scale = 1 / (255 * plan.std[:, None]) if step.inputs[0] in of_pixels else 1.0
        inputs = [outputs[name] for name in step.inputs]
        if step.op == "convolution":
            outputs[step.name], content = _convolution(keras, step, inputs[0], scale)
            contents.append(content)
        else:
            outputs[step.name] = _without_weights(keras, step, inputs)
            of_pixels |= {step.name} if step.op in ("pad", "average") and step.inputs[0] in of_pixels else set()
    features = keras.Model(pixels, outputs[plan.steps[-1].name], name=_FEATURES)
    for layer, arrays in contents:
        layer.set_weights(arrays)
    return features


def _convolution(keras: Any, step: Step, values: Any, scale: Any) -> tuple[Any, tuple[Any, list[Any]]]:
    """Add a convolution. Returns its output, and the layer with its weights, to be filled in later. The kernel is
    multiplied by `scale`, broadcast over (height, width, in, out)."""
    assert step.kernel is not None and step.bias is not None
    kernel = step.kernel.transpose(2, 3, 1, 0) * scale
    inside = step.size // 2
    is_same = step.stride == 1 and step.size % 2 == 1 and step.padding == (inside,) * 4
    given = {"strides": step.stride, "padding": "same" if is_same else "valid"}
    values = values if is_same else _padded(keras, step, values)
    if kernel.shape[2] == 1 and values.shape[-1] > 1:
        layer = keras.layers.DepthwiseConv2D(step.size, **given)
        kernel = kernel.swapaxes(2, 3)
    else:
        layer = keras.layers.Conv2D(kernel.shape[3], step.size, **given)
    return layer(values), (layer, [kernel.astype(np.float32), step.bias])


def _padded(keras: Any, step: Step, values: Any) -> Any:
    above, below, left, right = step.padding
    return keras.layers.ZeroPadding2D(((above, below), (left, right)))(values) if any(step.padding) else values


def _without_weights(keras: Any, step: Step, inputs: list[Any]) -> Any:
    match step.op:
        case "relu" | "relu6":
            return keras.layers.Activation(step.op)(inputs[0])
        case "pool":  # of values that are not negative, so that padding with 0 adds no larger one
            return keras.layers.MaxPooling2D(step.size, step.stride)(_padded(keras, step, inputs[0]))
        case "leaky":
            return keras.layers.LeakyReLU(negative_slope=step.slope)(inputs[0])
        case "average":
            return keras.layers.AveragePooling2D(step.size, step.stride)(inputs[0])
        case "channels":
            begin, end = step.channels
            return inputs[0][..., begin:end]
        case "resize":
            return keras.layers.Resizing(*step.grid, interpolation="bilinear")(inputs[0])
        case "add":
            return keras.layers.add(inputs)
        case "join":
            return keras.layers.concatenate(inputs)
        case _:
            return _padded(keras, step, inputs[0])
