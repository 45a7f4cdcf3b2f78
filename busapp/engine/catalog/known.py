"""Images that a study has already, and what a later import says about them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Literal, NamedTuple, get_args

from busapp.engine.utils.places import is_same_place

Told = Literal["class_name", "patient", "site", "device"]
"""Columns about which a study and an import may disagree."""


class Known(NamedTuple):
    """An image of the study. `file` is its name in the catalog, which keeps the class that it was imported with."""

    file: str
    class_name: str
    is_real: bool = True
    has_mask: bool = False
    patient: str | None = None
    site: str | None = None
    device: str | None = None

    def with_values(self, values: Mapping[str, str]) -> "Known":
        """The image after these columns were set."""
        return Known(
            file=self.file,
            class_name=values.get("class_name", self.class_name),
            is_real=self.is_real,
            has_mask=self.has_mask or "mask" in values,
            patient=values.get("patient", self.patient),
            site=values.get("site", self.site),
            device=values.get("device", self.device),
        )


class Statement(NamedTuple):
    """What an import says about an image of the study; None where it says nothing.

    `file` and `sha256` are those of the image in the study. `stand_in` is a patient that the image may have in the
    study in place of an unknown one."""

    file: str
    sha256: str
    class_name: str | None
    mask: str | None = None
    patient: str | None = None
    site: str | None = None
    device: str | None = None
    stand_in: str | None = None


class Disagreement(NamedTuple):
    """The study and an import say different things. `there` and `said` are empty for patients."""

    column: Told
    there: str
    said: str


class KnownImages(Mapping[tuple[str, str], Known]):
    """The images of a study by name in the catalog and content hash.

    `find` also finds them under another class: the same content under the same file name is the same image. Otherwise
    a table with other classes would bring each picture in twice."""

    def __init__(self) -> None:
        self._by_content: dict[tuple[str, str], Known] = {}
        """By file name without its class, and content hash."""
        self._others: dict[tuple[str, str], Known] = {}
        """By file name with its class, and content hash: images whose name and content an earlier one has."""
        self._by_name: dict[str, Known] = {}

    def add(self, known: Known, hashes: Iterable[str]) -> None:
        """Add an image. A covered one has two hashes: that of its imported content and that of its covered content."""
        name = _name_of(known.file)
        self._by_name.setdefault(name, known)
        for sha256 in hashes:
            if self._by_content.setdefault((name, sha256), known) is not known:
                self._others[known.file, sha256] = known

    def __getitem__(self, key: tuple[str, str]) -> Known:
        found = self.find(*key)
        if found is None or found.file != key[0]:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from ((known.file, sha256) for (_, sha256), known in self._by_content.items())
        yield from self._others

    def __len__(self) -> int:
        return len(self._by_content) + len(self._others)

    def find(self, file: str, sha256: str) -> Known | None:
        """The image with this name in the catalog and this content, else a real one under another class."""
        found = self._by_content.get((_name_of(file), sha256))
        if found is not None and found.file != file:
            found = self._others.get((file, sha256), found if found.is_real else None)
        return found

    def images(self) -> Iterator[tuple[Known, str]]:
        """Each image once, with a content hash that it has."""
        both = chain(self._by_content.items(), self._others.items())
        first = {id(known): (known, sha256) for (_, sha256), known in both}
        return iter(first.values())

    def patients(self) -> set[str]:
        """Pseudonyms of all patients."""
        return {known.patient for known, _ in self.images() if known.patient is not None}

    def named(self, file: str) -> Known | None:
        """An image with this file name, whatever its class and content."""
        return self._by_name.get(_name_of(file))


def _name_of(file: str) -> str:
    return file.rpartition("/")[2]


class Comparison(NamedTuple):
    """What follows from a statement about an image: values that it lacks and values that replace its own, both by
    column, and the disagreements in which it keeps its own."""

    missing: dict[str, str]
    replaced: dict[str, str]
    disagreements: list[Disagreement]


def compared(there: Known, said: Statement, *, update: bool) -> Comparison:
    """Compare what the study knows of an image with what an import says. With `update`, the import is right in
    everything but masks."""
    found = Comparison({}, {}, [])
    if said.mask is not None and not there.has_mask:
        found.missing["mask"] = said.mask
    columns: tuple[Told, ...] = get_args(Told)
    for column in columns:
        before, now = getattr(there, column), getattr(said, column)
        if now is None or now == before:
            continue
        if before is None or (column == "patient" and before == said.stand_in):
            found.missing[column] = now
        elif update:
            found.replaced[column] = now
        elif column == "patient":
            if _have_one_key(before, now):
                found.disagreements.append(Disagreement(column, "", ""))
        elif column == "class_name" or not is_same_place(before, now):
            found.disagreements.append(Disagreement(column, before, now))
    return found


def _have_one_key(one: str, other: str) -> bool:
    """True if two pseudonyms were made with one key. Others cannot be compared."""
    return one.partition(":")[0] == other.partition(":")[0]
