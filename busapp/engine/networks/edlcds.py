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

from typing import Final, Literal

from busapp.engine.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from busapp.engine.networks.entry import FeatureMethod, NetworkEntry
from busapp.engine.networks.feature_entry import feature_entry
from busapp.engine.networks.mobilenet_v2 import MOBILENET_V2
from busapp.engine.networks.squeezenet import SQUEEZENET

_AUTHORS: Final = "Ragab et al. 2022"
_TUNERS: Final = {
    "cats": "cat swarm optimisation, as in the paper",
    "adam": "Adam, to compare",
    "random": "random search, to compare",
}


def _entry(name: str, tuner: Literal["cats", "adam", "random"], title: str) -> NetworkEntry:
    method = FeatureMethod(
        head="perceptron",
        tuner=tuner,
        members=(SQUEEZENET, MOBILENET_V2, EFFICIENTNET_LITE0),
        papers_networks=("vgg-16", "vgg-19", "squeezenet"),
        authors=_AUTHORS,
        published=0.9709,
    )
    return feature_entry(
        name,
        title,
        f"{_AUTHORS}; the weights of the perceptron are found by {_TUNERS[tuner]}",
        method,
        effort=3.0,
        differs="The paper's networks are VGG-16, VGG-19 and SqueezeNet; name them to have them, if you have their "
        "weights. niapy's cats favour weights near 0; edlcds-adam and edlcds-random show what they are worth.",
    )


EDLCDS = (
    _entry("edlcds", "cats", "EDLCDS with cat swarm"),
    _entry("edlcds-adam", "adam", "EDLCDS with Adam"),
    _entry("edlcds-random", "random", "EDLCDS with random search"),
)
