"""The job that brings images into the study."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from threading import Event as Flag
from typing import Final, TypeVar

from busapp.engine.catalog import Addition, NewImage
from busapp.engine.contract.dataset import ImportResult
from busapp.engine.events import Event, Finished, Job, Note, Progress, Skipped
from busapp.engine.imports.names import idc, stands_in
from busapp.engine.imports.sorting import FoundImage, search_sources
from busapp.engine.imports.sources import Steps
from busapp.engine.imports.storing import Store, Stored
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import made_with_another_key
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import remove_leftovers
from busapp.engine.utils.prefetch import in_order
from busapp.engine.utils.steps import mapped
from busapp.engine.utils.words import many

T = TypeVar("T")

_BATCH: Final = 250
"""Images that the catalog takes in one step; a kill loses the catalog's entries of no more than these."""


def import_images(workspace: Workspace, settings: ImportSettings, run: Run) -> Job:
    """Bring images into the study; what is there already is left as it is, what cannot be read is listed.

    Bytes are stored under their hash, those of pictures as they are read; the catalog takes them in steps, as one
    change. Cancelled, the import leaves the dataset as it was. Killed, it leaves whole images, and importing again
    completes it. One undo takes the whole import back.

    The result holds `imported`, `already_present`, `skipped` ([{file, reason}]), `counts` (real images of the
    study per class, also those set aside), `masks` (files joined to images) and `patients` (how many are named).

    Raises:
        BadInput: as `search_sources`.
        NoSpace: the disk is full; whole images that came in before stay.
    """
    _tidy(workspace, run)
    with ExitStack() as stack:
        found = yield from _told(search_sources(settings.sources, settings.class_name, stack))
        for text in found.notes:
            yield Note(text)
        yield from found.skipped
        addition = workspace.catalog.addition(lambda n: f"{many(n, 'image')} imported")
        bringing = _Bringing(workspace, settings, addition)
        bringing.skipped += found.skipped
        try:
            yield from bringing.all(found.images)
        except GeneratorExit:
            addition.take_back()
            raise
    yield from bringing.notes(found.images)
    result: ImportResult = {
        "imported": addition.count,
        "already_present": bringing.already_present,
        "skipped": [{"file": left.file, "reason": left.reason} for left in bringing.skipped],
        "counts": workspace.catalog.counts("real", with_excluded=True),
        "masks": bringing.masks,
        "patients": len(bringing.patients),
    }
    yield Finished(dict(result))


def _tidy(workspace: Workspace, run: Run) -> None:
    """Remove the files that a killed import was writing, unless another job is at work, which may be writing too."""
    if any(other.info.state == "running" for other in workspace.runs() if other.id != run.id):
        return
    for folder in ("images", "masks", "cache/thumbnails", "cache/masks"):
        remove_leftovers(workspace.root / folder)


def _told(steps: Steps[T]) -> Generator[Event, None, T]:
    """The steps of a search as events."""
    return (yield from mapped(steps, lambda looked_at: Progress(0, 1, f"{looked_at:,} files found")))


class _Bringing:
    """The images of one import on their way, and what became of them."""

    def __init__(self, workspace: Workspace, settings: ImportSettings, addition: Addition) -> None:
        self._known = workspace.catalog.known()
        self._stop = Flag()
        self._store = Store(workspace, settings, self._known, self._stop)
        self._workspace = workspace
        self._addition = addition
        self._batch: list[NewImage] = []
        self.skipped: list[Skipped] = []
        self.already_present = 0
        self.masks = 0
        self.patients: set[str] = set()
        self._burned_in = 0
        self._restored = 0

    def all(self, images: Sequence[FoundImage]) -> Job:
        """Bring all of them in, in their order."""
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
                self._stop.set()  # before the threads are waited for

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

    def notes(self, images: Sequence[FoundImage]) -> Iterator[Note]:
        """What the user should know once all are in."""
        if self._restored:
            n = self._restored
            lost = "1 image of the study had lost its" if n == 1 else f"{n:,} images of the study had lost their"
            whole = "is" if n == 1 else "are"
            yield Note(f"{lost} stored file, or a part of it, and {whole} whole again.")
        if self._burned_in:
            yield Note(
                f"{self._burned_in:,} DICOM files say that text about the patient is burned into their pictures. "
                "Look at them, and cover what names anybody.",
                "warning",
            )
        named = sum(_names_its_patient(image) for image in images)
        if named:
            yield Note(
                f"{named:,} files have their patient's number or name in their own name, which the study keeps. If it "
                "can be traced to a person, undo the import, rename the files, and import them again.",
                "warning",
            )
        if self.patients:
            known = {image.patient for image in self._workspace.catalog.images() if image.patient is not None}
            if made_with_another_key(known):
                yield Note(
                    "Some patients of this study were imported on another computer or by another user: if images of "
                    "the same patient came in now, they count as another patient's.",
                    "warning",
                )


def _names_its_patient(image: FoundImage) -> bool:
    """IDC's numbers are those of a public set, and a DICOM file's name is not kept."""
    if image.patient is None or image.is_dicom or idc(image.entry.name) is not None:
        return False
    return stands_in(image.entry.name, image.patient)
