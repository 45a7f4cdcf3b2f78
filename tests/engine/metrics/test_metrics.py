"""The measures of section 3.6 and their intervals, compared with the numbers that the paper prints; ROC and AUC,
compared with scikit-learn's; calibration and operating points, which are not measured on images that they were chosen
on."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from busapp.engine import metrics

CLASSES = ("benign", "malignant", "normal")
# Figure 12c, existing system, turned to true rows and predicted columns
PAPER = np.array([[77, 12, 1], [2, 39, 0], [2, 9, 14]])


def labels_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.nonzero(np.ones_like(matrix))
    return np.repeat(true, matrix.ravel()), np.repeat(predicted, matrix.ravel())


def logits_for(predicted: np.ndarray, n_classes: int = 3) -> np.ndarray:
    return np.eye(n_classes, dtype=np.float32)[predicted] * 4


def test_all_right_is_not_certain() -> None:
    """Twelve groups of two, all correct: the bound is 0.025 to the power of 1/12. A bootstrap would say 100 to 100
    %."""
    true, groups = np.repeat([0, 1], 12), np.repeat(np.arange(12), 2)
    found = metrics.summary(true, np.eye(2)[true] * 5, groups, ["a", "b"])
    assert found["accuracy_ci95"] == pytest.approx([0.025 ** (1 / 12), 1.0])
    assert found["sensitivity_ci95"]["a"] == pytest.approx([0.025 ** (1 / 6), 1.0])
    assert found["specificity_ci95"]["a"] == pytest.approx([0.025 ** (1 / 6), 1.0])
    wrong = metrics.summary(true, np.eye(2)[1 - true] * 5, groups, ["a", "b"])
    assert wrong["sensitivity_ci95"]["b"] == pytest.approx([0.0, 1 - 0.025 ** (1 / 6)])


def test_table_1_of_the_paper() -> None:
    assert metrics.sensitivity(PAPER).round(2).tolist() == [0.86, 0.95, 0.56]
    # the table truncates 0.939, 0.817 and 0.992, so that the tolerance is one unit of its last digit
    assert metrics.specificity(PAPER) == pytest.approx([0.93, 0.81, 0.99], abs=0.01)


def test_confusion_has_a_row_for_every_class_also_for_those_not_seen() -> None:
    matrix = metrics.confusion(np.array([0, 0]), np.array([0, 1]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    true, predicted = labels_of(PAPER)
    assert (metrics.confusion(true, predicted, 3) == PAPER).all()


def test_measures_of_a_class_without_images_are_none_and_warn_of_nothing() -> None:
    true = np.array([0, 0, 1, 1])
    summary = metrics.summary(true, logits_for(np.array([0, 0, 1, 0])), np.arange(4), CLASSES)
    assert summary["sensitivity"] == {"benign": 1.0, "malignant": 0.5, "normal": None}
    assert summary["sensitivity_ci95"]["normal"] is None
    assert summary["auc"]["normal"] is None
    assert summary["balanced_accuracy"] == 0.75
    assert summary["accuracy"] == 0.75


def test_an_interval_holds_the_value_and_is_the_same_for_the_same_seed() -> None:
    true, predicted = labels_of(PAPER)
    groups = np.arange(len(true))
    one, two = (metrics.summary(true, logits_for(predicted), groups, CLASSES, seed=3) for _ in range(2))
    assert one == two
    low, high = one["accuracy_ci95"]
    assert low < one["accuracy"] < high
    # the binomial standard error of 130 of 156 is 3.0 percentage points
    assert high - low == pytest.approx(2 * 1.96 * 0.030, abs=0.02)


def test_groups_that_are_right_or_wrong_together_widen_the_interval() -> None:
    true = np.zeros(120, dtype=np.intp)
    predicted = np.repeat(np.arange(12) % 3 == 0, 10).astype(np.intp)
    alone = metrics.summary(true, logits_for(predicted), np.arange(120), CLASSES)["accuracy_ci95"]
    together = metrics.summary(true, logits_for(predicted), np.repeat(np.arange(12), 10), CLASSES)["accuracy_ci95"]
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def random_predictions(n: int = 240, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, logits with many ties, and groups of one to four images."""
    rng = np.random.default_rng(seed)
    true = rng.integers(3, size=n)
    logits = np.round(rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[true], 1)
    return true, logits, rng.integers(n // 2, size=n)


def test_accuracy_of_a_class_counts_the_cells_of_figure_11() -> None:
    # benign against the rest: TP 77, FN 13, FP 4, TN 62
    assert metrics.class_accuracy(PAPER)[0] == pytest.approx((77 + 62) / 156)
    stack = np.stack([PAPER, 2 * PAPER])
    assert metrics.class_accuracy(stack).tolist() == [metrics.class_accuracy(PAPER).tolist()] * 2


def test_auc_is_one_against_the_rest() -> None:
    true = np.array([0, 1, 2, 0, 1, 2])
    assert metrics.auc(true, logits_for(true)).tolist() == [1.0, 1.0, 1.0]
    assert metrics.auc(true, np.zeros((6, 3))).tolist() == [0.5, 0.5, 0.5]


def test_auc_and_roc_are_those_of_scikit_learn() -> None:
    true, logits, _ = random_predictions()
    probabilities = metrics.softmax(logits)
    weights = np.random.default_rng(1).integers(4, size=(2, len(true))).astype(float)
    for index, area in enumerate(metrics.auc(true, logits)):
        is_class, scores = true == index, np.round(probabilities[:, index], 1)
        assert area == pytest.approx(roc_auc_score(is_class, probabilities[:, index]), abs=1e-12)
        expected = [roc_auc_score(is_class, scores, sample_weight=one) for one in weights]
        assert metrics.weighted_auc(is_class, scores, weights) == pytest.approx(expected, abs=1e-12)
        curve = roc_curve(is_class, scores, drop_intermediate=False)
        for ours, theirs in zip(metrics.roc(is_class, scores), curve, strict=True):
            assert ours == pytest.approx(theirs)


def test_a_curve_without_one_of_its_sides_is_not_a_number() -> None:
    false_rates, true_rates, thresholds = metrics.roc(np.array([True, True]), np.array([0.2, 0.4]))
    assert np.isnan(false_rates).all()
    assert (true_rates.tolist(), thresholds.tolist()) == ([0.0, 0.5, 1.0], [np.inf, 0.4, 0.2])
    assert len(metrics.roc(np.zeros(0, bool), np.zeros(0))[0]) == 1


def test_draws_are_of_whole_groups_and_their_measures_those_of_the_drawn_images() -> None:
    true, logits, groups = random_predictions()
    bootstrap = metrics.Bootstrap.over(groups, seed=5)
    assert bootstrap.draws.shape == (metrics.RESAMPLES, len(np.unique(groups)))
    assert (bootstrap.draws.sum(axis=1) == len(np.unique(groups))).all()
    assert bootstrap.draws.std() == pytest.approx(1, abs=0.02), "as often as a Poisson variable would be"
    predicted, scores = logits.argmax(axis=1), metrics.softmax(logits)[:, 1]
    areas, matrices = bootstrap.auc(true == 1, scores), bootstrap.confusions(true, predicted, 3)
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    for draw in (0, 700, 1999):
        times = bootstrap.draws[draw].astype(int)
        drawn = np.concatenate([images.repeat(n) for images, n in zip(members, times, strict=True)])
        assert areas[draw] == pytest.approx(roc_auc_score(true[drawn] == 1, scores[drawn]), abs=1e-5)
        assert (matrices[draw] == metrics.confusion(true[drawn], predicted[drawn], 3)).all()


def test_a_summary_is_json_and_its_intervals_hold_their_values() -> None:
    true, logits, groups = random_predictions()
    summary = metrics.summary(true, logits, groups, CLASSES, folds=np.arange(len(true)) % 3 + 1)
    json.dumps(summary, allow_nan=False)
    for measure in ("accuracy", "balanced_accuracy", "macro_auc"):
        low, high = summary[f"{measure}_ci95"]
        assert low < summary[measure] < high
    for measure in ("sensitivity", "specificity", "class_accuracy", "auc"):
        for name in CLASSES:
            low, high = summary[f"{measure}_ci95"][name]
            assert low < summary[measure][name] < high
    assert summary["macro_auc"] == pytest.approx(np.mean(list(summary["auc"].values())))
    assert np.sum([fold["confusion"] for fold in summary["folds"]], axis=0).tolist() == summary["confusion"]


def test_the_range_leaves_out_folds_without_images_of_the_class() -> None:
    true = np.array([0, 0, 1, 1, 0, 1, 0, 1, 2, 2])
    predicted = np.array([0, 0, 1, 0, 0, 1, 1, 1, 2, 1])
    folds = np.array([4, 4, 4, 4, 7, 7, 7, 9, 9, 9])
    summary = metrics.summary(true, logits_for(predicted), np.arange(10), CLASSES, folds=folds)
    assert [fold["fold"] for fold in summary["folds"]] == [4, 7, 9]
    assert [fold["sensitivity"]["normal"] for fold in summary["folds"]] == [None, None, 0.5]
    assert [fold["auc"]["normal"] for fold in summary["folds"]] == [None, None, pytest.approx(0.75)]
    assert summary["fold_range"]["sensitivity"] == {"benign": [0.5, 1.0], "malignant": [0.5, 1.0], "normal": [0.5, 0.5]}
    assert summary["fold_range"]["accuracy"] == [pytest.approx(2 / 3), 0.75]
    # only the last fold has the third class: the other folds cannot give a threshold for it
    assert summary["operating_points"]["normal"] is None


def test_a_threshold_is_chosen_without_the_images_it_is_measured_on() -> None:
    """The network of one fold is unsure of all images: with the thresholds of the other folds, it misses all images of
    the class."""
    sure, unsure = np.linspace(2, 4, 20), np.linspace(0.4, 0.6, 20)
    true = np.tile(np.repeat([0, 1], 20), 3)
    margin = np.concatenate([-sure, sure, -sure, sure, -unsure, unsure])
    folds = np.repeat([1, 2, 3], 40)
    logits = np.stack([np.zeros(120), margin], axis=1)
    summary = metrics.summary(true, logits, np.arange(120), ("benign", "malignant"), folds=folds)
    point = summary["operating_points"]["malignant"]

    def probability(threshold: float) -> float:
        return float(1 / (1 + np.exp(-threshold)))

    # 36 of the 40 others must be called: all but two of each fold, or all of the sure fold and 16 unsure ones
    assert point["fold_thresholds"]["3"] == pytest.approx(probability(np.sort(np.tile(sure, 2))[4]))
    assert point["fold_thresholds"]["1"] == point["fold_thresholds"]["2"] == pytest.approx(probability(unsure[4]))
    assert point["threshold"] == pytest.approx(probability(unsure[6])), "of all 60 the 54th"
    assert point["sensitivity"] == pytest.approx(40 / 60), "chosen on the same images it would have been 0.9"
    assert point["specificity"] == 1.0
    assert point["sensitivity_ci95"][0] < 40 / 60 < point["sensitivity_ci95"][1]


def test_one_fold_can_neither_choose_a_threshold_nor_a_temperature_for_itself() -> None:
    true, logits, groups = random_predictions()
    summary = metrics.summary(true, logits, groups, CLASSES)
    assert summary["operating_points"] == dict.fromkeys(CLASSES)
    assert summary["calibration"]["ece_scaled"] is None


def test_temperature_finds_what_logits_were_multiplied_with() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 3)) * 2
    true = np.array([rng.choice(3, p=p) for p in metrics.softmax(honest)])
    assert metrics.temperature(honest * 5, true) == pytest.approx(5, rel=0.1)
    assert metrics.temperature(honest * 5, true) == pytest.approx(5 * metrics.temperature(honest, true), rel=1e-4)
    overconfident = metrics.calibration_error(metrics.softmax(honest * 5), true)
    assert metrics.calibration_error(metrics.softmax(honest), true) < 0.03 < overconfident
    found = metrics.summary(true, honest * 5, np.arange(4000), CLASSES, folds=np.arange(4000) % 4)["calibration"]
    assert found["ece"] == pytest.approx(overconfident)
    assert found["ece_ci95"][0] < overconfident < found["ece_ci95"][1]
    assert found["ece_scaled"] < 0.03
    assert sum(one["n"] for one in found["bins"]) == 4000
    gap = sum(one["n"] * abs(one["confidence"] - one["accuracy"]) for one in found["bins"]) / 4000
    assert gap == pytest.approx(overconfident)
    assert all(one["low"] <= one["confidence"] <= one["high"] for one in found["bins"])


def test_a_temperature_stays_within_its_bounds_where_all_or_nothing_is_right() -> None:
    true, logits = np.array([0, 1, 2]), logits_for(np.array([0, 1, 2]))
    assert metrics.temperature(logits, true) == pytest.approx(0.05)
    assert metrics.temperature(logits, (true + 1) % 3) == pytest.approx(20)


def test_a_share_of_a_count_is_that_of_its_decimals() -> None:
    assert [metrics.least_count(0.9, of) for of in (0, 1, 9, 10, 11, 20, 110)] == [0, 1, 9, 9, 10, 18, 99]
    assert all(metrics.least_count(0.07, 100 * of) == 7 * of for of in range(1000))  # 0.07 · 100 is 7.000000000000001
