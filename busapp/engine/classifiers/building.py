"""Builds a network of the registry as the settings of a cross-validation ask for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from busapp.engine.networks.entry import NetworkEntry
from busapp.engine.networks.layers.feature_network import FeatureNetwork
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.networks.layers.weights import UnfitWeights, find_weights, not_weights, read_weights
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.splits import Fold
from busapp.engine.utils.arrays import Indices
from busapp.engine.utils.words import many
from busapp.errors import BadInput


def build(n_classes: int, settings: ValidateSettings, seed: int) -> Staged:
    """A network with a new last layer for `n_classes`, in `channels_last` memory. The same seed gives the same weights.

    Raises:
        BadInput: the network cannot be built like this, or the weights file holds something else.
        MissingWeights: the ImageNet weights were not found.
    """
    entry = NETWORKS[settings.network]
    _check(entry, settings)
    paths = _weight_files(entry, settings) if settings.starts_from_imagenet else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = entry.build(n_classes, settings.options, _read(entry, paths))
        except UnfitWeights as error:
            raise not_weights(error.entry, paths[error.entry.name]) from error
        except (RuntimeError, ValueError) as error:
            if entry.name not in paths:
                raise
            raise not_weights(entry, paths[entry.name]) from error
    if entry.features is not None:
        _check_features(entry, network, settings)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _weight_files(entry: NetworkEntry, settings: ValidateSettings) -> dict[str, Path]:
    """Files with ImageNet weights, by the names of the networks that have some: of this one, or of those whose features
    it takes."""
    wanted = [one for one in settings.members or (entry,) if one.weights is not None]
    given = settings.weights_file
    if given is not None and len(wanted) > 1 and given.is_file():
        raise BadInput(
            f"{entry.title} needs the ImageNet weights of {len(wanted)} networks, and this file has those of one",
            file=given,
            remedy="Name the folder with the files of all networks.",
        )
    return {one.name: find_weights(one, given) for one in wanted}


def _read(entry: NetworkEntry, files: Mapping[str, Path]) -> dict[str, Tensor] | None:
    """The weights in these files. The names of those that belong to a member of the network begin with it."""
    if not files:
        return None
    found: dict[str, Tensor] = {}
    for name, path in files.items():
        start = "" if name == entry.name else f"{name}/"
        found |= {start + part: value for part, value in read_weights(NETWORKS[name], path).items()}
    return found


def _check(entry: NetworkEntry, settings: ValidateSettings) -> None:
    if settings.width != 1.0 and not entry.has_width:
        raise BadInput(f"{entry.title} has no other width than 1, not {settings.width:g}", remedy="Set the width to 1.")
    if settings.starts_from_imagenet and settings.width != 1.0:
        raise BadInput(
            f"ImageNet weights are for width 1, not {settings.width:g}",
            remedy="Set the width to 1, or train from scratch (--no-pretrained).",
        )
    size = settings.image_size
    for one in settings.members or (entry,):
        if size < one.least_size or size % one.size_step:
            step = f" and be a multiple of {one.size_step}" if one.size_step > 1 else ""
            raise BadInput(
                f"Images of {size}×{size} pixels do not fit {one.title}",
                remedy=f"The image size must be at least {one.least_size}{step}.",
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


def _check_features(entry: NetworkEntry, network: Staged, settings: ValidateSettings) -> None:
    assert isinstance(network, FeatureNetwork) and entry.features is not None
    if entry.features.selects and settings.selected_features > network.channels:
        raise BadInput(
            f"{settings.selected_features:,} features cannot be selected: the networks have only {network.channels:,}",
            remedy=f"Select at most {network.channels:,}, or take the features of more networks.",
        )


def check_neighbours(settings: ValidateSettings, labels: Indices, folds: Sequence[Fold]) -> None:
    """Raise `BadInput` if a class has fewer training images in a fold than neighbours vote. Entries without a vote
    pass."""
    method = NETWORKS[settings.network].features
    if method is None or method.head != "knn":
        return
    fewest = min(int(np.bincount(labels[fold.train]).min()) for fold in folds)
    if fewest < settings.neighbours:
        raise BadInput(
            f"{settings.neighbours} neighbours cannot vote: a class has {many(fewest, 'training image')} in a fold",
            remedy=f"Set the number of neighbours to at most {fewest}, or add images of that class.",
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
