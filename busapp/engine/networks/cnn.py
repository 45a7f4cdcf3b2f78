"""A plain convolutional network, to compare the others with."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from busapp.engine.networks.entry import NetworkEntry, Options

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged

_CHANNELS: Final = (3, 32, 64, 128, 256)


def _build(n_classes: int, _: Options, __: Mapping[str, Tensor] | None) -> Staged:
    from torch import nn

    from busapp.engine.networks.layers.blocks import convolution
    from busapp.engine.networks.layers.staged import Staged, new_classifier

    stages = [
        nn.Sequential(convolution(inputs, outputs, 3), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        for inputs, outputs in pairwise(_CHANNELS)
    ]
    return Staged(CNN, stages, new_classifier(_CHANNELS[-1], n_classes))


CNN = NetworkEntry(
    name="cnn",
    title="Plain CNN",
    source="four rows of a 3×3 convolution, batch normalisation, ReLU and pooling, after Cruz-Roa et al. 2014",
    build=_build,
    stages=4,
    texture_stages=2,
    stride=16,
    first_cell=7.5,
    least_size=16,
    parameters=389_667,
    effort=1.2,
)
