"""Which folder of a source names the class of an image.

Many folders name none: `images`, `train`, `40X`. They are looked through, and the class is the nearest folder above
that names one: `train/benign`, `benign/train` and `benign/images` all hold benign images. A folder below a class that
is called after a patient or a video (`benign/case_12`) names the patient.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath, PurePosixPath
from typing import Final

from busapp.engine.imports import names
from busapp.engine.imports.files.sources import Entry

_FOR_PICTURES: Final = """
    image images img imgs bild bilder imagen imagenes immagini original originals photo photos picture pictures
    pic pics png jpg jpeg bmp tif tiff dicom dicoms dcm frame frames rawframes scan scans patch patches tile tiles slice
    slices file files input inputs raw
"""
_FOR_PARTS: Final = """
    data dataset datasets set sets split splits train training val valid validation dev test tests testing all fold
    folds
"""
_PICTURES: Final = frozenset(_FOR_PICTURES.split())
"""Words for pictures of any class. Folders so called lie beside those of the masks."""
_NOTHING: Final = _PICTURES | frozenset(_FOR_PARTS.split())
_FOR_MASKS: Final = """
    mask masks maske masken mascara mascaras masque masques gt gts groundtruth groundtruths
    segmentation segmentations
"""
_MASKS: Final = frozenset(_FOR_MASKS.split())
_MAPS: Final = frozenset({"map", "maps"})
_MAYBE_MASKS: Final = frozenset({"label", "labels", "annotation", "annotations", "seg", "segs", "anno"})
"""Words for masks only if the folder's name says nothing else."""
_DRAWN: Final = frozenset({"lesion", "lesions", "tumor", "tumors", "tumour", "tumours", "binary", "roi", "rois"})
"""Words for what a mask shows."""
_MAGNIFICATION: Final = re.compile(r"\d+(\.\d+)?x\d*|x\d+", re.IGNORECASE)
"""Also a size in pixels, `224x224`."""
_CLASS: Final = re.compile(
    r"benign|malignant|normal|healthy|cancer|cancerous|carcinoma|tumou?r|cyst|cystic|fibroadenoma|adenosis|in ?situ|"
    r"invasive|negative|positive|gutartig|bösartig|benigno|benigna|maligno|maligna|bénin|malin|class ?\d",
    re.IGNORECASE,
)
"""Words that name a class of breast images in any set."""
_PERSON: Final = re.compile(
    r"(patient|pat|case|subject|subj|woman|person|video|vid)[ _-]?[a-z]?\d+[a-z]?", re.IGNORECASE
)
_NUMBERED: Final = re.compile(
    rf"{_PERSON.pattern}|(pt|p|s|id|sub|study|series)?[ _-]?\d{{2,}}[a-z]?|[0-9a-f]{{8,}}|\d[\d.]{{9,}}", re.IGNORECASE
)
_YEAR: Final = re.compile(r"(19|20)\d\d")
_WORD: Final = re.compile(r"\d+(?:\.\d+)?[xX](?:\d+)?(?![a-z])|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")


@lru_cache(4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case and without accents: `GroundTruth_2` gives ground, truth, 2."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    found = tuple(word.casefold() for word in _WORD.findall(plain))
    joined = " ".join(found).replace("ground truth", "groundtruth")
    return tuple(joined.split())


@lru_cache(4096)
def names_no_class(name: str) -> bool:
    """True for the name of a folder that is never a diagnosis: `images`, `Train set`, `fold3`, `40X`, `masks`."""
    return is_mask_folder(name) or bool(_MAGNIFICATION.fullmatch(name)) or _says_nothing(name)


@lru_cache(4096)
def is_part(name: str) -> bool:
    """True for the name of a folder that holds a part of a set: `train`, `fold3`, `40X`."""
    if is_mask_folder(name) or not names_no_class(name):
        return False
    return not all(word in _PICTURES or word.isdecimal() for word in words(name))


def _says_nothing(name: str) -> bool:
    found = words(name)
    return bool(found) and found[0] in _NOTHING and all(word in _NOTHING or word.isdecimal() for word in found)


@lru_cache(4096)
def is_mask_folder(name: str) -> bool:
    """True for the name of a folder that holds masks: `masks`, `GT`, `ground_truth`, `train_masks`, `labels`."""
    found = [word for word in words(name) if not word.isdecimal()]
    said = _MASKS.intersection(found)
    others = _MASKS | _MAPS | _MAYBE_MASKS | _NOTHING | _DRAWN
    if said:  # not `Dataset_with_GT` nor `images_and_masks`, which hold both
        return all(word in others or _CLASS.fullmatch(word) for word in found)
    return bool(_MAYBE_MASKS.intersection(found)) and others.issuperset(found)


@lru_cache(4096)
def class_word(name: str) -> str | None:
    """The class in the name of a folder that is one of the usual words for a class, apart from words that say nothing:
    `Benign`, `benign images`, `train_benign` are benign. None for all other names."""
    rest = " ".join(word for word in words(name) if word not in _NOTHING)
    for text in (name.strip(), rest):
        if _CLASS.fullmatch(text):
            return " ".join(text.split()).lower()
    return None


def class_in_name(name: str) -> str | None:
    """The class that a file's name begins with: `benign (1).png`, `malignant_3.png`. None if it begins with no usual
    word for a class, or holds another one."""
    found = [word for word in words(names.stem_of(name)) if _CLASS.fullmatch(word)]
    begins = bool(found) and names.stem_of(name).lower().startswith(found[0])
    return found[0] if begins and len(set(found)) == 1 else None


@lru_cache(4096)
def place(folder: str) -> tuple[str, ...]:
    """The place of a folder apart from words for pictures and masks, so that pictures and their masks share it:
    `benign/images`, `benign/masks/0` and `GT/Benign` are at `("benign",)`."""
    parts: list[str] = []
    below_masks = False
    for part in folder.split("/") if folder else []:
        is_masks = is_mask_folder(part)
        left_out = _PICTURES | (_MASKS | _MAYBE_MASKS | _DRAWN if is_masks else frozenset())
        rest = " ".join(word for word in words(part) if word not in left_out) or ("" if words(part) else part)
        if rest and not (below_masks and rest.isdecimal()):
            parts.append(rest)
        below_masks = is_masks
    return tuple(parts)


@lru_cache(4096)
def lies_in_masks(folder: str) -> bool:
    return any(is_mask_folder(part) for part in folder.split("/"))


@dataclass(frozen=True, slots=True)
class FolderClass:
    """What the folders of an image say. `class_name` is None if none of them names a class. `patient` is the name of a
    folder that is called after a patient. `through` is True if folders were looked through to get to the class."""

    class_name: str | None
    patient: str | None = None
    through: bool = False
    below: str | None = None
    """A folder below that of the class, which is taken for no class of its own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The classes that folders name. `folders` has each folder with images.

    `is_certain` is False if all images lie in one folder, whose name is no usual word for a class: it may be the name
    of a set, a hospital or a person. `of_people` is True if all folders that would be classes are called after patients
    or videos; they are none then. `moved` gives, by `Entry.where`, the folder to look up for files of discs.
    """

    folders: Mapping[str, FolderClass]
    is_certain: bool
    of_people: bool = False
    moved: Mapping[str, str] = field(default_factory=dict)

    def of(self, entry: Entry) -> FolderClass:
        """What the folders of an image say."""
        return self.folders[self.moved.get(entry.where, entry.folder)]


def layout_of(folders: Iterable[str], root: str | None) -> Layout:
    """Find out which folders name classes.

    Args:
        folders: folders with images, with / between their parts, '' for the root.
        root: the name of the root, None if it names no class whatever it is.
    """
    naming = {folder: _naming(folder) for folder in folders}
    held: dict[str, bool] = {}
    for path in set(naming.values()) - {""}:
        is_word = class_word(PurePath(path).name) is not None
        for parent in PurePosixPath(path).parents:
            above = str(parent) if parent.name else ""
            held[above] = held.get(above, False) or is_word
    # `benign/left` and `malignant/left` are no classes of their own.
    several = len({word for path in naming.values() if (word := _class_above(path))}) > 1
    found = {folder: _class_of(folder, path, root, held, several) for folder, path in naming.items()}
    classes = {one.class_name for one in found.values() if one.class_name is not None}
    if len(classes) > 2 and all(_NUMBERED.fullmatch(name) for name in classes):
        return Layout(
            {folder: FolderClass(None, _person(folder)) for folder in found}, is_certain=False, of_people=True
        )
    return Layout(found, is_certain=len(classes) > 1 or any(class_word(name) for name in classes))


def _naming(folder: str) -> str:
    """The path of the nearest folder, up to this one, that names something; '' if there is none."""
    parts = folder.split("/") if folder else []
    while parts and names_no_class(parts[-1]):
        parts.pop()
    return "/".join(parts)


def _class_above(path: str) -> str | None:
    """The nearest folder above that is a usual word for a class."""
    return next((word for part in reversed(path.split("/")[:-1]) if (word := class_word(part))), None)


def _class_of(folder: str, path: str, root: str | None, held: Mapping[str, bool], several: bool) -> FolderClass:
    """`held` has the folders above others that name something; true if one of these is a usual word for a class.
    `several` is true if there are folders below several classes."""
    if not path:
        if root is None or names_no_class(root) or (class_word(root) is None if folder else "" in held):
            return FolderClass(None, through=bool(folder))
        return FolderClass(_called(root), through=bool(folder))
    parts = path.split("/")
    above = _class_above(path)
    if above is not None and class_word(parts[-1]) is None:
        is_person = bool(_NUMBERED.fullmatch(parts[-1])) and not _YEAR.fullmatch(parts[-1])
        person = parts[-1] if is_person else _person("/".join(parts))
        if is_person:
            return FolderClass(above, person, through=True)
        if several:
            return FolderClass(above, person, through=True, below=parts[-1])
    is_container = class_word(parts[-1]) is None and path in held and (held[path] or path != folder)
    return FolderClass(None if is_container else _called(parts[-1]), _person("/".join(parts[:-1])), path != folder)


def _called(folder: str) -> str:
    return class_word(folder) or names.class_called(folder)


def _person(folder: str) -> str | None:
    """The nearest folder that is called after a patient or a video."""
    return next((part for part in reversed(folder.split("/")) if _PERSON.fullmatch(part)), None)
