"""Recognise a public set by its files, and read from paths and tables what `known_sets` says about it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from busapp.engine.imports.files.sources import Entry
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.names import natural_key, stem_of
from busapp.engine.imports.sorting.known_sets import SETS, KnownSet
from busapp.engine.imports.sorting.layouts import class_word, is_part
from busapp.engine.utils.words import counts_in_words, many

_NUMBER: Final = re.compile(r"[0-9a-f]{16,}|\d+")
"""Numbers, also those in names that are hashes."""


def path_in(root: str, entry: Entry) -> str:
    """The path of an entry for patterns, with the name of its source first: `/BUSBRA/Images/bus_0001-l.png`."""
    return "/".join(part for part in ("", root, entry.folder, entry.name) if part or part == "").replace("//", "/")


def recognised(root: str, images: Iterable[Entry], others: Iterable[Entry], *, share: float = 0.5) -> KnownSet | None:
    """The set that files look like, None if none. `root` is the name of their source, `others` are its other files.
    The first sign of a set must fit this share of the images."""
    of_images = Counter(_shape(path_in(root, entry)) for entry in images)
    shapes = {*of_images, *(_shape(path_in(root, entry)) for entry in others)}
    for known in SETS:
        first = known.signs[0]
        fitting = sum(count for shape, count in of_images.items() if _fits(first, shape))
        enough = any(_fits(first, shape) for shape in shapes) if known.refusal else fitting >= share * of_images.total()
        if (fitting or known.refusal) and enough and all(any(_fits(sign, at) for at in shapes) for sign in known.signs):
            return known
    return None


def fits(pattern: str, path: str) -> bool:
    """True if a path (`path_in`) fits a pattern of `known_sets`."""
    return _fits(pattern, _shape(path))


def _shape(path: str) -> str:
    return _NUMBER.sub("#", path.lower())


def _fits(pattern: str, shape: str) -> bool:
    return any(fnmatchcase(shape, one) for one in _alternatives(pattern))


@lru_cache(256)
def _alternatives(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("|"))


@dataclass(slots=True)
class NamedBySet:
    """What the paths of a known set's images say. `choices` counts images by magnification."""

    classes: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    choices: Counter[str] = field(default_factory=Counter)
    several_types: int = 0
    """Number of patients in several types of a class."""


def read_names(known: KnownSet, root: str, images: Iterable[Entry]) -> NamedBySet:
    """Read classes and patients from the paths of images, by `Entry.where`. Patients are as `patient_of_set` gives
    them."""
    said = NamedBySet()
    types: dict[str, set[str | None]] = defaultdict(set)
    for entry in images:
        found = known.named.search(path_in(root, entry)) if known.named else None
        groups = found.groupdict() if found else {}
        class_name = _class_in_folders(known, entry.folder) or _meant(known, groups.get("class_name"))
        if class_name:
            said.classes[entry.where] = class_name
        if patient := groups.get("patient"):
            said.patients[entry.where] = patient_of_set(known, patient)
            types[patient].add(groups.get("type"))
        if choice := groups.get("choice"):
            said.choices[f"{choice}X"] += 1
    said.several_types = sum(len(some) > 1 for some in types.values())
    return said


def patient_of_set(known: KnownSet | None, patient: str) -> str:
    """A patient as the import hashes it. The name of the set stands in front, so that patient 1 of two sets is not
    one."""
    if known is None or known.keeps_numbers:
        return patient
    if known.pairs and patient.isdecimal():
        patient = str((int(patient) + 1) // 2)
    return f"{known.name} {patient}"


def _class_in_folders(known: KnownSet, folder: str) -> str | None:
    words = (class_word(part) for part in reversed(folder.split("/")))
    return next((word for word in words if word in known.classes), None)


def _meant(known: KnownSet, value: str | None) -> str | None:
    return None if value is None else known.class_values.get(value.lower(), value.lower())


def read_lines(known: KnownSet, content: bytes, images: Iterable[Entry]) -> tuple[dict[str, str], list[str]]:
    """Classes from a table without header, by `Entry.where`, and the images with lines of several classes, which get
    none."""
    assert known.lines is not None
    classes: dict[str, set[str]] = defaultdict(set)
    for line in content.decode("utf-8-sig", "replace").splitlines():
        if found := known.lines.search(line.strip()):
            classes[found["file"].lower()].add(_meant(known, found["class_name"]) or "")
    said: dict[str, str] = {}
    several: list[str] = []
    for entry in images:
        of_image = classes.get(stem_of(entry.name).lower(), set())
        if len(of_image) == 1:
            said[entry.where] = next(iter(of_image))
        elif of_image:
            several.append(entry.where)
    return said, several


def sentences(known: KnownSet, n_images: int, n_patients: int, choices: Mapping[str, int]) -> list[Finding]:
    """What the user is told about a recognised set, and what was found of it."""
    counts = [many(known.images, "image")]
    if known.patients:
        counts.append(many(known.patients, "patient"))
    if known.classes:
        counts.append(f"{len(known.classes)} classes")
    text = f"This looks like {known.name}: {', '.join(counts)}."
    if n_images != known.images:
        of_patients = f", of {many(n_patients, 'patient')}" if n_patients and known.patients else ""
        text += f" {n_images:,} of its {known.images:,} images {'is' if n_images == 1 else 'are'} here{of_patients}."
    found = [Finding("recognised", text), *(Finding("recognised", remark) for remark in known.remarks)]
    if len(choices) > 1:
        listed = counts_in_words({name: choices[name] for name in sorted(choices, key=lambda one: int(one[:-1]))})
        example = next(iter(sorted(choices, key=lambda one: int(one[:-1]))))
        found.append(
            Finding(
                "assumed", f"Images of all magnifications come in: {listed}. For one of them, use --only {example}."
            )
        )
    return found


def chosen(known: KnownSet | None, root: str, images: Sequence[Entry], only: str) -> list[Entry]:
    """The images in folders with one of these names (separated by commas), or of a magnification so called."""
    wanted = {name.strip().casefold() for name in only.split(",") if name.strip()}

    def is_wanted(entry: Entry) -> bool:
        if not wanted.isdisjoint(part.casefold() for part in entry.folder.split("/")):
            return True
        return _choice(known, root, entry).casefold() in wanted

    return [entry for entry in images if is_wanted(entry)]


def parts_of(known: KnownSet | None, root: str, images: Iterable[Entry]) -> list[str]:
    """The parts that images can be chosen by (`chosen`): magnifications, and folders such as `train` and `test`. Empty
    if there are fewer than two."""
    found = {choice for entry in images if (choice := _choice(known, root, entry))}
    if not found:
        found = {part for folder in {entry.folder for entry in images} for part in folder.split("/") if is_part(part)}
    return sorted(found, key=natural_key) if len(found) > 1 else []


def _choice(known: KnownSet | None, root: str, entry: Entry) -> str:
    """The magnification in the name of an image, '' without one."""
    found = known.named.search(path_in(root, entry)) if known and known.named else None
    choice = found.groupdict().get("choice") if found else None
    return f"{choice}X" if choice else ""
