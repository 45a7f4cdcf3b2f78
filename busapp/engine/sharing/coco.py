"""Lesion masks as annotations of COCO.

Source: Lin et al. 2014, Microsoft COCO: Common Objects in Context; format at cocodataset.org/#format-data.
Masks are stored as run lengths, not as polygons: these are exact to the pixel and include holes, and pycocotools and
FiftyOne read them as well.
"""

from typing import Final, TypedDict

import numpy as np
import numpy.typing as npt

_WITH_CORNERS: Final = np.ones((3, 3), np.uint8)
"""Pixels that touch at a corner belong to one region."""


class RunLengths(TypedDict):
    """`size` is [height, width]. `counts` are the lengths of the runs outside and inside in turn, outside first, column
    by column."""

    size: list[int]
    counts: list[int]


class Region(TypedDict):
    """The part of an annotation that depends on the mask: `area` in pixels, `bbox` as [left, top, width, height]."""

    segmentation: RunLengths
    area: int
    bbox: list[int]
    iscrowd: int


class Annotation(Region):
    """A region of the image that has the id `image_id`."""

    id: int
    category_id: int
    image_id: int


CocoImage = TypedDict(
    "CocoImage",
    {
        "id": int,
        "file_name": str,
        "width": int,
        "height": int,
        "category_id": int,
        "class": str,
        "kind": str,
        "group": int,
        "patient": str | None,
        "site": str | None,
        "device": str | None,
        "set_aside": str | None,
        "mask": str | None,
    },
)
"""An image with columns of `images.csv`. `file_name` is relative to the folder `images`, as torchvision's root and
FiftyOne's data_path expect it."""


class Category(TypedDict):
    """A class of the study."""

    id: int
    name: str
    supercategory: str


class Dataset(TypedDict):
    """The content of `annotations.json`."""

    info: dict[str, str]
    licenses: list[str]
    categories: list[Category]
    images: list[CocoImage]
    annotations: list[Annotation]


def regions(mask: npt.NDArray[np.bool_]) -> list[Region]:
    """One region for each connected part of a mask, bool (height, width), starting at the upper left corner."""
    from scipy.ndimage import find_objects, label

    labels, _ = label(mask, _WITH_CORNERS)
    height, width = mask.shape
    found: list[Region] = []
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
    """Lengths of the runs outside and inside in turn, from the sorted positions inside."""
    gaps = np.flatnonzero(np.diff(inside) != 1)
    starts = inside[np.concatenate(([0], gaps + 1))]
    ends = inside[np.concatenate((gaps, [len(inside) - 1]))] + 1
    bounds = np.concatenate(([0], np.column_stack((starts, ends)).ravel(), [length]))
    counts: list[int] = np.diff(bounds).tolist()
    return counts if counts[-1] else counts[:-1]


def dataset(about: str, classes: list[str], images: list[CocoImage], annotations: list[Annotation]) -> Dataset:
    """The content of `annotations.json`. Categories are numbered from 1, in the order of `classes`."""
    return {
        "info": {"description": about, "version": "1.0"},
        "licenses": [],
        "categories": [
            {"id": number, "name": name, "supercategory": "class"} for number, name in enumerate(classes, start=1)
        ],
        "images": images,
        "annotations": annotations,
    }
