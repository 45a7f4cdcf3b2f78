"""MobileNetV2, the network of the paper on breast ultrasound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from busapp.engine.networks.entry import ImageNetWeights, NetworkEntry, Options

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged


def _build(n_classes: int, options: Options, weights: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers.relu6 import replace_relu6
    from busapp.engine.networks.layers.staged import Staged
    from busapp.engine.networks.layers.torchvision_setup import torchvision
    from busapp.engine.networks.layers.weights import load_part

    network = torchvision.models.MobileNetV2(num_classes=n_classes, width_mult=options.width)
    replace_relu6(network)
    load_part("features.", network.features, weights)
    return Staged(MOBILENET_V2, network.features.children(), network.classifier)


MOBILENET_V2 = NetworkEntry(
    name="mobilenet-v2",
    title="MobileNetV2",
    source="Sandler et al. 2018; `mobilenet_v2` of torchvision, as in Samrin 2024, section 3.3",
    build=_build,
    stages=19,
    texture_stages=11,
    stride=32,
    first_cell=0,
    least_size=32,
    parameters=2_227_715,
    weights=ImageNetWeights(
        patterns=("mobilenet_v2*.safetensors", "mobilenet_v2*.pth", "mobilenet_v2*.pt"),
        # what torch.hub's `pretrained=True` stands for in the paper
        url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
    ),
    has_width=True,
)
