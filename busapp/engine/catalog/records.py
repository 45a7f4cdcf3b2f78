"""Records of a catalog: images, pairs and changes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["real", "synthetic"]
Verdict = Literal["same", "different"]


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to be added. Its bytes are already stored under `sha256` (see `Workspace.store_image`). `patient` is a
    keyed hash (see `patients.py`), `spacing_mm` the width of a pixel in millimetres, `source` the name of the folder
    or archive that the image came from. `site` is the hospital, `device` the maker and model of the machine."""

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
    site: str | None = None
    device: str | None = None


class ImageRecord(NamedTuple):
    """One image of the study.

    `excluded` is the reason why it is set aside, `run` the run that drew it, `mask` the hash of its lesion mask.
    `group` is the same for images that must never be split. An image that curation has not checked is a group of its
    own, unless its patient has other images. `original` is the hash of the imported content if the picture was covered
    since. `checked` is true if curation has checked the image. `site` (hospital) and `device` (maker and model)
    are part of no group.
    """

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
    site: str | None = None
    device: str | None = None

    @property
    def group(self) -> int:
        return self.group_id if self.group_id is not None else self.id


class Cover(NamedTuple):
    """New content for an image, in which something is covered. It is stored under `sha256`; `flags` are the quality
    flags found in it. `image` is the record at the time when the picture was read."""

    image: ImageRecord
    sha256: str
    suffix: str
    flags: list[str]


class Measures(NamedTuple):
    """Measurements of one image, shown as distributions of the dataset. `quality.py` says how each is measured.

    `coverage`: share of the picture that is not empty margin, 0 to 1. `brightness`: mean grey value, 0 to 255.
    `contrast`: standard deviation of the grey values. `colour`: colourfulness, 0 for grey. `texture`: in bits.
    """

    coverage: float
    brightness: float
    contrast: float
    colour: float
    texture: float


class FoundPair(NamedTuple):
    """Ids of two images that look alike, in any order, with their similarity (0 to 1). `how` says in words how one
    became the other."""

    first: int
    second: int
    similarity: float
    how: str


class Pair(NamedTuple):
    """Two near-duplicates, the smaller image id first, with the user's verdict if there is one."""

    first: int
    second: int
    similarity: float
    how: str
    verdict: Verdict | None


class Change(NamedTuple):
    """One entry of the dataset's history. `at` is the time, ISO 8601 in UTC."""

    id: int
    at: str
    what: str
    undone: bool
