"""Patients' numbers in a table: which of them name nobody, and what a spreadsheet has made of them.

A spreadsheet shows 20240115093042017 as 2.02401E+16, keeps only its first 15 digits, writes 4711 as 4711.0, and takes
the zeros off 0004711. Numbers that were cut off would make one patient of many. They are refused.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from busapp.engine.imports.findings import Finding
from busapp.engine.imports.tables.columns import Undecided
from busapp.engine.utils.nobody import is_nobody
from busapp.engine.utils.words import many

_DIGITS_KEPT: Final = 15
"""Digits of a number that a spreadsheet keeps; it writes zeros for the others."""
_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:[.,]\d*E[+-]?|E[+])\d{1,3}", re.IGNORECASE)
_POINT_ZERO: Final = re.compile(r"(\d+)[.,]0")
_DECIMAL: Final = re.compile(r"\d+[.,]\d+")


class PatientsCutOff(Undecided):
    """Patients' numbers of which a spreadsheet has kept only a part."""


def patients_of(cells: Iterable[str], called: str, given: Path | str) -> tuple[dict[str, str | None], list[Finding]]:
    """The patient that each value of a table's column means, None for nobody, and what was assumed.

    Args:
        cells: the column's cells, one for each row.
        called: name of the table, for people.
        given: the table as the user gave it.

    Raises:
        PatientsCutOff: digits of some numbers are lost.
    """
    counts = Counter(cells)
    del counts[""]
    cut = [value for value in counts if _SCIENTIFIC.fullmatch(value)] + _zeros_for_digits(counts)
    if cut:
        rows = many(sum(counts[value] for value in cut), "row")
        raise PatientsCutOff(
            f"A spreadsheet has cut off the patients' numbers in {rows}, as in 1.23457E+16 or 123456789012345000",
            file=given,
            remedy="Export the table again with this column as text. Or choose another column with --patient-column "
            "or a --patient-pattern. --patient-column - goes without patients.",
        )
    findings: list[Finding] = []
    meant: dict[str, str | None] = {value: unicodedata.normalize("NFC", value) for value in counts}
    if not any(_DECIMAL.fullmatch(value) and not _POINT_ZERO.fullmatch(value) for value in counts):
        floats = {value: match[1] for value in counts if (match := _POINT_ZERO.fullmatch(value))}
        meant.update(floats)
        if floats:
            text = f"{called}: patients' numbers end in .0 in {many(sum(counts[v] for v in floats), 'row')}, as "
            findings.append(Finding("assumed", f"{text}spreadsheets write them. They are read without it."))
    persons = _with_zero(meant, counts)
    if persons:
        text = f"{called} counts its patients from 0 up, so 0 is taken for a patient."
        findings.append(Finding("assumed", text))
    nobody = {value for value, patient in meant.items() if is_nobody(value) and patient not in persons}
    meant.update(dict.fromkeys(nobody))
    if nobody:
        unnamed, words = sum(counts[value] for value in nobody), ", ".join(sorted(nobody, key=str.casefold)[:5])
        verb = "names" if unnamed == 1 else "name"
        findings.append(Finding("assumed", f"{called}: {many(unnamed, 'row')} {verb} no patient: {words}."))
    findings += _one_with_zeros(meant, called)
    return meant, findings


def _zeros_for_digits(counts: Iterable[str]) -> list[str]:
    """Numbers of more digits than a spreadsheet keeps, if all of them end in zeros that can be no accident."""
    long = [value for value in counts if value.isdecimal() and len(value.lstrip("0")) > _DIGITS_KEPT]
    are_cut = all(not value.lstrip("0")[_DIGITS_KEPT:].strip("0") for value in long)
    lost = sum(len(value) - _DIGITS_KEPT for value in long)
    return long if are_cut and lost >= 3 else []


def _with_zero(meant: Mapping[str, str | None], counts: Mapping[str, int]) -> set[str]:
    """The ways in which 0 is written, if the numbers of a table go 0, 1, 2 … and 0 has not far more rows than any."""
    named = {patient for value, patient in meant.items() if patient and not is_nobody(value)}
    values = {int(number) for number in named if number.isdecimal() and len(number) < 10}
    zeros = {patient for patient in meant.values() if patient and patient.isdecimal() and not patient.strip("0")}
    if len(values) < len(named) or not values or min(values) > 1 or max(values) > 10 * len(values):
        return set()
    rows = sum(counts[value] for value, patient in meant.items() if patient in zeros)
    most = max(count for value, count in counts.items() if meant[value] in named)
    return zeros if rows <= 3 * most else set()


def _one_with_zeros(meant: dict[str, str | None], called: str) -> list[Finding]:
    """Make one patient of 0004711 and 4711 of the same table."""
    longest: dict[str, str] = {}
    joined = set()
    for patient in meant.values():
        if patient and patient.isdecimal():
            plain = patient.lstrip("0") or "0"
            if longest.setdefault(plain, patient) != patient:
                joined.add(plain)
                longest[plain] = max(longest[plain], patient, key=len)
    if not joined:
        return []
    for value, patient in meant.items():
        if patient and patient.isdecimal() and (patient.lstrip("0") or "0") in joined:
            meant[value] = longest[patient.lstrip("0") or "0"]
    text = f"{called} writes the numbers of {many(len(joined), 'patient')} with and without zeros in front. Each is "
    return [Finding("assumed", f"{text}taken for one patient.")]
