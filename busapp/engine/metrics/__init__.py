"""Measures of predictions: those of the paper (section 3.6) and those that a reviewer asks for. Their intervals take
groups into account.

`summary` computes all measures of out-of-fold predictions, with numpy alone. `exact95` is for single counted answers.
"""

from busapp.engine.metrics.bootstrap import RESAMPLES, Bootstrap, interval95
from busapp.engine.metrics.calibration import calibration_error, temperature
from busapp.engine.metrics.measures import (
    Floats,
    Ints,
    accuracy,
    auc,
    class_accuracy,
    confusion,
    mean_of_defined,
    roc,
    sensitivity,
    softmax,
    specificity,
    weighted_auc,
)
from busapp.engine.metrics.of_predictions import summary
from busapp.engine.metrics.operating_points import TARGET_SENSITIVITY
from busapp.engine.metrics.proportions import exact95, least_count

__all__ = [
    "RESAMPLES",
    "TARGET_SENSITIVITY",
    "Bootstrap",
    "Floats",
    "Ints",
    "accuracy",
    "auc",
    "calibration_error",
    "class_accuracy",
    "confusion",
    "exact95",
    "interval95",
    "least_count",
    "mean_of_defined",
    "roc",
    "sensitivity",
    "softmax",
    "specificity",
    "summary",
    "temperature",
    "weighted_auc",
]
