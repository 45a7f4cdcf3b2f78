"""VGG networks of 16 and 19 layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from busapp.engine.networks.entry import ImageNetWeights, NetworkEntry

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged

_ROWS: Final = {16: "D", 19: "E"}
"""torchvision's letters for rows of layers, as in table 1 of the paper."""


def _build(entry: NetworkEntry, depth: int, n_classes: int, weights: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers.staged import Staged, new_classifier
    from busapp.engine.networks.layers.torchvision_setup import torchvision
    from busapp.engine.networks.layers.weights import load_part

    rows = torchvision.models.vgg
    features = rows.make_layers(rows.cfgs[_ROWS[depth]])
    load_part("features.", features, weights)
    return Staged(entry, features.children(), new_classifier(512, n_classes, dropout=0.5))


def _entry(depth: int, stages: int, texture_stages: int, file: str, parameters: int, effort: float) -> NetworkEntry:
    entry = NetworkEntry(
        name=f"vgg-{depth}",
        title=f"VGG-{depth}",
        source=f"Simonyan and Zisserman 2015; `vgg{depth}` of torchvision",
        build=lambda n_classes, _, weights: _build(entry, depth, n_classes, weights),
        stages=stages,
        texture_stages=texture_stages,
        stride=32,
        first_cell=15.5,
        least_size=32,
        parameters=parameters,
        effort=effort,
        weights=ImageNetWeights(
            patterns=(f"vgg{depth}-*.safetensors", f"vgg{depth}-*.pth"),
            url=f"https://download.pytorch.org/models/{file}",
        ),
        differs="The mean of the last feature map and one linear layer stand in place of the three dense layers with "
        "their 120 million weights.",
    )
    return entry


VGGS = (
    _entry(16, 31, 17, "vgg16-397923af.pth", 14_716_227, 13),
    _entry(19, 37, 19, "vgg19-dcbb9e9d.pth", 20_025_923, 18),
)
