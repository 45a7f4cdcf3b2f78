"""The one way in which images are drawn from a generator: in its own order, without copies of the images that it was
trained on, and without those that the study has set aside.

What is a copy is looked at on grey thumbnails of 32×32 pixels, as whole pictures and, since a generator whose training
images were shifted learns shifted ones by heart, with one laid over the other at every shift of up to 4 thumbnail
pixels (an eighth of the picture); mirrored or not. On BUSI (210 malignant and 133 normal images, 64×64) whole pictures
alone find 1 % of copies that are shifted by 3 %, this finds all of them shifted by up to 12 %, at the price of one more
of the 343 images whose nearest neighbour counts as its copy. Copies that are zoomed by 8 % or more are not found.
"""

import csv
import io
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.curation.duplicates import THUMBNAIL
from busapp.engine.events import Event, Note, Progress
from busapp.engine.gan.generators import GeneratorRecord, draw_in_parts, load_images
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import CurateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.engine.utils.png import bare_png
from busapp.engine.utils.words import many
from busapp.errors import BadInput

DRAWN_PER_IMAGE: Final = 3
"""At most this many are drawn for one that is kept: a generator that only copies must not draw for ever."""
LARGEST_SHIFT: Final = 4
"""Thumbnail pixels."""
COPIES: Final = "copies"
"""The folder of a run with the pictures of the copies that were drawn."""
DRAWN: Final = "drawn.csv"
"""The file of a run with a row for each drawn image."""
_NUMBER: Final = re.compile(r"-(\d+)\.png$")
_EARLIER_SCORED: Final = 200
_EARLIER_PART: Final = 32
"""Earlier versions kept no table. They drew so many images for the score at least, in parts of so many."""


# -- likeness ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each of n drawn images the real one that it resembles most: its place int (n,), their correlation float32
    (n,) in [-1, 1], and whether it is mirrored against it, bool (n,)."""

    place: npt.NDArray[np.intp]
    correlation: npt.NDArray[np.float32]
    mirrored: npt.NDArray[np.bool_]


class Likeness:
    """Real images to compare drawn ones with: uint8 (n, height, width, 3), at least one."""

    def __init__(self, real: Pixels) -> None:
        self._real = _thumbnails(real)

    def nearest(self, drawn: Pixels) -> Nearest:
        """The nearest real image of each drawn one, uint8 (n, height, width, 3), of any size."""
        ours = _thumbnails(drawn)
        # An even picture correlates with nothing, not even with another even one.
        straight, mirrored = (self._correlations(each) for each in (ours, ours[:, :, ::-1]))
        largest = np.maximum(straight, mirrored)
        place = largest.argmax(axis=1)
        at = np.arange(len(drawn)), place
        return Nearest(place, largest[at], mirrored[at] > straight[at])

    def _correlations(self, ours: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The largest over all shifts: float32 (n of drawn, n of real)."""
        best: npt.NDArray[np.float32] = _flat(ours) @ _flat(self._real).T
        inner = THUMBNAIL - 2 * LARGEST_SHIFT
        middle = _flat(ours[:, LARGEST_SHIFT:-LARGEST_SHIFT, LARGEST_SHIFT:-LARGEST_SHIFT])
        for down in range(2 * LARGEST_SHIFT + 1):
            for right in range(2 * LARGEST_SHIFT + 1):
                window = self._real[:, down : down + inner, right : right + inner]
                np.maximum(best, middle @ _flat(window).T, out=best)
        return best


def _thumbnails(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Grey thumbnails: float32 (n, 32, 32)."""
    grey = np.zeros((len(pixels), THUMBNAIL, THUMBNAIL), np.float32)
    for number, picture in enumerate(pixels):
        small = Image.fromarray(picture).convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
        grey[number] = np.asarray(small)
    return grey


def _flat(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One row a picture, of mean 0 and length 1; all 0 where the picture is even."""
    rows = pictures.reshape(len(pictures), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    result: npt.NDArray[np.float32] = rows / np.maximum(lengths, 1e-6)
    return result


# -- drawing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawnImage:
    """One image that was drawn, as a row of `drawn.csv`.

    `number` is its place in the generator's stream, from 1. `file` is where it can be seen: its name in the catalog, or
    of a copy its place in the run's folder; empty where it was drawn to be scored alone, or was refused. `sha256` is
    that of its PNG as the study stores it. `nearest_*` name the training image that it resembles most.
    """

    number: int
    file: str
    sha256: str
    nearest_file: str
    nearest_sha256: str
    correlation: float
    mirrored: bool
    copy: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn: `pixels` uint8 (n, size, size, 3) of those that are kept, `kept` what is known of them, `copies`
    and `copied` the same of copies; `left_out` counts those that the study has set aside."""

    pixels: Pixels
    kept: list[DrawnImage]
    copied: Pixels
    copies: list[DrawnImage]
    left_out: int


def draw_new(
    workspace: Workspace, record: GeneratorRecord, count: int, what: str, *, start: int = 0
) -> Generator[Event, None, Drawn]:
    """Up to `count` images from place `start` of the generator's stream on: no copies of the images that it was
    trained on, and none that the study has set aside. `what` says in words what is drawn: `images for fold 3`.

    Raises:
        BadModel: the generator is damaged.
    """
    known = {image.sha256: image for image in workspace.catalog.images(kind="real")}
    trained_on = [known[sha256] for sha256 in sorted(record.trained_on & known.keys())]
    real, hashes = yield from load_images(workspace, trained_on, record.settings.image_size)
    if len(hashes) < len(record.trained_on):
        yield Note(
            f"{many(len(record.trained_on) - len(hashes), 'image')} that the generator was trained on cannot be read "
            "any more: copies of them would not be noticed.",
            "warning",
        )
    likeness, learned_from = (Likeness(real) if hashes else None), [known[sha256] for sha256 in hashes]
    refused = _Refused.of(workspace, record)
    size = record.settings.image_size
    empty = np.empty((0, size, size, 3), np.uint8)
    pixels, copied = [empty], [empty]
    kept: list[DrawnImage] = []
    copies: list[DrawnImage] = []
    left_out, number = 0, start
    for part in draw_in_parts(record, DRAWN_PER_IMAGE * count, start) if count else ():
        nearest = likeness.nearest(part) if likeness else None
        for place, picture in enumerate(part):
            number += 1
            image = DrawnImage(number, "", sha256_of(stored_png(picture)), "", "", 0.0, False, False)
            if nearest:
                image = _compared(image, nearest, place, learned_from)
            if image.sha256 in refused.hashes or number in refused.numbers:
                left_out += 1
            elif image.copy:
                copies.append(image)
                copied.append(picture[None])
            else:
                kept.append(image)
                pixels.append(picture[None])
            if len(kept) == count:
                break
        yield Progress(len(kept), count, f"{what}: image {len(kept)} of {count}")
        if len(kept) == count:
            break
    drawn = Drawn(np.concatenate(pixels), kept, np.concatenate(copied), copies, left_out)
    yield from _told(drawn, count, what)
    return drawn


def stored_png(picture: Pixels) -> bytes:
    """The file of a drawn image, uint8 (height, width, 3), as the study stores it."""
    return bare_png(Image.fromarray(picture))


def _compared(image: DrawnImage, nearest: Nearest, place: int, learned_from: Sequence[ImageRecord]) -> DrawnImage:
    real, correlation = learned_from[nearest.place[place]], float(nearest.correlation[place])
    return replace(
        image,
        nearest_file=real.file,
        nearest_sha256=real.sha256,
        correlation=round(correlation, 4),
        mirrored=bool(nearest.mirrored[place]),
        copy=correlation >= CurateSettings().min_correlation,
    )


@dataclass(frozen=True, slots=True)
class _Refused:
    """What must not be drawn again: content hashes, and places in the generator's stream, since another device draws
    the same image with other last bits."""

    hashes: frozenset[str]
    numbers: frozenset[int]

    @classmethod
    def of(cls, workspace: Workspace, record: GeneratorRecord) -> "_Refused":
        aside = [image for image in workspace.catalog.images(kind="synthetic") if image.excluded is not None]
        # A covered image has another content than the one that was drawn.
        hashes = frozenset(sha256 for image in aside for sha256 in (image.sha256, image.original) if sha256)
        numbers = _numbers(image for image in aside if image.run == record.name)
        with suppress(BadInput):  # what the names say is enough
            numbers |= {row.number for row in known_of(record.folder) if row.sha256 in hashes}
        return cls(hashes, frozenset(numbers))


def _numbers(images: Iterable[ImageRecord]) -> set[int]:
    """The places in their generators' streams that the names of drawn images tell (see `store`)."""
    found = (_NUMBER.search(image.file) for image in images)
    return {int(number[1]) for number in found if number}


def _told(drawn: Drawn, count: int, what: str) -> Generator[Event, None, None]:
    n_kept, n_copies = len(drawn.kept), len(drawn.copies)
    if drawn.left_out:
        yield Note(f"{what}: {many(drawn.left_out, 'drawn image')} that the study has set aside stayed out.")
    if n_kept < count:
        yield Note(
            f"{what}: only {n_kept:,} of {count:,} were kept; {many(n_copies, 'drawn image')} nearly equalled training "
            "images. The generator has learned them by heart; fewer epochs or more images help.",
            "warning",
        )
    elif n_copies:
        yield Note(f"{what}: {n_copies:,} {'copy' if n_copies == 1 else 'copies'} of training images stayed out.")


def store(
    workspace: Workspace, record: GeneratorRecord, drawn: Drawn, n_new: int
) -> Generator[Event, None, tuple[list[NewImage], list[DrawnImage]]]:
    """Store the first `n_new` images, and the copies for a person to look at. Returns what is to be added to the
    catalog, and what `write_drawn` is to write into the folder of the generator's run before.

    Raises:
        NoSpace: the disk is full; the catalog is as it was.
    """
    new: list[NewImage] = []
    rows: list[DrawnImage] = []
    total = n_new + len(drawn.copies)
    for done, (image, picture) in enumerate(zip(drawn.kept[:n_new], drawn.pixels, strict=False), start=1):
        height, width, _ = picture.shape
        name = f"synthetic/{record.class_name}/{record.name}-{image.number:04d}.png"
        sha256 = workspace.store_image(stored_png(picture), ".png")
        new.append(NewImage(name, sha256, ".png", record.class_name, width, height, kind="synthetic", run=record.name))
        rows.append(replace(image, file=name))
        yield Progress(done, total, f"storing image {done} of {n_new}")
    for done, (image, picture) in enumerate(zip(drawn.copies, drawn.copied, strict=True), start=1):
        name = f"{COPIES}/{image.number:04d}.png"
        write_atomically(record.folder / name, stored_png(picture))
        rows.append(replace(image, file=name))
        yield Progress(n_new + done, total, f"keeping copy {done} of {len(drawn.copies)} to be looked at")
    return new, [*rows, *drawn.kept[n_new:]]


# -- what was drawn before -----------------------------------------------------------------------------------


def read_drawn(folder: Path) -> list[DrawnImage]:
    """What a generator's folder says of the images that were drawn from it, in their order.

    Raises:
        FileNotFoundError: it does not say, as those of older runs.
        BadInput: the table cannot be read.
    """
    path = folder / DRAWN
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if set(reader.fieldnames or ()) < set(DrawnImage.__slots__):
                raise ValueError("it has other columns")
            return [
                DrawnImage(
                    int(row["number"]),
                    row["file"],
                    row["sha256"],
                    row["nearest_file"],
                    row["nearest_sha256"],
                    float(row["correlation"]),
                    row["mirrored"] == "yes",
                    row["copy"] == "yes",
                )
                for row in reader
            ]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise BadInput(
            "The list of drawn images cannot be read",
            file=path,
            remedy="Restore it from a copy of the study, or train the generator again.",
        ) from error


def known_of(folder: Path) -> list[DrawnImage]:
    """The same; nothing where it does not say.

    Raises:
        BadInput: the table cannot be read.
    """
    try:
        return read_drawn(folder)
    except FileNotFoundError:
        return []


def drawn_so_far(workspace: Workspace, run: Run) -> int:
    """How many images of its generator's stream a synthesis run has drawn, so that others begin behind them.

    Raises:
        BadInput: the table of what was drawn cannot be read.
    """
    drawn = known_of(run.folder)
    if drawn:
        told = drawn[-1].number
    else:
        result = run.result() or {}
        scored = max(int(result.get("images", 0)), _EARLIER_SCORED)
        told = int(result.get("copies", 0)) + scored + _EARLIER_PART
    return max(told, *_numbers(workspace.catalog.images(kind="synthetic", run=run.id)), 0)


def write_drawn(folder: Path, images: Iterable[DrawnImage]) -> None:
    """Add images to what a generator's folder says of those drawn from it; of one number, the newer counts.

    Raises:
        BadInput: the table that is there cannot be read, and would be lost.
        NoSpace: the disk is full; the table is as it was.
    """
    rows = {image.number: image for image in (*known_of(folder), *images)}
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, DrawnImage.__slots__, lineterminator="\n")
    writer.writeheader()
    for number in sorted(rows):
        row = asdict(rows[number])
        yes_or_no = {name: "yes" if row[name] else "no" for name in ("mirrored", "copy")}
        writer.writerow({**row, **yes_or_no})
    write_atomically(folder / DRAWN, text.getvalue().encode())
