"""A DCGAN of the paper's architecture as a tutorial would write it: Keras layers, `tf.function`, two gradient tapes.

`gan_speed.py` measures against it. It uses no code of busapp.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

NOISE = 100


def make_generator(size: int, kernel: int, slope: float) -> Any:
    """A network from noise (n, 100) to images (n, size, size, 3) in [-1, 1]."""
    layers, base = keras.layers, size // 8
    network = keras.Sequential(
        [
            keras.Input((NOISE,)),
            layers.Dense(base * base * 256, use_bias=False),
            layers.Reshape((base, base, 256)),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=slope),
        ]
    )
    for depth, strides in ((128, 1), (64, 2), (32, 2)):
        network.add(layers.Conv2DTranspose(depth, kernel, strides, padding="same", use_bias=False))
        network.add(layers.BatchNormalization())
        network.add(layers.LeakyReLU(negative_slope=slope))
    network.add(layers.Conv2DTranspose(3, kernel, 2, padding="same", activation="tanh"))
    return network


def make_discriminator(size: int, kernel: int, slope: float) -> Any:
    """A network from images (n, size, size, 3) in [-1, 1] to logits (n, 1)."""
    layers = keras.layers
    network = keras.Sequential([keras.Input((size, size, 3))])
    for depth in (32, 64, 128):
        network.add(layers.Conv2D(depth, kernel, 2, padding="same", use_bias=False))
        network.add(layers.BatchNormalization())
        network.add(layers.LeakyReLU(negative_slope=slope))
    network.add(layers.Flatten())
    network.add(layers.Dense(1))
    return network


def make_step(
    size: int, kernel: int, slope: float, learning_rate: float, beta_1: float
) -> Callable[[npt.NDArray[np.float32]], float]:
    """A function that trains both networks on a batch (n, size, size, 3) in [-1, 1], and returns the generator's loss
    of that batch."""
    generator, discriminator = make_generator(size, kernel, slope), make_discriminator(size, kernel, slope)
    g_adam, d_adam = (keras.optimizers.Adam(learning_rate, beta_1=beta_1) for _ in range(2))
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    g_adam.build(generator.trainable_variables)
    d_adam.build(discriminator.trainable_variables)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def train_step(images: Any) -> Any:
        noise = tf.random.normal([tf.shape(images)[0], NOISE])
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            drawn = generator(noise, training=True)
            on_real = discriminator(images, training=True)
            on_drawn = discriminator(drawn, training=True)
            g_loss = entropy(tf.ones_like(on_drawn), on_drawn)
            d_loss = entropy(tf.ones_like(on_real), on_real) + entropy(tf.zeros_like(on_drawn), on_drawn)
        g_gradients = g_tape.gradient(g_loss, generator.trainable_variables)
        d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
        g_adam.apply_gradients(zip(g_gradients, generator.trainable_variables, strict=True))
        d_adam.apply_gradients(zip(d_gradients, discriminator.trainable_variables, strict=True))
        return g_loss

    return lambda images: float(train_step(tf.constant(images)))
