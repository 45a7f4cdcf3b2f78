"""Results of jobs that show cross-validations side by side: of `busapp rivals` and `busapp optimizers`.

Shares and accuracies are fractions in [0, 1], their differences in [-1, 1].
"""

from typing import TypedDict

from busapp.engine.contract.validation import (
    ByClass,
    Interval,
    IntervalByClass,
    MeasureDifferences,
    SystemName,
    UsedGenerator,
)


class MeanEpoch(TypedDict):
    """An epoch of a cross-validation: means over the folds that recorded it. Losses are cross-entropies in nats."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


class Column(TypedDict):
    """One cross-validation of the table."""

    title: str
    run: str
    system: SystemName
    network: str
    """By the names of `networks.registry`."""
    optimizer: str
    """In words, with its weight decay: `AdamW, weight decay 0.05`."""
    learning_rate: float
    leaks: list[str]
    """The open leaks, as phrases."""
    accuracy: float
    accuracy_ci95: Interval | None
    balanced_accuracy: float
    balanced_accuracy_ci95: Interval | None
    sensitivity: ByClass
    sensitivity_ci95: IntervalByClass
    specificity: ByClass
    specificity_ci95: IntervalByClass
    fold_range: Interval | None
    """Lowest and highest accuracy of a fold."""
    fold_deviation: float | None
    """Standard deviation of the folds' accuracies (divided by folds - 1); None if there is one fold."""
    test_loss: float | None
    """Cross-entropy of the test images after the last epoch, mean over the folds; None if it is not recorded."""
    train_seconds: float | None
    """Seconds of training, all folds together, without tests and generators; None if they are not recorded."""
    n_images: int
    n_groups: int
    n_synthetic: int
    epochs: list[MeanEpoch]


class Difference(TypedDict):
    """The difference of two columns, second minus first, on the same images in the same folds."""

    title: str
    first: str
    second: str
    """Titles of the columns."""
    measures: MeasureDifferences


class SideBySideResult(TypedDict):
    """Result of `busapp rivals` and `busapp optimizers`; see `validation.side_by_side.compare_side_by_side`."""

    protocol: str
    """In words: `strict`, `published`, or the open leaks."""
    recipe: str
    folds: int
    epochs: int
    seed: int
    classes: list[str]
    n_images: int
    n_groups: int
    generators: list[UsedGenerator]
    devices: list[str]
    """Devices that the runs were trained on."""
    columns: list[Column]
    skipped: list[str]
    """Titles of columns that are missing because all classes are equally large, so that no images are added."""
    differences: list[Difference]
