"""Features of several networks, and a small perceptron whose weights a swarm of cats searches.

Source: Ragab et al. 2022, "Ensemble Deep-Learning-Enabled Clinical Decision Support System for Breast Cancer Diagnosis
and Classification Using Ultrasound Images" (EDLCDS-BCDC). What was built in place of what:
- VGG-16, VGG-19 and SqueezeNet are the paper's networks. Without the weights of the first two, MobileNetV2 and
  EfficientNet-Lite0 stand in their place, unless the settings name them (`feature_networks`).
- Features are the means of each network's last feature map.
- The perceptron has one hidden layer of `layers.heads.HIDDEN` units. Its size, and which of its parameters the cats
  tune, are assumed: here its weights are the position of a cat.
- The cats are niapy's, which favour positions near the origin (`findings/niapy-cats-near-the-origin.sh`). So the same
  perceptron is also there with Adam and with random search, which evaluate it as many times: they show what the cats
  are worth.
- The Wiener filter, the enhancement of contrast and the segmentation are no part of the network: preprocessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from busapp.engine.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from busapp.engine.networks.entry import FeatureMethod, NetworkEntry, Options
from busapp.engine.networks.mobilenet_v2 import MOBILENET_V2
from busapp.engine.networks.squeezenet import SQUEEZENET

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged

_TUNERS: Final = {
    "cats": "cat swarm optimisation, as in the paper",
    "adam": "Adam, to compare",
    "random": "random search, to compare",
}


_AUTHORS: Final = "Ragab et al. 2022"


def _build(entry: NetworkEntry, n_classes: int, options: Options, weights: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers.feature_network import feature_network

    return feature_network(entry, n_classes, options, weights)


def _entry(name: str, tuner: Literal["cats", "adam", "random"], title: str, effort: float) -> NetworkEntry:
    entry = NetworkEntry(
        name=name,
        title=title,
        source=f"{_AUTHORS}; the weights of the perceptron are found by {_TUNERS[tuner]}",
        build=lambda n_classes, options, weights: _build(entry, n_classes, options, weights),
        stages=1,
        texture_stages=1,
        stride=32,
        first_cell=15.5,
        least_size=32,
        size_step=32,
        parameters=0,
        effort=effort,
        features=FeatureMethod(
            head="perceptron",
            tuner=tuner,
            members=(SQUEEZENET, MOBILENET_V2, EFFICIENTNET_LITE0),
            papers_networks=("vgg-16", "vgg-19", "squeezenet"),
            authors=_AUTHORS,
            published=0.9709,
        ),
        exports=("onnx",),
        differs="The paper's networks are VGG-16, VGG-19 and SqueezeNet; name them to have them, if you have their "
        "weights. niapy's cats favour weights near 0; edlcds-adam and edlcds-random show what they are worth.",
    )
    return entry


EDLCDS = (
    _entry("edlcds", "cats", "EDLCDS with cat swarm", 3.0),
    _entry("edlcds-adam", "adam", "EDLCDS with Adam", 3.0),
    _entry("edlcds-random", "random", "EDLCDS with random search", 3.0),
)
