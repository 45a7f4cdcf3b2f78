"""Results of finished runs, as the types of the JSON contract."""

from typing import Any, cast

from busapp.engine.contract.side_by_side import SideBySideResult
from busapp.engine.contract.validation import GainResult, LeaksResult, ValidationResult
from busapp.engine.study.runs import Run
from busapp.errors import BadInput


def validation_result(run: Run) -> ValidationResult | None:
    """The result of a finished validation run; None if the run is of another kind, or has no readable result."""
    return cast("ValidationResult | None", _result(run, "validate"))


def finished_validation(run: Run) -> ValidationResult:
    """The result of a finished validation run. Raises `BadInput` if it has none."""
    result = validation_result(run)
    if result is None:
        raise BadInput(
            "This is not a finished validation run", file=run.id, remedy="Finish it first, or name another run."
        )
    return result


def leaks_result(run: Run) -> LeaksResult | None:
    """The result of a finished `leaks` run; None if the run is of another kind, or has no readable result."""
    return cast("LeaksResult | None", _result(run, "leaks"))


def gain_result(run: Run) -> GainResult | None:
    """The result of a finished `gain` run; None if the run is of another kind, or has no readable result."""
    return cast("GainResult | None", _result(run, "gain"))


def side_by_side_result(run: Run, kind: str) -> SideBySideResult | None:
    """The result of a finished run of a `kind` that shows cross-validations side by side; None if the run is of another
    kind, or has no readable result."""
    return cast("SideBySideResult | None", _result(run, kind))


def _result(run: Run, kind: str) -> dict[str, Any] | None:
    return run.result() if run.info.kind == kind and run.info.state == "finished" else None
