"""Sort the files of all sources into images with their class, masks and patient, and into skipped files with a reason.

The class of an image is the first of these that is known: the class that the user gives, the class in a table that is
itself the source, the class in the name of an IDC patch, the name of the image's folder. A folder with images is a
class of that name, wherever it lies in its source. Images that lie beside such folders have no class.

A table inside a folder or an archive does not decide about classes, so that nothing comes in twice. It only names the
patients of images, if it has a column for them and gives each file by its path relative to the table.

BUSI (Al-Dhabyani et al. 2020, Data in Brief 28:104863) comes as one folder for each class, with one or more lesion
masks beside each image: `benign (25).png`, `benign (25)_mask.png`, `benign (25)_mask_1.png`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final

from busapp.engine.catalog import KnownImages
from busapp.engine.events import Skipped
from busapp.engine.images.preprocessing import IMAGE_SUFFIXES
from busapp.engine.imports import names
from busapp.engine.imports.archives import Archive, list_archive
from busapp.engine.imports.columns import Undecided
from busapp.engine.imports.file_kinds import file_kind
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.labels import Labelled, NoClasses, label
from busapp.engine.imports.patients import patients_in_names
from busapp.engine.imports.sources import (
    STEP,
    Entry,
    Label,
    Listing,
    Steps,
    list_files,
    list_folder,
    list_table,
    resolved,
)
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.words import many
from busapp.errors import BadInput

CLASS_NAMES_PATIENT: Final = "The class would have the patient's name; give the class with --class"


class ClassUnknown(BadInput):
    """The class of the images is not known."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image among the sources. `class_name` is None if only the study knows it: the image comes in no more, but may
    get what it lacks. `source` is the name of its source, `name` a short name for people. `patient` is the
    patient as given by the file's name or by a table; it is hashed before anything is stored. `site` (hospital) and
    `device` (maker and model) are those that a table or the user gives."""

    entry: Entry
    class_name: str | None
    source: str
    name: str
    is_dicom: bool = False
    masks: tuple[Entry, ...] = ()
    patient: str | None = field(default=None, repr=False)
    site: str | None = None
    device: str | None = None

    @property
    def file(self) -> str:
        """The name in the catalog, `class/file name`; frames of DICOM files have another one (`dicom_file`)."""
        return f"{self.class_name or ''}/{self.entry.name}"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All images of the sources in natural order (2 before 10), the skipped files, and sentences for the user."""

    images: list[FoundImage]
    skipped: list[Skipped]
    findings: list[Finding]
    kinds: list[str]
    """Kind and name of each source: `Folder busi`, `ZIP archive busi.zip`."""


def search_sources(settings: ImportSettings, stack: ExitStack, known: KnownImages | None = None) -> Steps[SearchResult]:
    """Search the sources for images. Archives stay open, and their members readable, until `stack` is closed. `known`
    are the images of the study; they have classes if a table names none.

    Raises:
        ClassUnknown: single images, or images at the root of an archive, have no class.
        BadInput: a source is missing, of an unknown kind, suspicious, or holds no image.
    """
    given_class = None if settings.class_name is None else names.class_called(settings.class_name)
    found = SearchResult([], [], [], [])
    seen: set[str] = set()
    for listing in (yield from _listings(settings.sources, stack)):
        found.kinds.append(f"{listing.kind} {listing.name}")
        fresh = [entry for entry in listing.entries if entry.where not in seen]
        is_known = bool(listing.entries) and not fresh
        listing.entries = fresh
        seen.update(entry.where for entry in fresh)
        images = yield from _Sorting(listing, given_class, settings, known or KnownImages()).images(found.findings)
        if not images and not is_known:
            raise _nothing_in(listing)
        found.images.extend(images)
        found.skipped.extend(listing.skipped)
    return found


def _listings(sources: Sequence[Path], stack: ExitStack) -> Steps[list[Listing]]:
    listings: list[Listing] = []
    single: list[tuple[Path, Path]] = []
    for given in sources:
        source = resolved(given)
        if source.is_dir():
            listings.append((yield from list_folder(source, given)))
        elif names.may_be_table(source.name):
            listings.append((yield from list_table(source, given)))
        elif names.suffix_of(source.name) == ".zip":
            archive = Archive(source, given)
            stack.callback(archive.close)
            listings.append((yield from list_archive(archive, given)))
        else:
            single.append((source, given))
    return [*listings, *list_files(single)]


class _Sorting:
    """Sorts the files of one source by their kind."""

    def __init__(self, listing: Listing, given_class: str | None, settings: ImportSettings, known: KnownImages) -> None:
        self._listing = listing
        self._given_class = given_class
        self._settings = settings
        self._known = known
        self._keeps_classes = False
        """True if the table names no classes, and its images keep those that they have in the study."""
        self._pictures: dict[str, list[Entry]] = {}
        """Pictures and DICOM files, by folder."""
        self._dicom: set[str] = set()
        self._masks: dict[tuple[str, str | None], list[Entry]] = {}
        """By folder and the stem of their image's name."""
        self._joined: set[tuple[str, str | None]] = set()
        self._tables: list[Entry] = []
        self._labels: dict[str, Label] = {}
        self._patients: dict[str, str] = {}

    def images(self, findings: list[Finding]) -> Steps[list[FoundImage]]:
        """Return all images of the source. Adds skipped files to the listing, and sentences for the user to
        `findings`."""
        for number, entry in enumerate(self._listing.entries):
            if number % STEP == 0:
                yield number
            self._sort(entry)
        self._read_labels(findings)
        if self._settings.patient_pattern:
            pictures = [entry for some in self._pictures.values() for entry in some]
            self._patients = patients_in_names(pictures, self._settings.patient_pattern) | self._patients
        found: list[FoundImage] = []
        for folder, pictures in self._pictures.items():
            yield len(found)
            found += self._of_folder(folder, pictures)
        for key, masks in self._masks.items():
            if key not in self._joined:
                for mask in masks:
                    self._skip(mask, "It is a mask, and its image is missing")
        return found

    def _of_folder(self, folder: str, pictures: list[Entry]) -> Iterator[FoundImage]:
        if self._keeps_classes:
            yield from (self._found(entry, None) for entry in pictures)
            return
        own_classes: dict[str, str | None] = {}
        for entry in pictures:
            try:
                own_classes[entry.where] = self._own_class(entry)
            except BadInput as error:
                self._skip(entry, error.what)
        class_of_folder = self._class_of_folder(folder) if None in own_classes.values() else None
        for entry in pictures:
            if entry.where in own_classes:
                class_name = own_classes[entry.where] or class_of_folder
                patient = self._patient_of(entry)
                if class_name is None:
                    self._skip(entry, "It lies beside the folders of classes, not in one")
                elif patient is not None and names.stands_in(class_name, patient):
                    self._skip(entry, CLASS_NAMES_PATIENT)
                else:
                    yield self._found(entry, class_name)

    def _skip(self, entry: Entry, reason: str) -> None:
        self._listing.skipped.append(Skipped(self._listing.called(entry), reason))

    def _sort(self, entry: Entry) -> None:
        name = entry.name
        if names.is_hidden(name):
            self._skip(entry, "It is a hidden file")
        elif names.is_table(name):
            self._tables.append(entry)
        elif names.is_archive(name):
            self._skip(entry, "It is an archive; import it separately")
        else:
            self._sort_image(entry)

    def _sort_image(self, entry: Entry) -> None:
        match file_kind(entry.name, entry.read):
            case "mask":
                self._masks.setdefault((entry.folder, names.image_of_mask(entry.name)), []).append(entry)
            case "picture":
                self._pictures.setdefault(entry.folder, []).append(entry)
            case "DICOM":
                self._dicom.add(entry.where)
                self._pictures.setdefault(entry.folder, []).append(entry)
            case None:
                self._skip(entry, "It is not an image")

    # -- patients and classes --------------------------------------------------------------------------------

    def _read_labels(self, findings: list[Finding]) -> None:
        pictures = [entry for some in self._pictures.values() for entry in some]
        own = self._listing.table
        if own is not None:
            self._listing.skipped.clear()  # files that the table does not name
            said = self._said_by_source(own, pictures)
            self._use(said.labels)
            self._listing.skipped += said.skipped
            findings += said.findings
            self._pictures = {
                folder: kept
                for folder, some in self._pictures.items()
                if (kept := [entry for entry in some if entry.where in said.labels or entry.where in said.left_out])
            }
            self._leave_out(said.left_out)
            stems = {(folder, PurePath(e.name).stem.lower()) for folder, some in self._pictures.items() for e in some}
            self._masks = {key: masks for key, masks in self._masks.items() if key in stems}
            return
        for table in self._tables:
            said = Labelled()
            try:
                said = label(table, pictures, self._settings, needs_classes=False)
            except Undecided:
                raise
            except BadInput:  # it is about something else
                pass
            patients = [found.patient for found in said.labels.values() if found.patient]
            if not patients:
                self._skip(table, "It is a table; to import the images that it lists, import the table itself")
                continue
            self._use({where: Label(None, found.patient) for where, found in said.labels.items()})
            self._listing.skipped += said.skipped
            count = many(len(patients), "image")
            text = f"{self._listing.called(table)} names the patients of {count}. It decides no class."
            findings.append(Finding("joined", text))

    def _said_by_source(self, table: Entry, pictures: list[Entry]) -> Labelled:
        """The labels in a table that is itself the source."""
        try:
            return label(table, pictures, self._settings, needs_classes=self._given_class is None)
        except NoClasses:
            is_there = any(self._known.named(entry.name) or entry.where in self._dicom for entry in pictures)
            if not (is_there and self._known):
                raise
        said = label(table, pictures, self._settings, needs_classes=False)
        self._keeps_classes = True
        text = f"{table.name} names no classes. Images of the study keep theirs, and no new image comes in."
        said.findings.append(Finding("assumed", text))
        return replace(said, labels={where: replace(one, class_name=None) for where, one in said.labels.items()})

    def _use(self, labels: Mapping[str, Label]) -> None:
        self._labels.update(labels)
        self._patients.update({where: found.patient for where, found in labels.items() if found.patient})

    def _leave_out(self, reasons: Mapping[str, str]) -> None:
        for folder, some in self._pictures.items():
            for entry in some:
                if entry.where in reasons:
                    self._skip(entry, reasons[entry.where])
            self._pictures[folder] = [entry for entry in some if entry.where not in reasons]

    def _own_class(self, entry: Entry) -> str | None:
        """The class of one file, None if its folder decides. Raises `BadInput` if the name cannot be a class."""
        if self._given_class is not None:
            return self._given_class
        said = self._labels.get(entry.where)
        if said is not None and said.class_name is not None:
            return said.class_name
        patch = names.idc(entry.name)
        return patch.class_name if patch else None

    def _class_of_folder(self, folder: str) -> str | None:
        """The class of the files in a folder; None for the root if there are folders of classes.

        Raises:
            ClassUnknown: nothing gives the class of files at the root.
        """
        if folder:
            return names.class_called(PurePath(folder).name)
        if len(self._pictures) > 1:
            return None
        if self._listing.root_class is None:
            raise ClassUnknown(
                "It is not known which class the images are of",
                file=self._listing.given,
                remedy="Give it with --class, or import a folder that is named after the class.",
            )
        return names.class_called(self._listing.root_class)

    def _patient_of(self, entry: Entry) -> str | None:
        patch = names.idc(entry.name)
        return self._patients.get(entry.where) or (patch.patient if patch else None)

    def _found(self, entry: Entry, class_name: str | None) -> FoundImage:
        key = (entry.folder, PurePath(entry.name).stem.lower())
        masks = self._masks.get(key, []) if entry.where not in self._dicom else []
        if masks:
            self._joined.add(key)
        said = self._labels.get(entry.where)
        return FoundImage(
            entry,
            class_name,
            source=self._listing.name,
            name=self._listing.called(entry),
            is_dicom=entry.where in self._dicom,
            masks=tuple(masks),
            patient=self._patient_of(entry),
            site=said.site if said else None,
            device=said.device if said else None,
        )


def _nothing_in(listing: Listing) -> BadInput:
    kind = {"ZIP archive": "archive", "Folder": "folder", "Table": "table"}.get(listing.kind)
    formats = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
    remedy = f"Images are files of these kinds: {formats}, and DICOM."
    if kind is None:
        return BadInput("This is not an image", file=listing.given, remedy=remedy)
    if listing.skipped:
        first = listing.skipped[0]
        remedy = f"{many(len(listing.skipped), 'file')} skipped, the first of them {first.file}: {first.reason}."
    return BadInput(f"There are no images in the {kind}", file=listing.given, remedy=remedy)
