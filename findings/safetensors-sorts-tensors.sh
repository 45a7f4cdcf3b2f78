#!/usr/bin/env bash
# safetensors 0.8.0: a file gives its tensors back in another order than they were saved in: by their type first, and then
# by their names as text, so that layer_10 comes before layer_2 and the whole numbers of batch normalisation come first.
# Weights that are published under other names than a network's own (EfficientNet-Lite's, for instance) are often
# put into it by their place in the list. From a .pth that works. Saved again as .safetensors, the same code puts weights of
# the same shape into each other's layers without a word.
#
# Seen, for tensors saved as layer_1 (float32), layer_2 (float32), layer_2_count (int64), layer_10 (float32):
#   layer_2_count, layer_1, layer_10, layer_2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import numpy as np
from safetensors.numpy import load_file, save_file

saved = {
    "layer_1": np.full(3, 1, np.float32),
    "layer_2": np.full(3, 2, np.float32),
    "layer_2_count": np.full(1, 7, np.int64),
    "layer_10": np.full(3, 10, np.float32),
}
save_file(saved, "weights.safetensors")
loaded = load_file("weights.safetensors")
print("saved: ", ", ".join(saved))
print("loaded:", ", ".join(loaded))
assert all(np.array_equal(saved[name], loaded[name]) for name in saved)
assert list(loaded) == ["layer_2_count", "layer_1", "layer_10", "layer_2"], "safetensors keeps another order now"

by_place = dict(zip(saved, loaded.values()))
wrong = [name for name in saved if not np.array_equal(saved[name], by_place[name])]
print("by their places, wrong:", ", ".join(wrong))
assert "layer_10" in wrong
PY
