"""The paired test of two validation runs counts groups of near-duplicates once, and pairs equal tasks only."""

from collections.abc import Iterable

import pytest
from scipy.stats import binomtest

from busapp.engine.comparison import compare_runs, mcnemar
from busapp.engine.files import write_json
from busapp.engine.predictions import Prediction, write_predictions
from busapp.engine.runs import Run
from busapp.engine.workspace import Workspace
from busapp.summaries import comparison_lines


def predictions(rights: Iterable[bool], groups: Iterable[int] | None = None, true: str = "benign") -> list[Prediction]:
    """Images 0, 1, …, classified rightly or not; each a group of its own unless told otherwise."""
    rights = list(rights)
    return [
        Prediction(number, f"{number}.png", "0", group, 1, true, true if right else "other", {})
        for number, (right, group) in enumerate(zip(rights, groups or range(len(rights)), strict=True))
    ]


def test_single_images_give_the_binomial_test_of_those_only_one_got_right() -> None:
    first = predictions([True, True, False, False, False, False, True, False])
    second = predictions([True, False, True, True, True, True, True, False])
    test = mcnemar(first, second)
    assert (test["only_first_right"], test["only_second_right"]) == (1, 4)
    assert (test["groups_first_better"], test["groups_second_better"]) == (1, 4)
    assert (test["n_common"], test["n_groups_common"]) == (8, 8)
    assert test["difference"] == pytest.approx(3 / 8)
    assert test["p_value"] == pytest.approx(binomtest(1, 5).pvalue)


def test_near_duplicates_have_one_vote() -> None:
    """Eight copies of one picture, on which the second run is better: one discordance, which shows nothing."""
    groups = [0] * 8 + [8, 9]
    test = mcnemar(predictions([False] * 8 + [True] * 2, groups), predictions([True] * 10, groups))
    assert (test["n_common"], test["n_groups_common"], test["only_second_right"]) == (10, 3, 8)
    assert (test["groups_first_better"], test["groups_second_better"]) == (0, 1)
    assert test["difference"] == pytest.approx(0.8)
    assert test["p_value"] == 1.0


def test_a_group_votes_for_the_run_that_got_more_of_it_right() -> None:
    groups = [0, 0, 0, 3, 3]
    test = mcnemar(
        predictions([True, False, False, True, False], groups), predictions([False, True, True, False, True], groups)
    )
    assert (test["groups_first_better"], test["groups_second_better"]) == (0, 1), "the second group is a draw"


def test_groups_of_either_run_hold_together() -> None:
    """One run came before curation; what the other run's groups join is joined."""
    first, second = predictions([False] * 4), predictions([True] * 4, [0, 0, 2, 2])
    assert mcnemar(first, second)["n_groups_common"] == mcnemar(second, first)["n_groups_common"] == 2


def test_images_whose_class_was_changed_between_the_runs_are_not_paired() -> None:
    first = predictions([True] * 3)
    second = [*predictions([True] * 3)[:2], *predictions([False] * 3, true="malignant")[2:]]
    test = mcnemar(first, second)
    assert (test["n_common"], test["only_first_right"], test["difference"]) == (2, 0, 0.0)


def test_equal_or_disjoint_runs() -> None:
    same = predictions([True, False])
    assert mcnemar(same, same)["p_value"] == 1.0
    none = mcnemar(same[:1], same[1:])
    assert (none["n_common"], none["n_groups_common"], none["difference"], none["p_value"]) == (0, 0, None, None)


def _finished_run(study: Workspace) -> Run:
    run = study.new_run("validate", {})
    write_predictions(run, predictions([True, False]), [])
    numbers = {"n_images": 2, "n_groups": 2, "n_synthetic": 0, "accuracy": 0.5, "accuracy_ci95": None, "leaks": {}}
    measures: dict[str, dict[str, float]] = {"sensitivity": {}, "specificity": {}, "auc": {}}
    write_json(run.folder / "result.json", {"system": "existing", "protocol": "strict", **numbers, **measures})
    run.info.state = "finished"
    run.save()
    return run


def test_runs_on_different_datasets_are_told_apart(phantom_study: Workspace) -> None:
    first, second = _finished_run(phantom_study), _finished_run(phantom_study)
    assert not any("dataset" in line for line in comparison_lines(compare_runs([first, second])))
    phantom_study.catalog.exclude([phantom_study.catalog.images()[0].id], "poor image")
    lines = comparison_lines(compare_runs([first, _finished_run(phantom_study)]))
    assert lines[-1].startswith("The dataset was changed between these runs")
