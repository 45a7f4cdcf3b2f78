"""Two validation runs are paired image by image; groups of near-duplicates count once, in tests and in intervals."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from busapp.engine.results.comparison import compare_runs, paired
from busapp.engine.results.predictions import Prediction, write_predictions
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_json
from busapp.errors import BadInput
from busapp.summaries import summary


def logits(right: bool) -> dict[str, float]:
    return {"benign": 2.0 if right else -2.0, "malignant": 0.0}


def predictions(rights: Iterable[bool], groups: Iterable[int] | None = None, true: str = "benign") -> list[Prediction]:
    """Predictions of images 0, 1, …, correct or not; each is a group of its own unless groups are given."""
    rights = list(rights)
    return [
        Prediction(number, f"{number}.png", "0", group, 1, true, true if right else "other", logits(right))
        for number, (right, group) in enumerate(zip(rights, groups or range(len(rights)), strict=True))
    ]


def test_single_images_give_the_binomial_test_of_those_only_one_got_right() -> None:
    first = predictions([True, True, False, False, False, False, True, False])
    second = predictions([True, False, True, True, True, True, True, False])
    test = paired(first, second)
    assert (test["only_first_right"], test["only_second_right"]) == (1, 4)
    assert (test["groups_first_better"], test["groups_second_better"]) == (1, 4)
    assert (test["n_common"], test["n_groups_common"]) == (8, 8)
    assert test["difference"] == pytest.approx(3 / 8)
    assert test["p_value"] == pytest.approx(binomtest(1, 5).pvalue)


def test_near_duplicates_have_one_vote() -> None:
    """Eight copies of one picture, on which the second run is better: one discordant group, which shows nothing."""
    groups = [0] * 8 + [8, 9]
    test = paired(predictions([False] * 8 + [True] * 2, groups), predictions([True] * 10, groups))
    assert (test["n_common"], test["n_groups_common"], test["only_second_right"]) == (10, 3, 8)
    assert (test["groups_first_better"], test["groups_second_better"]) == (0, 1)
    assert test["difference"] == pytest.approx(0.8)
    assert test["p_value"] == 1.0


def test_a_group_votes_for_the_run_that_got_more_of_it_right() -> None:
    groups = [0, 0, 0, 3, 3]
    test = paired(
        predictions([True, False, False, True, False], groups), predictions([False, True, True, False, True], groups)
    )
    assert (test["groups_first_better"], test["groups_second_better"]) == (0, 1), "the second group is a draw"


def test_groups_of_either_run_hold_together() -> None:
    """One run is from before curation; images that the other run groups are one group."""
    first, second = predictions([False] * 4), predictions([True] * 4, [0, 0, 2, 2])
    assert paired(first, second)["n_groups_common"] == paired(second, first)["n_groups_common"] == 2


def test_images_whose_class_was_changed_between_the_runs_are_not_paired() -> None:
    first = predictions([True] * 3)
    second = [*predictions([True] * 3)[:2], *predictions([False] * 3, true="malignant")[2:]]
    test = paired(first, second)
    assert (test["n_common"], test["only_first_right"], test["difference"]) == (2, 0, 0.0)


def test_equal_or_disjoint_runs() -> None:
    same = predictions([True, False])
    assert paired(same, same)["p_value"] == 1.0
    none = paired(same[:1], same[1:])
    assert (none["n_common"], none["n_groups_common"], none["difference"], none["p_value"]) == (0, 0, None, None)


def test_the_sign_test_is_the_exact_binomial_one() -> None:
    for one, other in ((0, 0), (3, 3), (0, 9), (12, 30), (200, 251)):
        rights = [True] * one + [False] * other
        test = paired(predictions(rights), predictions([not right for right in rights]))
        expected = binomtest(one, one + other).pvalue if rights else None
        assert test["p_value"] == (pytest.approx(expected) if rights else None)


def test_an_interval_of_the_difference_draws_groups_for_both_runs_alike() -> None:
    rng = np.random.default_rng(0)
    first = predictions(rng.random(300) < 0.7)
    second = [row if rng.random() < 0.9 else predictions([True] * 300)[n] for n, row in enumerate(first)]
    test = paired(first, second)
    low, high = test["difference_ci95"]
    assert low < test["difference"] < high
    # the standard error of the paired difference, far below that of two independent accuracies
    gains = np.array([(b.true == b.predicted) - (a.true == a.predicted) for a, b in zip(first, second, strict=True)])
    assert high - low == pytest.approx(2 * 1.96 * gains.std() / np.sqrt(300), rel=0.1)
    assert high - low < 0.5 * 2 * 1.96 * np.sqrt(2 * 0.7 * 0.3 / 300)
    groups = list(range(30)) * 10
    grouped = paired(
        [replace(row, group=group) for row, group in zip(first, groups, strict=True)],
        [replace(row, group=group) for row, group in zip(second, groups, strict=True)],
    )
    assert grouped["n_groups_common"] == 30 and grouped["difference"] == test["difference"]


def test_differences_are_named_by_measure_and_class() -> None:
    benign = predictions([True, True, False, False])
    malignant = [
        Prediction(9 + n, f"m{n}.png", "0", 9 + n, 1, "malignant", "benign", {"benign": 1.0, "malignant": 0.0})
        for n in range(4)
    ]
    better = [replace(row, predicted="malignant", logits={"benign": -3.0, "malignant": 0.0}) for row in malignant]
    differences = paired([*benign, *malignant], [*benign, *better])["differences"]
    assert differences["sensitivity/malignant"]["difference"] == 1.0
    assert differences["sensitivity/benign"] == {"difference": 0.0, "ci95": [0.0, 0.0]}
    assert differences["specificity/benign"]["difference"] == 1.0
    assert differences["balanced_accuracy"]["difference"] == 0.5
    # before, 2 of 4 benign images scored above all malignant ones; now all do
    assert differences["auc/malignant"]["difference"] == pytest.approx(0.5)
    assert differences["macro_auc"]["difference"] == pytest.approx(0.5)
    low, high = differences["auc/malignant"]["ci95"]
    assert 0 <= low < 0.5 < high <= 1
    assert "sensitivity/other" not in differences, "no image is of that class"


def test_folds_are_the_same_if_they_divide_alike_by_whatever_numbers() -> None:
    first = [replace(row, fold=fold) for row, fold in zip(predictions([True] * 6), (1, 1, 2, 2, 3, 3), strict=True)]
    renumbered = [replace(row, fold=4 - row.fold) for row in first]
    assert paired(first, renumbered)["same_folds"]
    assert paired(first, renumbered[1:])["same_folds"], "an image that one run does not use is no other division"
    joined = [replace(row, fold=max(2, row.fold)) for row in first]
    assert not paired(first, joined)["same_folds"] and not paired(joined, first)["same_folds"]
    hold_out = predictions([True] * 6)
    assert paired(hold_out, hold_out)["same_folds"]
    assert not paired(hold_out, hold_out[1:])["same_folds"], "what was not tested was trained on"


def _finished_run(study: Workspace, rights: Iterable[bool] = (True, False)) -> Run:
    """A result as an early version wrote it."""
    run = study.new_run("validate", {})
    tested = predictions(rights)
    write_predictions(run, tested, ["benign", "malignant"])
    result = {
        "system": "existing",
        "protocol": "strict",
        "switches": dict.fromkeys(
            ("carry_weights", "split_duplicates", "keep_conflicts", "generator_sees_test"), False
        ),
        "classes": ["benign", "malignant"],
        "epochs": 1,
        "seed": 0,
        "n_images": len(tested),
        "n_groups": len(tested),
        "n_synthetic": 0,
        "train_accuracy": 1.0,
        "folds": [{"fold": 1, "train_accuracy": 1.0}],
        "leaks": {},
    }
    write_json(run.folder / "result.json", result)
    run.info.state = "finished"
    run.save()
    return run


def test_runs_on_different_datasets_are_told_apart(phantom_study: Workspace) -> None:
    first, second = _finished_run(phantom_study), _finished_run(phantom_study)
    assert not any("dataset" in line for line in summary("compare", compare_runs([first, second])))
    phantom_study.catalog.exclude([phantom_study.catalog.images()[0].id], "poor image")
    lines = summary("compare", compare_runs([first, _finished_run(phantom_study)]))
    assert lines[-1].startswith("The dataset was changed between these runs")


def test_what_early_results_lack_is_computed_and_said_in_columns(phantom_study: Workspace) -> None:
    first = _finished_run(phantom_study, [True] * 6 + [False] * 4)
    second = _finished_run(phantom_study, [True] * 9 + [False])
    compared = compare_runs([first, second])
    before, after = compared["runs"]
    assert (before["recipe"], before["train_accuracy"], before["n_folds"]) == ("paper", 1.0, 1)
    assert (before["accuracy"], after["accuracy"]) == (0.6, 0.9)
    assert before["accuracy_ci95"][0] < 0.6 < before["accuracy_ci95"][1]
    assert after["specificity"]["benign"] is None and after["auc"]["benign"] is None
    lines = summary("compare", compared)
    assert lines[0].startswith(f"run 1: {first.id}  existing, strict, paper: 10 images in 10 groups")
    (accuracy,) = [line for line in lines if line.startswith("  accuracy")]
    assert "60.0 % (" in accuracy and accuracy.index("90.0 %") == lines[2].index("run 2"), "columns stand in line"
    (test,) = [line for line in lines if line.startswith("Run 2 against run 1, on the same folds")]
    assert "accuracy +30.0 points (+" in test and "p = 0.25" in test


def test_one_run_or_an_unfinished_one_cannot_be_compared(phantom_study: Workspace) -> None:
    run, unfinished = _finished_run(phantom_study), _finished_run(phantom_study)
    unfinished.info.state = "cancelled"
    with pytest.raises(BadInput, match="One run"):
        compare_runs([run])
    with pytest.raises(BadInput, match="not a finished validation"):
        compare_runs([run, unfinished])
