"""Meanings of the values in a table's class column.

Words such as benign are classes as they stand. Numbers, single letters, BI-RADS categories, and yes or no are not: 0 is
benign in one set and malignant in another (BreastMNIST). Somebody has to say what they mean.
"""

import csv
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from busapp.engine.imports.names import class_called
from busapp.engine.imports.tables.columns import Undecided
from busapp.errors import BadInput

LEFT_OUT: Final = "-"
"""Meaning of a value whose images do not come in."""
_EXAMPLE: Final = "Write it as in 0=benign, 1=malignant; a value of - leaves its images out."
_UNCLEAR: Final = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?|\w|[ivx]{1,4}|(?:bi-?rads|acr|us|class|klasse|label|grade|grad|g|b)?[ :_-]*\d[a-c]?"
    r"|true|false|yes|no|ja|nein|oui|non|si|pos|neg|[+?-]+"
)
_SHOWN: Final = 12
"""Values that a message lists."""


class ValuesUnknown(Undecided):
    """Values of a class column that mean nothing by themselves. `values` holds each with its number of rows."""

    values: Mapping[str, int] = {}

    @classmethod
    def of(cls, values: Mapping[str, int], column: str, given: Path | str) -> "ValuesUnknown":
        """The error for these values of a column."""
        counts = Counter(dict(values)).most_common()
        shown = ", ".join(f"{value} ({count:,})" for value, count in counts[:_SHOWN])
        more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
        options = ", ".join(f"{value}=…" for value in sorted(values)[:_SHOWN])
        error = cls(
            f"It is not known what the values in the column {column} mean: {shown}{more}",
            file=given,
            remedy=f'Say it with --class-values "{options}", for instance 0=benign, 1=malignant. To keep a value as it '
            "stands, write 0=0. If the table gives no classes, write --class-column -.",
        )
        error.values = dict(values)
        return error


def parse_class_values(text: str | None) -> dict[str, str]:
    """The meanings in a text such as `0=benign, 1=malignant`, by value in its plain form (`plain_value`).

    Raises:
        BadInput: a part has no =, gives no class, or contradicts another.
    """
    meanings: dict[str, str] = {}
    for line in (text or "").replace(";", ",").splitlines():
        for part in next(csv.reader([line], skipinitialspace=True)):
            value, equals, meaning = (piece.strip() for piece in part.rpartition("="))
            if not part.strip():
                continue
            if not equals or not value or not meaning:
                raise BadInput(f"{part.strip()} does not say what a class value means", remedy=_EXAMPLE)
            meaning = meaning if meaning == LEFT_OUT else class_called(meaning)
            if meanings.setdefault(plain_value(value), meaning) != meaning:
                raise BadInput(f"The class value {value} is given two meanings", remedy=_EXAMPLE)
    return meanings


@lru_cache(2**10)
def plain_value(value: str) -> str:
    """A value without case and needless blanks. Numbers are written without `.0`, as spreadsheets add it."""
    plain = " ".join(value.casefold().split())
    return re.sub(r"(?<=\d)[.,]0+", "", plain) if re.fullmatch(r"\d+[.,]0+", plain) else plain


@lru_cache(2**10)
def is_unclear(value: str) -> bool:
    """True if a value means nothing by itself: a number, a letter, a BI-RADS category, yes or no."""
    return bool(_UNCLEAR.fullmatch(plain_value(value)[:40]))
