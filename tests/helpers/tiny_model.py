"""A model file that tests can make quickly and whose answers they know."""

import json
from collections.abc import Sequence
from pathlib import Path

CLASSES = ["benign", "malignant", "normal"]
SIZE = 32
PROVENANCE = {
    "run": "r1",
    "study": "Phantoms",
    "phantoms": True,
    "system": "system1",
    "protocol": "strict",
    "epochs": 2,
    "n_images": 24,
    "n_groups": 20,
    "n_synthetic": 0,
    "class_counts": {"benign": 8, "malignant": 8, "normal": 8},
    "accuracy": 0.75,
    "accuracy_ci95": [0.55, 0.88],
    "leaks": {"groups_split": 0},
    "busapp": "0.1.0",
    "created": "2026-01-01T00:00:00+00:00",
}


KNOWN_LOGIT, OTHER_LOGIT = 2.4, 0.4
"""The network's answer to an image that has 220 in the channel of its class in one half, and 20 elsewhere."""


def write_model(path: Path, *, known: Sequence[tuple[str, str]] = (), **changes: object) -> Path:
    """Write a network whose class maps are the three colour channels in 4×4 cells, and whose logits are their means.

    `known` are content hash and class of the images that it was "trained on". The network gives each of them a logit of
    `KNOWN_LOGIT` for its class, plus a tenth for each known image before it, and `OTHER_LOGIT` for the other classes.
    The distance of an image to a known one is the distance of their logits; its novelty is the distance to the nearest.
    `changes` go into the description: `conformal`, `novelty`, `temperature`...
    """
    import onnx
    from onnx import TensorProto, helper

    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 3, 4, 4])
    outputs = [logits, maps]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["channels"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Mul", ["cells", "scale"], ["maps"]),
        helper.make_node("ReduceMean", ["maps", "axes"], ["logits"], keepdims=0),
    ]
    constants = [
        helper.make_tensor("scale", TensorProto.FLOAT, [1], [0.02]),
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
    ]
    if known:
        outputs.append(helper.make_tensor_value_info("distances", TensorProto.FLOAT, ["n", len(known)]))
        outputs.append(helper.make_tensor_value_info("novelty", TensorProto.FLOAT, ["n"]))
        nodes += [
            helper.make_node("Unsqueeze", ["logits", "middle"], ["rows"]),
            helper.make_node("Sub", ["rows", "known"], ["differences"]),
            helper.make_node("ReduceL2", ["differences", "last"], ["distances"], keepdims=0),
            helper.make_node("ReduceMin", ["distances", "middle"], ["novelty"], keepdims=0),
        ]
        centres = [
            KNOWN_LOGIT + 0.1 * number if name == class_name else OTHER_LOGIT
            for number, (_, class_name) in enumerate(known)
            for name in CLASSES
        ]
        constants += [
            helper.make_tensor("middle", TensorProto.INT64, [1], [1]),
            helper.make_tensor("last", TensorProto.INT64, [1], [2]),
            helper.make_tensor("known", TensorProto.FLOAT, [1, len(known), len(CLASSES)], centres),
        ]
    graph = helper.make_graph(nodes, "channels", [pixels], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    about = {
        "format": 1,
        "classes": CLASSES,
        "image_size": SIZE,
        "temperature": 1.0,
        "map_shift": 0.0,
        "provenance": PROVENANCE,
        "known": [(sha256, class_name) for sha256, class_name in known],
        **changes,
    }
    helper.set_model_props(model, {"busapp": json.dumps(about)})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
