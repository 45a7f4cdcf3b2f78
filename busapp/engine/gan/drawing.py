"""The only way in which images are drawn from a generator: in the order of its stream, without copies of its training
images, and without images that the study has set aside.

Copies are detected on grey thumbnails of 32×32 pixels, mirrored or not. Whole pictures are compared; in addition, one
is laid over the other at every shift of up to 4 thumbnail pixels (an eighth of the picture), because a generator whose
training images were shifted may memorise shifted images. On BUSI (210 malignant and 133 normal images, 64×64) whole
pictures alone detect 1 % of copies that are shifted by 3 %; this method detects all copies shifted by up to 12 %. The
price is one more of the 343 images whose nearest neighbour counts as its copy. Copies that are zoomed by 8 % or more
are not detected.
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
"""Largest number of images drawn for each requested image, so that a generator that only copies does not draw for
ever."""
LARGEST_SHIFT: Final = 4
"""Largest shift, in thumbnail pixels."""
COPIES: Final = "copies"
"""Folder of a run with the pictures of drawn copies."""
DRAWN: Final = "drawn.csv"
"""File of a run with a row for each drawn image."""
_NUMBER: Final = re.compile(r"-(\d+)\.png$")
_EARLIER_SCORED: Final = 200
_EARLIER_PART: Final = 32
"""Earlier versions kept no table. They drew at least `_EARLIER_SCORED` images for the score, in parts of
`_EARLIER_PART`."""


# -- likeness ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar real image of each of n drawn images: its index int (n,), their correlation float32 (n,) in
    [-1, 1], and `mirrored` bool (n,), true if the drawn image is more similar to its mirror image."""

    place: npt.NDArray[np.intp]
    correlation: npt.NDArray[np.float32]
    mirrored: npt.NDArray[np.bool_]


class Likeness:
    """Real images to compare drawn ones with: uint8 (n, height, width, 3), at least one."""

    def __init__(self, real: Pixels) -> None:
        self._real = _thumbnails(real)

    def nearest(self, drawn: Pixels) -> Nearest:
        """Return the nearest real image of each drawn image, uint8 (n, height, width, 3), of any size."""
        ours = _thumbnails(drawn)
        # A picture of one grey value correlates with nothing, not even with another such picture.
        straight, mirrored = (self._correlations(each) for each in (ours, ours[:, :, ::-1]))
        largest = np.maximum(straight, mirrored)
        place = largest.argmax(axis=1)
        at = np.arange(len(drawn)), place
        return Nearest(place, largest[at], mirrored[at] > straight[at])

    def _correlations(self, ours: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Largest correlation over all shifts: float32 (drawn images, real images)."""
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
    """One row for each picture, of mean 0 and length 1; all 0 for a picture of one grey value."""
    rows = pictures.reshape(len(pictures), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    result: npt.NDArray[np.float32] = rows / np.maximum(lengths, 1e-6)
    return result


# -- drawing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawnImage:
    """One drawn image, as a row of `drawn.csv`.

    `number` is its place in the generator's stream, from 1. `file` is its name in the catalog, or for a copy the path
    in the run's folder; empty if it was drawn only to be scored. `sha256` is that of its PNG as the study stores it.
    `nearest_*` describe the most similar training image.
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
    """Drawn images: `pixels` uint8 (n, size, size, 3) and `kept`, their rows; `copied` and `copies`, the same for
    copies. `left_out` counts skipped images, which the study has set aside."""

    pixels: Pixels
    kept: list[DrawnImage]
    copied: Pixels
    copies: list[DrawnImage]
    left_out: int


def draw_new(
    workspace: Workspace, record: GeneratorRecord, count: int, what: str, *, start: int = 0
) -> Generator[Event, None, Drawn]:
    """Draw up to `count` images, beginning at index `start` of the generator's stream. Copies of its training images
    and images that the study has set aside do not count. `what` describes the images: `images for fold 3`.

    Raises:
        BadModel: the generator is damaged.
    """
    known = {image.sha256: image for image in workspace.catalog.images(kind="real")}
    trained_on = [known[sha256] for sha256 in sorted(record.trained_on & known.keys())]
    real, hashes = yield from load_images(workspace, trained_on, record.settings.image_size)
    if len(hashes) < len(record.trained_on):
        yield Note(
            f"{many(len(record.trained_on) - len(hashes), 'image')} that the generator was trained on can no longer be "
            "read: copies of them would not be detected.",
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
    yield from _notes(drawn, count, what)
    return drawn


def stored_png(picture: Pixels) -> bytes:
    """Return the PNG file of a drawn image, uint8 (height, width, 3), as the study stores it."""
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
    """Images that must not be drawn again: content hashes, and numbers in the generator's stream. The numbers are
    needed because another device draws the same image with other last bits."""

    hashes: frozenset[str]
    numbers: frozenset[int]

    @classmethod
    def of(cls, workspace: Workspace, record: GeneratorRecord) -> "_Refused":
        aside = [image for image in workspace.catalog.images(kind="synthetic") if image.excluded is not None]
        # The content of a covered image differs from that of the drawn image.
        hashes = frozenset(sha256 for image in aside for sha256 in (image.sha256, image.original) if sha256)
        numbers = _numbers(image for image in aside if image.run == record.name)
        with suppress(BadInput):  # the numbers in the names are enough
            numbers |= {row.number for row in known_of(record.folder) if row.sha256 in hashes}
        return cls(hashes, frozenset(numbers))


def _numbers(images: Iterable[ImageRecord]) -> set[int]:
    """Numbers in the generators' streams, read from the names of drawn images (see `store`)."""
    found = (_NUMBER.search(image.file) for image in images)
    return {int(number[1]) for number in found if number}


def _notes(drawn: Drawn, count: int, what: str) -> Generator[Event, None, None]:
    n_kept, n_copies = len(drawn.kept), len(drawn.copies)
    if drawn.left_out:
        yield Note(f"{what}: skipped {many(drawn.left_out, 'drawn image')} that the study has set aside.")
    if n_kept < count:
        yield Note(
            f"{what}: only {n_kept:,} of {count:,} were kept; {many(n_copies, 'drawn image')} nearly equalled training "
            "images. The generator has memorised these. Fewer epochs or more images help.",
            "warning",
        )
    elif n_copies:
        yield Note(f"{what}: {n_copies:,} {'copy' if n_copies == 1 else 'copies'} of training images skipped.")


def store(
    workspace: Workspace, record: GeneratorRecord, drawn: Drawn, n_new: int
) -> Generator[Event, None, tuple[list[NewImage], list[DrawnImage]]]:
    """Store the first `n_new` images, and the copies for inspection by a person.

    Returns the images to add to the catalog, and the rows that `write_drawn` must write into the generator's folder
    first.

    Raises:
        NoSpace: the disk is full. The catalog stays unchanged.
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
        yield Progress(n_new + done, total, f"storing copy {done} of {len(drawn.copies)} for inspection")
    return new, [*rows, *drawn.kept[n_new:]]


# -- what was drawn before -----------------------------------------------------------------------------------


def read_drawn(folder: Path) -> list[DrawnImage]:
    """Read the table of drawn images from a generator's folder, in the order of their numbers.

    Raises:
        FileNotFoundError: there is no table, as in older runs.
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
    """Like `read_drawn`, but an empty list if there is no table.

    Raises:
        BadInput: the table cannot be read.
    """
    try:
        return read_drawn(folder)
    except FileNotFoundError:
        return []


def drawn_so_far(workspace: Workspace, run: Run) -> int:
    """Number of images of its generator's stream that a synthesis run has drawn. New images begin after them.

    Raises:
        BadInput: the table of drawn images cannot be read.
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
    """Add rows to the table of drawn images in a generator's folder. A new row replaces an old one of the same number.

    Raises:
        BadInput: the existing table cannot be read, and would be lost.
        NoSpace: the disk is full. The table stays unchanged.
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
