"""The ONNX file gives the same answers as the network."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.onnx_file import write_onnx
from busapp.engine.settings import ValidateSettings


def test_the_file_agrees_with_the_network(tmp_path: Path) -> None:
    settings = ValidateSettings(pretrained=False, width=0.25, image_size=64)
    network = build(3, settings, seed=0)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    images = network.normalised(torch.from_numpy(pixels))
    with torch.no_grad():
        network.get_submodule("classifier.1").weight.mul_(1000)  # type: ignore[operator, union-attr]
        network.get_parameter("classifier.1.bias").copy_(torch.tensor([1.0, -2.0, 3.0]))
        network.train()(images)  # so that batch normalisation has something to do
        expected = network.eval()(images).numpy()
    path = tmp_path / "models" / "m.onnx"
    write_onnx(network, path, 64, {"format": 1, "classes": ["benign", "bösartig", "normal"]})

    assert b"onnx_file.py" not in path.read_bytes(), "the file names the folders in which it was made"
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("pixels", "tensor(uint8)", [64, 64, 3])
    assert [output.name for output in session.get_outputs()] == ["logits", "maps"]
    properties = json.loads(session.get_modelmeta().custom_metadata_map["busapp"])
    assert properties["classes"] == ["benign", "bösartig", "normal"]
    for n in (1, 5):
        logits, maps = session.run(None, {"pixels": pixels[:n]})
        assert logits.dtype == maps.dtype == np.float32
        assert maps.shape == (n, 3, 2, 2)
        assert np.ptp(expected) > 1
        assert logits == pytest.approx(expected[:n], abs=1e-4)
        bias = network.get_parameter("classifier.1.bias").detach().numpy()
        assert maps.mean((2, 3)) + bias == pytest.approx(logits, abs=1e-5)
