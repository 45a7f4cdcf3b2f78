"""The form that all networks have in this program."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from busapp.engine.networks.entry import NetworkEntry


class Staged(nn.Module):
    """A row of stages, the mean of the last feature map over the picture, and one linear layer or another head.

    Input: float32 (n, 3, size, size), normalised. Output: logits, float32 (n, n_classes). Parameters are called
    `features.…` and `classifier.1.…`, as torchvision calls those of MobileNetV2.
    """

    def __init__(self, entry: NetworkEntry, stages: Iterable[nn.Module], classifier: nn.Module) -> None:
        super().__init__()
        self.texture_stages = entry.texture_stages
        self.features = nn.Sequential(*stages)
        self.classifier: Any = classifier
        for name, values in (("mean", entry.mean), ("std", entry.std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    @property
    def colours(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (3,) with which colours in [0, 1] are normalised."""
        assert isinstance(self.mean, Tensor) and isinstance(self.std, Tensor)
        return self.mean, self.std

    def normalised(self, pixels: Tensor) -> Tensor:
        """The input of the network: float32 (n, 3, h, w) in channels_last memory from uint8 (n, h, w, 3)."""
        mean, std = self.colours
        return ((pixels.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)

    def forward(self, normal: Tensor) -> Tensor:
        """Logits of normalised images."""
        pooled = nn.functional.adaptive_avg_pool2d(self.features(normal), 1).flatten(1)
        logits: Tensor = self.classifier(pooled)
        return logits

    def early(self, normal: Tensor) -> Tensor:
        """The feature map after the stages that describe texture, of normalised images."""
        found: Tensor = self.features[: self.texture_stages](normal)
        return found

    def early_and_last(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """That map, and the last one."""
        early = self.early(normal)
        return early, self.features[self.texture_stages :](early)

    def class_maps(self, last: Tensor, _: Tensor) -> Tensor:
        """Class activation maps (n, classes, h, w) of the last feature map; their means plus the last layer's bias are
        the logits. Networks with another head need the map's mean (n, channels) too."""
        weights = self.classifier[1].weight
        assert isinstance(weights, Tensor)
        return nn.functional.conv2d(last, weights[:, :, None, None])


def new_classifier(n_channels: int, n_classes: int, dropout: float = 0.2) -> nn.Sequential:
    """A new last layer, with dropout before it, as MobileNetV2 has it."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(n_channels, n_classes))


def divide(network: Staged, stages: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Divide the network in two: a frozen stem of the first `stages` stages, and the trainable rest, which ends in
    logits. The stem is in evaluation mode, batch normalisation included. Both share their weights with `network`."""
    features = list(network.features.children())
    stem = nn.Sequential(*features[:stages])
    stem.eval().requires_grad_(False)
    rest = nn.Sequential(*features[stages:], nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.classifier)
    return stem, rest
