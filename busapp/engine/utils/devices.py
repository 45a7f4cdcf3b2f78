"""Devices that torch computes on. Only the functions import torch; jobs call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def find_device() -> torch.device:
    """The fastest device of this machine: an NVIDIA GPU, an Apple GPU, otherwise the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_name(device: torch.device) -> str:
    """Name of a device for people: `NVIDIA H200`, `Apple GPU`, `CPU`."""
    import torch

    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return "Apple GPU" if device.type == "mps" else "CPU"


def mixed_precision(device: torch.device) -> bool:
    """True if the device supports bfloat16 and is faster with it (newer GPUs). It needs no scaling of the loss."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "mps" and bool(torch.backends.mps.is_macos_or_newer(14, 0))
