"""The findings of an import, without the one that most small sets have: nothing names their patients."""

from collections.abc import Sequence

from busapp.engine.contract.dataset import ImportResult
from busapp.engine.imports.findings import Finding, missing_patients

(NO_PATIENTS,) = missing_patients(1, 1)


def but_patients(findings: Sequence[Finding]) -> list[Finding]:
    assert NO_PATIENTS in findings
    return [finding for finding in findings if finding != NO_PATIENTS]


def found_by(result: ImportResult) -> list[Finding]:
    """The findings in the result of an import that names no patients."""
    return but_patients([Finding(one["kind"], one["text"]) for one in result["findings"]])
