"""The job `import`: bring images into the study."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from threading import Event as Flag
from typing import Final, TypeVar

from busapp.engine.catalog import Addition, NewImage
from busapp.engine.contract.dataset import ImportResult
from busapp.engine.events import Event, Finished, Job, Note, Progress, Skipped
from busapp.engine.imports.findings import Finding, odd_patients
from busapp.engine.imports.names import idc, stands_in
from busapp.engine.imports.sorting import FoundImage, search_sources
from busapp.engine.imports.sources import Steps
from busapp.engine.imports.storing import ImageStore, Stored
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import KnownPatients, made_with_another_key
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import remove_leftovers
from busapp.engine.utils.prefetch import in_order
from busapp.engine.utils.steps import mapped
from busapp.engine.utils.words import many

T = TypeVar("T")

_BATCH: Final = 250
"""Images added to the catalog in one step. A killed import loses at most this many catalog entries."""


def import_images(workspace: Workspace, settings: ImportSettings, run: Run) -> Job:
    """Bring images into the study. Images that it has already stay as they are; unreadable files are listed.

    The bytes of each image are stored under their hash, those of pictures unchanged. The catalog gets the images in
    steps, as one change. A cancelled import leaves the dataset as it was. A killed import leaves only complete images;
    importing again completes it. One undo reverts the whole import.

    The result is an `ImportResult`.

    Raises:
        BadInput: as `search_sources`.
        NoSpace: the disk is full. Complete images that came in before stay.
    """
    _tidy(workspace, run)
    with ExitStack() as stack:
        found = yield from _as_progress(search_sources(settings, stack))
        if not any(image.is_dicom for image in found.images):  # DICOM files name their patients as they are read
            found.findings.extend(odd_patients((image.patient, image.class_name) for image in found.images))
        for finding in found.findings:
            yield Note(finding.text)
        yield from found.skipped
        addition = workspace.catalog.addition(lambda n: f"{many(n, 'image')} imported")
        importing = _Import(workspace, settings, addition, found.images)
        importing.skipped += found.skipped
        try:
            yield from importing.all(found.images)
        except GeneratorExit:
            addition.take_back()
            raise
    later = importing.findings()
    for finding in later:
        yield Note(finding.text)
    yield from importing.notes(found.images)
    result: ImportResult = {
        "imported": addition.count,
        "already_present": importing.already_present,
        "skipped": [{"file": left.file, "reason": left.reason} for left in importing.skipped],
        "counts": workspace.catalog.counts("real", with_excluded=True),
        "masks": importing.masks,
        "patients": len(importing.patients),
        "findings": [{"kind": kind, "text": text} for kind, text in [*found.findings, *later]],
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
        self, workspace: Workspace, settings: ImportSettings, addition: Addition, images: Sequence[FoundImage]
    ) -> None:
        self._known = workspace.catalog.known()
        self._stop = Flag()
        known = {image.patient for image in workspace.catalog.images() if image.patient is not None}
        self._patients = KnownPatients(known, {image.patient for image in images if image.patient is not None})
        self._store = ImageStore(workspace, settings, self._known, self._patients, self._stop)
        self._workspace = workspace
        self._addition = addition
        self._batch: list[NewImage] = []
        self.skipped: list[Skipped] = []
        self.already_present = 0
        self.masks = 0
        self.patients: set[str] = set()
        self._has_dicom = any(image.is_dicom for image in images)
        self._of_dicom: list[tuple[str | None, str]] = []
        """Patient and class of each image, if some are DICOM files."""
        self._burned_in = 0
        self._restored = 0

    def all(self, images: Sequence[FoundImage]) -> Job:
        """Store the images and add them to the catalog, in order."""
        started = time.monotonic()
        done = 0
        with closing(in_order(self._store.put, images, "import")) as storing:
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
            key = (new.file, new.sha256)
            if key in self._known:
                self.already_present += 1
            if not self._known.get(key):
                self._known[key] = new.mask is not None
                self._batch.append(new)
            if new.patient is not None:
                self.patients.add(new.patient)
            if self._has_dicom:
                self._of_dicom.append((new.patient, new.class_name))
        self.already_present += stored.already_present
        self.masks += stored.masks
        self._burned_in += stored.burned_in
        self._restored += stored.restored
        self.skipped += stored.skipped
        yield from stored.skipped
        if len(self._batch) >= _BATCH:
            self._add()

    def _add(self) -> None:
        self._addition.add(self._batch)
        self._batch = []

    def findings(self) -> list[Finding]:
        """Findings that are known only once the images are stored."""
        found = odd_patients(self._of_dicom)
        if self._patients.joined:
            how = "the number equals a known one but for zeros in front. Each is taken for the known patient"
            found.append(Finding("joined", f"{many(self._patients.joined, 'patient')}: {how}."))
        if self._patients.unclear:
            how = "the number fits several known ones that differ by zeros in front. They stay apart"
            found.append(Finding("odd", f"{many(self._patients.unclear, 'patient')}: {how}."))
        return found

    def notes(self, images: Sequence[FoundImage]) -> Iterator[Note]:
        """Notes for the user after the import."""
        if self._restored:
            n = self._restored
            lost = "1 image of the study had lost its" if n == 1 else f"{n:,} images of the study had lost their"
            yield Note(f"{lost} stored file or a part of it. This import restored {'it' if n == 1 else 'them'}.")
        if self._burned_in:
            yield Note(
                f"{self._burned_in:,} DICOM files declare that text about the patient is burned into their pictures. "
                "Look at these images, and cover everything that identifies a person.",
                "warning",
            )
        named = sum(_names_its_patient(image) for image in images)
        if named:
            yield Note(
                f"{named:,} files have their patient's number or name in the file name, which the study keeps. If it "
                "can be traced to a person, undo the import, rename the files, and import them again.",
                "warning",
            )
        if self.patients:
            known = {image.patient for image in self._workspace.catalog.images() if image.patient is not None}
            if made_with_another_key(known):
                yield Note(
                    "Some patients of this study were imported on another computer or by another user. If images of "
                    "the same patients came in now, they count as other patients' images.",
                    "warning",
                )


def _names_its_patient(image: FoundImage) -> bool:
    """True if the kept file name names the patient. IDC numbers belong to a public set, and names of DICOM files are
    not kept."""
    if image.patient is None or image.is_dicom or idc(image.entry.name) is not None:
        return False
    return stands_in(image.entry.name, image.patient)
