"""The measures of section 3.6, against the numbers that the paper prints, and their intervals."""

import numpy as np
import pytest

from busapp.engine import metrics

CLASSES = ("benign", "malignant", "normal")
# Figure 12c, existing system, turned to true rows and predicted columns
PAPER = np.array([[77, 12, 1], [2, 39, 0], [2, 9, 14]])


def labels_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.nonzero(np.ones_like(matrix))
    return np.repeat(true, matrix.ravel()), np.repeat(predicted, matrix.ravel())


def logits_for(predicted: np.ndarray, n_classes: int = 3) -> np.ndarray:
    return np.eye(n_classes, dtype=np.float32)[predicted] * 4


def test_table_1_of_the_paper() -> None:
    assert metrics.sensitivity(PAPER).round(2).tolist() == [0.86, 0.95, 0.56]
    # the table cuts 0.939, 0.817 and 0.992 off; here they are compared to within that
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


def test_auc_is_one_against_the_rest() -> None:
    true = np.array([0, 1, 2, 0, 1, 2])
    assert metrics.auc(true, logits_for(true)).tolist() == [1.0, 1.0, 1.0]
    assert metrics.auc(true, np.zeros((6, 3))).tolist() == [0.5, 0.5, 0.5]


def test_temperature_finds_what_logits_were_multiplied_with() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 3)) * 2
    true = np.array([rng.choice(3, p=p) for p in metrics.softmax(honest)])
    assert metrics.temperature(honest * 5, true) == pytest.approx(5, rel=0.1)
    overconfident = metrics.calibration_error(metrics.softmax(honest * 5), true)
    assert metrics.calibration_error(metrics.softmax(honest), true) < 0.03 < overconfident
