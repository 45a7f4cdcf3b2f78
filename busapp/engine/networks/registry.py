"""The registry of networks. A new network is a file beside this one, and a line here."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from busapp.engine.networks.alexnet import ALEXNET
from busapp.engine.networks.cnn import CNN
from busapp.engine.networks.edlcds import EDLCDS
from busapp.engine.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from busapp.engine.networks.entry import NetworkEntry
from busapp.engine.networks.gan_resnet import GAN_DISCRIMINATOR, GAN_RESNET
from busapp.engine.networks.hybrid import HYBRID
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
        *HYBRID,
        *EDLCDS,
    )
}
"""All networks by name."""
DEFAULT: Final = MOBILENET_V2.name
FUSED: Final = [name for name, entry in NETWORKS.items() if entry.rivals is not None]
"""Names of the networks that are fused with the discriminator of a GAN."""

MEMBERS: Final = tuple(
    name for name, entry in NETWORKS.items() if entry.features is None and not entry.needs_discriminator
)
"""Names of the networks whose features a `FeatureMethod` can take."""

if TYPE_CHECKING:
    NetworkName = str
    FusedName = str
    MemberName = str
else:
    NetworkName = Literal[tuple(NETWORKS)]
    FusedName = Literal[tuple(FUSED)]
    MemberName = Literal[MEMBERS]


def members_of(name: str, asked: Iterable[str] = ()) -> tuple[NetworkEntry, ...]:
    """The networks whose features a network of the registry takes: those `asked` for, else its usual ones. None for one
    that is trained itself."""
    method = NETWORKS[name].features if name in NETWORKS else None
    if method is None:
        return ()
    return tuple(NETWORKS[member] for member in asked) or method.members


def named(name: str, members: Iterable[str] = (), selected: int | None = None, *, with_weights: bool = True) -> str:
    """A network for people. If it takes features: also of which networks, the number that are `selected`, and which
    networks have random weights: `Hybrid with SVM on 100 features of VGG-16 and untrained Plain CNN`. All have them
    unless it starts `with_weights` of ImageNet."""
    if name not in NETWORKS:  # of a newer version
        return name
    titles = [
        entry.title if with_weights and entry.weights else f"untrained {entry.title}"
        for entry in members_of(name, (one for one in members if one in NETWORKS))
    ]
    count = f"{selected:,} " if selected is not None else ""
    return NETWORKS[name].title + (f" on {count}features of {listed(titles)}" if titles else "")


def named_by(result: Mapping[str, Any], name: str) -> str:
    """A network for people, with what the result of a validation says about the features it takes."""
    return named(
        name,
        result.get("feature_networks", ()),
        result.get("selected_features"),
        with_weights=result.get("with_weights", True),
    )


def replaced(name: str, members: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Names of the paper's networks that a feature method goes without, and of those that it has in their place."""
    method = NETWORKS[name].features if name in NETWORKS else None
    if method is None:
        return [], []
    used = [entry.name for entry in members_of(name, members)]
    missing = [one for one in method.papers_networks if one not in used]
    return missing, [one for one in used if one not in method.papers_networks]


def beside_the_paper(name: str, members: Iterable[str] = ()) -> list[str]:
    """Sentences on the paper that a feature method is from: its published accuracy, and those of its networks that are
    missing. None for a network that is trained itself."""
    method = NETWORKS[name].features if name in NETWORKS else None
    if method is None:
        return []
    said = [f"{method.authors} report an accuracy of {100 * method.published:g} %; published, for reference."]
    missing, instead = replaced(name, members)
    if missing:
        without, there = (listed(NETWORKS[one].title for one in names) for names in (missing, instead))
        said.append(
            f"They took features of {without} too; here {there} stand{'' if instead[1:] else 's'} in their place."
        )
    return said


def listed(titles: Iterable[str]) -> str:
    """`VGG-16, VGG-19 and SqueezeNet 1.1`."""
    *others, last = titles
    return f"{', '.join(others)} and {last}" if others else last
