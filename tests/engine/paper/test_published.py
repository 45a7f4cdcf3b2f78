"""The paper's numbers, checked against each other."""

from dataclasses import replace

import numpy as np
import pytest

from busapp.engine import metrics
from busapp.engine.paper.published import CLASS_COUNTS, CLASSES, PUBLISHED, contradictions


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
    assert (low, high) == pytest.approx((744.6 / 780 - 0.005, 744.6 / 780 + 0.01))  # 0.96·437 + 0.94·210 + 0.96·133
    assert PUBLISHED["system2"].accuracy < low


def test_a_rounded_sensitivity_allows_less_below_than_a_cut_one_above() -> None:
    """With the counts that fit: all true sensitivities lie in the allowed range, the paper's accuracies do not."""
    system2 = PUBLISHED["system2"]
    low, high = system2.implied_accuracy()
    for shift in (-0.005, 0.0, 0.00999):
        right = sum(CLASS_COUNTS[name] * (value + shift) for name, value in system2.sensitivity.items())
        assert low - 1e-12 <= right / 780 <= high


def test_no_published_accuracy_is_a_share_of_its_images() -> None:
    assert [PUBLISHED[name].nearest_counts() for name in PUBLISHED] == [(136, 137), (728, 729), (740, 741)]
    assert replace(PUBLISHED["system1"], accuracy=0.93462).nearest_counts() is None  # 729 of 780
    assert replace(PUBLISHED["system1"], accuracy=0.9346).nearest_counts() is None


def test_every_contradiction_is_a_sentence() -> None:
    existing, existing_share, system1, system1_share, system2, system2_share = contradictions()
    assert "87.50 %" in existing and "Figure 12 gives 83.33 %" in existing
    assert "87.50 % is no share of 156 images" in existing_share
    assert "93.43 %" in system1 and "89.45 to 90.95 %" in system1
    assert "93.432 % is no share of 780 images: 728 are 93.333 % and 729 are 93.462 %" in system1_share
    assert "94.93 %" in system2 and "94.96 to 96.46 %" in system2
    assert "94.929 % is no share of 780 images: 740 are 94.872 % and 741 are 95.000 %" in system2_share
    assert contradictions(["system2"]) == [system2, system2_share]
