"""ReLU6 that keeps one tensor for the backward pass instead of two."""

from typing import Any

import torch
from torch import Tensor, nn


class _Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        values.clamp_(0.0, 6.0)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (clipped,) = ctx.saved_tensors
        passed: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], clipped, 0.0, 6.0)
        return passed


class InPlaceReLU6(nn.ReLU6):
    """ReLU6 that saves its output for the backward pass. torch's ReLU6 with `inplace=True` copies its input instead. A
    gradient passes where the output is strictly between 0 and 6, so that the numbers are the same without the copy."""

    def forward(self, values: Tensor) -> Tensor:
        """Values (…) clipped to [0, 6]. Overwrites `values` in training."""
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(values)
        clipped: Tensor = _Clipped.apply(values)  # type: ignore[no-untyped-call]
        return clipped


def replace_relu6(network: nn.Module) -> None:
    """Replace every ReLU6 of a network by `InPlaceReLU6`."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.ReLU6:
                setattr(parent, name, InPlaceReLU6(inplace=True))
