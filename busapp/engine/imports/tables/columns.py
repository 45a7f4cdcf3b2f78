"""Choose which column of a table is which: as the user says, as the set is known for, or by a guess that is told.

A guess looks at names and values. The column of files is one whose values name images that are there. A column of few
different values is one of classes, rather than one of free text. Two columns that fit equally well are refused.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from busapp.engine.imports.tables.column_names import Role, folded, is_maker, is_model, may_be_patient, rank_of
from busapp.engine.imports.tables.file_index import FileIndex, Fit, Match
from busapp.engine.imports.tables.tables import RawTable, Row
from busapp.engine.utils.nobody import is_nobody
from busapp.errors import BadInput

NO_COLUMN: Final = "-"
"""Given in place of a column: the table has none."""
_SHOWN: Final = 500
"""Letters of the names of columns that a message lists."""
_SAMPLE: Final = 200
"""Rows whose files are looked up to find the column of files."""
_MOST_CLASSES: Final = 20
"""A column with more different values is free text if most of them occur once, or a measure if they are numbers."""
_CLASS_WORDS: Final = "benign malignant normal gutartig bosartig benigno maligno benigna maligna benin malin maligne"


class TableUnclear(BadInput):
    """A table cannot be read as it is. `columns` are those that the user can choose from, by name or number. `used` has
    the columns that are clear, by the setting that chooses them."""

    columns: tuple[str, ...] = ()
    used: Mapping[str, str] = MappingProxyType({})


class Undecided(TableUnclear):
    """A table can be read in more than one way, and the user has to say which."""


E = TypeVar("E", bound=TableUnclear)


def asking(error: E, header: Sequence[str]) -> E:
    """The error, with the columns that the user can choose from."""
    error.columns = choices(header)
    return error


def choices(header: Sequence[str]) -> tuple[str, ...]:
    """What columns can be chosen by: their names, or the numbers of those without a name or with that of another."""
    names = Counter(map(folded, header))
    return tuple(name if name and names[folded(name)] == 1 else str(at) for at, name in enumerate(header, start=1))


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names of columns, or their numbers counted from 1; `-` if there is none, None to guess."""

    file: str | None = None
    class_name: str | None = None
    patient: str | None = None
    site: str | None = None
    device: str | None = None

    def present_in(self, tables: Iterable[RawTable]) -> "ColumnNames":
        """These names without those that no table has."""
        there = {folded(name) for table in tables for name in table.header}
        mine = (self.file, self.class_name, self.patient, self.site, self.device)
        return ColumnNames(*(name if name and folded(name) in there else None for name in mine))

    def or_else(self, other: "ColumnNames | None") -> "ColumnNames":
        """These names, and those of `other` where there are none."""
        if other is None:
            return self
        return ColumnNames(
            self.file or other.file,
            self.class_name or other.class_name,
            self.patient or other.patient,
            self.site or other.site,
            self.device or other.device,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """A table with the places of its columns, counted from 0, and the image that each row names.

    `device` has several columns if maker and model are apart. `unused` names columns that may hold patients too, and
    `unused_classes` those that may hold classes. Of a table that names no image only the columns of files and classes
    are chosen, and nothing is undecided.
    """

    table: RawTable
    matches: list[Match]
    file: int
    class_name: int | None = None
    patient: int | None = None
    site: int | None = None
    device: tuple[int, ...] = ()
    unused: tuple[str, ...] = ()
    unused_classes: tuple[str, ...] = ()

    def name(self, column: int) -> str:
        """The name of a column for people."""
        called = self.table.header[column] if self.table.header_line > 0 else ""
        return called or f"column {column + 1}"


@dataclass(slots=True)
class _Choosing:
    """The choice of the columns of one table or sheet."""

    table: RawTable
    names: ColumnNames
    index: FileIndex
    given: Path | str
    taken: set[int] = field(default_factory=set)

    def named(self, name: str | None, option: str) -> int | None:
        """The column that the user or a known set names. Raises `BadInput` if there is none such, or several."""
        if name is None or name == NO_COLUMN:
            return None
        header = self.table.header
        exact = [at for at, called in enumerate(header) if called == name.strip()]
        found = exact or [at for at, called in enumerate(header) if folded(called) == folded(name) != ""]
        if not found and name.strip().isdecimal() and 0 < int(name) <= len(header):
            found = [int(name) - 1]
        if len(found) != 1:
            columns = ", ".join(called for called in header if called)[:_SHOWN]
            what = "The table has no column" if not found else "The table has several columns called"
            raise BadInput(f"{what} {name}", file=self.given, remedy=f"Give one of these with {option}: {columns}.")
        self.taken.add(found[0])
        return found[0]

    def values(self, column: int) -> Counter[str]:
        """Different values of a column with their counts, without empty ones; case does not count."""
        cells = (row.cells[column].casefold() for row in self.table.rows if column < len(row.cells))
        counts = Counter(cells)
        del counts[""]
        return counts

    def ranked(self, role: Role) -> list[tuple[int, int]]:
        """Free columns whose names say this role, as (rank, column), the surest first."""
        ranks = [(rank_of(name, role), at) for at, name in enumerate(self.table.header) if at not in self.taken]
        return sorted((rank, at) for rank, at in ranks if rank is not None)

    # -- files -------------------------------------------------------------------------------------------------

    def hits(self, column: int, rows: Sequence[Row]) -> list[str | None]:
        """For each row the image that a column names, None if there is none."""
        return [
            match.entry.where
            if column < len(row.cells) and (match := self.index.find(row.cells[column])).entry is not None
            else None
            for row in rows
        ]

    def file(self) -> tuple[int | None, int]:
        """The column of files, and the number of its values, of a sample, that name images."""
        rows = self.table.rows[:: max(1, len(self.table.rows) // _SAMPLE)][:_SAMPLE]
        given = self.named(self.names.file, "--file-column")
        if given is not None:
            return given, sum(hit is not None for hit in self.hits(given, rows))
        ranks = {at: rank for rank, at in self.ranked(Role.FILE)}
        found = {at: self.hits(at, rows) for at in range(len(self.table.header)) if at not in self.taken}
        counts = {at: sum(hit is not None for hit in hits) for at, hits in found.items()}
        fitting = [at for at in found if counts[at] and (at in ranks or self._only_fits(at, counts[at], rows))]
        if not fitting:
            best = min(ranks, key=lambda at: (ranks[at], at), default=None)
            if best is not None:
                self.taken.add(best)
            return best, 0
        most = max(counts[at] for at in fitting)
        fitting = sorted((at for at in fitting if 2 * counts[at] >= most), key=lambda at: (ranks.get(at, 9), at))
        best = fitting[0]
        for other in fitting[1:]:
            same_rank = ranks.get(other, 9) == ranks.get(best, 9)
            if same_rank and any(a and b and a != b for a, b in zip(found[best], found[other], strict=True)):
                raise self._undecided(best, other, "files", "--file-column")
        self.taken.add(best)
        return best, counts[best]

    def _only_fits(self, column: int, hits: int, rows: Sequence[Row]) -> bool:
        """True if values alone show that a column names files. Numbers may mean anything."""
        values = [row.cells[column] for row in rows if column < len(row.cells) and row.cells[column]]
        numbers = sum(value.replace(".", "").isdecimal() for value in values)
        return 2 * hits >= len(values) and 2 * numbers < len(values) and 2 * len(set(values)) >= len(values)

    def _undecided(self, one: int, other: int, what: str, option: str) -> Undecided:
        names = " or ".join(self.table.header[column] for column in (one, other))
        error = Undecided(
            f"Two columns may name the {what}: {names}", file=self.given, remedy=f"Choose one of them with {option}."
        )
        return asking(error, self.table.header)

    # -- classes and patients ------------------------------------------------------------------------------------

    def class_name(self, needs_classes: bool) -> int | None:
        if self.names.class_name is not None:
            return self.named(self.names.class_name, "--class-column")
        some = [(rank, at, self.values(at)) for rank, at in self.ranked(Role.CLASS)]
        order = {at: (self._is_text(values), rank) for rank, at, values in some if values}
        if not order:
            words = [at for at in range(len(self.table.header)) if at not in self.taken and self._has_class_words(at)]
            order = dict.fromkeys(words, (False, 0))
        best = [at for at in order if order[at] == min(order.values())]
        if not best:
            return None
        if order[best[0]][0] and needs_classes:
            name = self.table.header[best[0]]
            error = Undecided(
                f"The column {name} has {len(self.values(best[0])):,} different values, too many for classes",
                file=self.given,
                remedy="Choose the column with the class with --class-column.",
            )
            raise asking(error, self.table.header)
        best.sort(key=lambda at: (not self._has_class_words(at), at))
        for other in best[1:]:
            if not self._same(best[0], other):
                if not needs_classes:
                    return None
                raise self._undecided(best[0], other, "class", "--class-column")
        self.taken.add(best[0])
        return best[0]

    def unused_classes(self, chosen: int | None) -> tuple[str, ...]:
        """The names of other columns that may hold classes, and say something else than the chosen one."""
        if chosen is None or self.names.class_name is not None:
            return ()
        maybe = [at for at, name in enumerate(self.table.header) if at not in self.taken and self._may_be_class(at)]
        return tuple(self.table.header[at] for at in maybe if not self._same(chosen, at))

    def _may_be_class(self, column: int) -> bool:
        values = self.values(column)
        is_called = rank_of(self.table.header[column], Role.CLASS) is not None
        return len(values) > 1 and not self._is_text(values) and (is_called or self._has_class_words(column))

    def _is_text(self, values: Counter[str]) -> bool:
        numbers = sum(value.replace(".", "").isdecimal() for value in values)
        return len(values) > _MOST_CLASSES and (2 * len(values) > values.total() or numbers == len(values))

    def _has_class_words(self, column: int) -> bool:
        values = self.values(column)
        return bool(values) and all(folded(value) in _CLASS_WORDS.split() for value in values)

    def _pairs(self, one: int, other: int) -> set[tuple[str, str]]:
        """Pairs of values of two columns, case not counting."""
        last = max(one, other)
        rows = (row.cells for row in self.table.rows if last < len(row.cells))
        return {(cells[one].casefold(), cells[other].casefold()) for cells in rows}

    def _same(self, one: int, other: int) -> bool:
        """True if two columns say the same in other words."""
        pairs = self._pairs(one, other)
        return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})

    def patient(self) -> tuple[int | None, tuple[str, ...]]:
        """The column of patients, and the names of other columns that may hold some."""
        if self.names.patient is not None:
            return self.named(self.names.patient, "--patient-column"), ()
        ranks = {at: rank for rank, at in self.ranked(Role.PATIENT)}
        naming = [at for at in ranks if not all(map(is_nobody, self.values(at)))] or list(ranks)
        best = [at for at in naming if ranks[at] == min(ranks[at] for at in naming)]
        chosen = best[0] if best else None
        for other in best[1:]:
            assert chosen is not None
            pairs = self._pairs(chosen, other)
            coarser = [at for at, place in ((chosen, 1), (other, 0)) if len(pairs) == len({p[place] for p in pairs})]
            if not coarser:
                raise self._undecided(chosen, other, "patients", "--patient-column")
            chosen = coarser[0]  # a patient has several cases, so the column with fewer values
        if chosen is not None:
            self.taken.add(chosen)
        maybe = [at for at, name in enumerate(self.table.header) if may_be_patient(name) and self._repeats(at)]
        unused = [at for at in naming + maybe if at not in self.taken]
        return chosen, tuple(self.table.header[at] for at in dict.fromkeys(unused))

    def _repeats(self, column: int) -> bool:
        values = self.values(column)
        return 1 < len(values) < values.total()

    def site(self) -> int | None:
        if self.names.site is not None:
            return self.named(self.names.site, "--site-column")
        sides = {"left", "right", "l", "r", "both", "bilateral"}  # the site of a lesion
        found = [at for _, at in self.ranked(Role.SITE) if not set(self.values(at)) <= sides]
        self.taken.update(found[:1])
        return found[0] if found else None

    def device(self) -> tuple[int, ...]:
        if self.names.device is not None:
            column = self.named(self.names.device, "--device-column")
            return () if column is None else (column,)
        found = [at for _, at in self.ranked(Role.DEVICE)][:1]
        maker = [at for at, name in enumerate(self.table.header) if is_maker(name)][:1]
        model = [at for at, name in enumerate(self.table.header) if is_model(name)][:1]
        return tuple(found or (maker + model if maker else []))


def choose(
    tables: Sequence[RawTable],
    names: ColumnNames,
    index: FileIndex,
    *,
    needs_classes: bool,
    wants_patients: bool,
    given: Path | str,
) -> Chosen:
    """Choose the sheet and its columns.

    Raises:
        Undecided: two columns, or two sheets, fit equally well.
        TableUnclear: no column names files.
        BadInput: a named column is missing.
    """
    if not tables:
        raise _no_files(None, given)
    found: list[tuple[int, _Choosing, int]] = []
    failed: BadInput | None = None
    for table in tables:
        choosing = _Choosing(_with_header(table, names, index, given), names, index, given)
        try:
            file, hits = choosing.file()
        except Undecided:
            raise
        except BadInput as error:
            failed = failed or error
            continue
        if file is not None:
            found.append((hits, choosing, file))
    if not found:
        raise failed or _no_files(tables[0], given)
    fitting = [one for one in found if one[0]] or found
    with_classes = [one for one in fitting if any(one[1].ranked(Role.CLASS))]
    fitting = with_classes if needs_classes and with_classes else fitting
    if len(fitting) > 1:
        sheets = ", ".join(one[1].table.sheet for one in fitting)
        raise Undecided(
            f"Several sheets name images: {sheets}", file=given, remedy="Save the one that counts as a file of its own."
        )
    _, choosing, file = fitting[0]
    table = choosing.table
    matches = [index.find(row.cells[file] if file < len(row.cells) else "") for row in table.rows]
    if not any(match.entry for match in matches):
        ranked = [at for _, at in choosing.ranked(Role.CLASS)]
        named = choosing.named(names.class_name, "--class-column")
        return Chosen(table, matches, file, next(iter(ranked), None) if named is None else named)
    if wants_patients:
        patient, unused = choosing.patient()
    else:
        patient, unused = None, tuple(table.header[at] for _, at in choosing.ranked(Role.PATIENT))
    site, device = choosing.site(), choosing.device()
    choosing.taken.update(device)
    class_name = choosing.class_name(needs_classes)
    unused_classes = choosing.unused_classes(class_name)
    return Chosen(table, matches, file, class_name, patient, site, device, unused, unused_classes)


def _no_files(table: RawTable | None, given: Path | str) -> TableUnclear:
    header = [name for name in table.header if name] if table else []
    # Without a header the first line may be about a patient, and is not repeated.
    is_header = any(rank_of(name, role) is not None for name in header for role in Role)
    columns = f" It has these columns: {', '.join(header)[:_SHOWN]}." if is_header else ""
    remedy = "Its first line must name the columns: file, class and, if patients are known, patient. "
    error = TableUnclear(
        "The table has no column that names the files",
        file=given,
        remedy=f"{remedy}Columns with other names are chosen with --file-column and --class-column.{columns}",
    )
    return asking(error, table.header if table else ())


def _with_header(table: RawTable, names: ColumnNames, index: FileIndex, given: Path | str) -> RawTable:
    """The table; one without a header gets its first line as a row, if its columns are given by number.

    Raises:
        TableUnclear: the first line is no header, and the columns are not given by number.
    """
    said = [name for name in (names.file, names.class_name) if name not in (None, NO_COLUMN)]
    is_said = bool(said) and any(folded(cell) == folded(name or "") for cell in table.header for name in said)
    matches = [index.find(cell) for cell in table.header]
    begins = any(match.entry is not None and match.fit < Fit.WITHOUT_ZEROS for match in matches)
    if is_said or not begins or any(rank_of(cell, Role.FILE) is not None for cell in table.header):
        return table
    if names.file is None or not names.file.strip().isdecimal():
        error = TableUnclear(
            "The first line of the table is no header: it names an image",
            file=given,
            remedy="Add a first line that names the columns, such as file,class,patient. Or give their numbers: "
            "--file-column 1 --class-column 2.",
        )
        raise asking(error, [""] * len(table.header))  # the line may be about a patient, and is not repeated
    first = Row(table.header_line, table.header)
    numbers = tuple(str(at + 1) for at in range(max(len(row.cells) for row in (first, *table.rows))))
    return RawTable(numbers, [first, *table.rows], 0, table.sheet)
