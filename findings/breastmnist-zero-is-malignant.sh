#!/usr/bin/env bash
# MedMNIST 3.0.2: in BreastMNIST, label 1 is 'normal, benign' and label 0 is malignant. scikit-learn's recall_score,
# precision_score and average_precision_score take 1 for the positive class by default, and so do most loss weights.
# They then measure how well healthy breasts are found, and call it sensitivity. Other sets of the collection have it
# the other way round: in PneumoniaMNIST, 1 is the disease.
#
# Seen: breastmnist {'0': 'malignant', '1': 'normal, benign'}, pneumoniamnist {'0': 'normal', '1': 'pneumonia'}
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check medmnist==3.0.2 --no-deps
cd "$work"
"$work/venv/bin/python" - <<'PY'
import ast
from pathlib import Path
import importlib.util

# Read as text: the package itself imports torch.
source = Path(importlib.util.find_spec("medmnist").submodule_search_locations[0], "info.py").read_text(encoding="utf-8")
info = next(
    node.value
    for node in ast.parse(source).body
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "INFO"
)
labels = {}
for name, entry in zip(info.keys, info.values):
    for key, value in zip(entry.keys, entry.values):
        if key.value == "label":
            labels[name.value] = ast.literal_eval(value)
for name in ("breastmnist", "pneumoniamnist"):
    print(name, labels[name])
assert labels["breastmnist"] == {"0": "malignant", "1": "normal, benign"}
assert labels["pneumoniamnist"] == {"0": "normal", "1": "pneumonia"}
PY
