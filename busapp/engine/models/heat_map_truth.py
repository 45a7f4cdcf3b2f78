"""Test whether heat maps point at lesions: compared with masks that a person drew, and with chance.

Sources: the peak inside the lesion is the pointing game of Zhang et al. 2018. The overlap is the intersection over
union of the mask and the region that is at least half as strong as the peak, the usual cut for class activation maps.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from busapp.engine.images.heat_map import HeatMap
from busapp.engine.metrics import exact95

SIDE: Final = 224
"""Maps and masks are compared on a square grid with this number of pixels along each side."""
CUT: Final = 0.5
"""Smallest value inside a heat map's outline, as a fraction of its peak."""

Mask = npt.NDArray[np.bool_]


class HeatMapShare(BaseModel):
    """Agreement of the heat maps of `n` images with the masks.

    `peak_inside` peaks lie in the lesion. `peak_by_chance` is the fraction of peaks in the lesion by chance: heat maps
    of other images on this image's mask, so that habits of the heat maps (such as the middle of the picture) count.
    `overlap` and `overlap_by_chance` are mean intersections over union, in [0, 1].
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    n: Annotated[int, Field(ge=1)]
    peak_inside: int
    peak_ci95: tuple[float, float]
    peak_by_chance: float
    overlap: float
    overlap_by_chance: float

    def in_words(self, which: str) -> str:
        low, high = self.peak_ci95
        return (
            f"The heat map's peak lies in the lesion in {self.peak_inside} of {self.n} {which} with a mask "
            f"({self.peak_inside / self.n:.0%}, 95 % interval {low:.0%} to {high:.0%}; by chance "
            f"{self.peak_by_chance:.0%}); overlap {self.overlap:.2f} (by chance {self.overlap_by_chance:.2f})."
        )


class HeatMapTruth(BaseModel):
    """Agreement for all images with a mask, for those classified right and for those classified wrong; None if there
    are none."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    all: HeatMapShare
    right: HeatMapShare | None
    wrong: HeatMapShare | None

    def sentences(self) -> list[str]:
        """Return a sentence for all images, one for those classified right and one for those classified wrong."""
        shares = ((self.all, "images"), (self.right, "classified right"), (self.wrong, "classified wrong"))
        return [share.in_words(which) for share, which in shares if share is not None]


def heat_map_truth(
    heat_maps: Sequence[HeatMap], masks: Sequence[Mask], right: npt.NDArray[np.bool_]
) -> HeatMapTruth | None:
    """Compare heat maps of the predicted classes with masks of any size. `right` (n,) is true for images classified
    right. Returns None for fewer than two images, because chance needs another image."""
    if len(masks) < 2:
        return None
    large = np.stack([_enlarged(heat_map) for heat_map in heat_maps])
    grids = np.stack([_on_grid(mask) for mask in masks])
    peaks = large.reshape(len(large), -1).argmax(axis=1)
    outlines = (large >= CUT * large.max(axis=(1, 2), keepdims=True)).reshape(len(large), -1).astype(np.float32)
    lesions = grids.reshape(len(grids), -1).astype(np.float32)
    inside = lesions[:, peaks].T > 0  # (map, mask)
    common = outlines @ lesions.T
    overlap = common / np.maximum(outlines.sum(axis=1)[:, None] + lesions.sum(axis=1)[None] - common, 1)
    of = {"all": np.ones(len(right), dtype=bool), "right": right, "wrong": ~right}
    shares = {name: _share(inside, overlap, chosen) for name, chosen in of.items()}
    return HeatMapTruth.model_validate(shares)


def _share(inside: Mask, overlap: npt.NDArray[np.float32], chosen: Mask) -> HeatMapShare | None:
    """Agreement for the `chosen` images. Rows are the maps of all images, columns their masks."""
    n = int(chosen.sum())
    if not n:
        return None
    own, other = np.eye(len(inside), dtype=bool)[:, chosen], ~np.eye(len(inside), dtype=bool)[:, chosen]
    hits = int(inside[:, chosen][own].sum())
    return HeatMapShare(
        n=n,
        peak_inside=hits,
        peak_ci95=exact95(hits, n),
        peak_by_chance=float(inside[:, chosen][other].mean()),
        overlap=float(overlap[:, chosen][own].mean()),
        overlap_by_chance=float(overlap[:, chosen][other].mean()),
    )


def _enlarged(heat_map: HeatMap) -> npt.NDArray[np.float32]:
    """The heat map enlarged smoothly, as it is shown over an image."""
    return np.asarray(Image.fromarray(heat_map.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _on_grid(mask: Mask) -> Mask:
    square = Image.fromarray(mask).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(square) >= 128
