"""Properties of a study's images, for Figures 8 and 9 of the paper on histology patches (Zion and Tripathy).

The paper names spatial coverage, size, colour and texture, and breast density, and defines none of them. Coverage,
colour and texture are those of `curation.quality`. Density is optical density, as stains absorb light.
"""

import random
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from busapp.engine.catalog import ImageRecord, Measures
from busapp.engine.curation.quality import SIDE, measures_of
from busapp.engine.events import Event, Progress, Skipped
from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.prefetch import in_order
from busapp.errors import UnreadableImage

MOST: Final = 5_000
"""Largest number of images to measure. Of more, a sample is measured: one to two minutes at most on two cores."""
SEED: Final = 0
STAINED: Final = 0.15
"""A pixel is stained if its optical density is larger (Macenko et al. 2009, "A method for normalizing histology slides
for quantitative analysis")."""
_REPORT_AFTER: Final = 0.1
"""Seconds between two events."""


class ImageProperties(NamedTuple):
    """Properties of one image.

    `coverage` (0 to 1), `colour` and `texture` (bits) as in `Measures`. `size`: square root of the area, in pixels.
    `stained`: share of pixels with an optical density above `STAINED`, 0 to 1. `density`: mean optical density.
    """

    class_name: str
    coverage: float
    size: float
    colour: float
    texture: float
    stained: float
    density: float


@dataclass(frozen=True, slots=True)
class Property:
    """A property with the title of its panel, the label of its axis, and its definition, a sentence without its end."""

    title: str
    label: str
    definition: str
    of: Callable[[ImageProperties], float]


FIGURE_8: Final = (
    Property(
        "Spatial coverage",
        "share of the picture",
        "share of the picture inside the convex hull of its largest textured part; what lies outside is empty margin",
        lambda image: image.coverage,
    ),
    Property(
        "Size",
        "square root of the area (pixels)",
        "square root of width times height, in pixels",
        lambda image: image.size,
    ),
    Property(
        "Colour",
        "colourfulness",
        "colourfulness (Hasler and Süsstrunk 2003): 0 for grey, 109 for extremely coloured",
        lambda image: image.colour,
    ),
    Property(
        "Texture",
        "entropy (bits)",
        "entropy of the co-occurrences of neighbouring grey values (Haralick 1973), in bits",
        lambda image: image.texture,
    ),
)
FIGURE_9: Final = (
    Property(
        "Stained area",
        "share of the pixels",
        f"share of the pixels that are not white, with an optical density above {STAINED}",
        lambda image: image.stained,
    ),
    Property(
        "Mean optical density",
        "−log₁₀(value / 255)",
        "mean of −log₁₀(value / 255) over pixels and colours: the stronger the stain, the higher",
        lambda image: image.density,
    ),
)


def sampled(records: Sequence[ImageRecord], most: int = MOST) -> list[ImageRecord]:
    """The images to measure, in their order: all, or a random sample of `most`, always the same."""
    if len(records) <= most:
        return list(records)
    return [records[place] for place in sorted(random.Random(SEED).sample(range(len(records)), most))]


def measured_images(
    workspace: Workspace, records: Sequence[ImageRecord], progress: Callable[[int], Progress]
) -> Generator[Event, None, list[ImageProperties]]:
    """Return the properties of the readable images, in their order. Unreadable ones are reported as `Skipped`.
    `progress` makes the event for a number of measured images."""
    found: list[ImageProperties] = []
    reported = 0.0
    with closing(in_order(partial(_measured, workspace), records, "properties")) as steps:
        for number, step in enumerate(steps):
            if step is not None:
                record, future = step
                try:
                    found.append(future.result())
                except UnreadableImage as error:
                    yield Skipped(record.file, str(error))
            if time.monotonic() - reported > _REPORT_AFTER:
                reported = time.monotonic()
                yield progress(min(number, len(records)))
    return found


def _measured(workspace: Workspace, record: ImageRecord) -> ImageProperties:
    picture = read_image(workspace.image_path(record)).convert("RGB")
    return properties_of(record.class_name, picture, measures_of(picture))


def properties_of(class_name: str, picture: Image.Image, measures: Measures) -> ImageProperties:
    """The properties of an 8-bit RGB picture. Densities are measured with the longer side reduced to `SIDE`."""
    small = picture.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    table = -np.log10(np.maximum(np.arange(256, dtype=np.float32), 1) / 255)
    density = table[np.asarray(small)].mean(axis=2)
    return ImageProperties(
        class_name,
        coverage=measures.coverage,
        size=(picture.width * picture.height) ** 0.5,
        colour=measures.colour,
        texture=measures.texture,
        stained=float((density > STAINED).mean()),
        density=float(density.mean()),
    )
