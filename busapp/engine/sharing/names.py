"""Places of exported images: unique names that Windows, macOS and Linux accept."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Final

from busapp.engine.catalog import ImageRecord
from busapp.engine.imports.sorting.mask_files import says_mask
from busapp.engine.utils.files import safe_name

SYNTHETIC: Final = "synthetic"
SET_ASIDE: Final = "set-aside"
"""Such images have folders of their own, whose class folders repeat the mark (`synthetic/benign (synthetic)`). A
program that reads folders as classes must not mix them with real images, or with images in use."""


class Places:
    """Gives each image its place: `class/name.png`, with the name from the import.

    With `new_names`, class and number replace that name. They also do where it would be taken for that of a mask. With
    `apart`, images go into `images/` and masks into `masks/`; otherwise a mask lies beside its image, as in BUSI.
    """

    def __init__(self, *, new_names: bool, apart: bool) -> None:
        self._new_names, self._apart = new_names, apart
        self._taken: set[str] = set()
        self._folders: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        for name in (SYNTHETIC, SET_ASIDE):
            self._unique("", name)

    def of(self, image: ImageRecord) -> tuple[str, str]:
        """The places of the image and of its mask, relative to the export, with `/` between the parts."""
        if image.class_name not in self._folders:
            self._folders[image.class_name] = self._unique("", image.class_name)
        marks = [SET_ASIDE] * (image.excluded is not None) + [SYNTHETIC] * (image.kind == "synthetic")
        own = self._folders[image.class_name] + (f" ({', '.join(marks)})" if marks else "")
        folder = "/".join([*marks, own])
        name = f"{folder}/{self._unique(folder, self._name(image, folder))}"
        return (f"images/{name}.png", f"masks/{name}.png") if self._apart else (f"{name}.png", f"{name}_mask.png")

    def _name(self, image: ImageRecord, folder: str) -> str:
        stem = PurePosixPath(image.file).stem
        if self._new_names or says_mask(image.file.rpartition("/")[2]):
            self._numbers[folder] += 1
            return f"{image.class_name} {self._numbers[folder]:04d}"
        return stem

    def _unique(self, folder: str, name: str) -> str:
        """A safe form of the name, with a number appended if the folder has it already.

        Names that differ only in case count as one name, because they do on Windows and macOS.
        """
        safe = safe_name(name)
        given, number = safe, 1
        while (key := f"{folder}/{given}".casefold()) in self._taken:
            number += 1
            given = f"{safe}-{number}"
        self._taken.add(key)
        return given
