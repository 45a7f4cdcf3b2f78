"""The training of both networks, one step after another, on either framework."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from busapp.engine.gan import dcgan
from busapp.engine.gan.alterations import Alterations, draw_alterations
from busapp.engine.gan.dcgan import Stream
from busapp.engine.gan.networks import Networks
from busapp.engine.images.preprocessing import Pixels


class TrainingStep(Protocol):
    """Updates both networks from one batch, with the gradients of one forward pass (Samrin 2024, Figure 7)."""

    def __call__(
        self,
        pixels: npt.NDArray[np.uint8],
        vectors: npt.NDArray[np.float32],
        alterations: Sequence[Alterations],
    ) -> npt.NDArray[np.float32]:
        """`pixels` uint8 (n, size, size, 3), `vectors` float32 (n, noise), `alterations` of the real and of the drawn
        images, or none. Returns float32 (4,), before the update: g_loss, d_loss, mean D(x), mean D(G(z))."""


class Trainer:
    """Trains `networks`, one batch at a time."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self._update = _training_step(networks)

    def step(self, pixels: Pixels, epoch: int, number: int) -> npt.NDArray[np.float32]:
        """Update both networks from a batch, with the noise and the alterations of step `number` of this epoch.

        `pixels` uint8 (n, size, size, 3). Returns the same as `TrainingStep`. All random numbers come from (seed,
        epoch, number), so that a checkpoint needs no random state.
        """
        settings, n = self.networks.settings, len(pixels)
        alterations = []
        if settings.alterations:
            random = np.random.default_rng([settings.seed, Stream.ALTERING, epoch, number])
            alterations = [draw_alterations(random, n, settings.image_size) for _ in range(2)]
        return self._update(pixels, dcgan.noise(settings, n, Stream.TRAINING, epoch, number), alterations)


def _training_step(networks: Networks) -> TrainingStep:
    if networks.framework == "tensorflow":
        from busapp.engine.gan.tensorflow_step import TensorFlowStep

        return TensorFlowStep(networks)
    from busapp.engine.gan.torch_step import TorchStep

    return TorchStep(networks)
