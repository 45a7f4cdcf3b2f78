#!/usr/bin/env bash
# Keras 3.15.1 on TensorFlow 2.21.0: an optimiser applied inside a tf.function sums gradients over replicas through a
# custom gradient. TensorFlow registers this gradient for the life of the process. The registry keeps the graph and all
# variables of every network that was ever trained. A process that trains twenty generators one after another keeps all
# of them in memory. If the sum is replaced (there is only one replica), the graph is freed.
#
# Seen:
#   as it is:                        the graph is kept
#   without the sum over replicas:   the graph is freed
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cd "$work"
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3
"$work/venv/bin/python" - <<'PY'
import gc
import weakref

import keras
import tensorflow as tf


def train_and_forget(sum_over_replicas):
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(network.trainable_variables)
    if not sum_over_replicas:
        optimizer._all_reduce_sum_gradients = lambda pairs: pairs

    @tf.function(autograph=False)
    def step(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(batch) ** 2)
        weights = [variable.value for variable in network.trainable_variables]
        optimizer.apply(tape.gradient(loss, weights), network.trainable_variables)
        return loss

    compiled = step.get_concrete_function(tf.TensorSpec((None, 4)))
    compiled(tf.ones((2, 4)))
    return weakref.ref(compiled.graph)


def is_kept(graph):
    gc.collect()
    gc.collect()
    return graph() is not None


usual, changed = is_kept(train_and_forget(True)), is_kept(train_and_forget(False))
print("as it is:                       the graph is", "kept" if usual else "freed")
print("without the sum over replicas:  the graph is", "kept" if changed else "freed")
assert usual and not changed, "Keras and TensorFlow keep graphs differently now"
PY
