"""Features of several networks, of which the best are selected, and a classical classifier.

Source: Eroğlu, Yıldırım and Çınar 2021, "Convolutional Neural Networks based classification of breast ultrasonography
images by hybrid method with respect to benign, malignant, and normal using mRMR". What was built in place of what:
- AlexNet, ResNet-50 and MobileNetV2 are the paper's networks. Without the weights of the first two, EfficientNet-Lite0
  and SqueezeNet stand in their place, unless the settings name them (`feature_networks`).
- Features are the means of each network's last feature map, not the 1000 outputs of its last layer, so that a heat map
  can show what they are made of.
- mRMR selects in each training fold alone. Selecting on all images is the leak `selection_sees_test`.
- The number of selected features, the kernel of the SVM and the number of neighbours are assumed.
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


_AUTHORS: Final = "Eroğlu, Yıldırım and Çınar 2021"


def _build(entry: NetworkEntry, n_classes: int, options: Options, weights: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers.feature_network import feature_network

    return feature_network(entry, n_classes, options, weights)


def _entry(
    name: str, head: Literal["svm", "knn"], title: str, classifies: str, exports: tuple[str, ...], lacks: str
) -> NetworkEntry:
    entry = NetworkEntry(
        name=name,
        title=title,
        source=f"{_AUTHORS}: mRMR selects features, {classifies}",
        build=lambda n_classes, options, weights: _build(entry, n_classes, options, weights),
        stages=1,
        texture_stages=1,
        stride=32,
        first_cell=15.5,
        least_size=32,
        size_step=32,
        parameters=0,
        effort=2.0,
        features=FeatureMethod(
            head=head,
            selects=True,
            members=(MOBILENET_V2, EFFICIENTNET_LITE0, SQUEEZENET),
            papers_networks=("alexnet", "resnet-50", "mobilenet-v2"),
            authors=_AUTHORS,
            published=0.956,
        ),
        exports=exports,
        differs="The paper's networks are AlexNet, ResNet-50 and MobileNetV2; name them to have them, if you have "
        f"their weights. Features are means of the last feature maps, not outputs of the last layers.{lacks}",
    )
    return entry


HYBRID = (
    _entry("hybrid", "svm", "Hybrid with SVM", "an SVM classifies", ("onnx",), ""),
    _entry(
        "hybrid-knn",
        "knn",
        "Hybrid with nearest neighbours",
        "the nearest neighbours vote",
        (),
        " A vote has no gradient, so that it has no heat maps and cannot be exported.",
    ),
)
