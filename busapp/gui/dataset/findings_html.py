"""What an import found, as HTML with a heading for each kind."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from busapp.engine.settings import ImportSettings

_TITLES: Final = {
    "recognised": "Recognised",
    "assumed": "Assumed",
    "joined": "Joined",
    "left out": "Left out",
    "odd": "Looks odd",
}


def findings_as_html(by_kind: Mapping[str, Sequence[str]]) -> str:
    """A list of sentences for each kind of finding that has any."""
    parts = []
    for kind, sentences in by_kind.items():
        listed = "".join(f"<li>{escape(in_window(sentence))}</li>" for sentence in sentences)
        parts.append(f"<h4>{_TITLES[kind]}</h4><ul>{listed}</ul>" if sentences else "")
    return "".join(parts)


def in_window(sentence: str) -> str:
    """A sentence about an import, with the titles of fields in place of options of the command line."""
    return _OPTION.sub(lambda option: f"“{_FIELDS[option[0]]}”", sentence)


_FIELDS: Final = {
    f"--{name.removesuffix('_name').replace('_', '-')}": field.title or name
    for name, field in ImportSettings.model_fields.items()
}
_OPTION: Final = re.compile("|".join(rf"{option}(?![\w-])" for option in _FIELDS))
