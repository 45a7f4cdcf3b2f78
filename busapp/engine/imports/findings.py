"""What an import assumed, recognised, joined or left out, and what looks odd: one list, shown and kept with the run."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from busapp.engine.study.patients import remarkable
from busapp.engine.utils.words import many

FindingKind = Literal["recognised", "assumed", "joined", "left out", "odd"]


class Finding(NamedTuple):
    """One sentence for people. It repeats no patient's number or name, since the run keeps it."""

    kind: FindingKind
    text: str


def missing_patients(images: int, without: int) -> list[Finding]:
    """A finding about new images without a patient."""
    if images and without == images:
        text = (
            "Nothing names the patients. Images of one patient can stand in training and test, except those that a "
            "check finds to be near-duplicates."
        )
        return [Finding("assumed", text)]
    return [Finding("odd", f"{without:,} of {many(images, 'image')} have no patient.")] if without else []


def odd_patients(images: Iterable[tuple[str | None, str]]) -> list[Finding]:
    """Findings about patients who look wrong, from patient (None: not known) and class of each image of an import."""
    return [Finding("odd", sentence) for sentence in remarkable(images)]
