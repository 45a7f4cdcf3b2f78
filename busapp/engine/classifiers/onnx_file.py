"""Writes a trained network as one ONNX file for diagnosis, with the normalisation inside and class activation maps as a
second output."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from busapp.engine.classifiers.activation_maps import look
from busapp.engine.classifiers.novelty import Familiar, Features
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.layers.simplifying import simplified
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.utils.files import write_atomically

OPSET = 18


@dataclass(frozen=True)
class Known:
    """The data that a model file keeps of the m training images of its network: their `features` (m, d) of unit length,
    the `usual` distance between them (`novelty.usual_distance`), and their `familiar` texture."""

    features: Features
    usual: float
    familiar: Familiar


class _Distances(nn.Module):
    """Distances (n, m) of features (n, d) from the known ones, in multiples of the usual distance.

    The known features are stored as int8 with one scale each. For BUSI they then take a quarter of the network's size
    instead of half of it, and distances are off by 1 % of the usual one.
    """

    def __init__(self, known: Known) -> None:
        super().__init__()
        scale = np.maximum(np.abs(known.features).max(axis=1, keepdims=True), 1e-12) / 127
        kept = np.rint(known.features / scale).astype(np.int8)
        self.register_buffer("kept", torch.from_numpy(kept))
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))
        squared = ((kept * scale) ** 2).sum(axis=1)
        self.register_buffer("squared", torch.from_numpy(squared.astype(np.float32)))
        self.usual = known.usual

    def forward(self, features: Tensor) -> Tensor:
        assert isinstance(self.kept, Tensor) and isinstance(self.scale, Tensor) and isinstance(self.squared, Tensor)
        known = self.kept.float() * self.scale
        return (1 + self.squared - 2 * normalize(features) @ known.T).clamp(min=0).sqrt() / self.usual


class _Novelty(nn.Module):
    """`Familiar.novelty` in torch: texture (n, d) to novelty (n,)."""

    def __init__(self, familiar: Familiar) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(familiar.mean))
        self.register_buffer("whitening", torch.from_numpy(familiar.whitening))

    def forward(self, texture: Tensor) -> Tensor:
        assert isinstance(self.mean, Tensor) and isinstance(self.whitening, Tensor)
        return (((texture - self.mean) @ self.whitening) ** 2).sum(1).sqrt()


class _Diagnosing(nn.Module):
    """From pixels uint8 (n, size, size, 3) to logits (n, classes), class activation maps (n, classes, h, w) and, if
    known images are given, distances (n, known) and novelty (n,).

    If `mirrored`, logits, maps and features are means over the image and its mirror image.
    """

    def __init__(self, network: Staged, known: Known | None, *, mirrored: bool) -> None:
        super().__init__()
        self.mirrored = mirrored
        self.network = network
        self.distances = _Distances(known) if known else None
        self.novelty = _Novelty(known.familiar) if known else None

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        logits, maps, pooled, texture = look(self.network, self.network.normalised(pixels), mirrored=self.mirrored)
        answers = logits, maps
        if self.distances is None or self.novelty is None:
            return answers
        return *answers, self.distances(pooled), self.novelty(texture)


def _converted(diagnosing: _Diagnosing, image_size: int) -> onnx.ModelProto:
    example = torch.zeros((2, image_size, image_size, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        # torch.export copies its own tree specifications in a way that torch has deprecated.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        program = torch.onnx.export(
            diagnosing,
            (example,),
            dynamo=True,
            input_names=["pixels"],
            output_names=["logits", "maps", *(["distances", "novelty"] if diagnosing.distances is not None else [])],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]  # stack traces, which name folders of the machine that exports
    return model


def write_onnx(
    network: Staged,
    path: Path,
    image_size: int,
    metadata: Mapping[str, Any],
    known: Known | None = None,
    *,
    mirrored: bool = False,
) -> None:
    """Write a network by the project's contract for models. `metadata` becomes the property `busapp`, as JSON.

    Input `pixels`: uint8 (n, image_size, image_size, 3), RGB; n is free. Outputs `logits`: float32 (n, classes), and
    `maps`: float32 (n, classes, h, w), as `Staged.class_maps` makes them. With `known` images also
    `distances`: float32 (n, known), and `novelty`: float32 (n,). A `mirrored` model answers with the mean over an image
    and its mirror image.

    Raises:
        NoSpace: the disk is full.
    """
    diagnosing = _Diagnosing(simplified(network), known, mirrored=mirrored).cpu().eval()
    model = _converted(diagnosing, image_size)
    model.metadata_props.add(key="busapp", value=json.dumps(dict(metadata), ensure_ascii=False))
    onnx.checker.check_model(model)
    write_atomically(path, model.SerializeToString())


def logits_of(network: Staged, pixels: Pixels, *, mirrored: bool = False) -> npt.NDArray[np.float32]:
    """Logits of the network itself, float32 (n, classes), for pixels uint8 (n, size, size, 3). If `mirrored`, they are
    means over each image and its mirror image. The exported file must give the same logits."""
    normal = network.cpu().normalised(torch.from_numpy(pixels))
    with torch.no_grad():
        logits = network.cpu().eval()(normal)
        if mirrored:
            logits = (logits + network(normal.flip(3))) / 2
    answers: npt.NDArray[np.float32] = logits.numpy()
    return answers
