"""The paper's published numbers of its three systems, as a reference beside a study's own.

Source: `dcgan-mobilenet-breast-ultrasound` (Samrin 2024), Table 1 and Figure 12. The text gives the counts of Figure 12
only for the existing system. All numbers were measured under the protocol `published` of `systems.PROTOCOLS`, so they
leak.
"""

from dataclasses import dataclass
from typing import Final

from busapp.engine.settings.systems import SystemName

SOURCE: Final = "Samrin 2024, Table 1"
CLASSES: Final = ("benign", "malignant", "normal")
CLASS_COUNTS: Final = {"benign": 437, "malignant": 210, "normal": 133}
"""Images of BUSI by class (section 3.4)."""
_CUT: Final = 0.01
"""Largest error of a published sensitivity: they have two decimals, some cut off rather than rounded (Figure 12)."""


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

    def implied_accuracy(self) -> tuple[float, float]:
        """The lowest and the highest test accuracy, as fractions, that agree with the other published numbers.

        These are the confusion matrix, or else the sensitivities, to their precision, with BUSI's class counts.
        """
        if self.confusion is not None:
            right = sum(row[index] for index, row in enumerate(self.confusion))
            share = right / sum(map(sum, self.confusion))
            return share, share
        total = sum(CLASS_COUNTS.values())
        mean = sum(self.sensitivity[name] * count for name, count in CLASS_COUNTS.items()) / total
        return mean - _CUT, min(mean + _CUT, 1.0)


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
