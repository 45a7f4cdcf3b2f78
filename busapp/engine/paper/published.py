"""The paper's published numbers of its three systems, as a reference beside a study's own.

Source: `dcgan-mobilenet-breast-ultrasound` (Samrin 2024), Table 1 and Figure 12. The text gives the counts of Figure 12
only for the existing system. All numbers were measured under the protocol `published` of `systems.PROTOCOLS`, so they
leak.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from busapp.engine.settings.systems import SystemName

SOURCE: Final = "Samrin 2024, Table 1"
CLASSES: Final = ("benign", "malignant", "normal")
CLASS_COUNTS: Final = {"benign": 437, "malignant": 210, "normal": 133}
"""Images of BUSI by class (section 3.4)."""
CONTRADICTS: Final = "The paper contradicts itself:"
"""The heading of `contradictions`."""
_BELOW: Final = 0.005
_ABOVE: Final = 0.01
"""The true sensitivity lies at most this far below and above a published one: they have two decimals, some cut off
rather than rounded (Figure 12)."""
_ACCURACY_STEP: Final = 0.0001
"""Step of the coarsest published accuracy, as a fraction: two decimals of a percentage."""


@dataclass(frozen=True, slots=True)
class Published:
    """One system's column of Table 1, with the keys of a validation's result. All numbers are fractions in [0, 1];
    `accuracy` is that of the test images. `confusion` (Figure 12: rows true, columns predicted, in the order of
    `CLASSES`) is None if the paper shows it only as a picture."""

    train_accuracy: float
    accuracy: float
    sensitivity: dict[str, float]
    specificity: dict[str, float]
    confusion: tuple[tuple[int, ...], ...] | None = None

    @property
    def n_tested(self) -> int:
        """Number of test images: those of the confusion matrix, or else all images of BUSI."""
        return sum(CLASS_COUNTS.values()) if self.confusion is None else sum(map(sum, self.confusion))

    def implied_accuracy(self) -> tuple[float, float]:
        """The lowest and the highest test accuracy, as fractions, that agree with the other published numbers.

        These are the confusion matrix, or else the sensitivities, to their precision, with BUSI's class counts.
        """
        if self.confusion is not None:
            share = sum(row[index] for index, row in enumerate(self.confusion)) / self.n_tested
            return share, share
        mean = sum(self.sensitivity[name] * count for name, count in CLASS_COUNTS.items()) / self.n_tested
        return mean - _BELOW, min(mean + _ABOVE, 1.0)

    def nearest_counts(self) -> tuple[int, int] | None:
        """The numbers of right test images whose shares lie next below and above the published test accuracy; None if
        the accuracy is a share of the test images, to its precision."""
        right = self.accuracy * self.n_tested
        if abs(round(right) - right) <= _ACCURACY_STEP * self.n_tested:
            return None
        return math.floor(right), math.ceil(right)


def _by_class(benign: float, malignant: float, normal: float) -> dict[str, float]:
    return dict(zip(CLASSES, (benign, malignant, normal), strict=True))


PUBLISHED: Final[dict[SystemName, Published]] = {
    "existing": Published(
        train_accuracy=0.9565,
        accuracy=0.8750,
        sensitivity=_by_class(0.86, 0.95, 0.56),
        specificity=_by_class(0.93, 0.81, 0.99),
        confusion=((77, 12, 1), (2, 39, 0), (2, 9, 14)),
    ),
    "system1": Published(
        train_accuracy=0.98713,
        accuracy=0.93432,
        sensitivity=_by_class(0.89, 0.90, 0.93),
        specificity=_by_class(0.95, 0.95, 0.96),
    ),
    "system2": Published(
        train_accuracy=0.98958,
        accuracy=0.94929,
        sensitivity=_by_class(0.96, 0.94, 0.96),
        specificity=_by_class(0.97, 0.98, 0.98),
    ),
}


def contradictions(systems: Iterable[SystemName] = tuple(PUBLISHED)) -> list[str]:
    """Sentences on the published test accuracies of these systems that other numbers of the paper contradict. They
    belong wherever Table 1 is shown."""
    found = []
    for system in systems:
        paper = PUBLISHED[system]
        low, high = paper.implied_accuracy()
        if not low <= paper.accuracy <= high:
            gives = (
                "the confusion matrix of Figure 12 gives" if paper.confusion else "the sensitivities of Table 1 give"
            )
            between = f"{100 * low:.2f} %" if low == high else f"{100 * low:.2f} to {100 * high:.2f} %"
            found.append(
                f"The paper's {system}: Table 1 gives a test accuracy of {100 * paper.accuracy:.2f} %, but {gives} "
                f"{between}."
            )
        if counts := paper.nearest_counts():
            shares = " and ".join(f"{count} are {100 * count / paper.n_tested:.3f} %" for count in counts)
            unless = "" if paper.confusion else " Only a mean over folds of unequal size could give it."
            found.append(
                f"The paper's {system}: the test accuracy of {as_printed(paper.accuracy)} % is no share of "
                f"{paper.n_tested} images: {shares}.{unless}"
            )
    return found


def as_printed(accuracy: float) -> str:
    """A published accuracy, a fraction, as the paper prints it in per cent: `87.50`, `93.432`."""
    return f"{100 * accuracy:.3f}".removesuffix("0")
