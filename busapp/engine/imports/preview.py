"""Preview of an import, before anything is stored."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import BinaryIO, TypeVar

from busapp.engine.catalog import Disagreement, Known, KnownImages, Statement, compared
from busapp.engine.events import Skipped
from busapp.engine.images.dicom.reading import DicomHeader, evenly_spaced, read_header
from busapp.engine.images.preprocessing import decoded, size_of
from busapp.engine.images.remarks import Remark
from busapp.engine.images.signatures import HEAD as SIGNATURE
from busapp.engine.images.signatures import is_dicom
from busapp.engine.imports.alike_classes import alike_classes
from busapp.engine.imports.arrays.arrays import ArrayEntry
from busapp.engine.imports.files.sources import HEAD, from_head, read_whole
from busapp.engine.imports.findings import (
    Finding,
    missing_patients,
    nameless,
    odd_patients,
    patients_of_several_sites,
)
from busapp.engine.imports.found import FoundImage
from busapp.engine.imports.later import completed_in_words, contradicted_in_words
from busapp.engine.imports.sorting.sorting import search_sources
from busapp.engine.imports.storing import (
    NO_CLASS,
    Origin,
    as_kept,
    dicom_file,
    dicom_stem,
    origin_of,
    reason_to_skip,
    refuse_patient_as_class,
)
from busapp.engine.imports.study_entries import StudyEntry
from busapp.engine.imports.tables.labels import ReadTable
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import KnownPatients, normalised
from busapp.engine.utils.files import sha256_of
from busapp.engine.utils.steps import run_unless_stopped
from busapp.engine.utils.words import many
from busapp.errors import Contradicted, UnreadableImage

T = TypeVar("T")


@dataclass(slots=True)
class Preview:
    """Effect that an import would have.

    `kinds` lists the sources, `counts` the number of new images per class, `patients` the number of patients named in
    the sources, `masks` the number of mask files that would be joined to images without a mask. `loops` counts DICOM
    files of several frames, `loop_frames` the frames in all of them. `burned_in` counts DICOM files that declare
    burned-in text, `contradicted` skipped files that come in with the setting `take_anyway`.
    """

    kinds: list[str]
    findings: list[Finding]
    skipped: list[Skipped]
    counts: dict[str, int] = field(default_factory=dict)
    already_present: int = 0
    masks: int = 0
    patients: int = 0
    dicom_files: int = 0
    loops: int = 0
    loop_frames: int = 0
    burned_in: int = 0
    contradicted: int = 0
    names: Sequence[str] = ()
    """Folder and name of each file with images, `/` between them, for patterns (`patients.Pattern`)."""
    tables: Sequence[ReadTable] = ()
    """How tables were read."""
    parts: Sequence[str] = ()
    """What `--only` may choose from."""


def preview(
    settings: ImportSettings, known: KnownImages, should_stop: Callable[[], bool] = lambda: False
) -> Preview | None:
    """Predict the import from names and headers, at some ten thousand files a second. Reads a file in full only if the
    study has an image of that name, to find out whether both are the same.

    Args:
        settings: settings of the import.
        known: `Catalog.known()`.
        should_stop: asked every few files. Once it returns true, the preview ends and returns None.

    Raises:
        BadInput: as `search_sources`.
    """
    with ExitStack() as stack:
        found = run_unless_stopped(search_sources(settings, stack, known), should_stop)
        if found is None:
            return None
        seen = Preview(found.kinds, found.findings, found.skipped, tables=found.tables, parts=found.parts)
        seen.names = [f"{image.entry.folder}/{image.entry.name}".lstrip("/") for image in found.images]
        counting = _Counting(settings, known, seen, found.images)
        for image in found.images:
            if should_stop():
                return None
            try:
                counting.add(image)
            except UnreadableImage as error:
                seen.contradicted += isinstance(error, Contradicted)
                seen.skipped.append(Skipped(image.name, reason_to_skip(error)))
        counting.finish()
        return seen


class _Counting:
    """Counts images for the preview, from their names and headers."""

    def __init__(
        self, settings: ImportSettings, known: KnownImages, seen: Preview, images: Sequence[FoundImage]
    ) -> None:
        self._settings = settings
        self._known = known
        self._counts: Counter[str] = Counter()
        self._of_patients: Counter[tuple[str | None, str]] = Counter()
        self._patients: set[str] = set()
        self._at_sites: set[tuple[str | None, str | None]] = set()
        self._without_patient = 0
        self._nameless = 0
        self._completed: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()
        self._disagreements: Counter[Disagreement] = Counter()
        self._remarks: Counter[Remark] = Counter()
        self._seen = seen
        self._images = images

    @cached_property
    def _known_patients(self) -> KnownPatients:
        """Needed only if the study has some of the images."""
        named = {image.patient for image in self._images if image.patient is not None}
        return KnownPatients(self._known.patients(), named)

    def add(self, image: FoundImage) -> None:
        """Count one file. Raises `UnreadableImage`."""
        if isinstance(image.entry, StudyEntry):
            self._add_known(image, image.entry.known)
            return
        # An array is checked already, and making a PNG of it takes time.
        seen = None if isinstance(image.entry, ArrayEntry) else from_head(image.entry, partial(self._look, image))
        if isinstance(seen, DicomHeader):
            if not seen.is_counted:
                seen = self._header(image, read_whole(image.entry))
            self._add_frames(image, seen)
            return
        there: Known | None = None
        if self._known.named(image.file) is not None:
            content = read_whole(image.entry)
            there = self._known.find(image.file, sha256_of(content))
            if there is None:
                kept, _ = as_kept(content, decoded(content, file=image.name), "")
                there = self._known.find(image.file, sha256_of(kept))
        if there is None:
            self._count(image, 1, [], image.patient)
        else:
            self._add_known(image, there)
        self._seen.masks += 0 if there is not None and there.has_mask else len(image.masks)

    def _add_known(self, image: FoundImage, there: Known) -> None:
        self._count(image, 0, [there], image.patient)
        self._compare(there, image, origin_of(image, self._settings, self._known_patients))

    def _look(self, image: FoundImage, head: bytes) -> DicomHeader | tuple[int, int]:
        """The header of a DICOM file, also of one under the name of a picture; the size of a picture."""
        if image.is_dicom or is_dicom(head[:SIGNATURE]):
            # A stream may be the beginning of a file, while bytes that lack something are a file that was cut short.
            return self._header(image, io.BytesIO(head) if len(head) == HEAD else head)
        return size_of(head, file=image.name)

    def _header(self, image: FoundImage, content: bytes | BinaryIO) -> DicomHeader:
        return read_header(content, image.name, take_anyway=self._settings.take_anyway)

    def _add_frames(self, image: FoundImage, header: DicomHeader) -> None:
        refuse_patient_as_class(image, header)
        stem = dicom_stem(header.instance or sha256_of(read_whole(image.entry)))
        numbers = [index + 1 for index in evenly_spaced(header.frames, self._settings.frames)]
        files = {dicom_file(image.class_name or "", stem, number, header.frames) for number in numbers}
        present = [there for file in files if (there := self._known.named(file)) is not None]
        self._count(image, len(files) - len(present), present, image.patient or header.patient or stem)
        if present:
            origin = origin_of(image, self._settings, self._known_patients, header, stem)
            for there in present:
                self._compare(there, image, origin)
        self._seen.dicom_files += 1
        self._nameless += not (image.patient or header.names_patient)
        if header.frames > 1:
            self._seen.loops += 1
            self._seen.loop_frames += header.frames
        self._seen.burned_in += header.burned_in
        self._remarks.update(header.remarks)

    def _compare(self, there: Known, image: FoundImage, origin: Origin) -> None:
        said = Statement(there.file, "", image.class_name, None, *origin)
        result = compared(there, said, update=self._settings.update)
        self._completed.update(result.missing.keys())
        self._replaced.update(result.replaced.keys())
        self._disagreements.update(result.disagreements)

    def _count(self, image: FoundImage, new: int, present: Sequence[Known], patient: str | None) -> None:
        person = None if patient is None else normalised(patient)
        self._at_sites.add((person, image.site or self._settings.site))
        self._seen.already_present += len(present)
        for there in present:
            said = image.class_name if self._settings.update else None
            self._of_patients[person, said or there.class_name] += 1
        if image.class_name is not None:
            self._counts[image.class_name] += new
            self._of_patients[person, image.class_name] += new
        elif new:
            self._seen.skipped.append(Skipped(image.name, NO_CLASS))
        if person is not None:
            self._patients.add(person)
        elif image.class_name is not None:
            self._without_patient += new

    def finish(self) -> None:
        """Write the counts into the preview."""
        self._seen.counts = {name: count for name, count in sorted(self._counts.items()) if count}
        self._seen.patients = len(self._patients)
        self._seen.findings += completed_in_words(self._completed, self._replaced)
        self._seen.findings += contradicted_in_words(self._disagreements)
        self._seen.findings += [
            Finding("odd" if remark.is_odd else "assumed", f"{many(count, 'DICOM file')}: {remark}.")
            for remark, count in self._remarks.items()
        ]
        self._seen.findings += missing_patients(sum(self._counts.values()), self._without_patient)
        self._seen.findings += nameless(self._nameless)
        self._seen.findings += odd_patients(self._of_patients.elements())
        self._seen.findings += patients_of_several_sites(self._at_sites)
        of_study = {known.class_name for known, _ in self._known.images()}
        self._seen.findings += alike_classes(self._seen.counts.keys() | of_study if self._seen.counts else ())
