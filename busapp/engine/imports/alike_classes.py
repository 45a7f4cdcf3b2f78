"""Classes of an import that may be one class in two spellings, or in two languages."""

import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import combinations
from typing import Final

from busapp.engine.imports.findings import Finding

_IN_LANGUAGES: Final = (
    "benign benigne benignes benigna benigno benigni benin gutartig goedaardig lagodny",
    "malignant malign maligne malignes maligna maligno maligni malin bosartig kwaadaardig zlosliwy",
    "normal normale normaal gesund healthy sano sain",
)
_ALIKE: Final = 0.88
"""Share of letters that two names have in common, in order (difflib's ratio). `normal` and `abnormal` have 0.86,
`malignant` and `malignent` 0.89."""
_LONG: Final = 5
"""Shorter names differ in one letter and mean different things."""
_MOST: Final = 50
"""Classes from which on nothing is compared."""


def alike_classes(names: Iterable[str]) -> list[Finding]:
    """A finding for each two classes that may be one."""
    several = sorted(set(names))
    pairs = combinations(several, 2) if len(several) <= _MOST else ()
    remedy = "If they are, rename the folder or the value in the table, or change the class of the images later."
    return [Finding("odd", f"The classes {a} and {b} may be one. {remedy}") for a, b in pairs if _may_be_one(a, b)]


def _may_be_one(one: str, other: str) -> bool:
    a, b = _plain(one), _plain(other)
    if any({a, b} <= set(words.split()) for words in _IN_LANGUAGES):
        return True
    if min(len(a), len(b)) < _LONG or _digits(a) != _digits(b):
        return False
    return sorted(a) == sorted(b) or SequenceMatcher(None, a, b, autojunk=False).ratio() >= _ALIKE


def _plain(name: str) -> str:
    """Letters and digits in lower case, without accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name).casefold()))


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
