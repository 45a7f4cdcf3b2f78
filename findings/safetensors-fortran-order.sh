#!/usr/bin/env bash
# safetensors 0.8.0: an array in Fortran order (such as a transposed kernel) is written in the order of its bytes in
# memory, with its own shape. Reading it back puts its numbers in other places, without an error or a warning.
#
# Seen:
#   written:   [[0, 1, 2], [3, 4, 5]]
#   read back: [[0, 3, 1], [4, 2, 5]]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import numpy as np
from safetensors.numpy import load, save

written = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
back = load(save({"kernel": written}))["kernel"]
print("written:  ", written.astype(int).tolist())
print("read back:", back.astype(int).tolist())
assert np.array_equal(load(save({"kernel": np.ascontiguousarray(written)}))["kernel"], written)
assert back.astype(int).tolist() == [[0, 3, 1], [4, 2, 5]], "Fortran-ordered arrays are written differently now"
PY
