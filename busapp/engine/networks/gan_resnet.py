"""The network of the paper on GAN and ResNet, and the discriminator alone, as a rival.

Source: Zion and Tripathy, "Amalgamation of GAN and ResNet methods", section 3. What the paper says, and what is built:
- "Train a GAN architecture on the pre-processed dataset": one DCGAN on the training images of all classes, besides
  those that draw more images of a class (`system2`). Under `strict` each fold has its own.
- "the discriminator's convolutional layers … extracted feature maps that encapsulate the discriminator's response": the
  maps after every block of the discriminator, which keeps its weights. The paper also says that "the generator network
  extracts relevant features from the generated images"; a generator cannot take an image, so that was not built.
- "By adding the ResNet model to the feature extraction step of the GAN": the maps of both lie side by side, and their
  means over the picture go through one linear layer. The paper does not say how they are combined.
- "ResNet": that of Table 1 (`resnet_small`). The text also names 34 layers, and ResNet-50 as a rival.
- "we customize the classification layer … loss function … unequal distribution of classes": the recipe `histology`
  weights the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from busapp.engine.networks.cnn import CNN
from busapp.engine.networks.entry import HALVES, NetworkEntry, Options, Rivals
from busapp.engine.networks.resnet_small import CHANNELS, RESNET_SMALL, stages

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged


def _build(n_classes: int, options: Options, _: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers import discriminator
    from busapp.engine.networks.layers.staged import Staged, new_classifier

    fused = discriminator.beside(discriminator.Discriminator(options), stages())
    return Staged(GAN_RESNET, fused, new_classifier(discriminator.CHANNELS + CHANNELS, n_classes))


def _build_alone(n_classes: int, options: Options, _: Mapping[str, Tensor] | None) -> Staged:
    from busapp.engine.networks.layers import discriminator
    from busapp.engine.networks.layers.staged import Staged, new_classifier

    maps = discriminator.Discriminator(options)
    return Staged(GAN_DISCRIMINATOR, [maps], new_classifier(discriminator.CHANNELS, n_classes, dropout=0.0))


GAN_DISCRIMINATOR = NetworkEntry(
    name="gan-discriminator",
    title="GAN's discriminator",
    source="the discriminator of a DCGAN with a linear layer, the “standalone GAN” of Zion and Tripathy, section 4",
    build=_build_alone,
    stages=1,
    texture_stages=1,
    stride=4,
    first_cell=1.5,
    least_size=16,
    parameters=675,
    mean=HALVES,
    std=HALVES,
    effort=0.4,
    needs_discriminator=True,
    paper="zion",
)
GAN_RESNET = NetworkEntry(
    name="gan-resnet",
    title="GAN-ResNet",
    source="Zion and Tripathy, section 3",
    build=_build,
    stages=RESNET_SMALL.stages,
    texture_stages=RESNET_SMALL.texture_stages,
    stride=RESNET_SMALL.stride,
    first_cell=RESNET_SMALL.first_cell,
    least_size=RESNET_SMALL.least_size,
    parameters=306_915,
    mean=HALVES,
    std=HALVES,
    effort=1.6,
    needs_discriminator=True,
    rivals=Rivals(alone=RESNET_SMALL.name, discriminator=GAN_DISCRIMINATOR.name, plain=CNN.name),
    paper="zion",
    differs="The paper is loose; the file networks/gan_resnet.py says what was built in place of what.",
)
