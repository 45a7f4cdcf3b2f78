"""A result of `gain.measure_gain` in words, for the terminal, the window and the report."""

from collections.abc import Sequence
from typing import Final

from busapp.engine.contract.validation import (
    DifferenceName,
    GainResult,
    GainTraining,
    GainVerdict,
    MeasureDifferences,
    TrainingName,
)
from busapp.engine.results.difference_words import (
    MISSING_INTERVAL,
    SIGNIFICANT,
    by_chance,
    different_devices,
    generators_in_words,
    measure_title,
    one_seed,
    points_in_words,
)
from busapp.engine.utils.words import from_to, many, signed

TRAININGS: Final[dict[TrainingName, str]] = {
    "plain": "System 1, real images alone",
    "synthetic": "System 2, synthetic images added",
    "augmented": "System 1, augmented and weighted",
}
"""Titles of the trainings of a result."""
DIFFERENCES: Final[dict[DifferenceName, tuple[TrainingName, TrainingName]]] = {
    "synthetic": ("plain", "synthetic"),
    "augmented": ("plain", "augmented"),
    "instead": ("augmented", "synthetic"),
}
"""The two trainings of each difference of a result: second minus first."""
_VERBS: Final[dict[GainVerdict, str]] = {
    "helps": "Synthetic images helped here",
    "harms": "Synthetic images did harm here",
    "no difference shown": "Synthetic images were not shown to help here",
}


def gain_verdict(interval: Sequence[float] | None) -> GainVerdict:
    """The verdict on a difference with this 95 % interval: it is shown if the interval excludes zero."""
    if interval is not None and interval[0] > 0:
        return "helps"
    if interval is not None and interval[1] < 0:
        return "harms"
    return "no difference shown"


def trainings(result: GainResult) -> dict[TrainingName, GainTraining]:
    """The trainings that were made, by name."""
    found = {name: result["trainings"][name] for name in TRAININGS}
    return {name: training for name, training in found.items() if training is not None}


def differences(result: GainResult) -> dict[DifferenceName, MeasureDifferences]:
    """The differences that were measured, by name."""
    found = {name: result["differences"][name] for name in DIFFERENCES}
    return {name: difference for name, difference in found.items() if difference is not None}


def sentences(result: GainResult) -> str:
    """The verdict, with the differences in accuracy that it is based on."""
    gained = _points(result, "synthetic")
    added = f"{_VERBS[result['verdict']]}: accuracy {gained} against the same training without them"
    other = addition_in_words(result)
    against = result["against_augmented"]
    if against is None or not other:
        return f"{added}. That training has altered copies and class weights already, so there is no third to compare."
    instead = {
        "helps": f"They did better than {other}",
        "harms": f"They did worse than {other}, which needs no generator",
        "no difference shown": f"No difference between them and {other} was shown",
    }[against]
    return f"{added}; {other}: {_points(result, 'augmented')}. {instead}: {_points(result, 'instead')}."


def addition_in_words(result: GainResult) -> str:
    """The additions of the third training to the first: `plain augmentation and class weights`; empty if there is
    no third training."""
    plain, augmented = result["trainings"]["plain"], result["trainings"]["augmented"]
    if augmented is None:
        return ""
    added = []
    if augmented["variants"] > plain["variants"]:
        added.append("more altered copies" if plain["variants"] else "plain augmentation")
    if augmented["class_weighting"] > plain["class_weighting"]:
        added.append("full class weights" if plain["class_weighting"] else "class weights")
    return " and ".join(added)


def difference_in_words(result: GainResult, name: DifferenceName) -> str:
    """Heading of a difference of the result."""
    other = addition_in_words(result)
    return {
        "synthetic": "Synthetic images against none",
        "augmented": f"{other[:1].upper()}{other[1:]} against none",
        "instead": f"Synthetic images against {other}",
    }[name]


def measure_in_words(result: GainResult, measure: str) -> str:
    """`Accuracy`, `Sensitivity, malignant (grown)`."""
    grown = " (grown)" if measure.partition("/")[2] in result["grown"] else ""
    return f"{measure_title(measure)}{grown}"


def training_in_words(entry: GainTraining) -> str:
    """Altered copies and class weights of a training: `4 altered copies, class weighting 1`."""
    parts = [
        *([f"{entry['variants']} altered copies"] if entry["variants"] else []),
        *([f"class weighting {entry['class_weighting']:g}"] if entry["class_weighting"] else []),
    ]
    return ", ".join(parts)


def circumstances(result: GainResult) -> str:
    """The settings, the images and the generators of the measurement."""
    grown = " and ".join(f"{from_to(*drawn)} images of {name}" for name, drawn in result["grown"].items())
    return (
        f"Strict, {result['recipe']} recipe, {many(result['folds'], 'fold')}, {many(result['epochs'], 'epoch')}, seed "
        f"{result['seed']}; {many(result['n_images'], 'image')} in {many(result['n_groups'], 'group')}, the same in "
        f"all trainings. Added to every training fold: {grown}. Generators: "
        f"{generators_in_words(result['generators'])}."
    )


def cautions(result: GainResult) -> list[str]:
    """Cautions for reading the numbers."""
    found = []
    accuracy = result["differences"]["synthetic"]["accuracy"]
    if result["verdict"] == "no difference shown" and accuracy["ci95"] is not None:
        room = " to ".join(signed(100 * bound) for bound in accuracy["ci95"])
        found.append(
            "“No difference shown” does not mean no difference: by these images, anything from "
            f"{room} points is possible."
        )
    p_value = accuracy["p_value"]
    if p_value is not None and (result["verdict"] == "no difference shown") == (p_value < SIGNIFICANT):
        found.append(
            f"Interval and test disagree on the accuracy (McNemar on groups, p = {p_value:.3f}): it is undecided."
        )
    shown = [entry for entries in differences(result).values() for entry in entries.values()]
    if any(entry["ci95"] is None for entry in shown):
        found.append(MISSING_INTERVAL)
    found += [
        one_seed(result["seed"]),
        by_chance(shown),
        f"This holds for these generators ({generators_in_words(result['generators'])}); others may do better or "
        "worse.",
        f"With synthetic images an epoch has {100 * result['more_steps']:.0f} % more images to train on; the effect of "
        "the longer training alone is not separated.",
    ]
    return found + different_devices(result["devices"])


def _points(result: GainResult, name: DifferenceName) -> str:
    """`+1.2 points (−0.3 to +2.7)`"""
    return points_in_words(differences(result)[name]["accuracy"])
