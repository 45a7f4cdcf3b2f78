"""One training step in torch. It is not compiled: that needs a C++ compiler, which no hospital's machine has."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import softplus

from busapp.engine.gan.alterations import Alterations, alter
from busapp.engine.gan.networks import Networks
from busapp.engine.utils.devices import find_device


class TorchStep:
    """A `trainer.TrainingStep` for `networks`."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._device = find_device()  # Keras chooses the same

    def __call__(
        self,
        pixels: npt.NDArray[np.uint8],
        vectors: npt.NDArray[np.float32],
        alterations: Sequence[Alterations],
    ) -> npt.NDArray[np.float32]:
        networks = self._networks
        g_weights = [variable.value for variable in networks.generator.trainable_variables]
        d_weights = [variable.value for variable in networks.discriminator.trainable_variables]
        real = self._there(pixels).float() / 127.5 - 1.0
        drawn = networks.generator(self._there(vectors), training=True)
        if alterations:
            of_real, of_drawn = (Alterations._make(map(self._there, each)) for each in alterations)
            real, drawn = alter(networks.keras, real, of_real), alter(networks.keras, drawn, of_drawn)
        on_real = networks.discriminator(real, training=True)
        on_drawn = networks.discriminator(drawn, training=True)
        # softplus(-x) is the binary cross-entropy of sigmoid(x) against 1, softplus(x) against 0.
        g_loss = softplus(-on_drawn).mean()
        d_loss = softplus(-on_real).mean() + softplus(on_drawn).mean()
        # `grad` computes gradients of the named weights only, none of the other network.
        g_gradients = torch.autograd.grad(g_loss, g_weights, retain_graph=True)
        d_gradients = torch.autograd.grad(d_loss, d_weights)
        with torch.no_grad():
            networks.g_adam.apply(g_gradients, networks.generator.trainable_variables)
            networks.d_adam.apply(d_gradients, networks.discriminator.trainable_variables)
            networks.average()
            parts = [g_loss, d_loss, on_real.sigmoid().mean(), on_drawn.sigmoid().mean()]
            losses: npt.NDArray[np.float32] = torch.stack(parts).float().cpu().numpy()
        return losses

    def _there(self, values: npt.NDArray[Any]) -> Any:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
