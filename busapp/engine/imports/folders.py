"""Bring images from folders into the study: folders of classes, one class, single files, BUSI as downloaded.

BUSI (Al-Dhabyani et al. 2020, Data in Brief 28:104863) comes as one folder for each class, with one or more lesion
masks beside each image: `benign (25).png`, `benign (25)_mask.png`, `benign (25)_mask_1.png`.
"""

import io
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.catalog import NewImage
from busapp.engine.events import Finished, Job, Progress, Skipped
from busapp.engine.files import sha256_of
from busapp.engine.preprocessing import IMAGE_SUFFIXES, decode, read_content, read_image, read_size
from busapp.engine.runs import Run
from busapp.engine.settings import ImportSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, UnreadableImage

_MASK: Final = re.compile(r"(?P<image>.+)_mask(_\d+)?", re.IGNORECASE)
_CLUTTER: Final = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX", re.IGNORECASE)
"""What operating systems leave in folders; nobody needs to be told that it is left out."""

_NOT_TEXT: Final = "Its name is not valid text; rename it"


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image file among the sources. `file` is the name it is stored under: `class/file name`."""

    path: Path
    file: str
    class_name: str
    masks: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do: new images per class, images that the study has already, mask files joined to
    their images, and what would be skipped."""

    counts: dict[str, int]
    already_present: int
    masks: int
    skipped: list[Skipped]


def preview(
    sources: Sequence[Path],
    class_name: str | None,
    known: Mapping[tuple[str, str], bool],
    should_stop: Callable[[], bool] = lambda: False,
) -> Preview:
    """What `import_images` would do, from names and headers: some ten thousand files a second. Only files whose name
    the study knows are read in full, to see whether they are the same image.

    Args:
        sources: as in `ImportSettings`.
        class_name: the class of all images; None where each folder's name is the class.
        known: `Catalog.known()`.
        should_stop: asked before each file is opened; once it says so, only what was seen until then comes back.

    Raises:
        BadInput: as `find_images`.
    """
    found, skipped = find_images(sources, class_name)
    names = {file for file, _ in known}
    counts: Counter[str] = Counter()
    already_present = masks = 0
    for image in found:
        if should_stop():
            break
        try:
            read_size(image.path)
            present = image.file in names and (image.file, sha256_of(read_content(image.path))) in known
        except UnreadableImage as error:
            skipped.append(Skipped(image.file, error.what))
            continue
        masks += len(image.masks)
        if present:
            already_present += 1
        else:
            counts[image.class_name] += 1
    return Preview(dict(sorted(counts.items())), already_present, masks, skipped)


def import_images(workspace: Workspace, settings: ImportSettings, run: Run) -> Job:
    """Bring images into the study; what is there already is left as it is, what cannot be read is listed.

    Bytes are stored as they are read, under their hash; the catalog takes all images in one change at the end. So a
    cancelled or killed import leaves the dataset as it was, importing again finds the bytes in place, and one undo
    takes the whole import back.

    The result holds `imported`, `already_present`, `skipped` ([{file, reason}]) and `counts` (real images of the
    study per class, also those set aside).

    Raises:
        BadInput: as `find_images`.
        NoSpace: the disk is full; the dataset is as it was.
    """
    found, skipped = find_images(settings.sources, settings.class_name)
    yield from skipped
    known = workspace.catalog.known()
    new: list[NewImage] = []
    already_present = 0
    started = time.monotonic()
    for number, image in enumerate(found):
        rate = number / max(time.monotonic() - started, 1e-3)
        yield Progress(number, len(found), f"{number} of {len(found)} images · {rate:.0f} images/s")
        try:
            content = read_content(image.path)
            key = (image.file, sha256_of(content))
            if key in known:
                already_present += 1
                continue
            stored, left = _store(workspace, image, content)
            new.append(stored)
            known[key] = stored.mask is not None
        except UnreadableImage as error:
            left = [Skipped(image.file, error.what)]
        skipped += left
        yield from left
    yield Progress(len(found), len(found), "adding to the catalog")
    imported = workspace.catalog.add(new, f"{len(new)} images imported")
    yield Finished(
        {
            "imported": imported,
            "already_present": already_present,
            "skipped": [{"file": left.file, "reason": left.reason} for left in skipped],
            "counts": workspace.catalog.counts("real", with_excluded=True),
        }
    )


def _store(workspace: Workspace, found: FoundImage, content: bytes) -> tuple[NewImage, list[Skipped]]:
    """Check the picture, then store its bytes and its mask; also the masks that could not be joined to it."""
    picture = decode(content, file=found.path)
    suffix = found.path.suffix.lower()
    mask, skipped = _merged_mask(found, picture.size)
    image = NewImage(
        file=found.file,
        sha256=workspace.store_image(content, suffix),
        suffix=suffix,
        class_name=found.class_name,
        width=picture.width,
        height=picture.height,
        mask=None if mask is None else workspace.store_mask(mask),
        source=str(found.path),
    )
    return image, skipped


def _merged_mask(found: FoundImage, size: tuple[int, int]) -> tuple[bytes | None, list[Skipped]]:
    """The union of all masks as a PNG that is 255 inside, None where there is none; and the masks left out."""
    union: npt.NDArray[np.bool_] | None = None
    skipped: list[Skipped] = []
    for path in found.masks:
        name = f"{found.class_name}/{path.name}"
        try:
            mask = read_image(path)
        except UnreadableImage as error:
            skipped.append(Skipped(name, error.what))
            continue
        if mask.size != size:
            sizes = f"The mask is {mask.width}×{mask.height} pixels, its image {size[0]}×{size[1]}"
            skipped.append(Skipped(name, sizes))
            continue
        values = np.asarray(mask.convert("L"))
        # Half of the largest value: masks come as 0 and 1, as 0 and 255, and with the fringes of JPEG.
        inside = values >= max(values.max() / 2, 1)
        union = inside if union is None else union | inside
    if union is None:
        return None, skipped
    png = io.BytesIO()
    Image.fromarray(union.astype(np.uint8) * 255).save(png, "PNG")
    return png.getvalue(), skipped


# -- finding -----------------------------------------------------------------------------------------------


def find_images(sources: Sequence[Path], class_name: str | None) -> tuple[list[FoundImage], list[Skipped]]:
    """The images of all sources in the order of people (2 before 10), and the files that are left out, with why.

    A folder that holds images is a class of that name, spelt in lower case, wherever it lies in its source. Images
    that lie beside such folders belong to none and are left out, unless `class_name` says what they are.

    Raises:
        BadInput: a source is missing or holds no image, or single images come without a class.
    """
    given_class = None if class_name is None else _class_called(class_name)
    found: list[FoundImage] = []
    skipped: list[Skipped] = []
    seen: set[Path] = set()
    for folder, files in _folders_of(sources, given_class, skipped):
        fresh = [path for path in files if path not in seen]
        seen.update(fresh)
        images, left = _sort_out(fresh, given_class or _class_called(folder.name))
        found += images
        skipped += left
    return found, skipped


def _class_called(name: str) -> str:
    called = " ".join(name.split()).lower()
    if not called or "/" in called or "\\" in called:
        raise BadInput(
            "This cannot be the name of a class", file=name or "(empty)", remedy="Give the class with --class."
        )
    return called


def _folders_of(
    sources: Sequence[Path], class_name: str | None, skipped: list[Skipped]
) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder that counts as a class, with its files; single files come with the folder they lie in."""
    single: dict[Path, list[Path]] = {}
    for given in sources:
        source = given.expanduser().resolve()
        if not _is_text(str(source)):
            raise BadInput("The name is not valid text", file=_as_text(source), remedy="Rename it, then import it.")
        if source.is_dir():
            yield from _classes_below(source, class_name, skipped)
        elif not source.is_file():
            raise BadInput("There is no such file or folder", file=given, remedy="Check the name and the path.")
        elif not _is_image(source):
            formats = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
            raise BadInput("This is not an image", file=given, remedy=f"Images are files of these kinds: {formats}.")
        elif class_name is None:
            raise BadInput(
                "It is not known which class the image is of",
                file=given,
                remedy="Give it with --class, or import the folder that is named after the class.",
            )
        else:
            single.setdefault(source.parent, []).append(source)
    yield from single.items()


def _classes_below(source: Path, class_name: str | None, skipped: list[Skipped]) -> Iterator[tuple[Path, list[Path]]]:
    folders: list[tuple[Path, list[Path]]] = []

    def cannot_list(error: OSError) -> None:
        skipped.append(Skipped(str(error.filename), "The folder cannot be opened"))

    def usable(root: str, names: list[str]) -> list[str]:
        unusable = [f"{Path(root).name}/{_as_text(name)}" for name in names if not _is_text(name)]
        skipped.extend(Skipped(name, _NOT_TEXT) for name in sorted(unusable))
        return sorted(filter(_is_text, names), key=_in_order)

    for root, subfolders, names in os.walk(source, onerror=cannot_list):
        subfolders[:] = [name for name in usable(root, subfolders) if not _is_hidden(name)]
        paths = [Path(root, name) for name in usable(root, names) if not _CLUTTER.fullmatch(name)]
        if paths:
            folders.append((Path(root), paths))
    with_images = [folder for folder, paths in folders if any(_is_image(p) and not _is_mask(p) for p in paths)]
    if not with_images:
        remedy = "Choose a folder of images, or one with a folder of images for each class."
        if any(left.reason == _NOT_TEXT for left in skipped):
            remedy = "Rename the files and folders in it whose names are not valid text."
        raise BadInput("There are no images in the folder", file=source, remedy=remedy)
    beside_classes = class_name is None and len(with_images) > 1
    for folder, paths in folders:
        if folder == source and beside_classes:
            skipped += [Skipped(path.name, "It lies beside the folders of classes, not in one") for path in paths]
        else:
            yield folder, paths


def _sort_out(files: Sequence[Path], class_name: str) -> tuple[list[FoundImage], list[Skipped]]:
    """The files of one folder: images with their masks, and the rest with the reason why it is left out."""
    pictures: list[Path] = []
    masks: dict[str, list[Path]] = {}
    skipped: list[Skipped] = []
    for path in files:
        mask = _is_mask(path)
        if _is_hidden(path.name):
            skipped.append(Skipped(f"{path.parent.name}/{path.name}", "It is a hidden file"))
        elif not _is_image(path):
            skipped.append(Skipped(f"{path.parent.name}/{path.name}", "It is not an image"))
        elif mask:
            masks.setdefault(mask["image"].lower(), []).append(path)
        else:
            pictures.append(path)
    found = [
        FoundImage(path, f"{class_name}/{path.name}", class_name, tuple(masks.get(path.stem.lower(), ())))
        for path in pictures
    ]
    for stem in masks.keys() - {path.stem.lower() for path in pictures}:
        skipped += [
            Skipped(f"{class_name}/{path.name}", "It is a mask, and its image is missing") for path in masks[stem]
        ]
    return found, skipped


def _is_mask(path: Path) -> re.Match[str] | None:
    return _MASK.fullmatch(path.stem)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not _is_hidden(path.name) and path.is_file()


def _is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8. Old archives leave names in other encodings, which Python reads as
    surrogates: neither the catalog nor JSON can hold those."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_text(name: str | Path) -> str:
    """A name for people to read, with � for what is not text."""
    return os.fsencode(name).decode("utf-8", "replace")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or bool(_CLUTTER.fullmatch(name))


def _in_order(name: str) -> list[tuple[int, str]]:
    """Sorts numbers in names by their value."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name.lower())]
