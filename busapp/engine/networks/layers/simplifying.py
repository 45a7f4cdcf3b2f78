"""Networks as few and plain layers, and as numbers."""

import copy
import operator
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.utils import fuse_conv_bn_eval

from busapp.engine.networks.layers.blocks import Channels, OnGrid
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.networks.plan import PIXELS, Padding, Plan, Step


class Clip(nn.Module):
    """ReLU6 as one operation. torch takes long to take the one in place apart."""

    def forward(self, values: Tensor) -> Tensor:
        return values.clamp(0.0, 6.0)


def simplified(network: Staged) -> Staged:
    """A copy of a network, on the CPU and in evaluation mode, that computes the same in fewer steps: batch
    normalisation is folded into the convolution before it. It becomes an ONNX file in less than half the time."""
    copied = copy.deepcopy(network).cpu().eval()
    for part in list(copied.modules()):
        children = list(part.named_children())
        for name, child in children:
            if isinstance(child, nn.ReLU6):
                setattr(part, name, Clip())
        # torchvision's blocks list their layers in the order in which they are used, too.
        for (first, convolution), (second, normalisation) in pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                setattr(part, first, fuse_conv_bn_eval(convolution, normalisation))
                setattr(part, second, nn.Identity())
    return copied


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, Clip | OnGrid | Channels) or super().is_leaf_module(module, name)


def plan_of(network: Staged, size: int) -> Plan:
    """A network in numbers, for images of this size.

    Raises:
        NotImplementedError: it has a layer that `Step` does not know.
    """
    plain = simplified(network)
    graph = fx.GraphModule(plain.features, _Tracer().trace(plain.features))
    with torch.no_grad():
        ShapeProp(graph).propagate(torch.zeros(1, 3, size, size))
    last = plain.classifier[1]
    numbers = (plain.mean, plain.std, last.weight, last.bias)
    mean, std, weight, bias = (_array(value) for value in numbers)
    return Plan(tuple(_steps(graph)), mean, std, weight, bias)


def _array(value: Any) -> Any:
    return value.detach().float().numpy().copy()


def _steps(graph: fx.GraphModule) -> Iterator[Step]:
    same: dict[str, str] = {}
    """Names of nodes that change nothing, and of what they pass on."""
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            same[node.name] = PIXELS
            continue
        inputs = tuple(same.get(one.name, one.name) for one in node.all_input_nodes)
        if isinstance(_layer(graph, node), OnGrid) and _grid(node) == _grid(node.all_input_nodes[0]):
            same[node.name] = inputs[0]
            continue
        if node.op == "call_function" and node.target is operator.add:
            yield Step(node.name, "add", inputs)
        elif node.op == "call_function" and node.target is torch.cat:
            yield Step(node.name, "join", inputs)
        elif node.op == "call_module":
            layer = graph.get_submodule(node.target)
            if isinstance(layer, nn.Identity | nn.Dropout):
                same[node.name] = inputs[0]
            else:
                yield _step_of(node, layer, inputs)
        elif node.op != "output":
            raise NotImplementedError(f"{node.op} {node.target}")


def _layer(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _grid(node: fx.Node) -> tuple[int, ...]:
    """Height and width of a node's output."""
    return tuple(node.meta["tensor_meta"].shape[-2:])


def _step_of(node: fx.Node, layer: nn.Module, inputs: tuple[str, ...]) -> Step:
    match layer:
        case nn.Conv2d():
            above, left = (int(side) for side in layer.padding)
            bias = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias
            return Step(
                node.name,
                "convolution",
                inputs,
                kernel=_array(layer.weight),
                bias=_array(bias),
                size=layer.kernel_size[0],
                stride=layer.stride[0],
                padding=(above, above, left, left),
            )
        case nn.MaxPool2d():
            return Step(
                node.name,
                "pool",
                inputs,
                size=_side(layer.kernel_size),
                stride=_side(layer.stride),
                padding=_padding_of_pool(node, layer),
            )
        case nn.AvgPool2d():
            return Step(node.name, "average", inputs, size=_side(layer.kernel_size), stride=_side(layer.stride))
        case OnGrid():
            return Step(node.name, "resize", inputs[:1], grid=_grid(node))
        case Channels():
            return Step(node.name, "channels", inputs, channels=(layer.begin, layer.end))
        case nn.LeakyReLU():
            return Step(node.name, "leaky", inputs, slope=layer.negative_slope)
        case nn.ZeroPad2d():
            left, right, above, below = layer.padding
            return Step(node.name, "pad", inputs, padding=(above, below, left, right))
        case nn.ReLU():
            return Step(node.name, "relu", inputs)
        case Clip():
            return Step(node.name, "relu6", inputs)
        case _:
            raise NotImplementedError(type(layer).__name__)


def _side(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]


def _padding_of_pool(node: fx.Node, layer: nn.MaxPool2d) -> Padding:
    """Padding with which a pooling that rounds down has as many cells as this one, which may round up."""
    before, after = (one.meta["tensor_meta"].shape[-1] for one in (node.all_input_nodes[0], node))
    pad, size, stride = _side(layer.padding), _side(layer.kernel_size), _side(layer.stride)
    beyond = max(0, (after - 1) * stride + size - before - pad)
    return pad, beyond, pad, beyond
