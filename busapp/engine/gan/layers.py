"""Layers that Keras lacks, or that are faster here. Only networks in training have them. They are never saved: saved
networks have Keras' own layers with the same weights."""

from functools import cache
from typing import Any

import numpy as np

Layer = Any


@cache
def normalisation(keras: Any) -> type[Layer]:
    """Return a layer class: batch normalisation of images (n, height, width, channels) by the framework's own
    operation. Keras composes it of means and products, which takes longer: see `benchmarks/RESULTS.md`."""
    moments_and_output = _tensorflow_moments if keras.backend.backend() == "tensorflow" else _torch_moments

    class FastBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not training:
                return super().call(inputs, training=False)
            mean, variance, outputs = moments_and_output(inputs, self.gamma.value, self.beta.value, self.epsilon)
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + new * (1.0 - self.momentum))
            return outputs

    return FastBatchNormalization


def _tensorflow_moments(inputs: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(inputs, gamma, beta, epsilon=epsilon, is_training=True)
    n = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
    return mean, variance * (n - 1) / n, outputs  # Keras keeps the variance without Bessel's correction


def _torch_moments(inputs: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    import torch

    mean, variance = torch.zeros_like(gamma), torch.zeros_like(gamma)
    outputs = torch.nn.functional.batch_norm(
        inputs.permute(0, 3, 1, 2), mean, variance, gamma, beta, training=True, momentum=1.0, eps=epsilon
    )
    n = inputs.numel() // inputs.shape[-1]
    return mean, variance * (n - 1) / n, outputs.permute(0, 2, 3, 1)


@cache
def spectral(keras: Any, layer: type[Layer]) -> type[Layer]:
    """Return a variant of the layer class `Conv2D` or `Dense` with spectral normalisation.

    The kernel, as a matrix (all other axes, outputs), is divided by its largest singular value, which one power
    iteration in each pass approximates.

    Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", algorithm 1. Keras' own
    wrapper overwrites the kernel at every pass instead, so that its gradient ignores the division.
    """
    ops = keras.ops

    class Spectral(layer):  # type: ignore[misc]
        def __init__(self, *arguments: Any, seed: int, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._seed = seed

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            start = np.random.default_rng(self._seed).standard_normal(self.kernel.shape[-1]).astype(np.float32)
            self.direction = self.add_weight(
                name="direction",
                shape=start.shape,
                initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype=dtype),
                trainable=False,
            )

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            kernel = ops.cast(self._normalised(training), self.compute_dtype)
            if layer is keras.layers.Dense:
                outputs = ops.matmul(inputs, kernel)
            else:
                outputs = ops.conv(inputs, kernel, strides=self.strides, padding=self.padding)
            return outputs if self.bias is None else outputs + ops.cast(self.bias, self.compute_dtype)

        def effective_kernel(self) -> Any:
            """The kernel as it is applied."""
            return self._normalised(training=False)

        def _normalised(self, training: bool | None) -> Any:
            matrix = ops.reshape(self.kernel.value, (-1, self.kernel.shape[-1]))
            left = ops.stop_gradient(_unit(ops, ops.matmul(matrix, self.direction.value)))
            right = ops.stop_gradient(_unit(ops, ops.matmul(left, matrix)))
            if training:
                self.direction.assign(right)
            return self.kernel.value / ops.dot(left, ops.matmul(matrix, right))

    return Spectral


def _unit(ops: Any, vector: Any) -> Any:
    return vector / (ops.norm(vector) + 1e-12)
