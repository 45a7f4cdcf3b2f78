"""ZIP archives. Members are read inside the archive, never unpacked to disk, and never beyond their declared size.

ZIP bombs are refused by the archive's table of contents, before a byte is unpacked: too many members, too large in
total, members that share their bytes (Fifield 2019, "A better zip bomb"), or packed far more tightly than pictures can
be.
"""

import re
import stat
import struct
import threading
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

from busapp.engine.events import Skipped
from busapp.engine.images.preprocessing import MAX_BYTES
from busapp.engine.imports.files.sources import NOT_TEXT, STEP, Listing, Steps, too_large
from busapp.engine.imports.names import is_clutter, is_hidden, is_text, natural_key
from busapp.errors import BadInput, UnreadableImage

MAX_MEMBERS: Final = 250_000
MAX_UNPACKED: Final = 64 * 2**30
"""Bytes of all members together. 100,000 images of 500×500 pixels take about 20 GiB."""
MAX_RATIO: Final = 100
"""Largest ratio of unpacked to packed size, for archives that unpack to more than 1 GiB."""
_RATIO_COUNTS_FROM: Final = 2**30
_MAX_CONTENTS_TABLE: Final = 128 * 2**20

_END: Final = struct.Struct("<4s4H2LH")
_END_64_LOCATOR: Final = b"PK\x06\x07"
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LISTED: Final = b"PK\x01\x02"
_LONGEST_COMMENT: Final = 2**16
_LONGEST_NAME: Final = 1000
"""Characters of a name with all folders. ZIP allows 65,535; file systems allow fewer, and Python refuses to convert
numbers that long."""
_MEMBER_HEADER: Final = 30
_ENCRYPTED: Final = 0x1
_NAMED_IN_UTF_8: Final = 0x800
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Archive:
    """An open archive. Several threads may read it at once."""

    def __init__(self, source: Path, given: Path) -> None:
        """Open the archive.

        Raises:
            BadInput: the file is not a ZIP archive, is damaged, or may be a ZIP bomb.
        """
        self.source = source
        self._lock = threading.Lock()
        try:
            self._stream = source.open("rb")
        except OSError as error:
            raise BadInput("The archive cannot be opened", file=given, remedy="Check that you may read it.") from error
        try:
            self._zip = checked_zip(self._stream, given)
        except BaseException:
            self._stream.close()
            raise

    def close(self) -> None:
        self._zip.close()
        self._stream.close()

    def members(self) -> list[zipfile.ZipInfo]:
        """All members except folders, in the order of the table of contents."""
        return [member for member in self._zip.infolist() if not member.filename.endswith(("/", "\\"))]

    def read(self, member: zipfile.ZipInfo, most: int) -> bytes:
        """The first bytes of a member: at most `most`, and never more than its declared size.

        Raises:
            UnreadableImage: the member is damaged, or larger than 512 MiB.
        """
        if member.file_size > MAX_BYTES:
            raise too_large(member.filename)
        try:
            with self._lock:  # zipfile's count of open members is not safe across threads
                stream = self._zip.open(member)
            try:
                return stream.read(min(most, member.file_size))
            finally:
                with self._lock:
                    stream.close()
        # For damaged members zipfile raises errors of many kinds.
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
            raise UnreadableImage(
                "It is damaged inside the archive", file=member.filename, remedy="Download or copy the archive again."
            ) from error


@dataclass(frozen=True, slots=True)
class MemberEntry:
    """A file inside an archive."""

    folder: str
    name: str
    archive: Archive
    member: zipfile.ZipInfo
    where: str

    def read(self, most: int) -> bytes:
        return self.archive.read(self.member, most)


def list_archive(archive: Archive, given: Path) -> Steps[Listing]:
    """List the members in natural order (2 before 10). Skips those that are suspicious or cannot be read."""
    listing = Listing("ZIP archive", archive.source.name, given)
    taken: set[tuple[str, ...]] = set()
    for number, member in enumerate(archive.members()):
        if number % STEP == 0:
            yield number
        if len(member.filename) > _LONGEST_NAME:
            short = _CONTROL.sub("�", member.filename[:100]) + "…"
            listing.skipped.append(Skipped(short, f"Its name is longer than {_LONGEST_NAME:,} letters"))
            continue
        name = _name_of(member)
        *folders, last = parts = [part for part in name.split("/") if part != "."] or ["."]
        if any(is_hidden(folder) and folder != ".." for folder in folders) or is_clutter(last):
            continue
        reason = reason_to_skip(member, name) or ("Another member has the same name" if tuple(parts) in taken else None)
        if reason is not None:
            listing.skipped.append(Skipped(_CONTROL.sub("�", name), reason))
        else:
            taken.add(tuple(parts))
            where = f"{archive.source}//{'/'.join(parts)}"
            listing.entries.append(MemberEntry("/".join(folders), last, archive, member, where))
    listing.entries.sort(key=lambda entry: (natural_key(entry.folder), natural_key(entry.name)))
    return listing


def _name_of(member: zipfile.ZipInfo) -> str:
    """The path of a member inside the archive, with / between its parts."""
    name = member.filename
    if not member.flag_bits & _NAMED_IN_UTF_8:
        with suppress(UnicodeError):  # many programs write UTF-8 without declaring it
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def reason_to_skip(member: zipfile.ZipInfo, name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or _DRIVE.match(name):
        return "Its path leads out of the archive"
    if "" in parts or _CONTROL.search(name) or not is_text(name):
        return NOT_TEXT
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "It is a link or a device, not a file"
    if member.flag_bits & _ENCRYPTED:
        return "It is encrypted; unpack the archive with its password, then import the folder"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "It is compressed in a way that is not read; pack the archive again as a standard ZIP"
    return None


def checked_zip(stream: BinaryIO, given: Path | str) -> zipfile.ZipFile:
    """Open a ZIP archive that is no bomb by its table of contents.

    Raises:
        BadInput: the file is not a ZIP archive, is damaged, or may be a ZIP bomb.
    """
    try:
        _refuse_many_members(stream, given)
        archive = zipfile.ZipFile(stream)
        _refuse_bombs(archive, stream.seek(0, 2), given)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise BadInput(
            "This is not a ZIP archive, or it is damaged", file=given, remedy="Download or copy it again."
        ) from error
    return archive


def _refuse_many_members(stream: BinaryIO, given: Path | str) -> None:
    """Count the members before zipfile creates an object for each.

    Raises:
        BadInput: there are too many members.
        zipfile.BadZipFile, struct.error, OSError: the archive is damaged.
    """
    size = stream.seek(0, 2)
    tail_at = stream.seek(max(0, size - _LONGEST_COMMENT - _END.size))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0:
        raise zipfile.BadZipFile
    table_size, table_ends = _END.unpack_from(tail, end)[5], tail_at + end
    if tail[max(0, end - 20) : end].startswith(_END_64_LOCATOR):
        table_ends = stream.seek(table_ends - 20 - _END_64.size)
        table_size = _END_64.unpack(stream.read(_END_64.size))[8]
    if table_size > min(table_ends, _MAX_CONTENTS_TABLE):
        raise zipfile.BadZipFile
    stream.seek(table_ends - table_size)
    if stream.read(table_size).count(_LISTED) > MAX_MEMBERS:
        raise _bomb(f"The archive holds more than {MAX_MEMBERS:,} files", given)


def _refuse_bombs(archive: zipfile.ZipFile, size: int, given: Path | str) -> None:
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED or (unpacked > _RATIO_COUNTS_FROM and unpacked > MAX_RATIO * size):
        raise _bomb(f"The archive would unpack to {unpacked / 2**30:,.0f} GiB", given)
    for member, following in pairwise(members):
        if member.header_offset + _MEMBER_HEADER + member.compress_size > following.header_offset:
            raise _bomb("Files of the archive share their bytes, as only damaged or malicious archives do", given)


def _bomb(what: str, given: Path | str) -> BadInput:
    return BadInput(
        what,
        file=given,
        remedy="Nothing was unpacked. If you trust the archive, unpack it yourself and import the folder.",
    )
