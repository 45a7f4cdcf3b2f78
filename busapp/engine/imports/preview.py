"""What an import would bring in, before anything is stored."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from busapp.engine.events import Skipped
from busapp.engine.images.dicom import DicomHeader, evenly_spaced, read_header
from busapp.engine.images.preprocessing import size_of
from busapp.engine.imports.sorting import FoundImage, search_sources
from busapp.engine.imports.sources import from_head, read_whole
from busapp.engine.imports.storing import dicom_file, dicom_stem, refuse_patient_as_class
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.files import sha256_of
from busapp.engine.utils.steps import run_unless_stopped
from busapp.errors import UnreadableImage

T = TypeVar("T")


@dataclass(slots=True)
class Preview:
    """What an import would do.

    `kinds` says what the sources are, `counts` how many new images each class gets, `patients` how many patients are
    named, `masks` how many mask files would be joined to images that have none. `loops` are DICOM files of several
    frames, of `loop_frames` frames together; `burned_in` are those that themselves say that text is burned in.
    """

    kinds: list[str]
    notes: list[str]
    skipped: list[Skipped]
    counts: dict[str, int] = field(default_factory=dict)
    already_present: int = 0
    masks: int = 0
    patients: int = 0
    dicom_files: int = 0
    loops: int = 0
    loop_frames: int = 0
    burned_in: int = 0


def preview(
    settings: ImportSettings, known: Mapping[tuple[str, str], bool], should_stop: Callable[[], bool] = lambda: False
) -> Preview | None:
    """What the import job would do, from names and headers: some ten thousand files a second. Only files whose name
    the study knows are read in full, to see whether they are the same image.

    Args:
        settings: of the import.
        known: `Catalog.known()`.
        should_stop: asked every few files; once it says so, the preview ends, and None comes back.

    Raises:
        BadInput: as `search_sources`.
    """
    with ExitStack() as stack:
        found = run_unless_stopped(search_sources(settings.sources, settings.class_name, stack), should_stop)
        if found is None:
            return None
        seen = Preview(found.kinds, found.notes, found.skipped)
        look = _Look(settings, known, seen)
        for image in found.images:
            if should_stop():
                return None
            try:
                look.at(image)
            except UnreadableImage as error:
                seen.skipped.append(Skipped(image.name, error.what))
        look.finish()
        return seen


class _Look:
    """Counts what it looks at."""

    def __init__(self, settings: ImportSettings, known: Mapping[tuple[str, str], bool], seen: Preview) -> None:
        self._settings = settings
        self._known = known
        self._names = {file for file, _ in known}
        self._counts: Counter[str] = Counter()
        self._patients: set[str] = set()
        self._seen = seen

    def at(self, image: FoundImage) -> None:
        """Look at one file. Raises `UnreadableImage`."""
        if image.is_dicom:
            self._at_frames(image, from_head(image.entry, lambda head: read_header(head, image.name)))
            return
        from_head(image.entry, lambda head: size_of(head, file=image.name))
        has_mask: bool | None = None
        if image.file in self._names:
            has_mask = self._known.get((image.file, sha256_of(read_whole(image.entry))))
        self._count(image, int(has_mask is None), int(has_mask is not None), image.patient)
        self._seen.masks += 0 if has_mask else len(image.masks)

    def _at_frames(self, image: FoundImage, header: DicomHeader) -> None:
        refuse_patient_as_class(image, header)
        stem = dicom_stem(header.instance or sha256_of(read_whole(image.entry)))
        numbers = [index + 1 for index in evenly_spaced(header.frames, self._settings.frames)]
        files = {dicom_file(image.class_name, stem, number, header.frames) for number in numbers}
        present = len(files & self._names)
        self._count(image, len(files) - present, present, image.patient or header.patient or stem)
        self._seen.dicom_files += 1
        if header.frames > 1:
            self._seen.loops += 1
            self._seen.loop_frames += header.frames
        self._seen.burned_in += header.burned_in

    def _count(self, image: FoundImage, new: int, present: int, patient: str | None) -> None:
        self._counts[image.class_name] += new
        self._seen.already_present += present
        if patient is not None:
            self._patients.add(" ".join(patient.casefold().split()))

    def finish(self) -> None:
        """Put the counts into the preview."""
        self._seen.counts = {name: count for name, count in sorted(self._counts.items()) if count}
        self._seen.patients = len(self._patients)
