"""Damaged files as inputs of an import. `make_case(seed, number)` reproduces every case from its number."""

import random
from dataclasses import dataclass
from typing import Final

from dicom_discs import scan
from fuzz_bombs import bombs
from fuzz_discs import DISC
from fuzz_formats import KNOWING
from fuzz_hdf5 import HDF5_STEM, SLIDES
from fuzz_mutations import BLIND
from fuzz_npz import NPZ_NAME
from fuzz_seeds import SMALL, SUFFIXES, seeds

WHEEL: Final = tuple(
    kind
    for row in (
        "png jpeg tiff dicom zip webp hdf5",
        "png tiff dicom csv jpeg netpbm npz",
        "png tiff dicom bmp zip webp hdf5",
        "disc jpeg tiff dicom csv netpbm",
    )
    for kind in row.split()
)
"""The order of the kinds, which also sets how often each comes."""
_BOMB_EVERY: Final = 60
"""Turns of the wheel between two bombs. 10,000 cases contain 162 bombs, each of them at least once."""


@dataclass(frozen=True)
class Case:
    """One damaged input. `files` are to be written to a new folder, from which `source` is imported. `content` is the
    damaged file itself, and `how` describes the damage in words."""

    number: int
    kind: str
    how: str
    files: dict[str, bytes]
    source: str
    content: bytes


def kind_of(number: int) -> str:
    return WHEEL[number % len(WHEEL)]


def make_case(seed: int, number: int) -> Case:
    """Make a case. The same two numbers give the same case."""
    rng = random.Random(f"{seed}/{number}")
    kind = kind_of(number)
    turn, place = divmod(number, len(WHEEL))
    if turn % _BOMB_EVERY == _BOMB_EVERY // 2:  # in turn, so that none is missing
        bomb = turn // _BOMB_EVERY * WHEEL.count(kind) + WHEEL[:place].count(kind)
        how, content = bombs(kind)[bomb % len(bombs(kind))]
        return _case(number, kind, how, content(), rng, as_it_is_called=True)
    which = rng.randrange(len(seeds(kind)))
    content, done = seeds(kind)[which], []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3)) if rng.random() < 0.95 else 10):
        mutator = rng.choice(BLIND if rng.random() < 0.5 else KNOWING.get(kind, BLIND))
        content = mutator(content, rng)
        done.append(mutator.__name__.strip("_"))
    return _case(number, kind, f"{kind} {which}: {', '.join(done) or 'as it is'}", content, rng)


def _case(
    number: int, kind: str, how: str, content: bytes, rng: random.Random, *, as_it_is_called: bool = False
) -> Case:
    good = {"benign/1.png": SMALL, "malignant/2.png": SMALL}
    if kind == "zip":
        return Case(number, kind, how, {"set.zip": content}, "set.zip", content)
    if kind == "csv":
        inside = rng.random() < 0.2  # a table inside a folder names the patients of its images
        source, name = (
            ("set", rng.choice(("set/files.csv", "set/benign/files.tsv"))) if inside else (name := "set/f.csv", name)
        )
        return Case(number, kind, how, {f"set/{file}": good[file] for file in good} | {name: content}, source, content)
    if kind == "disc":
        listed = {f"set/{'/'.join(parts)}": scan(place) for place, parts in enumerate(DISC)}
        source = rng.choice(("set", "set/DICOMDIR"))
        return Case(number, kind, f"{how}; from {source}", {"set/DICOMDIR": content} | listed, source, content)
    if kind in ("npz", "hdf5"):
        return _arrays(number, kind, how, content, rng, as_it_is_called)
    suffix = (
        SUFFIXES[kind]
        if as_it_is_called or rng.random() < 0.85
        else rng.choice((*SUFFIXES.values(), ".jpeg", "", ".12", ".left", " (1)", ".zip", ".csv"))
    )
    if not as_it_is_called and rng.random() < 0.1:
        mask = f"set/benign/1_mask{suffix}"
        return Case(number, kind, f"{how}; as a mask", {"set/benign/1.png": SMALL, mask: content}, "set", content)
    name = f"set/benign/1{suffix}"
    alone = suffix in (".zip", ".csv")
    return Case(
        number,
        kind,
        f"{how}; as {suffix or 'a name without ending'}",
        {name: content},
        name if alone else "set",
        content,
    )


def _arrays(number: int, kind: str, how: str, content: bytes, rng: random.Random, is_bomb: bool) -> Case:
    """A file of arrays as it comes from its public set; of HDF5 sometimes the file of labels or the table of slides."""
    if kind == "npz":
        names = [f"set/{NPZ_NAME}"]
        files = {names[0]: content}
    else:
        names = [f"set/{HDF5_STEM}_{ending}" for ending in ("x.h5", "y.h5", "meta.csv")]
        what = 0 if is_bomb else rng.choice((0, 0, 0, 0, 0, 1, 1, 2, 3))
        if what == 3:  # pictures and labels in one file
            names, files = [f"set/{HDF5_STEM}.h5"], {f"set/{HDF5_STEM}.h5": content}
        else:
            sound = seeds("hdf5")[0]
            files = dict(zip(names, (sound, sound, SLIDES), strict=True))
            damaged = rng.choice(BLIND)(SLIDES, rng) if what == 2 else content
            files[names[what]] = damaged
            how += ("", "; as the labels", "; with slides that are damaged")[what]
            content = damaged
    return Case(number, kind, how, files, rng.choice(("set", names[0])), content)
