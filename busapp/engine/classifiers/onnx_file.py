"""A trained network as one ONNX file that diagnoses: normalisation inside, class activation maps beside the logits."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from busapp.engine.classifiers.store import normalised
from busapp.engine.files import write_atomically
from busapp.engine.preprocessing import Pixels

OPSET = 18


class _Diagnosing(nn.Module):
    """uint8 (n, size, size, 3) to logits (n, classes) and class activation maps (n, classes, h, w).

    Average pooling and the linear layer commute, so that a map's mean and its class's bias are the logit. Where
    `mirrored`, logits and maps are the means of those of the image and of its mirror image.
    """

    def __init__(self, network: nn.Module, *, mirrored: bool) -> None:
        super().__init__()
        self.mirrored = mirrored
        self.features = network.get_submodule("features")
        self.last = network.get_submodule("classifier.1")

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        weights, bias = self.last.weight, self.last.bias
        assert isinstance(weights, Tensor) and isinstance(bias, Tensor)
        normal = normalised(pixels)
        maps = conv2d(self.features(normal), weights[:, :, None, None])
        if self.mirrored:
            maps = (maps + conv2d(self.features(normal.flip(3)), weights[:, :, None, None]).flip(3)) / 2
        return maps.mean((2, 3)) + bias, maps


def _converted(diagnosing: nn.Module, image_size: int) -> onnx.ModelProto:
    example = torch.zeros((2, image_size, image_size, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        # torch.export copies tree specifications of its own in a way that it has deprecated itself
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        program = torch.onnx.export(
            diagnosing,
            (example,),
            dynamo=True,
            input_names=["pixels"],
            output_names=["logits", "maps"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]  # stack traces, with the folders of whoever exported the model
    return model


def write_onnx(
    network: nn.Module, path: Path, image_size: int, metadata: Mapping[str, Any], *, mirrored: bool = False
) -> None:
    """Write a MobileNetV2 after the project's contract of a model; `metadata` becomes its property `busapp`, as JSON.

    Input `pixels`: uint8 (n, image_size, image_size, 3), RGB. Outputs `logits`: float32 (n, classes), and `maps`:
    float32 (n, classes, h, w), whose means with the last layer's bias are the logits. n is free. A `mirrored` model
    answers with the mean over an image and its mirror image.

    Raises:
        NoSpace: the disk is full.
    """
    diagnosing = _Diagnosing(network, mirrored=mirrored).cpu().eval()
    model = _converted(diagnosing, image_size)
    model.metadata_props.add(key="busapp", value=json.dumps(dict(metadata), ensure_ascii=False))
    onnx.checker.check_model(model)
    write_atomically(path, model.SerializeToString())


def logits_of(network: nn.Module, pixels: Pixels, *, mirrored: bool = False) -> npt.NDArray[np.float32]:
    """What the network itself answers, float32 (n, classes), to pixels uint8 (n, size, size, 3), by its recipe averaged
    with what it answers to their mirror images: the exported file has to answer the same."""
    normal = normalised(torch.from_numpy(pixels))
    with torch.no_grad():
        logits = network.cpu().eval()(normal)
        if mirrored:
            logits = (logits + network(normal.flip(3))) / 2
    answers: npt.NDArray[np.float32] = logits.numpy()
    return answers
