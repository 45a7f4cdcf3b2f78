"""Several networks side by side, whose features one head classifies."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from busapp.engine.networks.entry import IMAGENET_MEAN, IMAGENET_STD, NetworkEntry, Options
from busapp.engine.networks.layers.fixed import Fixed
from busapp.engine.networks.layers.heads import HEADS, Head
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.networks.layers.weights import UnfitWeights


class Member(nn.Module):
    """A network whose features are taken, and its feature map on the grid of all.

    Cells of different networks look at different places (`NetworkEntry.first_cell`, `stride`), so that maps are
    interpolated where they lie in the picture. Their means stay those of the network's own map.
    """

    def __init__(self, entry: NetworkEntry, own: NetworkEntry, network: Staged) -> None:
        super().__init__()
        self.first, self.stride = own.first_cell, own.stride
        self.grid_first, self.grid_stride = entry.first_cell, entry.stride
        self.network = network
        self.channels = network.classifier[1].in_features
        network.classifier = nn.Identity()
        mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def renormalised(self, normal: Tensor) -> Tensor:
        """Images normalised for this network, of images normalised for ImageNet."""
        assert isinstance(self.mean, Tensor) and isinstance(self.std, Tensor)
        own, spread = (values.reshape(1, 3, 1, 1) for values in self.network.colours)
        return (normal * self.std + self.mean - own) / spread

    def on_grid(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        """Maps (n, c, h, w) on the grid of all, for pictures of this height and width."""
        down, across = (
            self._weights(picture, cells, maps) for picture, cells in zip(size, maps.shape[2:], strict=True)
        )
        placed = down @ maps @ across.T
        return placed + (maps.mean((2, 3), keepdim=True) - placed.mean((2, 3), keepdim=True))

    def _weights(self, size: int, cells: int, like: Tensor) -> Tensor:
        """Weights (cells of the grid, `cells`) of a linear interpolation along one side of the picture."""
        wanted = torch.arange(-(-size // self.grid_stride), device=like.device, dtype=like.dtype)
        at = ((wanted * self.grid_stride + self.grid_first - self.first) / self.stride).clamp(0, cells - 1)
        away = (at[:, None] - torch.arange(cells, device=like.device, dtype=like.dtype)).abs()
        near = (1 - away / max(1.0, self.grid_stride / self.stride)).clamp(min=0)
        return near / near.sum(1, keepdim=True)


class Members(Fixed):
    """The one stage of the network: feature maps of all members on one grid, one behind the other, of images (n, 3, h,
    w) normalised for ImageNet. The members are never trained."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.channels = sum(member.channels for member in members)
        self.fix()

    def early_and_last(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """The map of the first member that describes texture, and the last maps of all."""
        early, found = normal, []
        for number, member in enumerate(self.members):
            assert isinstance(member, Member)
            first, last = member.network.early_and_last(member.renormalised(normal))
            early = first if number == 0 else early
            found.append(member.on_grid(last, normal.shape[2:]))
        return early, torch.cat(found, 1)

    def forward(self, normal: Tensor) -> Tensor:
        return self.early_and_last(normal)[1]


class FeatureNetwork(Staged):
    """Networks that are not trained, and a head that is fitted on their features. Its `classifier` is the head."""

    def __init__(self, entry: NetworkEntry, members: Members, head: Head) -> None:
        super().__init__(entry, [members], head)
        self.channels = members.channels

    @property
    def members(self) -> Members:
        """The one stage."""
        (found,) = self.features
        assert isinstance(found, Members)
        return found

    def early(self, normal: Tensor) -> Tensor:
        first = self.members.members[0]
        assert isinstance(first, Member)
        return first.network.early(first.renormalised(normal))

    def early_and_last(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        return self.members.early_and_last(normal)

    def class_maps(self, last: Tensor, pooled: Tensor) -> Tensor:
        found: Tensor = self.classifier.class_maps(last, pooled)
        return found


def feature_network(
    entry: NetworkEntry, n_classes: int, options: Options, weights: Mapping[str, Tensor] | None
) -> FeatureNetwork:
    """The network of an entry with `features`. Names in `weights` begin with the member's: `vgg-16/features.0.weight`.

    Raises:
        UnfitWeights: the weights do not fit a member.
    """
    assert entry.features is not None
    members = []
    for own in options.members or entry.features.members:
        start = f"{own.name}/"
        taken = {name.removeprefix(start): value for name, value in (weights or {}).items() if name.startswith(start)}
        try:
            network = own.build(n_classes, options, taken or None)
        except RuntimeError as error:
            raise UnfitWeights(own) from error
        members.append(Member(entry, own, network))
    return FeatureNetwork(entry, Members(members), HEADS[entry.features.head](n_classes))
