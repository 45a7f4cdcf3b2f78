"""Find near-duplicates, contradicting labels and doubtful images.

BUSI holds the same picture several times over, mirrored, cropped or with other callipers, and some of them under
two classes (Pawłowska et al. 2023, Data in Brief 48:109247). Whoever splits such pictures between training and test
measures memory, so `strict` keeps groups whole and sets conflicts aside.
"""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageOps
from scipy.ndimage import laplace
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from busapp.engine.catalog import FoundPair, ImageRecord
from busapp.engine.events import Event, Finished, Job, Progress, Skipped
from busapp.engine.preprocessing import read_image
from busapp.engine.runs import Run
from busapp.engine.settings import CurateSettings
from busapp.engine.workspace import Workspace
from busapp.errors import NotEnoughImages, UnreadableImage

Floats = npt.NDArray[np.float32]

THUMBNAIL: Final = 32
HASH_SIZE: Final = 16
BLOCK: Final = 256
"""Images compared with all others between two events."""

TINY_SIDE: Final = 64
"""`tiny`: the shorter side has fewer pixels."""
BLANK_DEVIATION: Final = 4.0
"""`blank`: the grey values (0 to 255) have a smaller standard deviation. BUSI's lowest is 27."""
COLOUR_SPREAD: Final = 32
COLOUR_SHARE: Final = 5e-4
"""`colour`: in more than this share of the pixels the channels lie further apart than `COLOUR_SPREAD`: Doppler or
coloured callipers. Eight of BUSI's 780 images."""
BLUR_SIDE: Final = 256
BLUR_RATIO: Final = 0.01
"""`blur`: at 256 pixels or less, the variance of the Laplacian is a smaller part of the grey values' variance. BUSI's
lowest is 0.033; blurred by a Gaussian of 2 pixels, 19 of 20 of its images fall below 0.007."""


def is_curated(workspace: Workspace) -> bool:
    """Whether curation has seen every real image of the study, so that its groups can be relied on."""
    return all(image.checked for image in workspace.catalog.images(kind="real"))


def curate(workspace: Workspace, settings: CurateSettings, run: Run) -> Job:
    """The job `curate`: what `group_images` does, ended by `Finished` with its result."""
    yield Finished((yield from group_images(workspace, settings)))


def group_images(workspace: Workspace, settings: CurateSettings) -> Generator[Event, None, dict[str, Any]]:
    """Group near-duplicates, list conflicts and flag doubtful images among the real images of the study.

    Two images are near-duplicates if their 256-bit perceptual hashes differ in at most `max_distance` bits and their
    grey 32×32 thumbnails correlate at `min_correlation` or more, one of them mirrored or not; or if their bytes are
    the same. Groups are what such pairs connect, each known by its smallest image id. A conflict is a pair with
    different classes. Nothing is set aside here; what was found before is replaced in one step at the end.

    An image that cannot be read is `Skipped`: flagged `unreadable`, a group of its own.

    Returns:
        `n_images`, `n_groups` (single images too), `n_pairs`, `groups` (those of several images), `conflicts` and
        `flags`, as in the contract of `busapp curate --json`; images of one name share its flags. `settings` are the
        thresholds, `max_distance` in bits and `min_correlation`.

    Raises:
        NotEnoughImages: the study has no real image.
    """
    images = workspace.catalog.images(kind="real")
    if not images:
        raise NotEnoughImages("The study has no images", file=workspace.root, remedy="Import some first.")
    signatures = _Signatures(len(images))
    flags: dict[int, list[str]] = {}
    for number, image in enumerate(images):
        yield Progress(number, 2 * len(images), f"looked at {number} of {len(images)} images")
        try:
            picture = read_image(workspace.image_path(image))
        except UnreadableImage as error:
            flags[image.id] = ["unreadable"]
            yield Skipped(image.file, error.what)
            continue
        signatures.put(number, picture)
        if found := quality_flags(picture):
            flags[image.id] = found

    pairs = yield from _near_duplicates(images, signatures, settings)
    groups = _groups(images, pairs)
    conflicts = [(images[a], images[b]) for a, b in pairs if images[a].class_name != images[b].class_name]
    alike = [FoundPair(images[a].id, images[b].id, 1.0, "looks alike") for a, b in pairs]
    workspace.catalog.set_curation(groups, alike, flags, {})
    return {
        "n_images": len(images),
        "n_pairs": len(pairs),
        **_described(images, groups),
        "conflicts": [[first.file, second.file] for first, second in conflicts],
        "flags": _flags_by_file(images, flags),
        "settings": settings.model_dump(mode="json"),
    }


class _Signatures:
    """What images are compared by: a grey thumbnail and a perceptual hash of each, and those of its mirror image."""

    def __init__(self, count: int) -> None:
        self._thumbnails = np.zeros((2, count, THUMBNAIL * THUMBNAIL), np.float32)
        self._hashes = np.zeros((2, count, HASH_SIZE * HASH_SIZE), np.float32)

    def put(self, number: int, picture: Image.Image) -> None:
        """Remember an image. One without any contrast stays zero: it correlates with nothing."""
        grey = picture.convert("L")
        for mirrored, view in enumerate((grey, ImageOps.mirror(grey))):
            thumbnail = np.asarray(view.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC), np.float32).ravel()
            centred = thumbnail - thumbnail.mean()
            self._thumbnails[mirrored, number] = centred / max(float(np.linalg.norm(centred)), 1.0)
            bits = imagehash.phash(view, hash_size=HASH_SIZE).hash.ravel()
            self._hashes[mirrored, number] = np.where(bits, 1.0, -1.0)

    def alike(self, block: slice, max_distance: int, min_correlation: float) -> npt.NDArray[np.bool_]:
        """Which of the block's images are near-duplicates of which: bool (block, all)."""
        correlation = _larger_product(self._thumbnails, block)
        # Bits are ±1, so that a product is the number of equal bits less that of different ones.
        distance = (HASH_SIZE**2 - _larger_product(self._hashes, block)) / 2
        return np.asarray((correlation >= min_correlation) & (distance <= max_distance))


def _larger_product(views: Floats, block: slice) -> Floats:
    """Of each pair the larger scalar product, one image mirrored or not: (block, all) of views (2, all, length)."""
    straight, mirrored = (views[0, block] @ view.T for view in views)
    larger: Floats = np.maximum(straight, mirrored)
    return larger


def _near_duplicates(
    images: Sequence[ImageRecord], signatures: _Signatures, settings: CurateSettings
) -> Generator[Event, None, list[tuple[int, int]]]:
    """All pairs of near-duplicates, as positions in `images`, the smaller one first."""
    contents = np.unique([image.sha256 for image in images], return_inverse=True)[1]
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(images), BLOCK):
        what = f"compared {start} of {len(images)} images with all others: {len(pairs)} pairs look alike"
        yield Progress(len(images) + start, 2 * len(images), what)
        block = slice(start, start + BLOCK)
        alike = signatures.alike(block, settings.max_distance, settings.min_correlation)
        alike |= contents[block, None] == contents[None, :]
        rows, columns = np.nonzero(np.triu(alike, k=start + 1))
        pairs += zip((rows + start).tolist(), columns.tolist(), strict=True)
    yield Progress(2 * len(images), 2 * len(images), f"{len(pairs)} pairs look alike")
    return pairs


def _groups(images: Sequence[ImageRecord], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """The group of each image id: the smallest id among the images that pairs connect it with."""
    rows, columns = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs), bool), (rows, columns)), shape=(len(images), len(images)))
    labels: list[int] = connected_components(graph, directed=False)[1].tolist()
    smallest: dict[int, int] = {}
    for image, label in zip(images, labels, strict=True):
        smallest[label] = min(image.id, smallest.get(label, image.id))
    return {image.id: smallest[label] for image, label in zip(images, labels, strict=True)}


def _described(images: Sequence[ImageRecord], groups: dict[int, int]) -> dict[str, Any]:
    members: dict[int, list[ImageRecord]] = {}
    for image in images:
        members.setdefault(groups[image.id], []).append(image)
    several = [
        {"files": [image.file for image in group], "classes": [image.class_name for image in group]}
        for group in members.values()
        if len(group) > 1
    ]
    return {"n_groups": len(members), "groups": several}


def _flags_by_file(images: Sequence[ImageRecord], flags: Mapping[int, list[str]]) -> dict[str, list[str]]:
    """Flags by file name, in the alphabet's order. Images of different contents can carry one name."""
    by_file: defaultdict[str, set[str]] = defaultdict(set)
    for image in images:
        if image.id in flags:
            by_file[image.file].update(flags[image.id])
    return {file: sorted(found) for file, found in by_file.items()}


def quality_flags(picture: Image.Image) -> list[str]:
    """Why an RGB image may be unfit, in the alphabet's order; what each flag says stands with its threshold above."""
    flags = []
    red, green, blue = picture.split()
    largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    smallest = ImageChops.darker(ImageChops.darker(red, green), blue)
    spread = ImageChops.subtract(largest, smallest).histogram()
    if sum(spread[COLOUR_SPREAD + 1 :]) > COLOUR_SHARE * sum(spread):
        flags.append("colour")
    if min(picture.size) < TINY_SIDE:
        flags.append("tiny")
    grey = picture.convert("L")
    grey.thumbnail((BLUR_SIDE, BLUR_SIDE), Image.Resampling.BILINEAR)
    values = np.asarray(grey, dtype=np.float32)
    if float(values.std()) < BLANK_DEVIATION:
        flags.append("blank")
    elif float(laplace(values).var()) < BLUR_RATIO * float(values.var()):
        flags.append("blur")
    return sorted(flags)
