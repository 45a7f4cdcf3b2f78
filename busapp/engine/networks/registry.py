"""The registry of networks. A new network is a file beside this one, and a line here."""

from typing import TYPE_CHECKING, Final, Literal

from busapp.engine.networks.alexnet import ALEXNET
from busapp.engine.networks.cnn import CNN
from busapp.engine.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from busapp.engine.networks.entry import NetworkEntry
from busapp.engine.networks.gan_resnet import GAN_DISCRIMINATOR, GAN_RESNET
from busapp.engine.networks.mobilenet_v2 import MOBILENET_V2
from busapp.engine.networks.resnet import RESNETS
from busapp.engine.networks.resnet_small import RESNET_SMALL
from busapp.engine.networks.squeezenet import SQUEEZENET
from busapp.engine.networks.vgg import VGGS

NETWORKS: Final[dict[str, NetworkEntry]] = {
    entry.name: entry
    for entry in (
        MOBILENET_V2,
        EFFICIENTNET_LITE0,
        *RESNETS,
        *VGGS,
        SQUEEZENET,
        ALEXNET,
        CNN,
        RESNET_SMALL,
        GAN_DISCRIMINATOR,
        GAN_RESNET,
    )
}
"""All networks by name."""
DEFAULT: Final = MOBILENET_V2.name
FUSED: Final = [name for name, entry in NETWORKS.items() if entry.rivals is not None]
"""Names of the networks that are fused with the discriminator of a GAN."""

if TYPE_CHECKING:
    NetworkName = str
    FusedName = str
else:
    NetworkName = Literal[tuple(NETWORKS)]
    FusedName = Literal[tuple(FUSED)]
