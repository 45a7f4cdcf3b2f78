"""AlexNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from busapp.engine.networks.entry import ImageNetWeights, NetworkEntry, Options

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged


def _build(n_classes: int, _: Options, weights: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers.staged import Staged, new_classifier
    from busapp.engine.networks.layers.torchvision_setup import torchvision
    from busapp.engine.networks.layers.weights import load_part

    features = torchvision.models.AlexNet().features
    load_part("features.", features, weights)
    return Staged(ALEXNET, features.children(), new_classifier(256, n_classes, dropout=0.5))


ALEXNET = NetworkEntry(
    name="alexnet",
    title="AlexNet",
    source="Krizhevsky 2014; `alexnet` of torchvision",
    build=_build,
    stages=13,
    texture_stages=5,
    stride=32,
    first_cell=31,
    least_size=64,
    parameters=2_470_467,
    effort=0.5,
    weights=ImageNetWeights(
        patterns=("alexnet*.safetensors", "alexnet*.pth"),
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    ),
    differs="The mean of the last feature map and one linear layer stand in place of the three dense layers with their "
    "58 million weights.",
)
