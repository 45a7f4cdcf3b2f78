"""Builds a network of the registry as the settings of a cross-validation ask for it."""

import torch

from busapp.engine.networks.entry import NetworkEntry
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.networks.layers.weights import find_weights, not_weights, read_weights
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ValidateSettings
from busapp.errors import BadInput


def build(n_classes: int, settings: ValidateSettings, seed: int) -> Staged:
    """A network with a new last layer for `n_classes`, in `channels_last` memory. The same seed gives the same weights.

    Raises:
        BadInput: the network cannot be built like this, or the weights file holds something else.
        MissingWeights: the ImageNet weights were not found.
    """
    entry = NETWORKS[settings.network]
    _check(entry, settings)
    path = find_weights(entry, settings.weights_file) if settings.starts_from_imagenet else None
    weights = read_weights(entry, path) if path else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = entry.build(n_classes, settings.options, weights)
        except (RuntimeError, ValueError) as error:
            if path is None:
                raise
            raise not_weights(entry, path) from error
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _check(entry: NetworkEntry, settings: ValidateSettings) -> None:
    if settings.width != 1.0 and not entry.has_width:
        raise BadInput(f"{entry.title} has no other width than 1, not {settings.width:g}", remedy="Set the width to 1.")
    if settings.starts_from_imagenet and settings.width != 1.0:
        raise BadInput(
            f"ImageNet weights are for width 1, not {settings.width:g}",
            remedy="Set the width to 1, or train from scratch (--no-pretrained).",
        )
    size = settings.image_size
    if size < entry.least_size or size % entry.size_step:
        step = f" and be a multiple of {entry.size_step}" if entry.size_step > 1 else ""
        raise BadInput(
            f"Images of {size}×{size} pixels do not fit {entry.title}",
            remedy=f"The image size must be at least {entry.least_size}{step}.",
        )
    if settings.frozen_stages and entry.needs_discriminator:
        raise BadInput(
            f"The stages of {entry.title} cannot be frozen, because the first one is another in every fold",
            remedy="Leave the number of frozen stages empty.",
        )
    if (settings.frozen_stages or 0) >= entry.stages:
        raise BadInput(
            f"{entry.title} has {entry.stages} stages, of which {settings.frozen_stages} cannot be frozen",
            remedy=f"Freeze at most {entry.stages - 1}.",
        )


def frozen_stages(settings: ValidateSettings, device: torch.device) -> int:
    """Number of the network's stages that keep their initial weights.

    The settings decide, then the recipe, which counts in MobileNetV2's 19 stages. If both leave it open: 7 of 19
    without a GPU, so that ten folds take a bearable time, and 0 with one. Without ImageNet weights there is nothing to
    keep: 0, unless the settings say otherwise.
    """
    if settings.frozen_stages is not None or not settings.starts_from_imagenet:
        return settings.frozen_stages or 0
    by_recipe = settings.training.frozen_stages
    of_mobilenet = by_recipe if by_recipe is not None else (7 if device.type == "cpu" else 0)
    return NETWORKS[settings.network].scaled(of_mobilenet)
