"""How much memory a training takes, told before it begins."""

from contextlib import ExitStack
from typing import Any, Final

import psutil
import torch
from torch import Tensor, nn

from busapp.errors import BadInput

_BYTES: Final = 4
"""Of a number."""
_COPIES: Final = 4
"""Copies of each weight: itself, its gradient, and two moments of the optimiser."""
_BESIDES: Final = 1.2
"""What the framework needs besides, as a factor. With five networks, a training took 1.2 to 1.6 times as much as their
maps and weights alone."""


def bytes_needed(rest: nn.Module, example: Tensor, batch_size: int) -> float:
    """Bytes that training on batches of this size takes at least, without the images: the maps of all layers, which are
    kept for the gradients, and the weights.

    `rest` is the part of a network that is trained, `example` (1, c, h, w) its input for one image.
    """
    numbers = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal numbers
        numbers += 0 if getattr(layer, "inplace", False) else output.numel()

    with ExitStack() as hooks, torch.no_grad():
        for layer in rest.modules():
            if not list(layer.children()):
                hooks.enter_context(layer.register_forward_hook(count))
        training = rest.training
        rest.eval()(example)
        rest.train(training)
    weights = sum(weight.numel() for weight in rest.parameters())
    return _BESIDES * _BYTES * (numbers * batch_size + _COPIES * weights)


def bytes_free(device: torch.device) -> int:
    """Bytes that a training can take on this device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def refuse_too_large(title: str, rest: nn.Module, example: Tensor, batch_size: int, size: int) -> None:
    """Raise `BadInput` if a training would take more memory than there is."""
    needed, free = bytes_needed(rest, example, batch_size), bytes_free(example.device)
    if needed > free:
        raise BadInput(
            f"{title} needs about {needed / 1e9:.1f} GB of memory to train on {batch_size} images of {size}×{size} "
            f"pixels at once, and {free / 1e9:.1f} GB are free",
            remedy="Choose a smaller batch size, smaller images or a smaller network, freeze more stages, or close "
            "other programs.",
        )
