"""Sort the files of all sources into images with their class, masks and patient, and into skipped files with a reason.

The class of an image is the first of these that is known:
1. the class that the user gives,
2. the class in a table that is itself the source, in the table of a known set, or in the column that the user names,
3. the class in the name of an IDC patch, and what a known set says by its folders and names (`known_sets`),
4. the folder that names a class (`layouts`), if there are several or it is a usual word for one,
5. the class in a table beside the images,
6. the class that all names begin with: `benign (1).png`,
7. the name of the one folder that all images lie in.
If none is known, the user is asked. Other tables give patients, sites and devices.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from busapp.engine.catalog import KnownImages
from busapp.engine.events import Skipped
from busapp.engine.images.preprocessing import IMAGE_SUFFIXES
from busapp.engine.imports import names
from busapp.engine.imports.arrays.arrays import is_array_file
from busapp.engine.imports.files.disc_files import KIND as DISC
from busapp.engine.imports.files.disc_files import folders_of_classes
from busapp.engine.imports.files.file_kinds import file_kind, not_read
from busapp.engine.imports.files.sources import STEP, Entry, Listing, Steps
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.found import CLASS_NAMES_PATIENT, FoundImage
from busapp.engine.imports.sorting.cbis_ddsm import read_films
from busapp.engine.imports.sorting.class_choice import ClassChoice
from busapp.engine.imports.sorting.copies import told_once, without_copies
from busapp.engine.imports.sorting.known_sets import KnownSet
from busapp.engine.imports.sorting.layouts import Layout, layout_of
from busapp.engine.imports.sorting.listings import list_sources
from busapp.engine.imports.sorting.mask_files import Masks, tell_apart
from busapp.engine.imports.sorting.patients import patients_in_names
from busapp.engine.imports.sorting.recognising import (
    NamedBySet,
    chosen,
    fits,
    parts_of,
    path_in,
    read_names,
    recognised,
    sentences,
)
from busapp.engine.imports.sorting.table_labels import TableLabels, TableReading
from busapp.engine.imports.study_entries import study_entries
from busapp.engine.imports.tables.class_values import LEFT_OUT
from busapp.engine.imports.tables.labels import ReadTable
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.words import many
from busapp.errors import BadInput

BESIDE: Final = "It lies beside the folders of classes, not in one"
NOT_LISTED: Final = "No table gives its class"
NOTHING: Final = "Nothing gives its class"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All images of the sources in natural order (2 before 10), the skipped files, and sentences for the user."""

    images: list[FoundImage]
    skipped: list[Skipped]
    findings: list[Finding]
    kinds: list[str]
    """Kind and name of each source: `Folder busi`, `ZIP archive busi.zip`."""
    tables: list[ReadTable]
    """How the tables were read."""
    parts: list[str]
    """Names of folders or magnifications that `--only` may choose from, in natural order."""


def search_sources(settings: ImportSettings, stack: ExitStack, known: KnownImages | None = None) -> Steps[SearchResult]:
    """Search the sources for images. Archives stay open, and their members readable, until `stack` is closed. `known`
    are the images of the study; they have classes if a table names none.

    Raises:
        ClassUnknown: single images, or images at the root of an archive, have no class.
        BadInput: a source is missing, of an unknown kind, suspicious, or holds no image.
    """
    found = SearchResult([], [], [], [], [], [])
    seen: set[str] = set()
    sorted_: list[Sorting] = []
    for listing in (yield from list_sources(settings, stack)):
        found.kinds.append(f"{listing.kind} {listing.name}")
        fresh = [entry for entry in listing.entries if entry.where not in seen]
        is_known = bool(listing.entries) and not fresh
        listing.entries = fresh
        seen.update(entry.where for entry in fresh)
        sorting = Sorting(listing, settings, known or KnownImages())
        images = yield from sorting.images()
        if not images and not is_known:
            raise _nothing_in(listing)
        sorted_.append(sorting)
        found.images.extend(images)
        found.skipped.extend(listing.skipped)
    found.images[:], disagreements = told_once(found.images)
    found.findings.extend(disagreements)
    once = yield from without_copies(found.images)
    kept = {image.entry.where for image in once}
    for sorting in sorted_:
        found.findings.extend(sorting.told(once))
        found.tables.extend(sorting.tables)
        found.parts.extend(sorting.parts)
    copies = [image for image in found.images if image.entry.where not in kept]
    if copies:
        lie = "lies" if len(copies) == 1 else "lie"
        text = f"{many(len(copies), 'image')} {lie} here twice, under the same name and class. Each counts once."
        found.findings.append(Finding("left out", text))
    found.images[:] = once
    return found


class Sorting:
    """Sorts the files of one source."""

    def __init__(self, listing: Listing, settings: ImportSettings, study: KnownImages) -> None:
        self._listing = listing
        self._settings = settings
        self._study = study
        self._given = None if settings.class_name is None else names.class_called(settings.class_name)
        self._files: list[Entry] = []
        """Pictures and DICOM files."""
        self._dicom: set[str] = set()
        self._tables: list[Entry] = []
        self._others: list[Entry] = []
        self._known: KnownSet | None = None
        self._said = NamedBySet()
        self._labels = TableLabels()
        self._layout = Layout({}, is_certain=False)
        self._masks = Masks([])
        self._in_study: list[Entry] = []
        """Images of the study that the table names."""
        self._patients: dict[str, str] = {}
        self._findings: list[Finding] = []
        self.parts: list[str] = []
        """Names of folders, or magnifications, that `--only` may choose from."""

    def images(self) -> Steps[list[FoundImage]]:
        """Return all images of the source. Adds skipped files to the listing.

        Raises:
            ClassUnknown: nothing gives a class.
            BadInput: a known set or a table cannot come in like this.
        """
        of_discs = folders_of_classes(self._listing)
        for number, entry in enumerate(self._listing.entries):
            if number % STEP == 0:
                yield number
            self._sort(entry)
        images = yield from self._without_masks()
        yield len(images)
        self._recognise(images)
        images = self._wanted(images)
        folders = {of_discs.get(entry.where, entry.folder) for entry in images}
        self._layout = replace(layout_of(folders, self._listing.root_class), moved=of_discs)
        yield len(images)
        images = self._read_labels(images)
        yield len(images)
        self._read_patients(images)
        if self._labels.keeps_classes:
            return [*(self._as_found(entry, None) for entry in images), *self._found_in_study()]
        choice = ClassChoice(
            self._listing, self._settings, self._known, self._said, self._labels, self._layout, self._findings
        )
        classes = yield from choice.classes(images)
        kept: list[FoundImage] = []
        for number, entry in enumerate(images):
            if number % STEP == 0:
                yield len(images)
            found = self._found(entry, classes.get(entry.where))
            kept += [found] if found else []
        return [*kept, *self._found_in_study()]

    def told(self, images: Iterable[FoundImage]) -> list[Finding]:
        """Sentences about this source, of whose images these have come in."""
        own = {entry.where for entry in self._listing.entries}
        here = [image for image in images if image.entry.where in own]
        known: list[Finding] = []
        if self._known is not None:
            n_patients = len({image.patient for image in here if image.patient})
            known = sentences(self._known, len(here), n_patients, {} if self._settings.only else self._said.choices)
        return [*known, *self._listing.findings, *self._masks.findings, *self._findings]

    @property
    def tables(self) -> list[ReadTable]:
        """How the tables of this source were read."""
        return self._labels.tables

    # -- files -----------------------------------------------------------------------------------------------

    def _skip(self, entry: Entry, reason: str) -> None:
        self._listing.skipped.append(Skipped(self._listing.called(entry), reason))

    def _sort(self, entry: Entry) -> None:
        if self._listing.labels is not None and entry.where in self._listing.labels:
            self._files.append(entry)
        elif names.is_hidden(entry.name):
            self._skip(entry, "It is a hidden file")
        elif names.is_table(entry.name):
            self._tables.append(entry)
        elif is_array_file(entry.name):
            self._skip(entry, "It holds arrays of pictures; unpack the archive, then import this file")
        elif names.suffix_of(names.stem_of(entry.name)) == ".nii":
            self._skip(entry, not_read(entry.name))
        elif is_array_file(names.stem_of(entry.name)):
            self._skip(entry, "It is packed; unpack it, then import it")
        elif names.is_archive(entry.name):
            self._skip(entry, "It is an archive; import it separately")
        else:
            self._sort_image(entry)

    def _sort_image(self, entry: Entry) -> None:
        match file_kind(entry.name, entry.read):
            case "picture" | "mask":
                self._files.append(entry)
            case "DICOM":
                self._dicom.add(entry.where)
                self._files.append(entry)
            case "DICOMDIR":  # the list of a disc, which `folders_of_classes` has read
                pass
            case None:
                self._others.append(entry)

    def _without_masks(self) -> Steps[list[Entry]]:
        pictures = [entry for entry in self._files if entry.where not in self._dicom]
        self._masks = Masks(pictures) if self._listing.labels else (yield from tell_apart(pictures))
        for entry, reason in self._masks.skipped:
            self._skip(entry, reason)
        are_images = {entry.where for entry in self._masks.pictures} | self._dicom
        return [entry for entry in self._files if entry.where in are_images]

    # -- known sets ------------------------------------------------------------------------------------------

    def _recognise(self, images: Sequence[Entry]) -> None:
        if self._listing.is_whole and not self._listing.labels:
            are_images = {one.where for one in images}
            others = [entry for entry in self._listing.entries if entry.where not in are_images]
            self._known = recognised(self._listing.name, images, others)
        known = self._known
        if known and known.refusal and self._given is None:
            raise BadInput(
                f"This looks like {known.name}. {known.refusal}", file=self._listing.given, remedy=known.remedy
            )
        for entry in self._others:
            if not (known and known.table and fits(known.table, path_in(self._listing.name, entry))):
                self._skip(entry, not_read(entry.name))

    def _wanted(self, images: list[Entry]) -> list[Entry]:
        """The images without those that the set leaves out, and in the folders that the user wants."""
        known, root = self._known, self._listing.name
        self.parts = parts_of(known, root, images)
        for pattern, reason in known.left_out.items() if known else ():
            out = [entry for entry in images if fits(pattern, path_in(root, entry))]
            if 0 < len(out) < len(images):
                left_out = {entry.where for entry in out}
                images = [entry for entry in images if entry.where not in left_out]
                self._findings.append(Finding("left out", f"{reason}: {many(len(out), 'image')} left out."))
        if self._settings.only:
            wanted = chosen(known, root, images, self._settings.only)
            if images and not wanted:
                raise BadInput(
                    f"There is no folder called {self._settings.only} with images in it",
                    file=self._listing.given,
                    remedy="Check the name after --only; several are separated by commas.",
                )
            if len(wanted) < len(images):
                text = (
                    f"{many(len(images) - len(wanted), 'image')} in other folders than {self._settings.only} left out."
                )
                self._findings.append(Finding("left out", text))
            images = wanted
        if known:
            self._said = read_names(known, root, images)
        return images

    # -- tables and patients ---------------------------------------------------------------------------------

    def _read_labels(self, images: list[Entry]) -> list[Entry]:
        """Read the tables, and return the images without those that a table leaves out."""
        own = self._listing.table
        in_study = [] if own is None else list(study_entries(self._study))
        if self._listing.labels is not None:
            self._labels.take(self._listing.labels, decides=True)
        elif self._known and self._known.by_films and self._given is None:
            self._labels = read_films(self._known.name, self._tables, images)
        else:
            reading = TableReading(
                listing=self._listing,
                images=images,
                settings=self._settings,
                known=self._known,
                in_study=in_study,
                needs_classes=self._given is None and not (self._known and self._said.classes),
                may_keep_classes=self._is_of_study(images),
                is_certain=self._layout.is_certain or all(names.idc(entry.name) for entry in images),
            )
            self._labels = reading.read_all([own] if own else [*self._tables, *self._others])
        self._findings += self._labels.findings
        if own is not None:
            self._listing.skipped = [*self._labels.skipped]
            images, self._in_study = (
                [entry for entry in some if self._labels.names(entry)] for some in (images, in_study)
            )
        else:
            self._listing.skipped += self._labels.skipped
        return self._not_left_out(images)

    def _not_left_out(self, images: Iterable[Entry]) -> list[Entry]:
        kept: list[Entry] = []
        for entry in images:
            reason = self._labels.left_out.get(entry.where)
            if reason is None:
                kept.append(entry)
            else:
                self._skip(entry, reason)
        return kept

    def _found_in_study(self) -> Iterator[FoundImage]:
        """Images of the study that the table names, with the classes that the table or the user gives."""
        for entry in self._not_left_out(self._in_study):
            class_name = self._given or self._labels.class_of(entry)
            found = self._found(entry, class_name) if class_name else self._as_found(entry, None)
            if found:
                yield found

    def _is_of_study(self, images: Iterable[Entry]) -> bool:
        """True if the study may have some of the images."""
        return bool(self._study) and any(self._study.named(one.name) or one.where in self._dicom for one in images)

    def _read_patients(self, images: Sequence[Entry]) -> None:
        of_folders = {
            entry.where: patient
            for entry in images
            if (patient := self._layout.of(entry).patient) and not self._said.patients
        }
        if of_folders:
            count = many(len(set(of_folders.values())), "folder")
            text = f"{count} called after patients, cases or videos: the images in each count as one patient's."
            self._findings.append(Finding("assumed", text))
        in_patches = {entry.where: patch.patient for entry in images if (patch := names.idc(entry.name))}
        of_tables = {where: label.patient for where, label in self._labels.labels.items() if label.patient}
        pattern = self._settings.patient_pattern
        in_names = patients_in_names(images, pattern) if pattern else {}
        if pattern and len(in_names) < len(images):
            text = f"The pattern {pattern} finds a patient in {len(in_names):,} of {many(len(images), 'name')}."
            self._findings.append(Finding("odd", text))
        self._patients = of_folders | in_patches | self._said.patients | in_names | of_tables
        if self._said.several_types:
            slides = many(self._said.several_types, "slide")
            text = f"{slides} with images under several types of tumour. Each slide counts as one patient."
            self._findings.append(Finding("odd", text))

    def _found(self, entry: Entry, class_name: str | None) -> FoundImage | None:
        patient = self._patients.get(entry.where)
        if class_name is None:
            self._skip(entry, NOT_LISTED if self._labels.decides else BESIDE if self._layout.is_certain else NOTHING)
        elif class_name == LEFT_OUT:
            self._skip(entry, "Images of this class are left out")
        elif patient is not None and names.stands_in(class_name, patient):
            self._skip(entry, CLASS_NAMES_PATIENT)
        else:
            return self._as_found(entry, class_name)
        return None

    def _as_found(self, entry: Entry, class_name: str | None) -> FoundImage:
        label = self._labels.labels.get(entry.where)
        return FoundImage(
            entry,
            class_name,
            source=self._listing.name,
            name=self._listing.called(entry),
            is_dicom=entry.where in self._dicom,
            masks=tuple(self._masks.joined.get(entry.where, ())),
            patient=self._patients.get(entry.where),
            site=label.site if label else None,
            device=label.device if label else None,
        )


def _nothing_in(listing: Listing) -> BadInput:
    kind = {"ZIP archive": "archive", "Folder": "folder", "Table": "table", DISC: "DICOMDIR"}.get(listing.kind)
    formats = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
    remedy = f"Images are files of these kinds: {formats}, and DICOM."
    if kind is None:
        reason = not_read(listing.given.name)
        return BadInput(reason.replace("It is", "This is", 1), file=listing.given, remedy=remedy)
    if listing.skipped:
        first = listing.skipped[0]
        remedy = f"{many(len(listing.skipped), 'file')} skipped, the first of them {first.file}: {first.reason}."
    return BadInput(f"There are no images in the {kind}", file=listing.given, remedy=remedy)
