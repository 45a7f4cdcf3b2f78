"""What an import found, as HTML with a heading for each kind."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

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
        listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        parts.append(f"<h4>{_TITLES[kind]}</h4><ul>{listed}</ul>" if sentences else "")
    return "".join(parts)
