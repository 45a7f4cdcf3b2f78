"""Job: copy a whole study into another folder."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from busapp.engine.events import Finished, Job, Progress
from busapp.engine.study.workspace import DESCRIPTION, Workspace
from busapp.engine.utils.files import space_is_needed
from busapp.errors import BadInput

_NOT_COPIED = ("cache", "trash")
_CATALOG = "catalog.sqlite"


def copy_study(workspace: Workspace, target: Path) -> Job:
    """Copy everything except the cache and the trash into an empty or new folder. The result holds `study`, the path of
    the copy.

    The description is written last, so that an incomplete copy does not count as a study.

    Raises:
        BadInput: the folder is not empty, lies inside the study, or cannot be written to.
        NoSpace: the disk is full.
    """
    target = target.expanduser().resolve()
    if target.is_relative_to(workspace.root):
        raise BadInput("The copy would lie inside the study", file=target, remedy="Choose a folder outside the study.")
    if target.exists() and any(target.iterdir()):
        raise BadInput("The folder is not empty", file=target, remedy="Choose an empty or a new folder.")
    files = [path for path in sorted(workspace.root.rglob("*")) if _belongs(path.relative_to(workspace.root))]
    try:
        with space_is_needed(target):
            target.mkdir(parents=True, exist_ok=True)
            _copy_catalog(workspace.root / _CATALOG, target / _CATALOG)
            for number, path in enumerate(files):
                yield Progress(number, len(files), f"{number:,} of {len(files):,} files")
                copy = target / path.relative_to(workspace.root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
            shutil.copy2(workspace.root / DESCRIPTION, target / DESCRIPTION)
    except OSError as error:
        raise BadInput("The study cannot be copied", file=target, remedy=f"{error.strerror}.") from error
    yield Finished({"study": str(target)})


def _belongs(path: Path) -> bool:
    is_catalog = path.name.startswith(_CATALOG) and len(path.parts) == 1
    return path.suffix != "" and path.parts[0] not in _NOT_COPIED and not is_catalog and str(path) != DESCRIPTION


def _copy_catalog(source: Path, target: Path) -> None:
    """Copy through SQLite, so that the copy is complete even while a job is writing."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
