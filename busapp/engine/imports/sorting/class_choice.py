"""Decide on the class of each image of a source. The order of what counts stands in `sorting`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from busapp.engine.imports import names
from busapp.engine.imports.files.sources import STEP, Entry, Listing, Steps
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.found import ClassUnknown
from busapp.engine.imports.sorting.known_sets import KnownSet
from busapp.engine.imports.sorting.layouts import Layout, class_in_name, class_word, names_no_class
from busapp.engine.imports.sorting.recognising import NamedBySet
from busapp.engine.imports.sorting.table_labels import TableLabels
from busapp.engine.imports.tables.class_values import LEFT_OUT, is_unclear, parse_class_values, plain_value
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.words import many

_GIVE_CLASS: Final = "Give it with --class, or import a folder that is named after the class."
_GIVE_TABLE: Final = "Give one class with --class, or import a table with the columns file and class."
_NAMED: Final = 5
"""Folders that a sentence names."""


@dataclass(slots=True)
class ClassChoice:
    """What is known about the images of a source, and the classes that follow from it."""

    listing: Listing
    settings: ImportSettings
    known: KnownSet | None
    said: NamedBySet
    labels: TableLabels
    layout: Layout
    findings: list[Finding] = field(default_factory=list)
    _meanings: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._meanings = parse_class_values(self.settings.class_values)

    def classes(self, images: Sequence[Entry]) -> Steps[dict[str, str | None]]:
        """The class of each image by `Entry.where`; None or absent if it is not known.

        Raises:
            ClassUnknown: no image has one.
        """
        if self.settings.class_name is not None:
            return dict.fromkeys((entry.where for entry in images), names.class_called(self.settings.class_name))
        if self._table_knows_better(images):
            self.labels.decides = True
            text = "The classes are those of the table: the names of the folders are no usual words for classes."
            self.findings.append(Finding("assumed", text))
        found: dict[str, str | None] = {}
        for number, entry in enumerate(images):
            if number % STEP == 0:
                yield len(images)
            found[entry.where] = self._sure_class(entry)
        if not any(found.values()):
            found = self._guessed(images)
        if images and not any(found.values()):
            raise self._unknown()
        yield from self._tell_of_names(images, found)
        self._tell(images, found)
        return found

    def _table_knows_better(self, images: Sequence[Entry]) -> bool:
        """True if a table gives each image a class by a usual word, and the folders, such as hospitals, do so for
        none."""
        if self.labels.decides or self.known is not None or not self.layout.is_certain:
            return False
        if any(class_word(one.class_name) for one in self.layout.folders.values() if one.class_name):
            return False
        return all(class_word(self.labels.class_of(entry) or "") for entry in images)

    def _sure_class(self, entry: Entry) -> str | None:
        in_table = self.labels.class_of(entry)
        if in_table is not None and self.labels.decides:
            return in_table
        patch = names.idc(entry.name)
        if patch:
            return self._meant(patch.class_name) or self._meant(patch.class_name[-1:]) or patch.class_name
        if self.labels.decides:
            return None
        if entry.where in self.said.classes:
            named = self.said.classes[entry.where]
            return self._meant(named) or named
        return self._in_folder(entry) if self.layout.is_certain else None

    def _guessed(self, images: Sequence[Entry]) -> dict[str, str | None]:
        if self.labels.undecided is not None:
            raise self.labels.undecided
        in_tables = {entry.where: self.labels.class_of(entry) for entry in images}
        if any(in_tables.values()):
            self.labels.decides = True
            return in_tables
        in_names = {entry.where: class_in_name(entry.name) for entry in images if self.listing.is_whole}
        if in_names and all(in_names.values()):
            self.findings.append(Finding("assumed", "The name of each image begins with its class."))
            return {**in_names}
        if self.known and self.known.unlabelled:
            return {}
        in_folders = {entry.where: self._in_folder(entry) for entry in images}
        through = any(self.layout.of(entry).through for entry in images)
        if all(in_folders.values()) and not through and not self.layout.is_certain:
            if self.listing.is_whole and not all(map(class_word, filter(None, in_folders.values()))):
                text = "All images come in as one class, which is called like their folder."
                self.findings.append(Finding("assumed", text))
            return in_folders
        return {}

    def _in_folder(self, entry: Entry) -> str | None:
        named = self.layout.of(entry).class_name
        return None if named is None else self._meant(named) or named

    def _meant(self, value: str) -> str | None:
        """What the user says that a value means."""
        return self._meanings.get(plain_value(value))

    def _unknown(self) -> ClassUnknown:
        what, remedy = "It is not known which class the images are of", _GIVE_CLASS
        if self.known and self.known.unlabelled:
            what, remedy = f"This looks like {self.known.name}. {self.known.unlabelled}", _GIVE_TABLE
        elif self.layout.of_people:
            what, remedy = "The folders are called after patients, cases or videos, not after classes", _GIVE_TABLE
        return ClassUnknown(what, file=self.listing.given, remedy=remedy)

    def _tell_of_names(self, images: Sequence[Entry], found: Mapping[str, str | None]) -> Steps[None]:
        """Add a finding about names that contradict the classes."""
        count = 0
        for number, entry in enumerate(images):
            if number % STEP == 0:
                yield len(images)
            named = class_in_name(entry.name)
            count += named is not None and class_word(found.get(entry.where) or "") not in (None, named)
        if count:
            text = f"{many(count, 'image')} with a name that begins with another class than the image's own."
            self.findings.append(Finding("odd", text))

    def _tell(self, images: Sequence[Entry], found: Mapping[str, str | None]) -> None:
        """Add findings about how the classes came about, and about what contradicts them."""
        outside = {name for name in found.values() if name and name != LEFT_OUT} - set(
            self.known.classes if self.known else ()
        )
        if self.known and self.known.classes and outside and not self._meanings:
            some = ", ".join(sorted(outside)[:_NAMED])
            text = f"{self.known.name} has no classes called {some}. Check which column or folder names the class."
            self.findings.append(Finding("odd", text))
        if self.labels.decides:
            self._tell_of_folders_that_differ(images, found)
            return
        differ = sum(self.labels.class_of(entry) not in (None, found.get(entry.where)) for entry in images)
        if differ:
            text = (
                f"A table gives another class than the folder for {many(differ, 'image')}. The folder's class counts."
            )
            self.findings.append(Finding("odd", text))
        if self.known is None and self.layout.is_certain:
            self._tell_of_folders(images, found)

    def _tell_of_folders_that_differ(self, images: Sequence[Entry], found: Mapping[str, str | None]) -> None:
        differ = 0
        for entry in images:
            in_folder = class_word(self.layout.of(entry).class_name or "")
            in_table = class_word(found.get(entry.where) or "")
            differ += None not in (in_folder, in_table) and in_folder != in_table
        if differ:
            text = f"A table gives another class than the folder for {many(differ, 'image')}. The table's class counts."
            self.findings.append(Finding("odd", text))

    def _tell_of_folders(self, images: Sequence[Entry], found: Mapping[str, str | None]) -> None:
        through = {part for entry in images for part in entry.folder.split("/") if part and names_no_class(part)}
        if through:
            in_order = sorted(through, key=names.natural_key)
            more = f" and {len(through) - _NAMED:,} more" if len(through) > _NAMED else ""
            text = f"These folders name no class and are looked through: {', '.join(in_order[:_NAMED])}{more}."
            self.findings.append(Finding("assumed", text))
        below = sorted({one.below for one in self.layout.folders.values() if one.below}, key=names.natural_key)
        if below:
            more = f" and {len(below) - _NAMED:,} more" if len(below) > _NAMED else ""
            text = f"These folders below the classes are taken for no classes: {', '.join(below[:_NAMED])}{more}."
            self.findings.append(Finding("assumed", text))
        called = {name for name in found.values() if name and name != LEFT_OUT and name not in self._meanings.values()}
        odd = sorted(name for name in called if not class_word(name))
        if odd and len(odd) < len(called):
            some = ", ".join(odd[:_NAMED])
            text = f"Some folders are called after classes, others are not: {some}. Check that these are classes."
            self.findings.append(Finding("odd", text))
        unclear = sorted({name for name in found.values() if name and name != LEFT_OUT and is_unclear(name)})
        if unclear:
            some = ", ".join(unclear[:_NAMED])
            text = f"Nothing says what these classes mean: {some}. Give them names with --class-values."
            self.findings.append(Finding("odd", text))
