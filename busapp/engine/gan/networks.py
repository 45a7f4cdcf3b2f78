"""Both networks of a DCGAN with their optimisers and the averaging of weights. They can be drawn from and saved."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from busapp.engine.gan import dcgan
from busapp.engine.gan.keras_setup import choose_dtype_policy, keras_on
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import Framework, SynthesizeSettings
from busapp.engine.study.checkpoints import Arrays
from busapp.errors import CannotResume


class Networks:
    """Generator and discriminator with their optimisers, on one framework."""

    def __init__(self, settings: SynthesizeSettings, framework: Framework, *, dtype_policy: str = "") -> None:
        """`dtype_policy`: Keras' name of another dtype policy than the one that fits the machine."""
        self.settings = settings
        self.framework = framework
        self.keras = keras_on(framework)
        policy = dtype_policy or choose_dtype_policy(framework)
        self.generator = dcgan.build_generator(self.keras, settings, dtype_policy=policy, in_training=True)
        self.discriminator = dcgan.build_discriminator(self.keras, settings, dtype_policy=policy, in_training=True)
        self.drawing = dcgan.build_generator(self.keras, settings)
        """The network for drawing and saving: a generator in float32, of Keras' own layers."""
        self.g_adam = self._adam(self.generator, settings.learning_rate)
        self.d_adam = self._adam(self.discriminator, settings.d_learning_rate or settings.learning_rate)

    def _adam(self, network: Any, learning_rate: float) -> Any:
        # beta_2 and epsilon are Keras' defaults, written down so that no later version changes them in a resumed run.
        optimizer = self.keras.optimizers.Adam(learning_rate, beta_1=self.settings.beta_1, beta_2=0.999, epsilon=1e-7)
        optimizer.build(network.trainable_variables)
        if self.framework == "tensorflow":
            # Keras sums gradients over replicas through a custom gradient. TensorFlow never frees those, nor their
            # graph and variables: 250 MB for each generator of the published size. There is only one replica here.
            optimizer._all_reduce_sum_gradients = lambda pairs: pairs
        return optimizer

    def average(self) -> None:
        """Move the weights for drawing a little towards the generator's. Each training step does this.

        Source: Yazıcı et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training". At the beginning the
        average covers fewer steps, so that it forgets the random initial weights.
        """
        if not self.settings.weight_averaging:
            return
        ops = self.keras.ops
        done = ops.cast(self.g_adam.iterations.value, "float32")
        decay = ops.minimum(self.settings.weight_averaging, (1.0 + done) / (10.0 + done))
        for averaged, variable in zip(self.drawing.variables, self.generator.variables, strict=True):
            averaged.assign(averaged * decay + variable * (1.0 - decay))

    # -- drawing -------------------------------------------------------------------------------------------

    def drawing_network(self) -> Any:
        """Return the network for drawing and saving, with the generator's current or averaged weights."""
        if not self.settings.weight_averaging:
            for ours, variable in zip(self.drawing.variables, self.generator.variables, strict=True):
                ours.assign(variable)
        return self.drawing

    def draw(self, vectors: dcgan.Noise) -> Pixels:
        """Draw images from noise (n, noise): uint8 (n, size, size, 3)."""
        return dcgan.draw_from(self.keras, self.drawing_network(), vectors)

    # -- the content of a checkpoint -----------------------------------------------------------------------

    def _variables(self) -> Iterator[tuple[str, Any]]:
        parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "g_adam": self.g_adam,
            "d_adam": self.d_adam,
        }
        if self.settings.weight_averaging:
            parts["averaged"] = self.drawing
        for name, part in parts.items():
            for number, variable in enumerate(part.variables):
                yield f"{name}/{number:03d}", variable

    def arrays(self) -> Arrays:
        """Return all weights and both optimisers' states."""
        return {name: np.asarray(self.keras.ops.convert_to_numpy(variable)) for name, variable in self._variables()}

    def restore(self, arrays: Arrays) -> None:
        """Restore weights and states from `arrays`. Raises `CannotResume` if they belong to other networks."""
        try:
            for name, variable in self._variables():
                variable.assign(arrays[name])
        except (KeyError, ValueError) as error:
            raise CannotResume(
                "The checkpoint belongs to another network", remedy="Start a new run with the same settings."
            ) from error
