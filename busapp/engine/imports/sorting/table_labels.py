"""What tables say about the images of one source: tables that are the source, tables of known sets, and any other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from busapp.engine.events import Skipped
from busapp.engine.imports import names
from busapp.engine.imports.files.sources import Entry, Label, Listing
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.sorting.known_sets import KnownSet
from busapp.engine.imports.sorting.recognising import fits, path_in, patient_of_set, read_lines
from busapp.engine.imports.study_entries import StudyEntry
from busapp.engine.imports.tables.columns import Undecided
from busapp.engine.imports.tables.identifiers import PatientsCutOff
from busapp.engine.imports.tables.labels import Labelled, NoClasses, ReadTable, label
from busapp.engine.imports.tables.tables import MAX_TABLE_BYTES, read_tables
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import are_two
from busapp.engine.utils.words import many
from busapp.errors import BadInput

NOT_USED: Final = "It is a table; to import the images that it lists, import the table itself"
TABLES_DIFFER: Final = "Two tables give it different classes"
SEVERAL_CLASSES: Final = "Its table gives several classes for it"
_MISSING: Final = "There is no "
_YES: Final = frozenset({"yes", "y", "true", "1"})


@dataclass(frozen=True, slots=True)
class _Called:
    """An entry under the name that a table has for it."""

    entry: Entry
    name: str

    @property
    def folder(self) -> str:
        return self.entry.folder

    @property
    def where(self) -> str:
        return self.entry.where

    def read(self, most: int) -> bytes:
        return self.entry.read(most)


@dataclass(slots=True)
class TableLabels:
    """Labels by `Entry.where`. `decides` is True if the tables decide about classes; then images without a class there
    have none. `undecided` is the reason why a table that seems to give classes cannot be read."""

    labels: dict[str, Label] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    decides: bool = False
    undecided: Undecided | None = None
    keeps_classes: bool = False
    """True if the table that is the source names no classes, and its images keep those that they have in the study."""
    tables: list[ReadTable] = field(default_factory=list)
    """How each table was read, that of the set first."""

    def take(self, labels: Mapping[str, Label], *, decides: bool) -> tuple[list[str], int]:
        """Add labels; what is there already stays. Returns the images whose class was another one, and the number of
        those whose patient was."""
        differ: list[str] = []
        others = 0
        for where, new in labels.items():
            old = self.labels.get(where)
            if old is not None:
                if None not in (old.class_name, new.class_name) and old.class_name != new.class_name:
                    differ.append(where)
                others += are_two(old.patient, new.patient)
                new = Label(
                    old.class_name or new.class_name,
                    old.patient or new.patient,
                    old.site or new.site,
                    old.device or new.device,
                )
            self.labels[where] = new
        self.decides |= decides
        return differ, others

    def class_of(self, entry: Entry) -> str | None:
        found = self.labels.get(entry.where)
        return found.class_name if found else None

    def names(self, entry: Entry) -> bool:
        """True if a table says anything about an image."""
        return entry.where in self.labels or entry.where in self.left_out


def _flagged(known: KnownSet, table: Entry, images: Sequence[Entry]) -> list[Finding]:
    """A finding about images that the table of a set says yes for, in columns such as `Doppler`."""
    if not known.flagged:
        return []
    stems = {names.stem_of(image.name).lower() for image in images}
    flags = [flag.lower() for flag in known.flagged]
    count = 0
    for part in read_tables(table, table.name):
        columns = [at for at, name in enumerate(part.header) if name.strip().lower() in flags]
        for row in part.rows:
            says_yes = any(row.cells[at].strip().lower() in _YES for at in columns if at < len(row.cells))
            count += says_yes and any(names.stem_of(cell.strip()).lower() in stems for cell in row.cells)
    text = (
        f"{table.name} marks {many(count, 'image')} as {' or '.join(known.flagged)}. Look at them before a validation."
    )
    return [Finding("odd", text)] if count else []


def _nothing_joined(table: Entry, skipped: Sequence[Skipped]) -> BadInput:
    first = f" The first: {skipped[0].reason}." if skipped else ""
    return BadInput(
        "No row of the table can be joined to one image, beside it or in the study",
        file=table.name,
        remedy=f"{many(len(skipped), 'row')} cannot be joined.{first}",
    )


def _of_set(known: KnownSet, patient: str | None) -> str | None:
    return None if patient is None else patient_of_set(known, patient)


@dataclass(frozen=True, kw_only=True)
class TableReading:
    """The reading of all tables of a source. `said` is what they say.

    Attributes:
        listing: the source.
        images: its images, without masks.
        settings: the user's choice of columns and class values, which wins.
        known: the public set that it looks like, if any.
        in_study: images of the study that the table that is itself the source may name.
        needs_classes: neither the user nor the names of a known set give the classes.
        may_keep_classes: the study may have some of the images, so that a table may name none.
        is_certain: folders or names give the classes.
    """

    listing: Listing
    images: Sequence[Entry]
    settings: ImportSettings
    known: KnownSet | None
    in_study: Sequence[StudyEntry]
    needs_classes: bool
    may_keep_classes: bool
    is_certain: bool
    said: TableLabels = field(default_factory=TableLabels)

    def read_all(self, tables: Iterable[Entry]) -> TableLabels:
        """Read files that may be tables, that of a known set first. Those that say nothing about the images are added
        to the skipped files.

        Raises:
            Undecided: the user has to say how a table is to be read.
            BadInput: the table that is itself the source cannot be read.
        """
        for table in sorted(tables, key=lambda table: not self.is_of_set(table)):
            self.read(table)
        return self.said

    def is_of_set(self, table: Entry) -> bool:
        """True for the table of a known set."""
        return bool(self.known and self.known.table and fits(self.known.table, path_in(self.listing.name, table)))

    def read(self, table: Entry) -> None:
        """Read one file, if it is a table. Raises the errors of `read_all`."""
        known = self.known
        is_of_set = self.is_of_set(table)
        if is_of_set and known and known.lines:
            self._read_lines(known, table)
        elif is_of_set or table is self.listing.table or names.is_table(table.name):
            self._read_columns(table, known if is_of_set else None)

    def _skip(self, table: Entry, reason: str) -> None:
        self.said.skipped.append(Skipped(self.listing.called(table), reason))

    def _read_lines(self, known: KnownSet, table: Entry) -> None:
        classes, several = read_lines(known, table.read(MAX_TABLE_BYTES), self.images)
        self.said.left_out |= dict.fromkeys(several, SEVERAL_CLASSES)
        self.said.take({where: Label(name, None) for where, name in classes.items()}, decides=self.needs_classes)
        if self.needs_classes:
            text = f"{table.name}: classes of {many(len(classes), 'image')}, as the set's authors describe it."
            self.said.findings.append(Finding("assumed", text))

    def _read_columns(self, table: Entry, known: KnownSet | None) -> None:
        is_source = table is self.listing.table
        decides = is_source or known is not None or self.settings.class_column is not None
        given = self.settings.class_name is not None
        needs = not given and (decides or (self.needs_classes and not self.is_certain and not self.said.decides))
        try:
            labelled = self._labelled(table, known, needs)
        except PatientsCutOff:
            raise
        except Undecided as error:
            if decides:
                raise
            self.said.undecided = self.said.undecided or (error if needs else None)
            self._skip(table, error.what)
            return
        except BadInput as error:
            if is_source:
                raise
            self._skip(table, error.what if known else NOT_USED)
            return
        if labelled.labels or labelled.left_out or is_source:
            self._take(table, labelled, known, decides=decides and not given, gives_classes=needs)
        else:
            self._skip(table, NOT_USED)

    def _labelled(self, table: Entry, known: KnownSet | None, needs: bool) -> Labelled:
        images: Sequence[Entry] = self.images
        if known and known.file_key:
            key = known.file_key
            images = [_Called(image, m["file"] if (m := key.search(image.name)) else image.name) for image in images]
        columns, values = (known.columns, known.class_values) if known else (None, None)
        is_source = table is self.listing.table
        in_study = self.in_study if is_source else ()

        def read(needs_classes: bool) -> Labelled:
            return label(
                table,
                images,
                self.settings,
                in_study=in_study,
                columns=columns,
                class_values=values,
                needs_classes=needs_classes,
            )

        try:
            return read(needs)
        except Undecided:
            raise
        except BadInput as error:
            if not needs or (is_source and not isinstance(error, NoClasses)):
                raise
            said = read(False)
            of_study = {one.where for one in in_study}
            self.said.keeps_classes = is_source and (self.may_keep_classes or not of_study.isdisjoint(said.labels))
            if is_source and not self.said.keeps_classes:
                if not in_study or said.labels:
                    raise
                raise _nothing_joined(table, said.skipped) from error
        if self.said.keeps_classes:
            text = f"{table.name} names no classes. Images of the study keep theirs, and no new image comes in."
            said.findings.append(Finding("assumed", text))
            said.labels = {where: replace(one, class_name=None) for where, one in said.labels.items()}
        return said

    def _take(
        self, table: Entry, labelled: Labelled, known: KnownSet | None, *, decides: bool, gives_classes: bool
    ) -> None:
        said, called = self.said, self.listing.called(table)
        if known:
            of_set = {at: replace(one, patient=_of_set(known, one.patient)) for at, one in labelled.labels.items()}
            labelled = replace(labelled, labels=of_set)
            said.findings += _flagged(known, table, self.images)
        if table is not self.listing.table:
            missing = Counter(row.reason.startswith(_MISSING) for row in labelled.skipped)[True]
            labelled = replace(labelled, skipped=[r for r in labelled.skipped if not r.reason.startswith(_MISSING)])
            if missing:
                names_images = "names an image that is" if missing == 1 else "name images that are"
                text = f"{many(missing, 'row')} of {table.name} {names_images} not here."
                labelled.findings.append(Finding("left out", text))
        said.tables += [labelled.table] if labelled.table else []
        has_classes = any(found.class_name for found in labelled.labels.values())
        differ, others = said.take(labelled.labels, decides=decides and has_classes)
        if differ and gives_classes and not decides:
            said.left_out |= dict.fromkeys(differ, TABLES_DIFFER)
        elif differ:
            text = f"{called} gives {many(len(differ), 'image')} another class than the table that counts."
            said.findings.append(Finding("odd", text))
        if others:
            text = f"{called} gives {many(others, 'image')} another patient than an earlier table, which counts."
            said.findings.append(Finding("odd", text))
        said.skipped += labelled.skipped
        said.left_out |= labelled.left_out
        if (gives_classes and has_classes) or table is self.listing.table:
            said.findings += labelled.findings
            return
        n_patients = sum(found.patient is not None for found in labelled.labels.values())
        has_places = any(found.site or found.device for found in labelled.labels.values())
        if n_patients or has_places:
            what = f"names the patients of {many(n_patients, 'image')}" if n_patients else "names sites or devices"
            said.findings += [Finding("joined", f"{called} {what}. It decides no class."), *labelled.findings[1:]]
        else:
            self._skip(table, NOT_USED)
