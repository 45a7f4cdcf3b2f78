#!/usr/bin/env bash
# onnxruntime 1.32.0 on Linux: a user's first session writes a device id and a database of events into the user's cache
# folder, without asking. A machine with a network would send them. A program that promises to stay offline, and to
# write only into its own folders, has to set ORT_DISABLE_TELEMETRY=1 before the import.
#
# Seen:
#   as it is: .cache/Microsoft/DeveloperTools/.onnxruntime/deviceid and …/onnxruntime.db
#   with ORT_DISABLE_TELEMETRY=1: nothing
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.19.1 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SESSION = """
import numpy as np, onnxruntime
from onnx import TensorProto, helper
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "graph", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
session.run(None, {"x": np.ones(1, np.float32)})
"""


def written(**settings):
    with tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
        subprocess.run([sys.executable, "-c", SESSION], env={**environment, "HOME": home, **settings}, check=True)
        return sorted(path.relative_to(home).as_posix() for path in Path(home).rglob("*") if path.is_file())


usual, quiet = written(), written(ORT_DISABLE_TELEMETRY="1")
print("as it is:", *usual)
print("with ORT_DISABLE_TELEMETRY=1:", *(quiet or ["nothing"]))
assert any(name.endswith("deviceid") for name in usual) and not quiet, "the files are others now"
PY
