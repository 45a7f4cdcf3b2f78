"""Patients with too many images, and patients of several classes."""

import pytest

from busapp.engine.study.patients import odd_patients


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, []),
        ({(None, "benign"): 40}, []),
        ({("a", "benign"): 1, ("b", "benign"): 1}, []),
        ({("a", "benign"): 10, (None, "benign"): 90}, []),
        (
            {("a", "benign"): 41, (None, "benign"): 79},
            ["One patient has 41 of 120 images. Check that this is one person."],
        ),
        (
            {("a", "benign"): 30, ("b", "benign"): 20, ("c", "benign"): 5, (None, "benign"): 45},
            [
                "2 patients have more than a tenth of the images each, the largest 30 of 100. Check that each is one "
                "person."
            ],
        ),
        (
            {("a", "benign"): 1, ("a", "malignant"): 1, ("b", "normal"): 2, ("b", "benign"): 1, (None, "benign"): 95},
            ["2 patients have images of several classes. Check the classes and the patients."],
        ),
    ],
)
def test_what_looks_odd_is_said(counts: dict[tuple[str | None, str], int], said: list[str]) -> None:
    assert odd_patients(counts) == said
