"""Find the masks among the pictures of a source, and the image that each belongs to.

A mask lies in a folder of masks (`masks`, `GT`), under the name of its image or nearly so, or beside its image under a
name that says mask: `a_mask_1.png`, `mask_a.png`, `1 Benign Mask.tif` for `1 Benign Image.bmp`. Words that may mean
something else (`a_tumor`, `a_gt`, `a_roi`) say mask only beside an image without that word. Images and masks of one
kind may lie in two trees of folders: `images/train` and `masks/train`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from busapp.engine.imports import names
from busapp.engine.imports.files.sources import STEP, Entry, Steps
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.sorting.layouts import lies_in_masks, place
from busapp.engine.utils.words import many

NO_IMAGE: Final = "It is a mask, and its image is missing"
SEVERAL: Final = "It is a mask, and several images have its name"
COPY: Final = "It shows the lesion of another image again, as a cut-out or with marks"

_SURE: Final = frozenset({"mask", "masks"})
_MAYBE: Final = re.compile(r"tumou?r|lesion|roi|seg|segmentation|gt|groundtruth|label|annotation|anno|contour|other\d*")
_COPIES: Final = frozenset({"lesion", "roi"})
"""Words for copies of an image, if the image has another mask."""
_PICTURE: Final = frozenset({"image", "images", "img", "original", "orig", "picture", "pic", "photo"})
_NUMBERED: Final = re.compile(r"(?<![^\W_])(masks?)(\d+)(?![^\W_])")
_SEPARATORS: Final = re.compile(r"[\W_]+")


class _Key(NamedTuple):
    """The words of a file's name without those for pictures and masks; numbers without leading zeros."""

    words: tuple[str, ...]
    said: str
    """The word that says mask; '' if there is none."""
    numbered: bool
    """True if the name ends with a number behind that word."""


@dataclass(slots=True)
class Masks:
    """The pictures of a source that are images, and the masks joined to them by `Entry.where` of the image."""

    pictures: list[Entry]
    joined: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    skipped: list[tuple[Entry, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def tell_apart(entries: Sequence[Entry]) -> Steps[Masks]:
    """Tell images and masks apart, and join them. `entries` are pictures of any kind, not DICOM files."""
    if not entries:
        return Masks([])
    keys: dict[str, _Key] = {}
    for number, entry in enumerate(entries):
        if number % STEP == 0:
            yield len(entries)
        keys[entry.where] = _key(entry.name)
    in_masks = _mask_folders(entries, keys)
    candidates = [entry for entry in entries if keys[entry.where].said or entry.folder in in_masks]
    if not candidates:
        return Masks(list(entries), findings=_told_twins(entries))
    are_candidates = {entry.where for entry in candidates}
    certain = [entry for entry in entries if entry.where not in are_candidates]
    joining = _Joining(certain, keys)
    has_tumours = any(_is_tumour(keys[entry.where].said) for entry in candidates)
    masks, unsure = Masks([]), list[Entry]()
    copies: list[tuple[Entry, list[Entry]]] = []
    for entry in candidates:
        key = keys[entry.where]
        is_sure = key.said in _SURE or entry.folder in in_masks
        images = joining.images_of(entry, key, is_sure)
        if is_sure and not images:
            masks.skipped.append((entry, NO_IMAGE))
        elif is_sure and not _is_one(images):
            masks.skipped.append((entry, SEVERAL))
        elif is_sure or (_is_one(images) and (has_tumours or not key.said.startswith("other"))):
            if key.said in _COPIES and entry.folder not in in_masks:
                copies.append((entry, images))
            else:
                _join(masks, entry, images)
        else:
            unsure.append(entry)
    for entry, images in copies:
        if any(image.where in masks.joined for image in images):
            masks.skipped.append((entry, COPY))
        else:
            _join(masks, entry, images)
    taken = {entry.where for entry in unsure}
    masks.pictures = [entry for entry in entries if entry.where not in are_candidates or entry.where in taken]
    masks.findings = [*_told(masks, keys, in_masks), *_told_unsure(unsure, keys), *_told_twins(masks.pictures)]
    return masks


def says_mask(name: str) -> bool:
    """True if a picture of this name may be taken for a mask."""
    return bool(_key(name).said)


def _mask_folders(entries: Sequence[Entry], keys: dict[str, _Key]) -> set[str]:
    """The folders whose pictures are masks. A folder that holds all pictures, masks among them, is none, whatever its
    name is; nor is one in which a mask lies beside its image."""
    folders = {entry.folder for entry in entries}
    common = _common(folders)
    inner = {folder for folder in folders if lies_in_masks("/".join(folder.split("/")[common:]))}
    named = Counter(bool(keys[entry.where].said) for entry in entries)
    if inner == folders or not (inner or (named[True] and named[False])):
        inner = {folder for folder in folders if lies_in_masks(folder)}
    stems = {(entry.folder, _stem(entry)) for entry in entries}
    mixed = {
        entry.folder
        for entry in entries
        if keys[entry.where].said and _SUFFIX.search(_stem(entry)) and _base(entry) in stems
    }
    return inner - mixed


def _base(entry: Entry) -> tuple[str, str]:
    """The folder of a file, and its stem without a word for masks at its end."""
    return entry.folder, _SUFFIX.sub("", _stem(entry))


def _stem(entry: Entry) -> str:
    return names.stem_of(entry.name).lower()


def _common(folders: Iterable[str]) -> int:
    """The number of folders, from the top, that all paths share."""
    parts = [folder.split("/") for folder in folders]
    first, last = min(parts), max(parts)
    return next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))


def _join(masks: Masks, entry: Entry, images: Iterable[Entry]) -> None:
    for image in images:
        masks.joined[image.where].append(entry)


def _is_one(images: Sequence[Entry]) -> bool:
    """True for one image, also if it is there in several formats."""
    return len({(image.folder, _stem(image)) for image in images}) == 1


def _is_tumour(said: str) -> bool:
    return said in ("tumor", "tumour")


def _key(name: str) -> _Key:
    stem = _NUMBERED.sub(r"\1 \2", names.stem_of(name).lower())
    found = [word for word in _SEPARATORS.split(stem) if word]
    plain = [word.lstrip("0") or word for word in found if word not in _PICTURE]
    numbered = len(plain) > 1 and plain[-1].isdecimal()
    last = plain[-2] if numbered else plain[-1] if plain else ""
    said = next((word for word in plain if word in _SURE), "")
    if not said and len(plain) > 1:
        # At the end, or before a number; at the beginning, as in `gt_12`, only the shortest.
        said = last if _MAYBE.fullmatch(last) and plain[0] != last else plain[0] if plain[0] in ("gt", "seg") else ""
    rest = tuple(word for word in plain if word != said and not (said and _MAYBE.fullmatch(word)))
    return _Key(rest, said, numbered and last == said)


class _Joining:
    """Looks up the images of masks by the words of their names."""

    def __init__(self, images: Sequence[Entry], keys: dict[str, _Key]) -> None:
        self._by_stem: dict[str, list[Entry]] = defaultdict(list)
        self._by_words: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
        self._by_ending: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
        for image in images:
            self._by_stem[_stem(image)].append(image)
            wording = keys[image.where].words
            self._by_words[wording].append(image)
            for n in range(1, len(wording)):
                self._by_ending[wording[-n:]].append(image)

    def images_of(self, mask: Entry, key: _Key, is_sure: bool) -> list[Entry]:
        """The images that a mask belongs to: none, one, several of one name, or several if it is ambiguous."""
        at = place(mask.folder)
        nearby: list[list[Entry]] = []
        for fitting in self._fitting(mask, key, is_sure):
            near = [image for image in fitting if place(image.folder) == at]
            if near:
                same = [image for image in near if image.folder == mask.folder]
                return same or near
            nearby.append([image for image in fitting if _is_part_of(place(image.folder), at)])
        return next(filter(None, nearby), []) if is_sure else []

    def _fitting(self, mask: Entry, key: _Key, is_sure: bool) -> Iterable[list[Entry]]:
        stem = _stem(mask)
        yield self._by_stem.get(stem, [])
        if key.said:
            yield self._by_stem.get(_SUFFIX.sub("", stem), [])
            yield self._by_words.get(key.words, [])
            if key.numbered:
                yield self._by_words.get(key.words[:-1], [])
        else:
            yield self._by_words.get(key.words, [])
        if is_sure and key.words:  # mask_0001-l belongs to bus_0001-l
            yield self._by_ending.get(key.words, [])


_SUFFIX: Final = re.compile(rf"[\s_.-]+(masks?|{_MAYBE.pattern})([\s_-]*\(?\d+\)?)?$")


def _is_part_of(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True if all parts of the shorter place are in the longer one, in their order."""
    shorter, longer = sorted((one, other), key=len)
    parts = iter(longer)
    return all(part in parts for part in shorter)


def _told(masks: Masks, keys: dict[str, _Key], in_masks: set[str]) -> list[Finding]:
    """A finding about masks that are joined by more than the plain name `a_mask.png` beside `a.png`."""
    by_folder = {mask.where for some in masks.joined.values() for mask in some if mask.folder in in_masks}
    by_name = Counter(
        keys[mask.where].said for some in masks.joined.values() for mask in some if mask.where not in by_folder
    )
    told = []
    if by_folder:
        told.append(f"{many(len(by_folder), 'file')} in folders of masks")
    told += [f"{many(count, 'file')} with {word} in the name" for word, count in by_name.items() if word != "mask"]
    copies = sum(reason == COPY for _, reason in masks.skipped)
    found = [Finding("assumed", f"Taken for masks: {', '.join(told)}.")] if told else []
    if copies:
        found.append(Finding("left out", f"{many(copies, 'cut-out')} or marked copies of other images are left out."))
    return found


def _told_unsure(unsure: Sequence[Entry], keys: dict[str, _Key]) -> list[Finding]:
    by_word = Counter(keys[entry.where].said for entry in unsure)
    return [
        Finding(
            "odd",
            f"{many(count, 'file')} with {word} in the name may be masks, but no image of that name lies beside. "
            "They count as images.",
        )
        for word, count in by_word.items()
    ]


def _told_twins(images: Sequence[Entry]) -> list[Finding]:
    """A finding about images that differ only in the endings of their names: `a.jpg` and `a.png`."""
    twins = sum(count for count in Counter((entry.folder, _stem(entry)) for entry in images).values() if count > 1)
    text = f"{many(twins, 'image')} with the name of another, but another ending. One of the two may be a mask."
    return [Finding("odd", text)] if twins else []
