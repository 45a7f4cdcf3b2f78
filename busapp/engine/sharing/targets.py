"""Targets of an export: a folder or a ZIP, written beside its final place and moved there when complete."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

from busapp.engine.utils.files import space_is_needed
from busapp.errors import BadInput

_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every member of a ZIP, so that the same images give the same bytes and the export date is not stored."""
_UNIX: Final = 3
_READABLE: Final = 0o644 << 16


class Target(Protocol):
    """Accepts files by name, with `/` between the parts."""

    def write(self, name: str, content: bytes) -> None: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        root.mkdir()
        self._root = root

    def write(self, name: str, content: bytes) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def close(self) -> None:
        """Nothing to do: only a ZIP has to be completed."""


class _Zip:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "x")

    def write(self, name: str, content: bytes) -> None:
        member = zipfile.ZipInfo(name, _EARLIEST)
        member.create_system, member.external_attr = _UNIX, _READABLE
        is_small_already = name.endswith(".png")
        member.compress_type = zipfile.ZIP_STORED if is_small_already else zipfile.ZIP_DEFLATED
        self._zip.writestr(member, content)

    def close(self) -> None:
        self._zip.close()


@contextmanager
def new_target(out: Path, *, as_zip: bool) -> Iterator[Target]:
    """A target that is moved to `out` on leaving the context. After an error, nothing is left of it.

    Raises:
        BadInput: `out` cannot be written to, or exists by now.
        NoSpace: the disk is full.
    """
    parent = next(folder for folder in out.parents if folder.is_dir())
    aside = parent / f"{out.name}.partial-{uuid4().hex[:8]}"
    remedy = "Free some space, then export again; nothing was left behind."
    try:
        with space_is_needed(out, remedy):
            target = _Zip(aside) if as_zip else _Folder(aside)
            try:
                yield target
            except BaseException:
                with suppress(OSError):
                    target.close()
                raise
            target.close()
            _move(aside, out)
    except OSError as error:
        raise BadInput("The export cannot be written", file=out, remedy=f"{error.strerror or error}.") from error
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


def _move(aside: Path, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir():
        out.rmdir()  # Windows cannot move anything onto a folder, not even onto an empty one
    elif out.exists():
        raise FileExistsError(0, "The name is taken by now", str(out))
    aside.rename(out)
