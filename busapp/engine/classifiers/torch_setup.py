"""The only module that imports torchvision, and the choice of the device."""

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

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "device_name", "find_device", "mixed_precision"]


def find_device() -> torch.device:
    """The fastest device there is: an NVIDIA GPU, an Apple GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_name(device: torch.device) -> str:
    """What to call a device in front of people: `NVIDIA H200`, `Apple GPU`, `CPU`."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return "Apple GPU" if device.type == "mps" else "CPU"


def mixed_precision(device: torch.device) -> bool:
    """Whether bfloat16 is both supported and faster there: on newer GPUs. It needs no scaling of the loss."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "mps" and bool(torch.backends.mps.is_macos_or_newer(14, 0))
