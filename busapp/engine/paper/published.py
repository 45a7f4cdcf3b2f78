"""What the paper published of its three systems, for reference beside a study's own numbers.

Source: `dcgan-mobilenet-breast-ultrasound` (Samrin 2024), Table 1 and Figure 12. The text gives the counts of Figure 12
for the existing system alone. All numbers were measured under the protocol that `systems.PROTOCOLS` calls `published`:
they leak.
"""

from dataclasses import dataclass
from typing import Final

from busapp.engine.settings.systems import SystemName

SOURCE: Final = "Samrin 2024, Table 1"
CLASSES: Final = ("benign", "malignant", "normal")
CLASS_COUNTS: Final = {"benign": 437, "malignant": 210, "normal": 133}
"""Images of BUSI by class (section 3.4)."""
_CUT: Final = 0.01
"""Sensitivities are given with two decimals, some of them cut off rather than rounded, as Figure 12 shows."""


@dataclass(frozen=True, slots=True)
class Published:
    """One system's column of Table 1, with the keys of a validation's result. All numbers are fractions in [0, 1];
    `accuracy` is that of the test images. `confusion` (Figure 12: rows true, columns predicted, in the order of
    `CLASSES`) is None where only a picture of it was published."""

    train_accuracy: float
    accuracy: float
    sensitivity: dict[str, float]
    specificity: dict[str, float]
    confusion: tuple[tuple[int, ...], ...] | None = None

    def implied_accuracy(self) -> tuple[float, float]:
        """The lowest and the highest test accuracy, fractions, that go with the rest of what was published: with the
        confusion matrix, else with the sensitivities of BUSI's classes, as far as they are given."""
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
