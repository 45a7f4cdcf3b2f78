"""Paired differences and the cautions about them in words, for every measurement by several cross-validations."""

from collections.abc import Iterable, Sequence
from typing import Final

from busapp.engine.contract.validation import TestedDifference, UsedGenerator
from busapp.engine.utils.words import many, signed

SIGNIFICANT: Final = 0.05
"""A difference counts as shown if its p-value is below this."""
MISSING_INTERVAL: Final = "A missing interval means that all draws agree: too few images differ for one."
_MEASURES: Final = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "sensitivity": "Sensitivity"}


def is_shown(interval: Sequence[float] | None) -> bool:
    """True if a difference with this 95 % interval is shown: the interval excludes zero."""
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def measure_title(measure: str) -> str:
    """`Accuracy`, `Sensitivity, malignant`."""
    name, _, of_class = measure.partition("/")
    return f"{_MEASURES[name]}{f', {of_class}' if of_class else ''}"


def points_in_words(found: TestedDifference) -> str:
    """`+1.2 points (−0.3 to +2.7)`"""
    bounds = found["ci95"]
    between = f" ({signed(100 * bounds[0])} to {signed(100 * bounds[1])})" if bounds is not None else ""
    return f"{signed(100 * found['difference'])} points{between}"


def generators_in_words(generators: Iterable[UsedGenerator]) -> str:
    """`quick, 150 epochs, 64 px`; one phrase for each kind of generator."""
    kinds = [f"{one['preset']}, {many(one['epochs'], 'epoch')}, {one['image_size']} px" for one in generators]
    return "; ".join(dict.fromkeys(kinds))


def one_seed(seed: int) -> str:
    """The caution that other seeds may give other differences."""
    return (
        "One seed and one division into folds were measured: the intervals cover other images, but not another seed "
        f"(here {seed}). Measure a small difference again with other seeds."
    )


def by_chance(shown: Iterable[TestedDifference]) -> str:
    """The caution that some of many intervals exclude zero by chance."""
    count = sum(entry["ci95"] is not None for entry in shown)
    return f"{count} intervals are shown; about one in twenty excludes zero by chance alone."


def different_devices(devices: Sequence[str]) -> list[str]:
    """The caution that runs were trained on different devices, if they were."""
    if len(devices) < 2:
        return []
    return [f"The runs were trained on different devices: {' and '.join(devices)}."]
