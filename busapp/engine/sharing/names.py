"""Where an exported image lies: names that Windows, macOS and Linux all take, none of them twice."""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Final

from busapp.engine.catalog import ImageRecord
from busapp.engine.utils.files import safe_name

SYNTHETIC: Final = "synthetic"
SET_ASIDE: Final = "set-aside"
"""Folders of their own, whose folders of classes say it again (`synthetic/benign (synthetic)`): whoever reads folders
as classes must not mix such images with real ones, or with those in use."""

_LIKE_A_MASK: Final = re.compile(r".+_mask(_\d+)?", re.IGNORECASE)


class Places:
    """Gives each image its place: `class/name.png`, after the name that it was imported with.

    `new_names` gives class and number instead. `apart` puts images into `images/` and masks into `masks/`; otherwise
    a mask lies beside its image, as in BUSI.
    """

    def __init__(self, *, new_names: bool, apart: bool) -> None:
        self._new_names, self._apart = new_names, apart
        self._taken: set[str] = set()
        self._folders: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        for name in (SYNTHETIC, SET_ASIDE):
            self._unique("", name)

    def of(self, image: ImageRecord) -> tuple[str, str]:
        """The place of the image and that of its mask, relative to the export, with `/` between the parts."""
        if image.class_name not in self._folders:
            self._folders[image.class_name] = self._unique("", image.class_name)
        marks = [SET_ASIDE] * (image.excluded is not None) + [SYNTHETIC] * (image.kind == "synthetic")
        own = self._folders[image.class_name] + (f" ({', '.join(marks)})" if marks else "")
        folder = "/".join([*marks, own])
        name = f"{folder}/{self._unique(folder, self._name(image, folder))}"
        return (f"images/{name}.png", f"masks/{name}.png") if self._apart else (f"{name}.png", f"{name}_mask.png")

    def _name(self, image: ImageRecord, folder: str) -> str:
        if self._new_names:
            self._numbers[folder] += 1
            return f"{image.class_name} {self._numbers[folder]:04d}"
        stem = PurePosixPath(image.file).stem
        return f"{stem}-image" if _LIKE_A_MASK.fullmatch(stem) else stem

    def _unique(self, folder: str, name: str) -> str:
        """The name made safe, with a number behind it where the folder has it already. Names that differ only in upper
        and lower case are one name on Windows and macOS."""
        safe = safe_name(name)
        given, number = safe, 1
        while (key := f"{folder}/{given}".casefold()) in self._taken:
            number += 1
            given = f"{safe}-{number}"
        self._taken.add(key)
        return given
