"""The input of a training: whatever stays the same over all epochs is computed once."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from busapp.engine.classifiers.augmentation import view
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.utils.arrays import Indices

MAX_BYTES = 1_500_000_000
"""Most bytes that the kept views of a store may take. Synthetic images have a store of their own. BUSI with 8 altered
copies takes 0.4 GB after 7 frozen stages, and 1.2 GB after 4 or as pixels."""
_BATCH = 16


@dataclass(frozen=True)
class FeatureStore:
    """Features of all views (`augmentation.view`) of n images.

    `kept` holds them, (n, views, …): the output of the frozen stem, float16 (h, w, channels), or the views themselves,
    uint8 (size, size, 3), if nothing is frozen. It is None if that would take too much memory; then `take` makes each
    view from the `pixels`, uint8 (n, size, size, 3). The images of the `appended` store follow: its first is image n.
    """

    pixels: Pixels
    views: int
    kept: Tensor | None
    appended: "FeatureStore | None" = None

    def take(self, images: Indices, views: Indices) -> Tensor:
        """One view of each of some images, (len(images), …): as `kept` holds it, or as uint8 pixels if that is None."""
        n, beyond = len(self.pixels), images >= len(self.pixels)
        if self.appended is None or not beyond.any():
            return self._take(images, views)
        if beyond.all():
            return self.appended.take(images - n, views)
        own = self._take(images[~beyond], views[~beyond])
        taken = own.new_empty((len(images), *own.shape[1:]))
        taken[torch.from_numpy(~beyond)] = own
        taken[torch.from_numpy(beyond)] = self.appended.take(images[beyond] - n, views[beyond])
        return taken

    def _take(self, images: Indices, views: Indices) -> Tensor:
        if self.kept is not None:
            return self.kept[torch.from_numpy(images), torch.from_numpy(views)]
        return torch.from_numpy(np.stack([view(self.pixels[i], v) for i, v in zip(images, views, strict=True)]))

    def joined(self, other: "FeatureStore") -> "FeatureStore":
        """Both stores as one, the images of `other` last. Nothing is copied, since each store may take a large share of
        the memory."""
        if (self.kept is None) != (other.kept is None):
            return FeatureStore(self.pixels, self.views, None, FeatureStore(other.pixels, other.views, None))
        return replace(self, appended=other)


def make_feature_store(
    pixels: Pixels, views: int, after_stem: Callable[[Tensor], Tensor] | None, device: torch.device
) -> Generator[int, None, FeatureStore]:
    """The store of images uint8 (n, size, size, 3): of what `after_stem` makes of them, or of the views themselves if
    it is None. Yields the number of images that are done."""
    n = len(pixels)
    kept: Tensor | None = None
    for begin in range(0, n * views, _BATCH):
        positions = range(begin, min(begin + _BATCH, n * views))
        batch = torch.from_numpy(np.stack([view(pixels[p // views], p % views) for p in positions])).to(device)
        if after_stem is not None:
            batch = after_stem(batch).permute(0, 2, 3, 1).half()
        if kept is None:
            if batch[0].nbytes * n * views > MAX_BYTES:
                return FeatureStore(pixels, views, None)
            kept = torch.empty((n * views, *batch.shape[1:]), dtype=batch.dtype, device=device)
        kept[begin : begin + len(batch)] = batch
        yield positions[-1] // views
    return FeatureStore(pixels, views, None if kept is None else kept.reshape(n, views, *kept.shape[1:]))
