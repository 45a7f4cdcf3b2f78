"""What an import assumed, recognised, joined or left out, and what looks odd: one list, shown and kept with the run."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from busapp.engine.study.patients import remarkable

FindingKind = Literal["recognised", "assumed", "joined", "left out", "odd"]


class Finding(NamedTuple):
    """One sentence for people. It repeats no patient's number or name, since the run keeps it."""

    kind: FindingKind
    text: str


def odd_patients(images: Iterable[tuple[str | None, str]]) -> list[Finding]:
    """Findings about patients who look wrong, from patient (None: not known) and class of each image of an import."""
    return [Finding("odd", sentence) for sentence in remarkable(images)]
