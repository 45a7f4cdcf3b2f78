"""How good predictions are: the paper's measures (section 3.6) and those that a reviewer asks for, with intervals that
know of groups.

`summary` is the door: everything that can be said of out-of-fold predictions. Numpy alone is needed for it.
`exact95` is for answers that are counted one by one.
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
from busapp.engine.metrics.shares import exact95

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
    "mean_of_defined",
    "roc",
    "sensitivity",
    "softmax",
    "specificity",
    "summary",
    "temperature",
    "weighted_auc",
]
