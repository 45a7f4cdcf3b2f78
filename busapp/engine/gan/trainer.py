"""One training step after another, on either framework, each with random numbers of its own."""

import numpy as np
import numpy.typing as npt

from busapp.engine.gan import dcgan
from busapp.engine.gan.alterations import draw_alterations
from busapp.engine.gan.dcgan import Stream
from busapp.engine.gan.networks import Networks, TrainingStep
from busapp.engine.images.preprocessing import Pixels


class Trainer:
    """Trains `networks`, one batch at a time."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self._update = _compile(networks)

    def step(self, pixels: Pixels, epoch: int, number: int) -> npt.NDArray[np.float32]:
        """Update both networks from a batch, with the noise and the alterations of step `number` of this epoch.

        `pixels` uint8 (n, size, size, 3); returns what `TrainingStep` returns. A checkpoint needs no random state, as
        all random numbers come from (seed, epoch, number).
        """
        settings, n = self.networks.settings, len(pixels)
        alterations = []
        if settings.alterations:
            random = np.random.default_rng([settings.seed, Stream.ALTERING, epoch, number])
            alterations = [draw_alterations(random, n, settings.image_size) for _ in range(2)]
        return self._update(pixels, dcgan.noise(settings, n, Stream.TRAINING, epoch, number), alterations)


def _compile(networks: Networks) -> TrainingStep:
    if networks.framework == "tensorflow":
        from busapp.engine.gan.tensorflow_step import TensorFlowStep

        return TensorFlowStep(networks)
    from busapp.engine.gan.torch_step import TorchStep

    return TorchStep(networks)
