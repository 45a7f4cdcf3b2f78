"""Entries of classifiers that take the features of other networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from busapp.engine.networks.entry import FeatureMethod, NetworkEntry, Options

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged


def feature_entry(
    name: str,
    title: str,
    source: str,
    method: FeatureMethod,
    *,
    effort: float,
    differs: str,
    exports: tuple[str, ...] = ("onnx",),
) -> NetworkEntry:
    """An entry whose one stage holds the networks of `method` side by side, their maps on a grid of 32 pixels for each
    cell. The parameters are as in `NetworkEntry`."""

    def build(n_classes: int, options: Options, weights: Mapping[str, Tensor] | None) -> Staged:
        from busapp.engine.networks.layers.feature_network import feature_network

        return feature_network(entry, n_classes, options, weights)

    entry = NetworkEntry(
        name=name,
        title=title,
        source=source,
        build=build,
        stages=1,
        texture_stages=1,
        stride=32,
        first_cell=15.5,
        least_size=32,
        size_step=32,
        parameters=0,
        effort=effort,
        features=method,
        exports=exports,
        differs=differs,
    )
    return entry
