"""The files that a DICOMDIR lists, beside it on a disc or in an archive.

A DICOMDIR lies at the top of a disc or of an export. The files below it lie in folders that are named by number
(`DICOM/PAT00001/ST000001/SE000001/IM000001`). Such folders are no classes.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from busapp.engine.events import Skipped
from busapp.engine.images.dicom.directory import MAX_DIRECTORY, FileId, as_compared, listed_files
from busapp.engine.imports.files.sources import Entry, FileEntry, Listing
from busapp.engine.imports.names import is_dicomdir, is_text
from busapp.engine.utils.words import many
from busapp.errors import UnreadableImage

KIND: Final = "DICOMDIR in"
MISSING: Final = "The DICOMDIR lists it, but it is missing"
_MOST_MISSING: Final = 100
"""Missing files that are named one by one."""
_NO_CLASS: Final = re.compile(
    r"dicom|images?|data|([a-z]{0,3}|pati?e?n?t?|stud(y|ies)|series|exam)[ _-]?\d*|[0-9a-f]{8}", re.IGNORECASE
)
"""Folders that programs make when they write a disc."""


def list_directory(source: Path, given: Path) -> Listing:
    """List a DICOMDIR and the files that it lists, as far as they are there.

    Raises:
        UnreadableImage: the DICOMDIR is damaged.
    """
    listing = Listing(KIND, source.parent.name, given, entries=[FileEntry("", source.name, source)])
    for path in files_of(source)[0]:
        inside = path.parent.relative_to(source.parent).as_posix()
        listing.entries.append(FileEntry("" if inside == "." else inside, path.name, path))
    return listing


def files_of(directory: Path) -> tuple[list[Path], list[Path]]:
    """The files that a DICOMDIR lists and that are there, and the paths of those that are missing.

    All lie inside the folder of the DICOMDIR, also after links are followed.

    Raises:
        UnreadableImage: the DICOMDIR cannot be opened or is damaged.
    """
    folder = directory.parent.resolve()
    within = cache(_spellings)
    there: list[Path] = []
    missing: list[Path] = []
    content = FileEntry("", directory.name, directory).read(MAX_DIRECTORY + 1)
    for file_id in listed_files(content, file=directory):
        path: Path | None = folder
        for part in as_compared(file_id):
            path = within(path).get(part) if path else None
        if path and path.is_file() and path.resolve().is_relative_to(folder):
            there.append(path)
        else:
            missing.append(folder.joinpath(*file_id))
    return there, missing


def _spellings(folder: Path) -> Mapping[str, Path]:
    """What lies in a folder, by the name as it is compared."""
    try:
        inside = sorted(folder.iterdir(), reverse=True)
    except OSError:  # not a folder, or one that may not be opened
        return {}
    return {as_compared((path.name,))[0]: path for path in inside if is_text(path.name)}


def folders_of_classes(listing: Listing) -> dict[str, str]:
    """The folder whose name may be the class of a listed file, by `Entry.where`: the nearest one that no program
    made, at most that of the DICOMDIR. Files that no DICOMDIR lists are absent.

    Adds listed files that are missing, and damaged DICOMDIRs, to the skipped files.
    """
    directories = [entry for entry in listing.entries if is_dicomdir(entry.name)]
    if not directories or listing.table is not None:
        return {}
    by_path = {as_compared((*_parts(entry.folder), entry.name)): entry for entry in listing.entries}
    folders: dict[str, str] = {}
    for directory in directories:
        home = _parts(directory.folder)
        missing = []
        for file_id in _listed_in(directory, listing):
            entry = by_path.get(as_compared((*home, *file_id)))
            if entry is None:
                missing.append(f"{(*(home or [listing.name]), *file_id)[-2]}/{file_id[-1]}")
            else:
                folders[entry.where] = "/".join(_named_by_people(_parts(entry.folder), len(home)))
        listing.skipped += [Skipped(name, MISSING) for name in missing[:_MOST_MISSING]]
        if len(missing) > _MOST_MISSING:
            others = many(len(missing) - _MOST_MISSING, "other file")
            listing.skipped.append(Skipped(listing.called(directory), f"It lists {others} that are missing"))
    return folders


def _listed_in(directory: Entry, listing: Listing) -> Iterable[FileId]:
    try:
        return listed_files(directory.read(MAX_DIRECTORY + 1), file=directory.name)
    except UnreadableImage as error:
        listing.skipped.append(Skipped(listing.called(directory), error.what))
        return ()


def _parts(folder: str) -> list[str]:
    return folder.split("/") if folder else []


def _named_by_people(parts: list[str], fewest: int) -> list[str]:
    while len(parts) > fewest and _NO_CLASS.fullmatch(parts[-1]):
        parts = parts[:-1]
    return parts
