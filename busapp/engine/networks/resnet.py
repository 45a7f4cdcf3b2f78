"""ResNets of 18, 34 and 50 layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from busapp.engine.networks.entry import ImageNetWeights, NetworkEntry

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged


def _build(entry: NetworkEntry, n_classes: int, weights: Mapping[str, Tensor] | None) -> Staged:
    from torch import nn

    from busapp.engine.networks.layers.staged import Staged, new_classifier
    from busapp.engine.networks.layers.torchvision_setup import torchvision
    from busapp.engine.networks.layers.weights import load_all_but

    network = getattr(torchvision.models, entry.name.replace("-", ""))()
    load_all_but("fc.", network, weights)
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    blocks = [block for row in (network.layer1, network.layer2, network.layer3, network.layer4) for block in row]
    return Staged(entry, [stem, *blocks], new_classifier(network.fc.in_features, n_classes))


def _entry(
    depth: int, blocks: tuple[int, int, int, int], file: str, parameters: int, effort: float, paper: str = ""
) -> NetworkEntry:
    entry = NetworkEntry(
        name=f"resnet-{depth}",
        title=f"ResNet-{depth}",
        source=f"He et al. 2016; `resnet{depth}` of torchvision",
        build=lambda n_classes, _, weights: _build(entry, n_classes, weights),
        stages=1 + sum(blocks),
        texture_stages=1 + blocks[0] + blocks[1],
        stride=32,
        first_cell=0,
        least_size=32,
        parameters=parameters,
        effort=effort,
        paper=paper,
        weights=ImageNetWeights(
            patterns=(f"resnet{depth}*.safetensors", f"resnet{depth}*.pth"),
            url=f"https://download.pytorch.org/models/{file}",
        ),
    )
    return entry


RESNETS = (
    _entry(18, (2, 2, 2, 2), "resnet18-f37072fd.pth", 11_178_051, 2.2),
    _entry(34, (3, 4, 6, 3), "resnet34-b627a593.pth", 21_286_211, 4.7, paper="zion"),
    _entry(50, (3, 4, 6, 3), "resnet50-0676ba61.pth", 23_514_179, 8.1),
)
