"""One training step in TensorFlow, as a compiled graph."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from busapp.engine.gan.alterations import Alterations, alter
from busapp.engine.gan.keras_setup import tensorflow
from busapp.engine.gan.networks import Networks
from busapp.engine.utils.quiet import native_messages_logged


class TensorFlowStep:
    """A `trainer.TrainingStep` for `networks`.

    XLA was measured and is not used: on two cores it took 1.2 to 1.4 times as long (`benchmarks/RESULTS.md`).
    """

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        tf = tensorflow()
        size = networks.settings.image_size
        # A free batch dimension: the smaller last batch of an epoch runs through the same graph.
        signature = [tf.TensorSpec((None, size, size, 3), tf.uint8), tf.TensorSpec((None, networks.settings.noise))]
        for _ in range(2 if networks.settings.alterations else 0):
            signature += [tf.TensorSpec((None, size), tf.int32)] * 2 + [tf.TensorSpec((None,))] * 2
        # Traced once, here. If `tf.function` were called instead, it would warn at the fifth training of a process
        # about a fifth tracing of one function.
        self._compiled = tf.function(self._step, input_signature=signature).get_concrete_function()
        self._is_new = True

    def __call__(
        self,
        pixels: npt.NDArray[np.uint8],
        vectors: npt.NDArray[np.float32],
        alterations: Sequence[Alterations],
    ) -> npt.NDArray[np.float32]:
        constant = tensorflow().constant
        flat = [constant(values) for each in alterations for values in each]
        # The first call optimises the graph. TensorFlow logs an error for a case that it cannot optimise (a convolution
        # with bias before LeakyReLU), and continues without it.
        with native_messages_logged() if self._is_new else nullcontext():
            losses: npt.NDArray[np.float32] = self._compiled(constant(pixels), constant(vectors), *flat).numpy()
        self._is_new = False
        return losses

    def _step(self, pixels: Any, vectors: Any, *flat: Any) -> Any:
        tf, networks = tensorflow(), self._networks
        of_real, of_drawn = Alterations(*flat[:4]) if flat else None, Alterations(*flat[4:]) if flat else None
        g_weights = [variable.value for variable in networks.generator.trainable_variables]
        d_weights = [variable.value for variable in networks.discriminator.trainable_variables]
        real = tf.cast(pixels, tf.float32) / 127.5 - 1.0
        # Each tape watches one network alone: the generator's loss gets no gradient for the discriminator's weights,
        # and the discriminator's none for the generator.
        with (
            tf.GradientTape(watch_accessed_variables=False) as g_tape,
            tf.GradientTape(watch_accessed_variables=False) as d_tape,
        ):
            g_tape.watch(g_weights)
            d_tape.watch(d_weights)
            drawn = networks.generator(vectors, training=True)
            if of_real is not None and of_drawn is not None:
                real, drawn = alter(networks.keras, real, of_real), alter(networks.keras, drawn, of_drawn)
            on_real = networks.discriminator(real, training=True)
            on_drawn = networks.discriminator(drawn, training=True)
            # softplus(-x) is the binary cross-entropy of sigmoid(x) against 1, softplus(x) against 0.
            g_loss = tf.reduce_mean(tf.nn.softplus(-on_drawn))
            d_loss = tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_drawn))
        networks.g_adam.apply(g_tape.gradient(g_loss, g_weights), networks.generator.trainable_variables)
        networks.d_adam.apply(d_tape.gradient(d_loss, d_weights), networks.discriminator.trainable_variables)
        networks.average()
        sigmoid = tf.math.sigmoid
        return tf.stack([g_loss, d_loss, tf.reduce_mean(sigmoid(on_real)), tf.reduce_mean(sigmoid(on_drawn))])
