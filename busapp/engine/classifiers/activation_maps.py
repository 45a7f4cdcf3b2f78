"""Class activation maps, features and texture that a network computes beside its logits."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from busapp.engine.classifiers.novelty import Features, Texture
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.layers.staged import Staged

_BATCH = 32


@dataclass(frozen=True)
class Seen:
    """A network's view of n images, all float32.

    `maps` (n, classes, h, w) are class activation maps (`Staged.class_maps`).
    `features` (n, d) are the pooled last feature map, of unit length. `texture` (n, 2 c) holds the means and the
    standard deviations of the c channels of an early stage (`NetworkEntry.texture_stages`): they describe texture more
    than content. Later stages separate the classes but little else: images that are no ultrasound lie among the classes
    there.
    """

    maps: np.ndarray
    features: Features
    texture: Texture


def look(network: Staged, normal: Tensor, *, mirrored: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, maps, pooled features (not of unit length) and texture of normalised images (n, 3, size, size), as
    tensors. If `mirrored`, all but the texture are means over each image and its mirror image."""
    early, last = network.early_and_last(normal)
    texture = _texture(early)
    pooled = last.mean((2, 3))
    logits, maps = network.classifier(pooled), network.class_maps(last, pooled)
    if mirrored:
        last = network.early_and_last(normal.flip(3))[1]
        other = last.mean((2, 3))
        logits = (logits + network.classifier(other)) / 2
        maps = (maps + network.class_maps(last, other).flip(3)) / 2
        pooled = (pooled + other) / 2
    return logits, maps, pooled, texture


def _texture(early: Tensor) -> Tensor:
    mean = early.mean((2, 3))
    return torch.cat([mean, ((early - mean[:, :, None, None]) ** 2).mean((2, 3)).sqrt()], 1)


def texture_in(network: Staged, pixels: Pixels) -> Generator[int, None, Texture]:
    """The texture alone, as in `Seen`, of pixels uint8 (n, size, size, 3). Yields the number of images that are
    done."""
    network.eval()
    device = network.colours[0].device
    found = []
    for begin in range(0, len(pixels), _BATCH):
        batch = torch.from_numpy(pixels[begin : begin + _BATCH]).to(device)
        with torch.no_grad():
            found.append(_texture(network.early(network.normalised(batch))).cpu())
        yield min(begin + _BATCH, len(pixels))
    return torch.cat(found).numpy()


def seen_in(network: Staged, pixels: Pixels, *, mirrored: bool) -> Generator[int, None, Seen]:
    """Run a network in evaluation mode, on the device that it is on, over pixels uint8 (n, size, size, 3). Yields the
    number of images that are done."""
    network.eval()
    device = network.colours[0].device
    maps, features, textures = [], [], []
    for begin in range(0, len(pixels), _BATCH):
        batch = torch.from_numpy(pixels[begin : begin + _BATCH]).to(device)
        with torch.no_grad():
            _, of_classes, pooled, texture = look(network, network.normalised(batch), mirrored=mirrored)
        maps.append(of_classes.cpu())
        features.append(normalize(pooled).cpu())
        textures.append(texture.cpu())
        yield min(begin + _BATCH, len(pixels))
    return Seen(torch.cat(maps).numpy(), torch.cat(features).numpy(), torch.cat(textures).numpy())
