"""Write files so that a crash leaves either the old or the new file, never a half-written one."""

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
"""Longest file name in bytes of UTF-8. With a number and an ending it still fits into the 143 bytes that the strictest
common file system allows."""


_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
"""Device names of Windows, which are forbidden with any ending."""


@contextmanager
def space_is_needed(
    where: Path, remedy: str = "Free some space, then resume or start again; everything finished so far is kept."
) -> Iterator[None]:
    """Turn "no space left on device" into `NoSpace`, with a sentence for people."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace("The disk is full", file=where, remedy=remedy) from error
        raise


def check_space(where: Path, needed: int, what: str) -> None:
    """Check before hours of work that the disk has `needed` bytes for `what` (a plural, in words).

    Raises:
        NoSpace: the disk of the folder `where` has less free space.
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
    """Turn write errors into errors for people: no space left, or a file that may not be opened or replaced, such as a
    file that another program has open on Windows."""
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
    """Open a stream to a temporary file beside `path`, which replaces `path` once everything is written.

    With `survives_power_cut` off, the file is not flushed to the disk, which is faster. A power cut may then lose or
    damage it; use this for files that can be made again.

    Raises:
        NoSpace: the disk is full. `path` stays as it was.
    """
    with space_is_needed(path):
        # tempfile would create a file that only this user may read, but studies are shared.
        aside = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            with _created(aside) as stream:
                yield stream
                if survives_power_cut:
                    stream.flush()
                    os.fsync(stream.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def _created(path: Path) -> BinaryIO:
    """Open a new file, and create its folder if that is missing."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def write_atomically(path: Path, content: bytes, *, survives_power_cut: bool = True) -> None:
    """Write `content` to a temporary file beside `path`, then move it into place; see `replacing`.

    Raises:
        NoSpace: the disk is full. `path` stays as it was.
    """
    with replacing(path, survives_power_cut=survives_power_cut) as stream:
        stream.write(content)


_ASIDE: Final = re.compile(r"\..+\.[0-9a-f]{32}")


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed `write_atomically` left in `folder`, at any depth. Nothing may be writing
    there."""
    for path in folder.rglob(".*"):
        if _ASIDE.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented for people to read."""
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def sha256_of(content: bytes) -> str:
    """The content hash under which images and models are stored (64 hexadecimal digits)."""
    return hashlib.sha256(content).hexdigest()


def safe_name(name: str) -> str:
    """A file name without its ending, or a folder name, that every system allows and that is as close to `name` as
    possible."""
    composed = unicodedata.normalize("NFC", name)
    # Category C: invisible characters, such as control characters and marks that change the direction of text.
    allowed = "".join("_" if c in _FORBIDDEN or unicodedata.category(c)[0] == "C" else c for c in composed)
    # A leading dot hides a file. Windows drops a trailing dot or space.
    short = allowed.strip(". ").encode()[:LONGEST_NAME].decode(errors="ignore").rstrip(". ")
    return f"_{short}" if not short or _RESERVED.fullmatch(short) else short
