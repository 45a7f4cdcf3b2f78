"""Read the names of files and folders: class, mask, patient, order, and clutter of operating systems."""

import os
import re
from functools import lru_cache
from pathlib import PurePath
from typing import Final, NamedTuple

from busapp.engine.images.preprocessing import IMAGE_SUFFIXES
from busapp.errors import BadInput

_MASK: Final = re.compile(r"(?P<image>.+)_mask(_\d+)?", re.IGNORECASE)
_IDC: Final = re.compile(r"(?P<patient>\d+)_idx\d+_x\d+_y\d+_(?P<class_name>class[01])", re.IGNORECASE)
_CLUTTER: Final = re.compile(
    r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|lost\+found", re.IGNORECASE
)
"""Files and folders that operating systems and network drives leave behind. They are skipped without a word."""
_ARCHIVES: Final = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"})
_TABLES: Final = frozenset({".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".ods"})
"""Endings of tables, also of kinds that are only refused with a sentence."""
_DICOMDIR: Final = re.compile(r"dicomdir( ?\(\d+\))?(\.dcm)?", re.IGNORECASE)
DICOM_SUFFIXES: Final = frozenset({".dcm", ".dicom", ".dic", ".dicm", ".dc3", ".ima"})


class Idc(NamedTuple):
    """Patient and class in the file name of a patch of Janowczyk and Madabhushi's IDC set (J Pathol Inform 2016,
    7:29)."""

    patient: str
    class_name: str


def idc(name: str) -> Idc | None:
    """Parse the name of an IDC patch: `10253_idx5_x1351_y1101_class0.png` shows patient 10253, class0. None for other
    names."""
    match = _IDC.fullmatch(stem_of(name))
    return Idc(match["patient"], match["class_name"].lower()) if match else None


def image_of_mask(name: str) -> str | None:
    """The stem, in lower case, of the image that a mask belongs to; None if the name is not that of a mask."""
    match = _MASK.fullmatch(stem_of(name))
    return match["image"].lower() if match else None


def class_called(name: str) -> str:
    """The class with this name, in lower case and without spaces around it.

    Raises:
        BadInput: this cannot be the name of a class.
    """
    called = " ".join(name.split()).lower()
    if not called or len(called) > 100 or "/" in called or "\\" in called or not called.isprintable():
        raise BadInput(
            "This cannot be the name of a class", file=name or "(empty)", remedy="Give the class with --class."
        )
    return called


def stands_in(text: str, identifier: str) -> bool:
    """True if an identifier of three or more letters or digits stands alone in a text: `P-17` does in `P-17_left.png`,
    `Ben` does not in `benign`."""
    if len(re.sub(r"[\W_]", "", identifier)) < 3:
        return False
    alone = rf"(?<![^\W_]){re.escape(identifier.casefold())}(?![^\W_])"
    return re.search(alone, text.casefold()) is not None


def suffix_of(name: str) -> str:
    """The ending of a name, in lower case, with its dot."""
    return _split(name)[1].lower()


def stem_of(name: str) -> str:
    """A name without its ending, and without the folders before it."""
    return _split(name)[0]


@lru_cache(2**16)
def _split(name: str) -> tuple[str, str]:
    """Stem and ending as `pathlib` has them, in a tenth of its time: large sets have hundreds of thousands of names,
    each of which is asked for a dozen times."""
    last = name[name.rfind("/") + 1 :]
    at = last.rfind(".")
    return (last[:at], last[at:]) if 0 < at < len(last) - 1 else (last, "")


def has_picture_suffix(name: str) -> bool:
    return suffix_of(name) in IMAGE_SUFFIXES


def is_archive(name: str) -> bool:
    """True for archives of any kind, also of those that the program cannot read."""
    return suffix_of(name) in _ARCHIVES


def is_table(name: str) -> bool:
    return suffix_of(name) in _TABLES


def may_be_table(name: str) -> bool:
    """True for tables, and for texts, which are tables if the user says so."""
    return is_table(name) or suffix_of(name) == ".txt"


def has_dicom_suffix(name: str) -> bool:
    return suffix_of(name) in DICOM_SUFFIXES


def is_dicomdir(name: str) -> bool:
    """True for the list of the files on a disc. The standard prescribes its name (PS3.10, 8.6); browsers change it."""
    return bool(_DICOMDIR.fullmatch(name))


def is_clutter(name: str) -> bool:
    return bool(_CLUTTER.fullmatch(name))


def is_hidden(name: str) -> bool:
    return name.startswith(".") or is_clutter(name)


def is_text(name: str) -> bool:
    """True if a name can be written as UTF-8. Old archives leave names in other encodings, which Python reads as
    surrogates. Neither the catalog nor JSON can hold those."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str | PurePath) -> str:
    """A name for people to read, with � in place of bytes that are not valid text."""
    return os.fsencode(name).decode("utf-8", "replace")


def natural_key(name: str) -> list[tuple[int, str]]:
    """Key that sorts numbers in names by their value (2 before 10)."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name.lower())]
