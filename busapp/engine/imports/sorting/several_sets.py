"""Several public sets side by side in one folder: each is a source of its own."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Final

from busapp.engine.events import Skipped
from busapp.engine.imports.files.file_kinds import not_read
from busapp.engine.imports.files.sources import Entry, FileEntry, Listing
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.names import has_dicom_suffix, has_picture_suffix
from busapp.engine.imports.sorting.recognising import recognised

_WITH_MASKS: Final = 0.25
"""Share of the pictures that must be named like a set's images. The others may be masks, several for an image."""


def split_sets(folder: Listing, source: Path) -> list[Listing]:
    """The listing of a folder; if its subfolders look like different sets, one for each, and one for all other files.

    Taken for one set, the second would get the classes and patients of the first, or none.
    """
    below: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for entry in folder.entries:
        assert isinstance(entry, FileEntry)
        below[entry.folder.partition("/")[0]].append(entry)
    sets = {top: name for top, entries in below.items() if top and (name := _set_in(top, entries))}
    if len(set(sets.values())) < 2:
        return [folder]
    parts = [_part(top, below[top], source) for top in sets]
    text = f"{folder.name} holds several sets, each of which counts as a source of its own: {', '.join(sets)}."
    parts[0].findings.append(Finding("recognised", text))
    rest = [entry for entry in folder.entries if entry.folder.partition("/")[0] not in sets]
    if any(map(_may_be_image, rest)):
        return [*parts, replace(folder, entries=rest)]
    parts[0].skipped += [*folder.skipped, *(Skipped(folder.called(entry), not_read(entry.name)) for entry in rest)]
    return parts


def _may_be_image(entry: Entry) -> bool:
    return has_picture_suffix(entry.name) or has_dicom_suffix(entry.name)


def _set_in(top: str, entries: list[FileEntry]) -> str | None:
    inside = [replace(entry, folder=entry.folder.partition("/")[2]) for entry in entries]
    others = (entry for entry in inside if not _may_be_image(entry))
    known = recognised(top, filter(_may_be_image, inside), others, share=_WITH_MASKS)
    return known.name if known else None


def _part(top: str, entries: list[FileEntry], source: Path) -> Listing:
    inside = [replace(entry, folder=entry.folder.partition("/")[2]) for entry in entries]
    return Listing("Folder", top, source / top, [*inside], root_class=top)
