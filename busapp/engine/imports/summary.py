"""The summary of an import: what came in, what was left out, and what looks odd. The run keeps it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from busapp.engine.events import Skipped
from busapp.engine.images.remarks import Remark
from busapp.engine.imports.findings import Finding, missing_patients, nameless
from busapp.engine.imports.found import FoundImage
from busapp.engine.imports.names import idc, stands_in
from busapp.engine.imports.storing import Stored
from busapp.engine.utils.words import many

_MOST_REASONS: Final = 5
"""Reasons to list for the files left out, the most frequent first."""


@dataclass(slots=True)
class Tally:
    """Counts of an import while it runs, for its summary. `several_masks` counts images with more than one mask,
    `remarks` what was done to pictures when they were read."""

    images: int = 0
    masks: int = 0
    with_masks: int = 0
    several_masks: int = 0
    without_patient: int = 0
    patients: set[str] = field(default_factory=set)
    flat: int = 0
    like_masks: int = 0
    burned_in: int = 0
    nameless: int = 0
    restored: int = 0
    remarks: Counter[Remark] = field(default_factory=Counter)

    def add(self, stored: Stored) -> None:
        """Count one file."""
        self.images += len(stored.images)
        self.masks += stored.masks
        self.with_masks += stored.masks > 0
        self.several_masks += stored.masks > 1
        self.without_patient += sum(new.patient is None for new in stored.images)
        self.patients.update(new.patient for new in stored.images if new.patient is not None)
        self.flat += stored.flat
        self.like_masks += stored.like_masks
        self.burned_in += stored.burned_in
        self.nameless += stored.nameless and bool(stored.images)
        self.restored += stored.restored
        self.remarks.update(stored.remarks)

    def findings(self, found: Sequence[FoundImage], skipped: Sequence[Skipped]) -> Iterator[Finding]:
        """Sentences about everything that was counted."""
        yield from self._joined()
        yield from _left_out(skipped)
        for remark in Remark:
            if count := self.remarks[remark]:
                yield Finding("odd" if remark.is_odd else "assumed", f"{many(count, 'picture')}: {remark}.")
        yield from self._about_patients(found)
        if self.flat:
            yield Finding("odd", f"{many(self.flat, 'picture')} {_are(self.flat)} black, or of one grey everywhere.")
        if self.like_masks:
            text = (
                f"{many(self.like_masks, 'picture')} {_has(self.like_masks)} two colours only, as masks of lesions do."
            )
            yield Finding(
                "odd", f"{text} If they are masks, undo the import, and move them into a folder called masks."
            )
        if self.burned_in:
            yield Finding(
                "odd",
                f"{many(self.burned_in, 'DICOM file')} {_say(self.burned_in)} that text about the patient is burned "
                "into the picture. Look at these images, and cover everything that identifies a person.",
            )
        if self.restored:
            its, it = ("its", "it") if self.restored == 1 else ("their", "them")
            images = f"{many(self.restored, 'image')} of the study"
            yield Finding("joined", f"{images} had lost {its} stored file or a part of it. This import restored {it}.")

    def _joined(self) -> Iterator[Finding]:
        if self.masks:
            united = (
                f" {many(self.several_masks, 'image')} had several, which are united." if self.several_masks else ""
            )
            yield Finding("joined", f"{many(self.masks, 'mask')} joined to {many(self.with_masks, 'image')}.{united}")

    def _about_patients(self, found: Sequence[FoundImage]) -> Iterator[Finding]:
        yield from missing_patients(self.images, self.without_patient)
        yield from nameless(self.nameless)
        named = sum(map(_names_its_patient, found))
        if named:
            yield Finding(
                "odd",
                f"{many(named, 'file name')} {'contains' if named == 1 else 'contain'} a patient's number or name. The "
                "study keeps file names. If they can be traced to a person, undo the import, rename the files, and "
                "import them again.",
            )


def _left_out(skipped: Sequence[Skipped]) -> Iterator[Finding]:
    if not skipped:
        return
    reasons = Counter(left.reason.rstrip(".") for left in skipped).most_common()
    said = [f"{count:,} × {reason}" for reason, count in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        said.append(f"{sum(count for _, count in reasons[_MOST_REASONS:]):,} for other reasons")
    yield Finding("left out", f"{many(len(skipped), 'file')}: {'; '.join(said)}.")


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _say(count: int) -> str:
    return "says" if count == 1 else "say"


def _names_its_patient(image: FoundImage) -> bool:
    """True if the kept file name names the patient. IDC numbers belong to a public set, and names of DICOM files are
    not kept."""
    if image.patient is None or image.is_dicom or idc(image.entry.name) is not None:
        return False
    return stands_in(image.entry.name, image.patient)
