"""DICOMDIRs for fuzzing: valid ones that are damaged then, and bombs."""

import struct
from collections.abc import Callable
from typing import Final

from dicom_discs import directory_bytes
from pydicom.tag import Tag

from busapp.engine.utils.quiet import no_warnings

DISC: Final = (("BENIGN", "IM000001"), ("BENIGN", "IM000002"))
"""What lies on a disc beside its DICOMDIR."""
_LEAVING: Final = (
    ("..", "canary.png"),
    ("..", "..", "canary.png"),
    ("", "etc", "passwd"),
    ("/etc/passwd",),
    ("C:", "WINDOWS"),
    ("BENIGN", "..", "..", "canary.png"),
    ("BENIGN", "."),
    ("CON",),
    ("A" * 5000,),
    ("A:stream",),
)
_ITEM: Final = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
_NESTED: Final = struct.pack("<HH2sHL", 0x0004, 0x1220, b"SQ", 0, 0xFFFFFFFF) + _ITEM


def disc_seeds() -> list[bytes]:
    """Valid DICOMDIRs of `DISC`, and some whose paths lead out of it."""
    with no_warnings():  # about paths that break the standard
        return [
            directory_bytes(DISC),
            directory_bytes(DISC, undefined_lengths=True),
            directory_bytes([*DISC, *_LEAVING, ("GONE",)]),
            directory_bytes([]),
        ]


def _with(records: bytes) -> bytes:
    """A DICOMDIR with these records behind its own."""
    return directory_bytes(DISC, undefined_lengths=True) + records


def _files(count: int) -> bytes:
    tag = Tag("ReferencedFileID")
    head = struct.pack("<HH2sH", tag.group, tag.element, b"CS", 8)
    return b"".join(head + b"%08X" % number for number in range(count))


DISC_BOMBS: Final[tuple[tuple[str, Callable[[], bytes]], ...]] = (
    ("a million files", lambda: _with(_files(1_000_000))),
    ("forty thousand files", lambda: _with(_files(40_000))),
    ("seven million records", lambda: _with(_ITEM * 7_000_000)),
    ("nested without end", lambda: _with(_NESTED * 3_000_000)),
    ("128 MiB", lambda: _with(bytes(2**27))),
)
