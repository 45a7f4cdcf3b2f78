"""Classes and patients of CBIS-DDSM, whose tables describe abnormalities and whose paths are not those on the disk.

The whole films are called `Mass-Training_P_00001_LEFT_CC` and so on, their crops and masks the same with a number
behind. In the DICOM form that is the name of a folder; in the JPEG form `dicom_info.csv` gives it for each file, whose
folder is named by a UID.

Source: Lee et al. 2017, Scientific Data 4:170177.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from busapp.engine.imports.files.sources import Entry, Label
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.sorting.table_labels import SEVERAL_CLASSES, TableLabels
from busapp.engine.imports.tables.tables import RawTable, read_tables
from busapp.engine.utils.words import many
from busapp.errors import BadInput

_FILM: Final = re.compile(
    r"(?P<film>(?:mass|calc)-(?:training|test)_(?P<patient>P_\d+)_(?:left|right)_(?:cc|mlo))(?P<part>_\d+)?",
    re.IGNORECASE,
)
_CLASSES: Final = {"benign": "benign", "benign_without_callback": "benign", "malignant": "malignant"}
_PART: Final = "It is a crop or a mask of an abnormality; the whole films come in"
_UNKNOWN: Final = "No table says which film it is"


def read_films(name: str, tables: Iterable[Entry], images: Sequence[Entry]) -> TableLabels:
    """Labels of the whole films; everything else is left out. `name` is the name of the set for patients."""
    classes: dict[str, set[str]] = defaultdict(set)
    named: dict[str, str] = {}
    said = TableLabels(decides=True)
    without_callback = 0
    for table in (read for entry in tables for read in _readable(entry)):
        header = [column.strip().lower().replace("_", " ") for column in table.header]
        if "pathology" in header and "image file path" in header:
            without_callback += _take_cases(table, header, classes)
        elif "image path" in header and "patientid" in header:
            _take_files(table, header, named)
    for entry in images:
        path = f"{entry.folder}/{entry.name}"
        found = next((found for part in path.split("/") if (found := _FILM.fullmatch(part))), None)
        found = found or _FILM.fullmatch(named.get(_end_of(path), ""))
        of_film = classes.get(found["film"].lower(), set()) if found else set()
        if found is None or (not of_film and not found["part"]):
            said.left_out[entry.where] = _UNKNOWN
        elif found["part"]:
            said.left_out[entry.where] = _PART
        elif len(of_film) > 1:
            said.left_out[entry.where] = SEVERAL_CLASSES
        else:
            said.labels[entry.where] = Label(next(iter(of_film)), f"{name} {found['patient'].upper()}")
    said.findings = _told(said, without_callback)
    return said


def _readable(entry: Entry) -> list[RawTable]:
    try:
        return read_tables(entry, entry.name)
    except BadInput:
        return []


def _take_cases(table: RawTable, header: Sequence[str], classes: dict[str, set[str]]) -> int:
    """Add the class of each film, which has a row for each abnormality. Returns the number of rows without callback."""
    film, pathology = header.index("image file path"), header.index("pathology")
    without_callback = 0
    for row in table.rows:
        if len(row.cells) <= max(film, pathology):
            continue
        found = _FILM.fullmatch(row.cells[film].strip().replace("\\", "/").split("/")[0])
        class_name = _CLASSES.get(row.cells[pathology].strip().lower())
        if found and class_name:
            classes[found["film"].lower()].add(class_name)
            without_callback += "callback" in row.cells[pathology].lower()
    return without_callback


def _take_files(table: RawTable, header: Sequence[str], named: dict[str, str]) -> None:
    """Add which film or part of one each file shows, by the end of its path."""
    path, film = header.index("image path"), header.index("patientid")
    for row in table.rows:
        if len(row.cells) > max(path, film):
            named[_end_of(row.cells[path])] = row.cells[film].strip()


def _end_of(path: str) -> str:
    """The folder and the name of a file: the UID makes the folder unique."""
    return "/".join(path.strip().replace("\\", "/").lower().split("/")[-2:])


def _told(said: TableLabels, without_callback: int) -> list[Finding]:
    findings = [Finding("assumed", "The class of a film is the pathology of its abnormalities in the tables.")]
    if without_callback:
        text = f"BENIGN_WITHOUT_CALLBACK ({many(without_callback, 'row')}) counts as benign."
        findings.append(Finding("assumed", text))
    for reason, count in Counter(said.left_out.values()).items():
        findings.append(Finding("left out", f"{many(count, 'file')} left out. {reason}."))
    return findings
