"""Sources of images. Every source lists its files as entries, which are read without unpacking or moving them."""

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeVar

from busapp.engine.events import Skipped
from busapp.engine.images.preprocessing import MAX_BYTES
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.names import as_text, is_clutter, is_hidden, is_text, natural_key
from busapp.errors import BadInput, UnreadableImage

T = TypeVar("T")
Steps = Generator[int, None, T]
"""Work in small steps: yields the number of files so far, so that the caller can stop, and returns the result."""

STEP: Final = 500
"""Files listed between two yields."""
HEAD: Final = 2**16
"""Bytes that are read of a file to get its header."""

NOT_TEXT: Final = "Its name is not valid text; rename it"


class Entry(Protocol):
    """One file of a source. `folder` is its folder inside the source, with / between the parts, empty at the root. Two
    entries have the same `where` only if they are the same file."""

    @property
    def folder(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def where(self) -> str: ...

    def read(self, most: int) -> bytes:
        """The first bytes, at most `most` of them.

        Raises:
            UnreadableImage: the file cannot be read, or is larger than 512 MiB (checked before reading).
        """
        ...


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file on disk."""

    folder: str
    name: str
    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def read(self, most: int) -> bytes:
        try:
            with self.path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size > MAX_BYTES:
                    raise too_large(self.name)
                # Python first makes room for all bytes that are asked for, so it is not asked for 512 MiB.
                content = stream.read(min(most, size + 1))
                return content if len(content) <= size else content + stream.read(most - len(content))  # it has grown
        except OSError as error:
            raise UnreadableImage(
                "The file cannot be opened", file=self.name, remedy="Check that it is there and that you may read it."
            ) from error


def too_large(name: str) -> UnreadableImage:
    """The error for a file of more than 512 MiB."""
    return UnreadableImage(
        f"The file is larger than {MAX_BYTES // 2**20} MiB", file=name, remedy="Make the image smaller first."
    )


def read_whole(entry: Entry) -> bytes:
    """All bytes of an entry. Raises `UnreadableImage`, also for a file larger than 512 MiB."""
    content = entry.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:  # the file has grown since its size was checked
        raise too_large(entry.name)
    return content


def from_head(entry: Entry, look: Callable[[bytes], T]) -> T:
    """Return `look` of the first 64 KiB. If it raises `UnreadableImage`, return `look` of all bytes."""
    head = entry.read(HEAD)
    try:
        return look(head)
    except UnreadableImage:
        if len(head) < HEAD:
            raise
    return look(read_whole(entry))


@dataclass(frozen=True, slots=True)
class Label:
    """What a table gives for a file. `patient` is as written there; it is hashed before anything is stored."""

    class_name: str | None
    patient: str | None = field(repr=False)
    site: str | None = None
    device: str | None = None


@dataclass(slots=True)
class Listing:
    """The files of one source, and the files skipped so far.

    `kind` names the source for people ("Folder", "ZIP archive"). `name` is the only thing stored about the source, and
    `given` the path as the user gave it. Images at the root of the source have the class `root_class`, None if it is
    not known. `table` is the table that is itself the source; only the images that it names come in. `labels` holds the
    labels that a file of arrays has, by `Entry.where`; None for other sources. `is_whole` is False for files that the
    user chose one by one: they need not be all of a set.
    """

    kind: str
    name: str
    given: Path
    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    root_class: str | None = None
    table: Entry | None = None
    labels: dict[str, Label] | None = None
    findings: list[Finding] = field(default_factory=list)
    is_whole: bool = True

    def called(self, entry: Entry) -> str:
        """A short name of an entry for people: its folder and its own name."""
        return f"{entry.folder.rpartition('/')[2] or self.name}/{entry.name}"


def resolved(given: Path) -> Path:
    """The full path of a source. Raises `BadInput` if it does not exist or its name is not valid text."""
    source = given.expanduser().resolve()
    if not is_text(str(source)):
        raise BadInput("The name is not valid text", file=as_text(source), remedy="Rename it, then import it.")
    if not source.exists():
        raise BadInput("There is no such file or folder", file=given, remedy="Check the name and the path.")
    return source


def list_folder(source: Path, given: Path) -> Steps[Listing]:
    """List all files below a folder in natural order (2 before 10). Does not follow links to folders."""
    listing = Listing("Folder", source.name, given, root_class=source.name)

    def cannot_list(error: OSError) -> None:
        listing.skipped.append(Skipped(as_text(str(error.filename)), "The folder cannot be opened"))

    def usable(folder: str, names: list[str]) -> list[str]:
        unusable = sorted(as_text(name) for name in names if not is_text(name))
        listing.skipped.extend(Skipped(f"{Path(folder).name}/{name}", NOT_TEXT) for name in unusable)
        return sorted(filter(is_text, names), key=natural_key)

    for folder, subfolders, names in os.walk(source, onerror=cannot_list):
        subfolders[:] = [name for name in usable(folder, subfolders) if not is_hidden(name)]
        inside = Path(folder).relative_to(source).as_posix()
        inside = "" if inside == "." else inside
        for name in usable(folder, names):
            path = Path(folder, name)
            if is_clutter(name):
                continue
            if path.is_file():  # reading something else, such as a pipe, might never end
                listing.entries.append(FileEntry(inside, name, path))
            else:
                listing.skipped.append(
                    Skipped(f"{Path(folder).name}/{name}", "It is not a file, or its link is broken")
                )
            if len(listing.entries) % STEP == 0:
                yield len(listing.entries)
        yield len(listing.entries)
    return listing


def list_table(source: Path, given: Path) -> Steps[Listing]:
    """List all files below the folder of a table, which name or mask the images that the table names."""
    listing = yield from list_folder(source.parent, given)
    listing.kind, listing.name, listing.root_class = "Table", source.name, None
    listing.table = FileEntry("", source.name, source)
    listing.entries = [entry for entry in listing.entries if entry.where != listing.table.where]
    return listing


def list_files(sources: Sequence[tuple[Path, Path]]) -> list[Listing]:
    """List single files (full path, path as given) together with those of the same folder."""
    listings: dict[Path, Listing] = {}
    for source, given in sources:
        listing = listings.setdefault(source.parent, Listing("Files in", source.parent.name, given, is_whole=False))
        listing.entries.append(FileEntry("", source.name, source))
    return list(listings.values())
