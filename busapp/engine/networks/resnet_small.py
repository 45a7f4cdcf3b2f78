"""The small ResNet for histology patches of 50×50, as far as the paper on GAN and ResNet describes it.

Source: Zion and Tripathy, "Amalgamation of GAN and ResNet methods", Table 1. What the table says, and what is built:
- "Conv2D (25, 25, 64), 9,472": 64 filters of 7×7 on three colours with stride 2, and a bias. Built so.
- "BatchNormalization 256", "Activation", "MaxPooling2D (13, 13, 64)": built so; the pooling is 3×3 with stride 2.
- "Conv2D 4,160" and "Conv2D 36,928", both (13, 13, 64): filters of 1×1, and of 3×3. The table lists one of each and
  two normalisations after them, but 1,152 weights that are not trained are nine normalisations of 64 channels: one of
  the stem and eight more. Built are four residual blocks of two 3×3 convolutions each, which have eight. Network and
  table then have nearly the same number of weights: 307,395 and 308,323 (of which the rows of the table add up to
  80,099).
- "Conv2D (26, 26, 3), 771", "AveragePooling2D (3, 3, 3)", "Flatten (27)", "Dense (1800), 28,000": no layer can make
  26×26 of 13×13 with 771 weights but a transposed convolution of 2×2, and 1,800 outputs for 27 inputs need 50,400
  weights. Nothing of this leads to two classes. The mean over the picture and one linear layer stand in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from busapp.engine.networks.entry import HALVES, NetworkEntry, Options

if TYPE_CHECKING:
    from torch import Tensor, nn

    from busapp.engine.networks.layers.staged import Staged

CHANNELS: Final = 64
_BLOCKS: Final = 4


def stages() -> list[nn.Module]:
    """The stem and the blocks, from an image (n, 3, h, w) to (n, 64, h/4, w/4)."""
    from torch import nn

    from busapp.engine.networks.layers.blocks import ResidualBlock, convolution

    stem = nn.Sequential(
        convolution(3, CHANNELS, 7, stride=2, bias=True),
        nn.BatchNorm2d(CHANNELS),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    )
    return [stem, *(ResidualBlock(CHANNELS, bias=True) for _ in range(_BLOCKS))]


def _build(n_classes: int, _: Options, __: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers.staged import Staged, new_classifier

    return Staged(RESNET_SMALL, stages(), new_classifier(CHANNELS, n_classes))


RESNET_SMALL = NetworkEntry(
    name="resnet-small",
    title="Small ResNet",
    source="Zion and Tripathy, Table 1",
    build=_build,
    stages=5,
    texture_stages=3,
    stride=4,
    first_cell=0,
    least_size=16,
    parameters=306_243,
    mean=HALVES,
    std=HALVES,
    effort=1.3,
    differs="The table contradicts itself; the file networks/resnet_small.py says what was built in place of what.",
    paper="zion",
)
