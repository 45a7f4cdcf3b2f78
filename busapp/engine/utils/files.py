"""Writing files so that a crash leaves either the old one or the new one, never a torn one."""

import errno
import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

from busapp.errors import BadInput, NoSpace

LONGEST_NAME: Final = 100
"""Bytes in UTF-8. A number and an ending still fit into the 143 bytes that the strictest common file system takes."""


_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
"""Names of devices on Windows, whatever ending they have."""


@contextmanager
def space_is_needed(
    where: Path, remedy: str = "Free some space, then resume or start again; everything finished so far is kept."
) -> Iterator[None]:
    """Turn "no space left on device" into a sentence for people."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace("The disk is full", file=where, remedy=remedy) from error
        raise


def check_space(where: Path, needed: int, what: str) -> None:
    """Say that a disk is too small before hours of work meet its end. `needed` bytes for `what`, in words.

    Raises:
        NoSpace: less is free where `where`, a folder, lies.
    """
    free = shutil.disk_usage(where).free
    if free < needed:
        raise NoSpace(
            f"The disk has {free / 1e6:,.0f} MB left, and {what} need {needed / 1e6:,.0f} MB",
            file=where,
            remedy="Free some space, then resume or start again.",
        )


@contextmanager
def writing_is_needed(where: Path) -> Iterator[None]:
    """Turn what a disk refuses into a sentence for people: no space left, or a file that may not be opened or
    replaced, as one that another program holds open under Windows."""
    with space_is_needed(where):
        try:
            yield
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR):
                raise BadInput(
                    "The file or folder cannot be written to",
                    file=error.filename2 or error.filename or where,
                    remedy="Check that you may write there, and that no other program has it open.",
                ) from error
            raise


@contextmanager
def replacing(path: Path, *, survives_power_cut: bool = True) -> Iterator[BinaryIO]:
    """A stream that is written beside `path`, and moved into place once everything in it is written.

    What may be lost or torn in a power cut, since it can be made again, need not wait for the disk.

    Raises:
        NoSpace: the disk is full; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with space_is_needed(path):
        # Not tempfile's: that gives files which nobody but this user may read, and studies are shared.
        aside = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            with aside.open("xb") as stream:
                yield stream
                if survives_power_cut:
                    stream.flush()
                    os.fsync(stream.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def write_atomically(path: Path, content: bytes, *, survives_power_cut: bool = True) -> None:
    """Write `content` beside `path` and move it into place; see `replacing`.

    Raises:
        NoSpace: the disk is full; `path` is as it was.
    """
    with replacing(path, survives_power_cut=survives_power_cut) as stream:
        stream.write(content)


_ASIDE: Final = re.compile(r"\..+\.[0-9a-f]{32}")


def remove_leftovers(folder: Path) -> None:
    """Remove what `write_atomically` left in `folder`, at any depth, when it was killed. Nobody may write there now."""
    for path in folder.rglob(".*"):
        if _ASIDE.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, readable by people."""
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def sha256_of(content: bytes) -> str:
    """The content hash under which images and models are stored (64 hexadecimal digits)."""
    return hashlib.sha256(content).hexdigest()


def safe_name(name: str) -> str:
    """The name of a file, without its ending, or of a folder: as near to `name` as every system allows."""
    composed = unicodedata.normalize("NFC", name)
    # Category C: what cannot be seen, such as control characters and marks that turn the direction of reading.
    allowed = "".join("_" if c in _FORBIDDEN or unicodedata.category(c)[0] == "C" else c for c in composed)
    # A dot in front hides a file; one at the end, or a space, gets lost on Windows.
    short = allowed.strip(". ").encode()[:LONGEST_NAME].decode(errors="ignore").rstrip(". ")
    return f"_{short}" if not short or _RESERVED.fullmatch(short) else short
