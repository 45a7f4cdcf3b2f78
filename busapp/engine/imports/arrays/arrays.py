"""Sources that hold many pictures in one array: files of NumPy (`.npz`) and of HDF5 (`.h5`).

Each picture of an array is an entry, whose bytes are those of a PNG. It is named after its array and its number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.events import Skipped
from busapp.engine.imports.files.sources import Entry, Label, Listing
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.names import suffix_of
from busapp.engine.imports.tables.class_values import LEFT_OUT, ValuesUnknown, parse_class_values, plain_value
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.png import bare_png
from busapp.engine.utils.words import counts_in_words, many
from busapp.errors import BadInput

ARRAY_SUFFIXES: Final = frozenset({".npz", ".h5", ".hdf5"})
MAX_PICTURES: Final = 1_000_000
"""Pictures in one file. PCam has 262,144 in its largest."""


class Pictures(Protocol):
    """An array of pictures. Several threads may read it at once."""

    def __len__(self) -> int: ...

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        """One picture, uint8 (height, width) or (height, width, 3).

        Raises:
            UnreadableImage: the file is damaged there.
        """
        ...


@dataclass(frozen=True, slots=True)
class ArrayEntry:
    """A picture in an array, as a file. Its size and kind were checked with those of the array."""

    folder: str
    name: str
    file: Path
    pictures: Pictures
    index: int

    @property
    def where(self) -> str:
        return f"{self.file}//{self.name}"

    def read(self, most: int) -> bytes:
        return bare_png(Image.fromarray(self.pictures.picture(self.index)))[:most]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownArrays:
    """A public set of arrays, recognised by how its file names begin."""

    name: str
    begins: str
    images: int
    meanings: Mapping[str, str]
    remark: str


_KNOWN: Final = (
    KnownArrays(
        name="BreastMNIST",
        begins="breastmnist",
        images=780,
        # Yang et al. 2023, Scientific Data 10:41; the order of the classes is the reverse of habit.
        meanings={"0": "malignant", "1": "normal or benign"},
        remark="Label 0 is malignant, label 1 is normal or benign. It was made of BUSI with a random split, so "
        "near-duplicates cross it.",
    ),
    KnownArrays(
        name="PCam",
        begins="camelyonpatch_level_2_split_",
        images=327_680,
        # Veeling et al. 2018, MICCAI.
        meanings={"0": "no tumour", "1": "tumour"},
        remark="Label 1 is tumour in the central 32×32 pixels, label 0 is none.",
    ),
)


def is_array_file(name: str) -> bool:
    return suffix_of(name) in ARRAY_SUFFIXES


def add_pictures(
    listing: Listing,
    source: Path,
    prefix: str,
    pictures: Pictures,
    labels: Sequence[int] | None,
    patients: Sequence[str] | None = None,
) -> None:
    """Add the pictures of one array, with the label of each if there are any. `labels` are numbers, which
    `name_classes` replaces."""
    assert listing.labels is not None
    for index in range(len(pictures)):
        entry = ArrayEntry("", f"{prefix}{index:06d}.png", source, pictures, index)
        patient = None if patients is None else patients[index] or None
        listing.entries.append(entry)
        listing.labels[entry.where] = Label(None if labels is None else str(labels[index]), patient)


def name_classes(listing: Listing, settings: ImportSettings, numbers: Mapping[str, int]) -> None:
    """Replace the numbers of classes by what they mean. `numbers` counts the pictures of each.

    Raises:
        ValuesUnknown: nobody says what they mean.
        BadInput: the user's meanings cannot be read.
    """
    assert listing.labels is not None
    known = next((known for known in _KNOWN if listing.name.lower().startswith(known.begins)), None)
    given = parse_class_values(settings.class_values)
    meanings = {plain_value(value): name for value, name in (known.meanings if known else {}).items()} | given
    if known:
        here = many(len(listing.entries), "image")
        text = f"This looks like {known.name}: {many(known.images, 'image')}, 2 classes."
        text += "" if len(listing.entries) == known.images else f" {here} of it in this file."
        listing.findings[:0] = [Finding("recognised", text), Finding("recognised", known.remark)]
    if settings.class_name is not None:
        return
    unclear = {value: count for value, count in numbers.items() if plain_value(value) not in meanings}
    if unclear or not numbers:
        raise ValuesUnknown.of(unclear, "of labels", listing.given)
    kept: list[Entry] = []
    without_label = 0
    for entry in listing.entries:
        label = listing.labels[entry.where]
        if label.class_name is None:
            without_label += 1
            continue
        meaning = meanings[plain_value(label.class_name)]
        listing.labels[entry.where] = Label(meaning, label.patient, label.site, label.device)
        if meaning != LEFT_OUT:
            kept.append(entry)
    left_out = len(listing.entries) - len(kept) - without_label
    for count, why in ((without_label, "without a label"), (left_out, "with a class value that is left out")):
        if count:
            listing.skipped.append(Skipped(listing.name, f"{many(count, 'image')} {why}"))
    listing.entries = kept
    listed = counts_in_words({f"{value} = {meanings[plain_value(value)]}": n for value, n in sorted(numbers.items())})
    listing.findings.append(Finding("assumed", f"Classes from the labels in {listing.name}: {listed}."))


def refuse_array(what: str, given: Path, remedy: str = "Download or copy it again.") -> BadInput:
    """The error for a file of arrays that cannot be read."""
    return BadInput(what, file=given, remedy=remedy)
