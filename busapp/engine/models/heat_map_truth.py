"""Whether heat maps point at lesions: against masks that a person drew, and against what chance would give.

Sources: the peak inside the lesion is the pointing game of Zhang et al. 2018; the overlap is the intersection over
union of the mask and of what is at least half as strong as the peak, as class activation maps are usually cut.
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
"""Maps and masks are compared on a grid of so many pixels along each side."""
CUT: Final = 0.5
"""What is at least so strong, relative to the peak, is inside a heat map's outline."""

Mask = npt.NDArray[np.bool_]


class HeatMapShare(BaseModel):
    """How true the heat maps of `n` images are.

    `peak_inside` of the peaks lie in the lesion; chance, a heat map of another image laid over this one's mask, so that
    its habits (such as the middle of the picture) count, hits the share `peak_by_chance`. `overlap` and
    `overlap_by_chance` are mean intersections over union, in [0, 1].
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
    """Of all images with a mask, and of those that were classified right and wrong; None where there is none."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    all: HeatMapShare
    right: HeatMapShare | None
    wrong: HeatMapShare | None

    def sentences(self) -> list[str]:
        """A sentence for all images, one for those that were classified right and one for those that were not."""
        shares = ((self.all, "images"), (self.right, "classified right"), (self.wrong, "classified wrong"))
        return [share.in_words(which) for share, which in shares if share is not None]


def heat_map_truth(
    heat_maps: Sequence[HeatMap], masks: Sequence[Mask], right: npt.NDArray[np.bool_]
) -> HeatMapTruth | None:
    """How true heat maps of the predicted classes are, against masks of any size, and whether each image was classified
    right (n,). None where there are fewer than two: chance needs another image."""
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
    """Of the `chosen` masks; rows are the maps of all images, columns their masks."""
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
    """As it is shown over an image, smoothly."""
    return np.asarray(Image.fromarray(heat_map.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _on_grid(mask: Mask) -> Mask:
    square = Image.fromarray(mask).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(square) >= 128
