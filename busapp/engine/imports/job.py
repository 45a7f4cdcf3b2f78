"""The job `import`: bring images into the study."""

import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from threading import Event as Flag
from typing import Final, TypeVar

from busapp.engine.catalog import Addition, Known, KnownImages, NewImage, Statement
from busapp.engine.catalog.addition import COMPLETED, statement_of
from busapp.engine.contract.dataset import ImportResult
from busapp.engine.events import Event, Finished, Job, Note, Progress, Skipped
from busapp.engine.imports.alike_classes import alike_classes
from busapp.engine.imports.files.sources import Steps
from busapp.engine.imports.findings import Finding, odd_patients, patients_of_several_sites
from busapp.engine.imports.found import FoundImage
from busapp.engine.imports.later import completed_in_words, contradicted_in_words
from busapp.engine.imports.sorting.sorting import search_sources
from busapp.engine.imports.storing import ImageStore, Stored
from busapp.engine.imports.study_entries import StudyEntry
from busapp.engine.imports.summary import Tally
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import KnownPatients, made_with_another_key
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import remove_leftovers
from busapp.engine.utils.places import Spellings
from busapp.engine.utils.prefetch import WRITERS, in_order
from busapp.engine.utils.steps import mapped
from busapp.engine.utils.words import many

T = TypeVar("T")

_BATCH: Final = 250
"""Images added to the catalog in one step. A killed import loses at most this many catalog entries."""
_STATEMENTS: Final = 10_000
"""Statements about images that are there, written in one step. Each step writes the history of all earlier ones again.
"""


def import_images(workspace: Workspace, settings: ImportSettings, run: Run) -> Job:
    """Bring images into the study; unreadable files are listed. Images that it has already get what they lack: a mask,
    a patient, a site or a device. With `update`, they get whatever else the import says about them.

    The bytes of each image are stored under their hash, those of pictures unchanged. The catalog gets the images in
    steps, as one change. A cancelled import leaves the dataset as it was. A killed import leaves only complete images;
    importing again completes it. One undo reverts the whole import.

    The result is an `ImportResult`.

    Raises:
        BadInput: as `search_sources`.
        NoSpace: the disk is full. Complete images that came in before stay.
    """
    _tidy(workspace, run)
    known = workspace.catalog.known()
    with ExitStack() as stack:
        found = yield from _as_progress(search_sources(settings, stack, known))
        yield from found.skipped
        if not any(image.is_dicom for image in found.images):  # DICOM files name their patients as they are read
            new = [image for image in found.images if not isinstance(image.entry, StudyEntry)]
            for finding in odd_patients((image.patient, image.class_name or "") for image in new):
                yield Note(finding.text, "warning")
        addition = workspace.catalog.addition(lambda n: f"{many(n, 'image')} imported", update=settings.update)
        importing = _Import(workspace, settings, addition, known, found.images)
        importing.skipped += found.skipped
        try:
            yield from importing.all(found.images)
        except GeneratorExit:
            addition.take_back()
            raise
    findings = [*found.findings, *importing.findings(found.images)]
    result: ImportResult = {
        "imported": addition.count,
        "already_present": importing.already_present,
        "skipped": [{"file": left.file, "reason": left.reason} for left in importing.skipped],
        "counts": workspace.catalog.counts("real", with_excluded=True),
        "completed": importing.completed(),
        "masks": importing.tally.masks,
        "patients": len(importing.tally.patients),
        "findings": [{"kind": kind, "text": text} for kind, text in findings],
    }
    yield Finished(dict(result))


def _tidy(workspace: Workspace, run: Run) -> None:
    """Remove half-written files of a killed import, unless another job is running, which may be writing too."""
    if any(other.info.state == "running" for other in workspace.runs() if other.id != run.id):
        return
    for folder in ("images", "masks", "cache/thumbnails", "cache/masks"):
        remove_leftovers(workspace.root / folder)


def _as_progress(steps: Steps[T]) -> Generator[Event, None, T]:
    """Turn the steps of a search into events."""
    return (yield from mapped(steps, lambda looked_at: Progress(0, 1, f"{looked_at:,} files found")))


class _Import:
    """One import while it runs: stores the images, adds them to the catalog, and counts the outcomes."""

    def __init__(
        self,
        workspace: Workspace,
        settings: ImportSettings,
        addition: Addition,
        known: KnownImages,
        images: Sequence[FoundImage],
    ) -> None:
        self._known = known
        self._updates = settings.update
        self._new = KnownImages()
        self._stop = Flag()
        self._patients = KnownPatients(
            known.patients(), {image.patient for image in images if image.patient is not None}
        )
        # The threads compare with the study as it was: what they find must not depend on how fast they are.
        self._store = ImageStore(workspace, settings, known, self._patients, self._stop)
        self._sites, self._devices = (Spellings(workspace.catalog.places(name)) for name in ("site", "device"))
        self._workspace = workspace
        self._addition = addition
        self._batch: list[NewImage] = []
        self._statements: list[Statement] = []
        self.skipped: list[Skipped] = []
        self.already_present = 0
        self.tally = Tally()
        self._of_patients: Counter[tuple[str | None, str]] = Counter()
        """Images by patient and class, those that were there included."""
        self._names_patients = False
        self._classes: dict[str, str] = {}
        """Class by content, of new images."""
        self._again = 0
        """New images with the content of another of their class."""
        self._contested: set[str] = set()
        """Contents in more than one class."""

    def all(self, images: Sequence[FoundImage]) -> Job:
        """Store the images and add them to the catalog, in order."""
        started = time.monotonic()
        done = 0
        with closing(in_order(self._store.put, images, "import", WRITERS)) as storing:
            try:
                for step in storing:
                    if step is not None:
                        done += 1
                        yield from self._take(step[1].result())
                    rate = done / max(time.monotonic() - started, 1e-3)
                    yield Progress(done, len(images), f"{done:,} of {len(images):,} images · {rate:.0f} images/s")
                self._add()
            finally:
                self._stop.set()  # before waiting for the threads

    def _take(self, stored: Stored) -> Iterator[Skipped]:
        for new in stored.images:
            self._take_new(replace(new, site=self._sites.of(new.site), device=self._devices.of(new.device)))
        for said in stored.there:
            self._state(said._replace(site=self._sites.of(said.site), device=self._devices.of(said.device)))
            self._of_patients[said.patient, self._class_said(said)] += 1
        self.tally.add(stored)
        self.skipped += stored.skipped
        yield from stored.skipped
        if len(self._batch) >= _BATCH:
            self._addition.add(self._batch)
            self._batch = []
        if len(self._statements) >= _STATEMENTS:
            self._add()

    def _take_new(self, new: NewImage) -> None:
        before = self._new.find(new.file, new.sha256)
        if before is not None and before.file == new.file:
            self._state(statement_of(new))
            return
        first = self._classes.get(new.sha256)
        if first is None:
            self._classes[new.sha256] = new.class_name
        elif first == new.class_name:
            self._again += 1
        else:
            self._contested.add(new.sha256)
        self._new.add(Known(new.file, new.class_name), [new.sha256])
        self._batch.append(new)
        self._of_patients[new.patient, new.class_name] += 1
        self._names_patients = self._names_patients or new.patient is not None

    def _class_said(self, said: Statement) -> str:
        """The class that an image has after the import: its own, if the study has it and it is not to be updated."""
        there = self._known.find(said.file, said.sha256)
        if there is not None and (said.class_name is None or not self._updates):
            return there.class_name
        return said.class_name or ""

    def _state(self, said: Statement) -> None:
        self.already_present += 1
        self._statements.append(said)
        self._names_patients = self._names_patients or said.patient is not None

    def _add(self) -> None:
        self._addition.add(self._batch, self._statements)
        self._batch, self._statements = [], []

    def completed(self) -> dict[str, int]:
        """Number of images that were there and got a value that they lacked, or another one, by its kind."""
        return {
            name: count
            for column, name in COMPLETED.items()
            if (count := self._addition.completed[column] + self._addition.replaced[column])
        }

    def findings(self, images: Sequence[FoundImage]) -> Iterator[Finding]:
        """What the whole import found."""
        yield from self.tally.findings(images, self.skipped)
        yield from completed_in_words(self._addition.completed, self._addition.replaced)
        yield from contradicted_in_words(self._addition.disagreements)
        if self._contested:
            n = len(self._contested)
            are = "1 picture is" if n == 1 else f"{n:,} pictures are"
            yield Finding("odd", f"{are} here in more than one class, byte for byte. Check which class is right.")
        if self._again:
            text = f"{many(self._again, 'picture')} came in again under another name, byte for byte. Check the images."
            yield Finding("odd", text)
        yield from odd_patients(self._of_patients.elements())
        if joined := self._patients.joined:
            how = "the number equals a known one but for zeros in front. Each is taken for the known patient"
            yield Finding("joined", f"{many(joined, 'patient')}: {how}.")
        if unclear := self._patients.unclear:
            how = "the number fits several known ones that differ by zeros in front. They stay apart"
            yield Finding("odd", f"{many(unclear, 'patient')}: {how}.")
        if self._addition.count:
            yield from alike_classes(self._workspace.catalog.counts("real", with_excluded=True))
        if self._names_patients:
            everything = self._workspace.catalog.images()
            yield from patients_of_several_sites((image.patient, image.site) for image in everything)
            known = {image.patient for image in everything if image.patient is not None}
            if made_with_another_key(known):
                yield Finding(
                    "odd",
                    "Some patients of this study were imported on another computer or by another user. If images of "
                    "the same patients came in now, they count as other patients' images.",
                )
