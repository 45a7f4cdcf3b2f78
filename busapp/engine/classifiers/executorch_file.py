"""ExecuTorch files of a network, in float32 and in 8-bit integers, and running them.

Both files take the same uint8 pixels, one image at a time, and have the same two float32 outputs as the files for
TensorFlow Lite: `probabilities` (1, classes), calibrated, and `maps` (1, classes, h, w). ExecuTorch's XNNPACK backend
computes them on the CPU.

This module needs the extra `executorch`. Warnings are off while ExecuTorch works, and its messages go to the log: it
announces what torch has deprecated, and which of its libraries are for other machines.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.layers.simplifying import Clip, simplified
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.utils.quiet import native_messages_logged, no_warnings

with no_warnings(), native_messages_logged():
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime
    from torchao.quantization.pt2e import PerChannelMinMaxObserver
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation
    from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

    Runtime.get()

OUTPUTS = ("probabilities", "maps")
"""The outputs of a file, in their order. The file itself does not name them."""
_LEAST_STEP = 2**-20
"""Smallest step of rounded weights. ExecuTorch's own, 2**-12, is too coarse for kernels whose weights are all small."""


class _ForPhones(nn.Module):
    """From pixels uint8 (1, size, size, 3) to `OUTPUTS`. If `mirrored`, they are means over the image and its mirror
    image, which the network sees as a batch of two."""

    def __init__(self, network: Staged, *, mirrored: bool, temperature: float) -> None:
        super().__init__()
        last = network.classifier[1]
        assert isinstance(last, nn.Linear)
        self.network = network
        self.head = nn.Conv2d(last.in_features, last.out_features, 1, bias=False)
        self.head.weight.data.copy_(last.weight.data[:, :, None, None])
        self.register_buffer("bias", last.bias.detach().clone())
        self.mirrored, self.temperature = mirrored, temperature

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        normal = self.network.normalised(pixels)
        if self.mirrored:
            normal = torch.cat([normal, normal.flip(3)])
        maps = self.head(self.network.features(normal))
        if self.mirrored:
            maps = (maps[:1] + maps[1:].flip(3)) / 2
        assert isinstance(self.bias, Tensor)
        logits = maps.mean((2, 3), keepdim=True).flatten(1) + self.bias
        return torch.softmax(logits / self.temperature, 1), maps


class _Quantizer(XNNPACKQuantizer):  # type: ignore[misc]
    """Rounds all stages of a network. The last layer stays in float32: it is small, and its answers are the result.

    A convolution and the ReLU6 after it are one operation, as XNNPACK computes them. ExecuTorch's own quantiser would
    spend most of the 256 steps on values that ReLU6 then cuts off.
    """

    def __init__(self) -> None:
        super().__init__()
        config = get_symmetric_quantization_config(is_per_channel=True)
        observer = PerChannelMinMaxObserver.with_args(eps=_LEAST_STEP)
        self.set_global(replace(config, weight=replace(config.weight, observer_or_fake_quant_ctr=observer)))
        self.set_filter_function(lambda node: not _is_in_head(node))

    def annotate(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
        for node in model.graph.nodes:
            if node.target == torch.ops.aten.hardtanh.default and node.args[0].target == torch.ops.aten.conv2d.default:
                self._annotate_pair(node.args[0], node)
        annotated: torch.fx.GraphModule = super().annotate(model)
        return annotated

    def _annotate_pair(self, convolution: torch.fx.Node, clip: torch.fx.Node) -> None:
        config = self.global_config
        assert config is not None
        values, kernel, bias = convolution.args[:3]
        inputs = {values: config.input_activation, kernel: config.weight, bias: config.bias}
        convolution.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(input_qspec_map=inputs, _annotated=True)
        output = config.output_activation
        clip.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(output_qspec=output, _annotated=True)


def _is_in_head(node: torch.fx.Node) -> bool:
    return any(name == "head" for name, _ in node.meta.get("nn_module_stack", {}).values())


def to_float32(network: Staged, image_size: int, *, mirrored: bool = False, temperature: float = 1.0) -> bytes:
    """Convert a network to a file that computes in float32."""
    with no_warnings():
        return _lowered(_for_phones(network, mirrored, temperature), image_size)


def to_int8(
    network: Staged,
    image_size: int,
    images: Callable[[], Iterable[Pixels]],
    *,
    mirrored: bool = False,
    temperature: float = 1.0,
) -> bytes:
    """Convert a network to a file whose stages compute in 8-bit integers. This changes the network.

    Weights are rounded for each output channel. The values between the layers are rounded by their ranges on `images`:
    at most a few hundred, uint8 (size, size, 3), without labels. The images are read twice; an error in reading them
    ends the conversion.
    """
    with no_warnings(), torch.no_grad():
        plain = _for_phones(network, mirrored, temperature)
        _correct_biases(plain, images())
        observed = prepare_pt2e(torch.export.export(plain, _example(image_size)).module(), _Quantizer())
        for pixels in images():
            observed(torch.from_numpy(pixels[None]))
        return _lowered(convert_pt2e(observed), image_size)


def _correct_biases(module: _ForPhones, images: Iterable[Pixels]) -> None:
    """Change the biases of the stages' convolutions. Afterwards, with kernels rounded as the quantiser rounds them, the
    mean outputs over the images equal those with exact kernels.

    Source: Nagel et al. 2019, section 4.2, as for TensorFlow Lite (`export.phone.rounding`). Measured on a MobileNetV2
    and 60 images, with the rounded network computed by torch: the mean difference of a probability is 0.016 instead of
    0.024.
    """
    layers = [layer for layer in module.network.features.modules() if isinstance(layer, nn.Conv2d)]
    sums: dict[nn.Module, Tensor] = {}

    def add(layer: nn.Module, taken: tuple[Tensor]) -> None:
        sums[layer] = sums.get(layer, torch.zeros(())) + taken[0].mean(0, keepdim=True)

    hooks = [layer.register_forward_pre_hook(add) for layer in layers]
    count = 0
    for pixels in images:
        module(torch.from_numpy(pixels[None]))
        count += 1
    for hook in hooks:
        hook.remove()
    for layer in layers if count else []:
        kernel = layer.weight
        step = (kernel.abs().amax((1, 2, 3), keepdim=True) / 127).clamp(min=_LEAST_STEP)
        error = kernel - (kernel / step).round() * step
        # A mean's convolution is the convolutions' mean.
        shift = layer._conv_forward(sums[layer] / count, error, None).mean((0, 2, 3))
        bias = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias
        layer.bias = nn.Parameter(bias + shift, requires_grad=False)


def _for_phones(network: Staged, mirrored: bool, temperature: float) -> _ForPhones:
    """A copy of the network in the layers and the memory order that ExecuTorch knows."""
    plain = simplified(network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for part in list(plain.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, Clip):
                setattr(part, name, nn.Hardtanh(0.0, 6.0))
    return _ForPhones(plain, mirrored=mirrored, temperature=temperature).eval()


def _lowered(module: nn.Module, image_size: int) -> bytes:
    program = torch.export.export(module, _example(image_size))
    return bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def _example(image_size: int) -> tuple[Tensor]:
    return (torch.zeros((1, image_size, image_size, 3), dtype=torch.uint8),)


class ExecuTorchModel:
    """A file that is ready to run. Threads must not share it."""

    def __init__(self, content: bytes) -> None:
        self._program: Any = Runtime.get().load_program(content)
        self._method = self._program.load_method("forward")

    def run(self, pixels: Pixels) -> dict[str, Any]:
        """Compute `OUTPUTS` by name, float32 (n, classes) and (n, classes, h, w), of uint8 (n, size, size, 3), one
        image after another."""
        each = [self._method.execute([torch.from_numpy(image[None])]) for image in pixels]
        return {name: torch.cat(values).numpy() for name, values in zip(OUTPUTS, zip(*each, strict=True), strict=True)}

    def outputs(self) -> dict[str, int]:
        """Index of each output by its name."""
        return {name: place for place, name in enumerate(OUTPUTS)}
