"""Lesion masks as annotations of COCO.

Source: Lin et al. 2014, Microsoft COCO: Common Objects in Context; the format stands at cocodataset.org/#format-data.
Run lengths, not polygons: they hold a mask to the pixel, holes too, and pycocotools and FiftyOne read them as well.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

_WITH_CORNERS: Final = np.ones((3, 3), np.uint8)
"""Pixels that touch at a corner belong to one region."""


def regions(mask: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """One object for each connected region of a mask, bool (height, width), from its left upper corner on.

    Each is the part of an annotation that depends on the mask: `segmentation` (run lengths, column by column, of
    outside and inside in turn, outside first), `area` in pixels, `bbox` (left, top, width, height), `iscrowd` 0.
    """
    from scipy.ndimage import find_objects, label

    labels, _ = label(mask, _WITH_CORNERS)
    height, width = mask.shape
    found = []
    for number, (rows, columns) in enumerate(find_objects(labels), start=1):
        x, y = np.nonzero((labels[rows, columns] == number).T)
        positions = (x + columns.start) * height + y + rows.start
        found.append(
            {
                "segmentation": {"size": [height, width], "counts": _run_lengths(positions, height * width)},
                "area": len(positions),
                "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
                "iscrowd": 0,
            }
        )
    return found


def _run_lengths(inside: npt.NDArray[np.intp], length: int) -> list[int]:
    """Lengths of the runs outside and inside in turn, from the positions inside in rising order."""
    gaps = np.flatnonzero(np.diff(inside) != 1)
    starts = inside[np.concatenate(([0], gaps + 1))]
    ends = inside[np.concatenate((gaps, [len(inside) - 1]))] + 1
    bounds = np.concatenate(([0], np.column_stack((starts, ends)).ravel(), [length]))
    counts: list[int] = np.diff(bounds).tolist()
    return counts if counts[-1] else counts[:-1]


def dataset(
    about: str, classes: list[str], images: list[dict[str, Any]], annotations: list[dict[str, Any]]
) -> dict[str, Any]:
    """The whole of `annotations.json`. Categories are numbered from 1, in the order of `classes`."""
    return {
        "info": {"description": about, "version": "1.0"},
        "licenses": [],
        "categories": [
            {"id": number, "name": name, "supercategory": "class"} for number, name in enumerate(classes, start=1)
        ],
        "images": images,
        "annotations": annotations,
    }
