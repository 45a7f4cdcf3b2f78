#!/usr/bin/env bash
# Keras 3.15.1: SpectralNormalization overwrites the layer's kernel with the divided kernel at every training pass. The
# size of the kernel is lost for good: a kernel of norm 10 has norm 1 after one pass, before any optimiser saw it. The
# division is not part of the forward pass, so no gradient flows through it. Miyato et al. 2018 and torch divide during
# the forward pass and leave the kernel unchanged. A GAN that was ported from torch trains differently.
#
# Seen: largest change of the stored kernel by five forward passes, without an optimiser:
#   keras 9.0, torch 0.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 torch==2.13.0 numpy==2.3.5
cd "$work"
export KERAS_BACKEND=torch
"$work/venv/bin/python" - <<'PY'
import keras
import numpy as np
import torch

kernel = np.diag([10.0, 5.0, 1.0])[:, :2].astype(np.float32)
images = np.eye(3, dtype=np.float32)

wrapped = keras.layers.SpectralNormalization(keras.layers.Dense(2, use_bias=False))
wrapped(images, training=False)
wrapped.layer.kernel.assign(kernel)
for _ in range(5):
    wrapped(images, training=True)
by_keras = np.abs(keras.ops.convert_to_numpy(wrapped.layer.kernel) - kernel).max()

plain = torch.nn.Linear(3, 2, bias=False)
plain.weight.data = torch.tensor(kernel.T.copy())
plain = torch.nn.utils.parametrizations.spectral_norm(plain)
for _ in range(5):
    plain(torch.tensor(images))
by_torch = (plain.parametrizations.weight.original.detach() - torch.tensor(kernel.T.copy())).abs().max().item()

print(f"largest change of the stored kernel by five forward passes: keras {by_keras:.1f}, torch {by_torch:.1f}")
assert by_keras > 8.9 and by_torch == 0, "one of the two treats the stored kernel differently now"
PY
