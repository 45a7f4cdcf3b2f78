"""The paper's numbers, checked against each other."""

import numpy as np
import pytest

from busapp.engine import metrics
from busapp.engine.paper.published import CLASS_COUNTS, CLASSES, PUBLISHED


def test_table_1_and_figure_12_give_the_existing_system_the_same_sensitivities() -> None:
    existing = PUBLISHED["existing"]
    matrix = np.array(existing.confusion)
    # The paper cuts some numbers off after two decimals and rounds others.
    assert metrics.sensitivity(matrix) == pytest.approx([existing.sensitivity[name] for name in CLASSES], abs=0.01)
    assert metrics.specificity(matrix) == pytest.approx([existing.specificity[name] for name in CLASSES], abs=0.01)


def test_what_the_paper_says_twice_is_compared() -> None:
    assert sum(CLASS_COUNTS.values()) == 780
    assert PUBLISHED["existing"].implied_accuracy() == pytest.approx((130 / 156, 130 / 156))
    low, high = PUBLISHED["system1"].implied_accuracy()
    assert low < 701.62 / 780 < high < PUBLISHED["system1"].accuracy  # 0.89·437 + 0.90·210 + 0.93·133
    low, high = PUBLISHED["system2"].implied_accuracy()
    assert low < PUBLISHED["system2"].accuracy < high
