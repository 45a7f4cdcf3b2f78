"""Tell the kind of a file by its first bytes. Names do not count: archives and browsers change them."""

import re
import struct
from typing import Final

HEAD: Final = 512
"""First bytes of a file that are enough to tell its kind."""
_SHORT_LENGTHS: Final = frozenset(b"AE AS CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
"""Types of value whose length takes two bytes instead of four (PS3.5, 7.1.2)."""
_SECOND_GROUPS: Final = frozenset({0x0002, 0x0004, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028})
_LONGEST: Final = 128
_DIRECTORY: Final = re.compile(rb"1\.2\.840\.10008\.1\.3\.10(?![\d.])")
"""The kind of object of a DICOMDIR (Media Storage Directory Storage)."""
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})


def is_dicom(head: bytes) -> bool:
    """True if a file that begins with `head` (`HEAD` bytes, or all of a shorter file) is meant to be a DICOM file."""
    return head[128:132] == b"DICM" or _begins_with_elements(head)


def _begins_with_elements(head: bytes) -> bool:
    """True if DICOM elements stand where the preamble should be, as in files from before the year 1996.

    Two elements must follow each other in order. The first one is of group 8 or of the file's own group 2. No other
    format of pictures, tables or archives begins like this.
    """
    at, last_tag, found = 0, 0, 0
    while found < 2:
        if len(head) < at + 8:
            return False
        group, element, length = struct.unpack_from("<HHL", head, at)
        tag = group << 16 | element
        if group not in (_SECOND_GROUPS if found else (0x0002, 0x0008)) or (found and tag <= last_tag):
            return False
        vr = head[at + 4 : at + 6]
        if vr in _SHORT_LENGTHS:
            length >>= 16
        elif vr == b"OB" and group == 0x0002 and len(head) >= at + 12:
            length = 4 + struct.unpack_from("<L", head, at + 8)[0]
        if length % 2 or length > _LONGEST:
            return False
        at, last_tag, found = at + 8 + length, tag, found + 1
    return True


def is_dicom_directory(head: bytes) -> bool:
    """True for a DICOMDIR, the list of the DICOM files on a disc."""
    return is_dicom(head) and _DIRECTORY.search(head) is not None


def picture_suffix(head: bytes) -> str | None:
    """The usual ending of the name of a PNG, JPEG, BMP or TIFF file that begins like this; None for other files."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if head.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return ".tif"
    is_bmp = head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<L", head, 14)[0] in _BMP_HEADERS
    return ".bmp" if is_bmp else None
