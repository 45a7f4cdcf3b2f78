"""Find the images that the rows of a table mean.

People write `img0` for `img0.png`, `IMG_0.JPG` for `img_0.jpg`, 7 for `000007.png`, a folder of another computer, or
an umlaut composed in another way. All files are indexed once. A name that fits two files fits none.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from busapp.engine.imports.files.sources import Entry
from busapp.engine.imports.names import is_text

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_ZEROS: Final = re.compile(r"(?<!\d)0+(?=\d)")
_FLOAT: Final = re.compile(r"(\d+)\.0")


class Fit(IntEnum):
    """How closely a name in a table fits a file, best first."""

    NAME = 0
    WITHOUT_ENDING = 1
    WITHOUT_ZEROS = 2


@dataclass(frozen=True, slots=True)
class Match:
    """The file that a name means, or `reason` why there is none. `key` is the same for two spellings of one name.
    `is_elsewhere` is true if the name is a full path, of which only the last parts were compared. `is_missing` is true
    if no file has the name."""

    key: str
    entry: Entry | None = None
    fit: Fit = Fit.NAME
    reason: str | None = None
    is_elsewhere: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    entry: Entry
    folders: tuple[str, ...]
    """Folded folders, below the table's folder if the file lies there, else below the source."""
    is_below: bool


class FileIndex:
    """Finds files by the names in a table that lies in `folder` of the same source. Never leaves the source. A name
    that no file there has is searched for among `others`."""

    def __init__(self, entries: Iterable[Entry], folder: str, others: "FileIndex | None" = None) -> None:
        self._others = others
        self._base = folder.split("/") if folder else []
        self._files: tuple[defaultdict[str, list[_File]], ...] = tuple(defaultdict(list) for _ in Fit)
        for entry in entries:
            folders = entry.folder.split("/") if entry.folder else []
            is_below = folders[: len(self._base)] == self._base
            inside = folders[len(self._base) :] if is_below else folders
            file = _File(entry, tuple(map(_folded, inside)), is_below)
            name = _folded(entry.name)
            stem = name.rpartition(".")[0] or name
            self._files[Fit.NAME][name].append(file)
            self._files[Fit.WITHOUT_ENDING][stem].append(file)
            for key in {_ZEROS.sub("", stem), _ZEROS.sub("", name)}:
                self._files[Fit.WITHOUT_ZEROS][key].append(file)

    def find(self, called: str) -> Match:
        """The file that a cell of the table means."""
        match = self._find(called)
        if self._others is None or match.entry is not None or not match.is_missing:
            return match
        other = self._others.find(called)
        return match if other.is_missing else other

    def _find(self, called: str) -> Match:
        written = called.replace("\\", "/").strip()
        if not written:
            return Match("", reason="It names no file")
        if "\0" in written or not is_text(written):
            return Match("", reason="The name of its file is not valid text")
        is_absolute = written.startswith("/") or bool(_DRIVE.match(written))
        parts = _inside([_folded(part) for part in written.split("/")], self._base)
        if parts is None:
            return Match(written, reason=f"{called} lies outside the folder of the table")
        if not parts:
            return Match(written, reason=f"There is no image {called}")
        *folders, name = parts
        key = "/".join(parts)
        number = _FLOAT.fullmatch(name)
        names = (name, name, _ZEROS.sub("", number[1] if number else name))
        for fit, files, last in zip(Fit, self._files, names, strict=True):
            found = [file for file in files.get(last, ()) if _agree(folders, file.folders, is_absolute)]
            if found:
                chosen = _only(found, tuple(folders), written.rpartition("/")[2])
                if chosen is None:
                    return Match(key, reason=f"{called} fits {len(found):,} images. Give its folder and its ending")
                return Match(key, chosen.entry, fit, is_elsewhere=is_absolute)
        outside = f"{called} lies outside the folder of the table"
        return Match(key, reason=outside if is_absolute else f"There is no image {called}", is_missing=True)


@lru_cache(2**12)
def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part.strip()).casefold())


def _inside(parts: Iterable[str], base: Sequence[str]) -> list[str] | None:
    """Parts of a path without `.` and `..`, None if the path leaves the source."""
    kept: list[str] = []
    above = 0
    for part in parts:
        if part == "..":
            if kept:
                kept.pop()
            else:
                above += 1
        elif part and part != ".":
            kept.append(part)
    if above == 0:
        return kept
    return None if above > len(base) else [*map(_folded, base[: len(base) - above]), *kept]


def _agree(named: Sequence[str], folders: Sequence[str], is_absolute: bool) -> bool:
    """True if a file in these folders may be the one that a path names. A path from another computer begins with
    folders that are not here. Otherwise one of the two must end as the other."""
    common = 0
    for one, other in zip(reversed(named), reversed(folders), strict=False):
        if one != other:
            break
        common += 1
    if is_absolute:
        return common > 0 or not folders
    return common == len(named) or (common == len(folders) and common > 0)


def _only(found: list[_File], folders: tuple[str, ...], name: str) -> _File | None:
    """The only file, or the one that lies below the table, in these folders, or is spelt exactly so."""
    below = [file for file in found if file.is_below]
    there = [file for file in below if file.folders == folders]
    exact = [file for file in there if file.entry.name == name]
    return next((some[0] for some in (found, below, there, exact) if len(some) == 1), None)
