"""What a catalog says of images, pairs and changes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["real", "synthetic"]
Verdict = Literal["same", "different"]


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to be added: its bytes are already stored under `sha256` (see `Workspace.store_image`). `patient` is a
    keyed hash (see `patients.py`), `spacing_mm` the width of a pixel in millimetres, `source` the name of the folder
    or archive that it came in."""

    file: str
    sha256: str
    suffix: str
    class_name: str
    width: int
    height: int
    kind: Kind = "real"
    mask: str | None = None
    source: str = ""
    run: str | None = None
    patient: str | None = None
    spacing_mm: float | None = None


class ImageRecord(NamedTuple):
    """One image of the study. `excluded` is the reason why it is set aside, `run` the run that drew it, `mask`
    the hash of its lesion mask. `group` is the same for images that must never be split; an image that curation
    has not seen is a group of its own, unless its patient has others. `original` is the content hash that was
    imported, where the picture was covered since. `checked` says whether curation has seen it."""

    id: int
    file: str
    sha256: str
    suffix: str
    class_name: str
    kind: Kind
    width: int
    height: int
    mask: str | None
    source: str
    run: str | None
    group_id: int | None
    excluded: str | None
    original: str | None = None
    patient: str | None = None
    spacing_mm: float | None = None
    checked: bool = False

    @property
    def group(self) -> int:
        return self.group_id if self.group_id is not None else self.id


class Cover(NamedTuple):
    """Another content for an image, in which something is covered: stored under `sha256`, with the flags found in it.
    `image` is what it was when its picture was read."""

    image: ImageRecord
    sha256: str
    suffix: str
    flags: list[str]


class Measures(NamedTuple):
    """What the distributions of a dataset show of each image; how each is measured stands in `quality.py`.

    `coverage`: share of the picture that is not empty margin, 0 to 1. `brightness`: mean grey value, 0 to 255.
    `contrast`: standard deviation of the grey values. `colour`: colourfulness, 0 for grey. `texture`: in bits.
    """

    coverage: float
    brightness: float
    contrast: float
    colour: float
    texture: float


class FoundPair(NamedTuple):
    """Two image ids that look alike, in any order: how much (0 to 1), and in words how they came to."""

    first: int
    second: int
    similarity: float
    how: str


class Pair(NamedTuple):
    """Two near-duplicates, the smaller image id first, and what the user said of them, if anything."""

    first: int
    second: int
    similarity: float
    how: str
    verdict: Verdict | None


class Change(NamedTuple):
    """One entry of the dataset's history; `at` is ISO 8601 in UTC."""

    id: int
    at: str
    what: str
    undone: bool
