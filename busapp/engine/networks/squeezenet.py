"""SqueezeNet 1.1."""

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

    features = torchvision.models.squeezenet1_1().features
    load_part("features.", features, weights)
    return Staged(SQUEEZENET, features.children(), new_classifier(512, n_classes, dropout=0.5))


SQUEEZENET = NetworkEntry(
    name="squeezenet",
    title="SqueezeNet 1.1",
    source="Iandola et al. 2016; `squeezenet1_1` of torchvision",
    build=_build,
    stages=13,
    texture_stages=8,
    stride=16,
    first_cell=15,
    least_size=32,
    parameters=724_035,
    effort=0.4,
    weights=ImageNetWeights(
        patterns=("squeezenet1_1*.safetensors", "squeezenet1_1*.pth"),
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    ),
    differs="The mean of the last feature map comes before the last layer, not after it, so that no answer is cut off "
    "at zero.",
)
