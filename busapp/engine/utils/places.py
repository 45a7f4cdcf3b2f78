"""Names of hospitals and machines: how they are stored, and which of them are the same."""

import unicodedata
from collections.abc import Iterable
from typing import Final

from busapp.engine.utils.nobody import is_nobody

LONGEST: Final = 100
"""Characters of a stored name."""


def place_name(text: str | None) -> str | None:
    """A name as it is stored: printable, with single blanks, at most 100 characters. None if it names no place
    (`unknown`, `n/a`). Tables number hospitals from 0, so 0 is one."""
    printable = "".join(sign if sign.isprintable() else " " for sign in unicodedata.normalize("NFC", text or ""))
    name = " ".join(printable.split())[:LONGEST].rstrip()
    return None if name != "0" and is_nobody(name) else name


def is_same_place(one: str, other: str) -> bool:
    """True if two names differ at most in letter case and blanks: `UKE` and `uke `."""
    return _key(one) == _key(other)


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class Spellings:
    """Spells each name as it was spelt first, so that `UKE` and `uke` do not become two sites."""

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._first: dict[str, str] = {}
        for name in known:
            self.of(name)

    def of(self, name: str | None) -> str | None:
        """The first spelling of a name; None stays None."""
        return None if name is None else self._first.setdefault(_key(name), name)
