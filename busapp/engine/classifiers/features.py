"""Features of images from MobileNetV2 with ImageNet weights. Sets of images are compared by them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import interpolate

from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.entry import Options
from busapp.engine.networks.layers.weights import find_weights, not_weights, read_weights
from busapp.engine.networks.mobilenet_v2 import MOBILENET_V2
from busapp.engine.utils.devices import find_device

_SIZE = 224
_CHANNELS = 1280
_BATCH = 32


def embed(pixels: Pixels, weights_file: Path | None = None) -> npt.NDArray[np.float32]:
    """Pooled features, float32 (n, 1280), not negative, of images uint8 (n, h, w, 3) of any size.

    Resizes the images to 224×224, the size that the weights were trained for. Takes about 20 ms per image on two cores.

    Raises:
        BadInput, MissingWeights: see `find_weights`.
    """
    device = find_device()
    # Nobody has asked for a download here: features are a by-product of other jobs.
    path = find_weights(MOBILENET_V2, weights_file, may_download=False)
    try:
        network = MOBILENET_V2.build(2, Options(), read_weights(MOBILENET_V2, path))
    except RuntimeError as error:
        raise not_weights(MOBILENET_V2, path) from error
    pooled = nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    pooled.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = np.empty((len(pixels), _CHANNELS), dtype=np.float32)
    with torch.no_grad():
        for begin in range(0, len(pixels), _BATCH):
            batch = network.normalised(torch.from_numpy(pixels[begin : begin + _BATCH]).to(device))
            if batch.shape[-2:] != (_SIZE, _SIZE):
                batch = interpolate(batch, size=(_SIZE, _SIZE), mode="bilinear", antialias=True)
            found[begin : begin + _BATCH] = pooled(batch).cpu().numpy()
    return found
