"""The choice of runs to show side by side, and their titles."""

import pytest
from measured_runs import add_validation

from busapp.engine.results.measured import Measured, chosen_runs, longest_runs
from busapp.engine.results.predictions import FILE
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def test_the_longest_of_each_system_protocol_and_recipe_in_the_papers_order(phantom_study: Workspace) -> None:
    add_validation(phantom_study, system="system2")
    old = add_validation(phantom_study)
    careful = add_validation(phantom_study, recipe="careful")
    published = add_validation(phantom_study, protocol="published")
    existing = add_validation(phantom_study, system="existing")
    strict = add_validation(phantom_study)
    changed = add_validation(phantom_study, split_duplicates=True)
    phantom_study.new_run("validate", {}, "unfinished")
    chosen = [run.id for run in longest_runs(phantom_study)]
    assert chosen[:4] == [existing.id, published.id, strict.id, careful.id] and len(chosen) == 5
    assert old.id not in chosen and changed.id not in chosen
    short = add_validation(phantom_study, epochs=1)  # a short trial does not represent the study
    assert short.id not in [run.id for run in longest_runs(phantom_study)]
    assert [run.id for run in chosen_runs(phantom_study, [old.id, changed.id, old.id])] == [old.id, changed.id]


def test_what_tells_runs_apart_is_in_their_titles(phantom_study: Workspace) -> None:
    careful = Measured.of(add_validation(phantom_study, recipe="careful", equalise=True))
    assert careful.title == "system1, strict, careful, equalised" and careful.leaks == []
    assert careful.size == "24 images in 24 groups, 4 folds × 3 epochs"
    changed = Measured.of(add_validation(phantom_study, keep_conflicts=True))
    assert changed.title == "system1, strict changed" and changed.leaks
    assert changed.counted == ["near-duplicates with contradicting labels: 3"]
    # A leak that a system cannot have does not make it another protocol.
    existing = Measured.of(add_validation(phantom_study, system="existing", generator_sees_test=True, epochs=1))
    assert existing.title == "existing, strict" and existing.size.endswith("one hold-out × 1 epoch")
    part = Measured(existing.run, {**existing.result, "n_tested": 5})
    assert part.size == "24 images in 24 groups, one hold-out × 1 epoch (5 tested)"


def test_what_older_results_lack_is_computed_or_said_to_be_missing(phantom_study: Workspace) -> None:
    run = add_validation(phantom_study)
    whole = Measured.of(run)
    assert not whole.incomplete and whole.result["auc_ci95"]["benign"] and whole.result["calibration"]["bins"]
    (run.folder / FILE).unlink()
    less = Measured.of(run)
    assert FILE in less.incomplete and less.result["accuracy"] == whole.result["accuracy"]


def test_a_study_without_runs_says_what_to_do(phantom_study: Workspace) -> None:
    with pytest.raises(BadInput, match="busapp validate"):
        chosen_runs(phantom_study, [])
    with pytest.raises(BadInput, match="no such run"):
        chosen_runs(phantom_study, ["nothing"])
    unfinished = phantom_study.new_run("validate", {})
    with pytest.raises(BadInput, match="not a finished validation"):
        chosen_runs(phantom_study, [unfinished.id])
