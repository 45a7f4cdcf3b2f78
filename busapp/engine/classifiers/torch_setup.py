"""The only module that imports torchvision."""

import torch

try:
    import torchvision
except RuntimeError as error:
    # torchvision from the package index is built for CUDA. Beside a torch for the CPU its compiled operators do
    # not load, and the import ends with "operator torchvision::nms does not exist", since it describes these two
    # without having them. Networks and transforms need neither; it is enough that the two are known by name.
    if "torchvision::" not in str(error):
        raise
    # Its definitions end with the library, so that it is kept for as long as the module.
    _schemas = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for _name in ("nms", "qnms"):
        _schemas.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    import torchvision  # noqa: F401
from torchvision.models.mobilenetv2 import MobileNet_V2_Weights, MobileNetV2

__all__ = ["MobileNetV2", "MobileNet_V2_Weights"]
