"""Join the rows of a table to the images that they mean: class, patient, hospital and machine of each image."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from busapp.engine.events import Skipped
from busapp.engine.imports.files.sources import Entry, Label
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.names import class_called, idc
from busapp.engine.imports.study_entries import StudyEntry
from busapp.engine.imports.tables.class_values import (
    LEFT_OUT,
    ValuesUnknown,
    is_unclear,
    parse_class_values,
    plain_value,
)
from busapp.engine.imports.tables.columns import Chosen, ColumnNames, TableUnclear, asking, choices, choose
from busapp.engine.imports.tables.file_index import FileIndex, Fit, Match
from busapp.engine.imports.tables.identifiers import patients_of
from busapp.engine.imports.tables.tables import Row, read_tables
from busapp.engine.settings import ImportSettings
from busapp.engine.utils.nobody import is_nobody
from busapp.engine.utils.places import place_name
from busapp.engine.utils.words import many
from busapp.errors import BadInput

_NOT_TO_TRAIN_ON: Final = {
    "kind": ("synthetic", "It is a synthetic image, which must not come in as a real one"),
    "set_aside": (None, "It was set aside where it was exported"),
}
"""Columns of an export's `images.csv` that mark images not to be imported as real ones: the value that is skipped
(None: any), and the reason."""


class NoClasses(TableUnclear):
    """The table has no column for the class."""


@dataclass(slots=True)
class Labelled:
    """What a table says about images, by `Entry.where`.

    `labels` has classes that are legal names, and patients as they are to be hashed. `skipped` lists rows that name no
    image, fit several, or contradict others. `left_out` gives the reason for images that a row itself marks as unfit.
    """

    labels: dict[str, Label] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    table: "ReadTable | None" = None
    """How the table was read, if it names any image."""


@dataclass(frozen=True, slots=True)
class ReadTable:
    """How a table was read: its columns that can be chosen, and the one used for each of the settings, such as
    `class_column`."""

    name: str
    columns: tuple[str, ...]
    used: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Said:
    """What one row says about the image that it names."""

    row: Row
    match: Match
    class_name: str | None
    patient: str | None = field(repr=False)
    site: str | None
    device: str | None


def label(
    table: Entry,
    entries: Sequence[Entry],
    settings: ImportSettings,
    *,
    in_study: Sequence[StudyEntry] = (),
    columns: ColumnNames | None = None,
    class_values: Mapping[str, str] | None = None,
    needs_classes: bool,
) -> Labelled:
    """Read a table and find the images that its rows name.

    Args:
        table: the table, a file of the same source as the images.
        entries: the images that it may name, without masks.
        settings: the user's choice of columns and class values, which wins.
        in_study: images of the study, which rows may name that fit no entry.
        columns: the columns of a set that is known. Those that are None are guessed.
        class_values: meanings of class values in a set that is known.
        needs_classes: nothing else gives classes, so each row has to. Otherwise a class is taken where it is clear.

    Raises:
        Undecided: columns or sheets fit equally well, class values mean nothing by themselves (`ValuesUnknown`), or
            patients' numbers are cut off (`PatientsCutOff`). The user has to decide.
        NoClasses: classes are needed, and the table has no column for them.
        BadInput: it is no table that names files, or lacks another column.
    """
    labelled = Labelled()
    index = FileIndex(entries, table.folder, FileIndex(in_study, "") if in_study else None)
    tables = read_tables(table, table.name)
    names = ColumnNames(
        settings.file_column,
        settings.class_column,
        settings.patient_column,
        settings.site_column,
        settings.device_column,
    ).or_else(columns.present_in(tables) if columns else None)
    wants_patients = settings.patient_pattern is None or settings.patient_column is not None
    chosen = choose(
        tables,
        names,
        index,
        needs_classes=needs_classes,
        wants_patients=wants_patients,
        given=table.name,
    )
    if needs_classes and chosen.class_name is None:
        error = NoClasses(
            "The table has no column for the class",
            file=table.name,
            remedy="Its first line must name the columns: file, class and, if patients are known, patient. A column "
            "with another name is chosen with --class-column.",
        )
        raise asking(error, chosen.table.header)
    meanings = {plain_value(value): meaning for value, meaning in (class_values or {}).items()}
    meanings |= parse_class_values(settings.class_values)
    _Joining(table.name, chosen, meanings, needs_classes, labelled).join()
    if labelled.labels or labelled.left_out:
        labelled.findings = [*_in_words(table.name, chosen), *labelled.findings]
        labelled.table = ReadTable(table.name, choices(chosen.table.header), _used(chosen))
    return labelled


def _used(chosen: Chosen) -> dict[str, str]:
    """The names of the columns in use, by the setting that chooses them."""
    columns = {
        "file_column": (chosen.file,),
        "class_column": (chosen.class_name,),
        "patient_column": (chosen.patient,),
        "site_column": (chosen.site,),
        "device_column": chosen.device,
    }
    named = {setting: [chosen.name(at) for at in some if at is not None] for setting, some in columns.items()}
    return {setting: " and ".join(names) for setting, names in named.items() if names}


def _in_words(called: str, chosen: Chosen) -> list[Finding]:
    """How the columns were chosen, and the files found."""
    parts = [f"files from {chosen.name(chosen.file)}"]
    for what, column in (("classes", chosen.class_name), ("patients", chosen.patient), ("sites", chosen.site)):
        parts += [] if column is None else [f"{what} from {chosen.name(column)}"]
    parts += [f"devices from {' and '.join(map(chosen.name, chosen.device))}"] if chosen.device else []
    unused = "".join(
        f" These columns may hold {what} too and are not used: {', '.join(columns)}."
        for what, columns in (("patients", chosen.unused), ("classes", chosen.unused_classes))
        if columns
    )
    sheet = f", sheet {chosen.table.sheet}" if chosen.table.sheet else ""
    findings = [Finding("assumed", f"{called}{sheet}: {', '.join(parts)}.{unused}")]
    found = [match for match in chosen.matches if match.entry is not None]
    for count, how in (
        (sum(match.fit is Fit.WITHOUT_ZEROS for match in found), "by their numbers, without zeros in front"),
        (sum(match.is_elsewhere for match in found), "by the last parts of their paths, which are of another computer"),
    ):
        if count:
            findings.append(Finding("assumed", f"{called}: {many(count, 'file')} found {how}."))
    if count := len({match.entry.where for match in found if isinstance(match.entry, StudyEntry)}):
        does, was, by = ("does", "was", "its name") if count == 1 else ("do", "were", "their names")
        where = f"{does} not lie beside the table and {was} found in the study, by {by} alone"
        findings.append(Finding("assumed", f"{called}: {many(count, 'image')} {where}."))
    return findings


class _Joining:
    """Joins the rows of one table to images."""

    def __init__(
        self, name: str, chosen: Chosen, meanings: Mapping[str, str], needs_classes: bool, labelled: Labelled
    ) -> None:
        self._name = name
        self._chosen = chosen
        self._meanings = meanings
        self._needs_classes = needs_classes
        self._labelled = labelled
        self._unclear: Counter[str] = Counter()
        self._patients: dict[str, str | None] = {}

    def join(self) -> None:
        """Fill in what the table says. Raises `Undecided`."""
        rows = list(zip(self._chosen.table.rows, self._chosen.matches, strict=True))
        if self._chosen.patient is not None:
            cells = [self._cell(row, self._chosen.patient) for row, match in rows if match.entry is not None]
            self._patients, findings = patients_of(cells, self._name, self._name)
            self._labelled.findings += findings
        by_file: dict[str, list[_Said]] = {}
        for row, match in rows:
            try:
                said = self._said(row, match)
            except BadInput as error:
                self._skip(row, error.what)
                continue
            if said is not None:
                assert said.match.entry is not None
                by_file.setdefault(said.match.entry.where, []).append(said)
        if self._unclear and self._needs_classes:
            assert self._chosen.class_name is not None
            unknown = ValuesUnknown.of(self._unclear, self._chosen.name(self._chosen.class_name), self._name)
            unknown.used = _used(self._chosen)
            raise asking(unknown, self._chosen.table.header)
        for where, rows_said in by_file.items():
            self._agree(where, rows_said)

    def _cell(self, row: Row, column: int | None) -> str:
        return row.cells[column] if column is not None and column < len(row.cells) else ""

    def _skip(self, row: Row, reason: str) -> None:
        self._labelled.skipped.append(Skipped(f"{self._name}, row {row.number}", reason))

    def _said(self, row: Row, match: Match) -> _Said | None:
        """What a row says about an image. None if it is skipped, or marks the image as unfit. Raises `BadInput`."""
        chosen = self._chosen
        reason = match.reason
        if reason is None and any(row.cells[len(chosen.table.header) :]):
            reason = "It has more cells than the table has columns, so its cells may have moved"
        if reason is not None or match.entry is None:
            self._skip(row, reason or "")
            return None
        reason = self._reason_to_leave_out(row)
        class_name = self._class(row, match.entry) if reason is None else None
        if class_name == LEFT_OUT:
            reason = f"Images of the class value {self._cell(row, chosen.class_name)} are left out"
        if reason is not None:
            self._labelled.left_out[match.entry.where] = reason
            return None
        devices = [cell for column in chosen.device if not is_nobody(cell := self._cell(row, column))]
        return _Said(
            row,
            match,
            class_name,
            self._patients.get(self._cell(row, chosen.patient)),
            place_name(self._cell(row, chosen.site)),
            " ".join(devices) or None,
        )

    def _reason_to_leave_out(self, row: Row) -> str | None:
        header = self._chosen.table.header
        for column, (value, reason) in _NOT_TO_TRAIN_ON.items():
            found = self._cell(row, header.index(column)) if column in header else ""
            if found and value in (None, found):
                return reason
        return None

    def _class(self, row: Row, entry: Entry) -> str | None:
        """The class that a row gives, `-` to leave the image out. Raises `BadInput` if a needed class is missing."""
        value = self._cell(row, self._chosen.class_name)
        is_empty = not value or (is_nobody(value) and not value.isdecimal())
        if is_empty:
            if self._needs_classes and not isinstance(entry, StudyEntry):
                raise BadInput("It has no class")
            return None
        meaning = self._meanings.get(plain_value(value))
        if meaning is not None:
            return meaning
        patch = idc(entry.name)
        if patch and plain_value(value) in ("0", "1"):
            if patch.class_name == f"class{plain_value(value)}":
                return patch.class_name
            raise BadInput(f"{entry.name} says another class than its row")
        if is_unclear(value):
            self._unclear[" ".join(value.split())] += 1
            return None
        return class_called(value)

    def _agree(self, where: str, said: Sequence[_Said]) -> None:
        """Keep what the rows of one image say, unless they contradict each other."""
        if len(said) == 1:
            one = said[0]
            self._labelled.labels[where] = Label(one.class_name, one.patient, one.site, one.device)
            return
        exact = [one for one in said if one.match.fit < Fit.WITHOUT_ZEROS] or said
        keys = {one.match.key for one in exact}
        for one in said:  # 7.png and 07.png may both be named, and only one of them be there
            if one.match.key not in keys and not _are_one(said):
                self._skip(one.row, f"There is no image {self._cell(one.row, self._chosen.file)}")
        said = [one for one in said if one.match.key in keys] if not _are_one(said) else said
        classes, patients = _different(one.class_name for one in said), _different(one.patient for one in said)
        if len(patients) > 1 or (len(classes) > 1 and self._needs_classes):
            for one in said:
                file = self._cell(one.row, self._chosen.file)
                self._skip(one.row, f"{file} has another class or patient in another row")
            return
        sites, devices = _different(one.site for one in said), _different(one.device for one in said)
        self._labelled.labels[where] = Label(*(_only(some) for some in (classes, patients, sites, devices)))


def _are_one(said: Iterable[_Said]) -> bool:
    return len({(one.class_name, (one.patient or "").casefold()) for one in said}) == 1


def _different(values: Iterable[str | None]) -> dict[str, str]:
    """The different values, by their form without case."""
    return {value.casefold(): value for value in values if value is not None}


def _only(values: Mapping[str, str]) -> str | None:
    return next(iter(values.values())) if len(values) == 1 else None
