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

from typing import Final, Literal

from busapp.engine.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from busapp.engine.networks.entry import FeatureMethod
from busapp.engine.networks.feature_entry import feature_entry
from busapp.engine.networks.mobilenet_v2 import MOBILENET_V2
from busapp.engine.networks.squeezenet import SQUEEZENET

_AUTHORS: Final = "Eroğlu, Yıldırım and Çınar 2021"
_SOURCE: Final = f"{_AUTHORS}: mRMR selects features,"
_DIFFERS: Final = (
    "The paper's networks are AlexNet, ResNet-50 and MobileNetV2; name them to have them, if you have their weights. "
    "Features are means of the last feature maps, not outputs of the last layers."
)


def _method(head: Literal["svm", "knn"]) -> FeatureMethod:
    return FeatureMethod(
        head=head,
        selects=True,
        members=(MOBILENET_V2, EFFICIENTNET_LITE0, SQUEEZENET),
        papers_networks=("alexnet", "resnet-50", "mobilenet-v2"),
        authors=_AUTHORS,
        published=0.956,
    )


HYBRID = (
    feature_entry(
        "hybrid",
        "Hybrid with SVM",
        f"{_SOURCE} an SVM classifies",
        _method("svm"),
        effort=2.0,
        differs=_DIFFERS,
    ),
    feature_entry(
        "hybrid-knn",
        "Hybrid with nearest neighbours",
        f"{_SOURCE} the nearest neighbours vote",
        _method("knn"),
        effort=2.0,
        differs=f"{_DIFFERS} A vote has no gradient, so that it has no heat maps and cannot be exported.",
        exports=(),
    ),
)
