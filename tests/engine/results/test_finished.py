"""Results are read only from finished runs of their own kind."""

import pytest
from measured_runs import add_synthesis, add_validation

from busapp.engine.results.stored_results import (
    finished_validation,
    gain_result,
    leaks_result,
    side_by_side_result,
    validation_result,
)
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def test_a_result_is_read_from_a_finished_run_of_its_kind_alone(phantom_study: Workspace) -> None:
    run = add_validation(phantom_study, epochs=1)
    assert validation_result(run) == finished_validation(run) == run.result()
    assert leaks_result(run) is None and gain_result(run) is None and side_by_side_result(run, "rivals") is None
    assert validation_result(add_synthesis(phantom_study, "benign")) is None
    run.info.state = "interrupted"
    assert validation_result(run) is None
    with pytest.raises(BadInput, match="not a finished validation"):
        finished_validation(run)
