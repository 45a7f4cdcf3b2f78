"""The convolutions of a GAN's discriminator as features for a classifier."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from busapp.engine.networks.entry import Options
from busapp.engine.networks.layers.blocks import Channels, OnGrid, padded_convolution
from busapp.engine.networks.layers.fixed import Fixed
from busapp.engine.networks.plan import Array
from busapp.errors import BadInput

DEPTHS: Final = (3, 32, 64, 128)
"""Channels of the image and of the discriminator's blocks (Samrin 2024, Figure 10)."""
CHANNELS: Final = sum(DEPTHS[1:])
_CONVOLUTION: Final = {"weight": "kernel", "bias": "bias"}
_NORMALISATION: Final = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}
"""Names of weights in torch and in a discriminator's file."""


class Discriminator(Fixed):
    """The maps after each block of a discriminator, (n, 224, h/4, w/4), of images in [-1, 1], (n, 3, h, w).

    A block is a convolution of stride 2, batch normalisation and LeakyReLU. The first map is averaged over 2×2 cells
    and the last one enlarged, so that all lie on the grid of the second one. For images that are made smaller first,
    all are enlarged again. The weights come from a file of the GAN's training (`gan.discriminator_file`); until then
    the maps are 0.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.shrink = nn.AvgPool2d(options.shrunk) if options.shrunk > 1 else nn.Identity()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *padded_convolution(inputs, outputs, options.kernel_size, 2, bias=True),
                nn.BatchNorm2d(outputs, eps=1e-3),
                nn.LeakyReLU(options.leak),
            )
            for inputs, outputs in pairwise(DEPTHS)
        )
        self.coarser = nn.AvgPool2d(2)
        self.on_grid = OnGrid(options.shrunk)
        self.fix()
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.zero_()

    def forward(self, images: Tensor) -> Tensor:
        first, second, third = self.maps(images)
        return torch.cat([self.on_grid(each, second) for each in (self.coarser(first), second, third)], 1)

    def maps(self, images: Tensor) -> list[Tensor]:
        """The maps after the blocks, each on its own grid."""
        found = [self.shrink(images)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found[1:]


class Beside(nn.Module):
    """The first stage of a network that is fused with a discriminator: the maps of the discriminator, followed by those
    of the network's own first stage, on the latter's grid."""

    def __init__(self, discriminator: Discriminator, stage: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.stage = stage
        self.on_grid = OnGrid()

    def forward(self, images: Tensor) -> Tensor:
        own = self.stage(images)
        return torch.cat([self.on_grid(self.discriminator(images), own), own], 1)


class Passing(nn.Module):
    """A later stage of such a network. It passes the maps of the discriminator on and computes with its own."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.passed, self.own = Channels(0, CHANNELS), Channels(CHANNELS, None)
        self.stage = stage

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([self.passed(maps), self.stage(self.own(maps))], 1)


def beside(discriminator: Discriminator, stages: Iterable[nn.Module]) -> list[nn.Module]:
    """The stages of a network, fused with a discriminator: both have their maps before the last layer."""
    first, *later = stages
    return [Beside(discriminator, first), *(Passing(stage) for stage in later)]


def use_discriminator(network: nn.Module, weights: Mapping[str, Array]) -> None:
    """Put the weights of a discriminator into the network that it is a part of.

    `weights` are those of a file of the GAN's training (`gan.discriminator_file`): for each block `number/kernel`
    (height, width, in, out), and `number/bias`, `/gamma`, `/beta`, `/mean` and `/variance` (out,), all float32.

    Raises:
        BadInput: they do not fit.
    """
    (found,) = (part for part in network.modules() if isinstance(part, Discriminator))
    try:
        found.load_state_dict(dict(_by_torch_names(found, weights)))
    except (KeyError, RuntimeError) as error:
        raise BadInput(
            "The discriminator of a generator does not fit the network", remedy="Train the generator again."
        ) from error


def _by_torch_names(discriminator: Discriminator, weights: Mapping[str, Array]) -> Iterator[tuple[str, Tensor]]:
    names = {nn.Conv2d: _CONVOLUTION, nn.BatchNorm2d: _NORMALISATION}
    for number, block in enumerate(discriminator.blocks):
        for place, layer in block.named_children():
            for ours, theirs in names.get(type(layer), {}).items():
                array = weights[f"{number}/{theirs}"]
                array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
                yield f"blocks.{number}.{place}.{ours}", torch.from_numpy(np.ascontiguousarray(array))
            if isinstance(layer, nn.BatchNorm2d):
                yield f"blocks.{number}.{place}.num_batches_tracked", torch.tensor(0)
