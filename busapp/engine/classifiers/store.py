"""Images as a training takes them: what never changes in them is computed once."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from busapp.engine.classifiers.augmentation import view
from busapp.engine.images.preprocessing import MEAN, STD, Pixels
from busapp.engine.utils.arrays import Indices

MAX_BYTES = 1_500_000_000
"""What all kept views of a store may take; synthetic images have a store of their own. BUSI's with 8 altered copies
take 0.4 GB behind 7 frozen stages, 1.2 GB behind 4 and as pixels."""
_BATCH = 16


def normalised(pixels: Tensor) -> Tensor:
    """`preprocessing.normalise` in torch: float32 (n, 3, h, w) in channels_last memory from uint8 (n, h, w, 3)."""
    mean, std = (torch.from_numpy(values).to(pixels.device) for values in (MEAN, STD))
    return ((pixels.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Store:
    """The views (`augmentation.view`) of n images.

    `kept` has them all, (n, views, …): float16 (h, w, channels), what a frozen stem makes of them, or uint8 (size,
    size, 3) where nothing is frozen. Where that would take too much memory it is None, and views are made from the
    `pixels`, uint8 (n, size, size, 3), whenever they are asked for. The images of a store `behind` are counted on from
    its own: the first is image n.
    """

    pixels: Pixels
    views: int
    kept: Tensor | None
    behind: "Store | None" = None

    def take(self, images: Indices, views: Indices) -> Tensor:
        """One view each of some images, (len(images), …), of the type that is kept, else uint8."""
        n, behind = len(self.pixels), images >= len(self.pixels)
        if self.behind is None or not behind.any():
            return self._take(images, views)
        if behind.all():
            return self.behind.take(images - n, views)
        own = self._take(images[~behind], views[~behind])
        taken = own.new_empty((len(images), *own.shape[1:]))
        taken[torch.from_numpy(~behind)] = own
        taken[torch.from_numpy(behind)] = self.behind.take(images[behind] - n, views[behind])
        return taken

    def _take(self, images: Indices, views: Indices) -> Tensor:
        if self.kept is not None:
            return self.kept[torch.from_numpy(images), torch.from_numpy(views)]
        return torch.from_numpy(np.stack([view(self.pixels[i], v) for i, v in zip(images, views, strict=True)]))

    def joined(self, other: "Store") -> "Store":
        """Both as one, the images of `other` behind. Nothing is copied, as each may take a large share of
        the memory."""
        if (self.kept is None) != (other.kept is None):
            return Store(self.pixels, self.views, None, Store(other.pixels, other.views, None))
        return replace(self, behind=other)


def make_store(pixels: Pixels, views: int, stem: nn.Module | None, device: torch.device) -> Generator[int, None, Store]:
    """A store of images in uint8 (n, size, size, 3), with what `stem` makes of them, or with themselves where it is
    None; yields how many images are done, the views of one as shares of it."""
    n = len(pixels)
    kept: Tensor | None = None
    for begin in range(0, n * views, _BATCH):
        positions = range(begin, min(begin + _BATCH, n * views))
        batch = torch.from_numpy(np.stack([view(pixels[p // views], p % views) for p in positions])).to(device)
        if stem is not None:
            with torch.no_grad():
                batch = stem(normalised(batch)).permute(0, 2, 3, 1).half()
        if kept is None:
            if batch[0].nbytes * n * views > MAX_BYTES:
                return Store(pixels, views, None)
            kept = torch.empty((n * views, *batch.shape[1:]), dtype=batch.dtype, device=device)
        kept[begin : begin + len(batch)] = batch
        yield positions[-1] // views
    return Store(pixels, views, None if kept is None else kept.reshape(n, views, *kept.shape[1:]))
