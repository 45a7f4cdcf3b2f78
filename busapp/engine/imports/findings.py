"""What an import assumed, recognised, joined or left out, and what looks odd: one list, shown and kept with the run."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, NamedTuple

from busapp.engine.study.patients import normalised, remarkable
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


def patients_of_several_sites(images: Iterable[tuple[str | None, str | None]]) -> list[Finding]:
    """A finding about patients with images from more than one hospital, from patient and site of each image (None: not
    known). Hospitals that count their patients from 1 would make one person of many."""
    sites: defaultdict[str, set[str]] = defaultdict(set)
    for patient, site in images:
        if patient is not None and site is not None:
            sites[normalised(patient)].add(site.casefold())
    several = sum(len(of_patient) > 1 for of_patient in sites.values())
    if not several:
        return []
    have = "patient has" if several == 1 else "patients have"
    text = (
        f"{several:,} {have} images of several sites. If the sites number their patients alike, different people count "
        "as one. Then give them different numbers."
    )
    return [Finding("odd", text)]


def nameless(files: int) -> list[Finding]:
    """A finding about DICOM files that name no patient."""
    if not files:
        return []
    text = f"{many(files, 'DICOM file')} without a patient: all images of one examination count as one patient's."
    return [Finding("assumed", text)]
