"""The only module that imports torchvision."""

import torch

try:
    import torchvision
except RuntimeError as error:
    # torchvision from the package index is built for CUDA. With a torch for the CPU its compiled operators do not load,
    # and the import fails with "operator torchvision::nms does not exist", since torchvision describes two operators
    # that are missing. Networks and transforms need neither of them, so that it is enough to declare their names.
    if "torchvision::" not in str(error):
        raise
    # The definitions are lost with the library object, so that the module keeps it.
    _schemas = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for _name in ("nms", "qnms"):
        _schemas.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    import torchvision

__all__ = ["torchvision"]
