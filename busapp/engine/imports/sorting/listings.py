"""List the files of the sources that a user gives, each by its kind: folder, archive, table, arrays, single files."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from busapp.engine.imports import names
from busapp.engine.imports.arrays.arrays import is_array_file
from busapp.engine.imports.arrays.hdf5_files import beside, list_hdf5
from busapp.engine.imports.arrays.npz_files import list_npz
from busapp.engine.imports.files.archives import Archive, list_archive
from busapp.engine.imports.files.disc_files import list_directory
from busapp.engine.imports.files.file_kinds import file_kind
from busapp.engine.imports.files.sources import FileEntry, Listing, Steps, list_files, list_folder, list_table, resolved
from busapp.engine.imports.sorting.several_sets import split_sets
from busapp.engine.settings import ImportSettings

_LIST_ARRAYS: Final[dict[str, Callable[[Path, Path, ImportSettings, ExitStack], Steps[Listing]]]] = {
    ".npz": list_npz,
    ".h5": list_hdf5,
    ".hdf5": list_hdf5,
}


def list_sources(settings: ImportSettings, stack: ExitStack) -> Steps[list[Listing]]:
    """List all sources. Archives and files of arrays stay open until `stack` is closed.

    Raises:
        BadInput: a source is missing, suspicious or damaged.
    """
    listings: list[Listing] = []
    single: list[tuple[Path, Path]] = []
    for given in settings.sources:
        source = resolved(given)
        if source.is_dir():
            listings += yield from _list_folder(source, given, settings, stack)
        elif names.may_be_table(source.name):
            listings.append((yield from list_table(source, given)))
        elif names.suffix_of(source.name) == ".zip":
            archive = Archive(source, given)
            stack.callback(archive.close)
            listings.append((yield from list_archive(archive, given)))
        elif file_kind(source.name, FileEntry("", source.name, source).read) == "DICOMDIR":
            listings.append(list_directory(source, given))
        elif is_array_file(source.name):
            listings.append((yield from _list_arrays(source, given, settings, stack)))
        else:
            single.append((source, given))
    return [*listings, *list_files(single)]


def _list_arrays(source: Path, given: Path, settings: ImportSettings, stack: ExitStack) -> Steps[Listing]:
    return (yield from _LIST_ARRAYS[names.suffix_of(source.name)](source, given, settings, stack))


def _list_folder(source: Path, given: Path, settings: ImportSettings, stack: ExitStack) -> Steps[list[Listing]]:
    """List a folder, and each file of arrays in it."""
    folder = yield from list_folder(source, given)
    arrays = [entry.path for entry in folder.entries if isinstance(entry, FileEntry) and is_array_file(entry.name)]
    belonging = {other for path in arrays for ending in ("y.h5", "meta.csv") if (other := beside(path, ending))}
    listings: list[Listing] = []
    for path in arrays:
        if path not in belonging:
            listings.append((yield from _list_arrays(path, path, settings, stack)))
    taken = {str(path) for path in (*arrays, *belonging)}
    folder.entries = [entry for entry in folder.entries if entry.where not in taken]
    return [*split_sets(folder, source), *listings] if folder.entries or not listings else listings
