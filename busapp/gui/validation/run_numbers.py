"""The numbers of a validation run. A thread computes them, which takes seconds for a large study."""

from dataclasses import dataclass

import numpy as np

from busapp.engine import metrics
from busapp.engine.contract.validation import OperatingPoint, ValidationResult
from busapp.engine.results import statistics
from busapp.engine.results.predictions import Prediction, read_predictions
from busapp.engine.study.workspace import Workspace
from busapp.gui.validation.roc_plot import RocCurve


@dataclass(frozen=True)
class Tested:
    """A tested image, with the probability of every class, without temperature scaling."""

    prediction: Prediction
    probabilities: dict[str, float]

    @property
    def certainty(self) -> float:
        """Probability of the called class."""
        return self.probabilities[self.prediction.predicted]


@dataclass(frozen=True)
class RunNumbers:
    """The numbers of a run: `statistics` from `statistics.of_run`, a ROC curve per class, and the tested images."""

    statistics: ValidationResult
    curves: dict[str, RocCurve]
    tested: list[Tested]


def numbers_of(workspace: Workspace, run_id: str) -> RunNumbers:
    """Read and compute the numbers of a run.

    Raises:
        UserError: the run is missing, or has no readable predictions of a finished fold.
    """
    run = workspace.run(run_id)
    found = statistics.of_run(run)
    rows = read_predictions(run)
    classes = list(rows[0].logits)
    probabilities = metrics.softmax(np.array([list(row.logits.values()) for row in rows]))
    tested = [
        Tested(row, dict(zip(classes, of_row, strict=True)))
        for row, of_row in zip(rows, probabilities.tolist(), strict=True)
    ]
    true = np.array([row.true for row in rows])
    curves = {}
    for index, name in enumerate(classes):
        false_positive_rates, sensitivities, thresholds = metrics.roc(true == name, probabilities[:, index])
        curves[name] = RocCurve(
            false_positive_rates.astype(float),
            sensitivities.astype(float),
            thresholds.astype(float),
            found["auc"].get(name),
            (found.get("auc_ci95") or {}).get(name),
            _point((found.get("operating_points") or {}).get(name)),
        )
    return RunNumbers(found, curves, tested)


def _point(measured: OperatingPoint | None) -> tuple[float, float] | None:
    if measured is None or measured["specificity"] is None:
        return None
    return 1 - measured["specificity"], measured["sensitivity"]
