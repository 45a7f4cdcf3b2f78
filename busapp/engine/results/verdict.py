"""What synthetic images did for the classifier, in words: what the terminal, the window and the report make of a result
of `gain.measure_gain`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from busapp.engine.utils.words import from_to, many, signed

Verdict = Literal["helps", "harms", "no difference shown"]
Result = Mapping[str, Any]
SIGNIFICANT: Final = 0.05
"""What a p-value is below where a difference counts as shown."""

TRAININGS: Final = {
    "plain": "System 1, real images alone",
    "synthetic": "System 2, synthetic images added",
    "augmented": "System 1, augmented and weighted",
}
"""What the trainings of a result are called."""
DIFFERENCES: Final = {
    "synthetic": ("plain", "synthetic"),
    "augmented": ("plain", "augmented"),
    "instead": ("augmented", "synthetic"),
}
"""Which trainings the differences of a result are of: the second minus the first."""
_VERBS: Final[dict[Verdict, str]] = {
    "helps": "Synthetic images helped here",
    "harms": "Synthetic images did harm here",
    "no difference shown": "Synthetic images were not shown to help here",
}
_MEASURES: Final = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "sensitivity": "Sensitivity"}


def verdict(interval: Sequence[float] | None) -> Verdict:
    """What a difference with this 95 % interval shows: something where the interval leaves out zero, else nothing."""
    if interval is not None and interval[0] > 0:
        return "helps"
    if interval is not None and interval[1] < 0:
        return "harms"
    return "no difference shown"


def sentences(result: Result) -> str:
    """The verdict, with the differences in accuracy that it rests on."""
    gained = _points(result, "synthetic")
    added = f"{_VERBS[result['verdict']]}: accuracy {gained} against the same training without them"
    other = addition_in_words(result)
    if not other:
        return f"{added}. That training has altered copies and class weights already, so there is no third to compare."
    instead = {
        "helps": f"They did better than {other}",
        "harms": f"They did worse than {other}, which needs no generator",
        "no difference shown": f"Between them and {other} no difference was shown",
    }[result["against_augmented"]]
    return f"{added}; {other}: {_points(result, 'augmented')}. {instead}: {_points(result, 'instead')}."


def addition_in_words(result: Result) -> str:
    """What the third training has that the first has not: `plain augmentation and class weights`; empty where there
    is none."""
    plain, augmented = result["trainings"]["plain"], result["trainings"]["augmented"]
    if augmented is None:
        return ""
    added = []
    for name, new, more in (
        ("variants", "plain augmentation", "more altered copies"),
        ("class_weighting", "class weights", "full class weights"),
    ):
        if augmented[name] > plain[name]:
            added.append(more if plain[name] else new)
    return " and ".join(added)


def difference_in_words(result: Result, name: str) -> str:
    """What a difference of the result is of, as a heading."""
    other = addition_in_words(result)
    return {
        "synthetic": "Synthetic images against none",
        "augmented": f"{other[:1].upper()}{other[1:]} against none",
        "instead": f"Synthetic images against {other}",
    }[name]


def measure_in_words(result: Result, measure: str) -> str:
    """`Accuracy`, `Sensitivity, malignant (grown)`."""
    name, _, of_class = measure.partition("/")
    grown = " (grown)" if of_class in result["grown"] else ""
    return f"{_MEASURES[name]}{f', {of_class}' if of_class else ''}{grown}"


def training_in_words(entry: Result) -> str:
    """What a training altered and weighted: `4 altered copies, class weighting 1`."""
    parts = [
        *([f"{entry['variants']} altered copies"] if entry["variants"] else []),
        *([f"class weighting {entry['class_weighting']:g}"] if entry["class_weighting"] else []),
    ]
    return ", ".join(parts)


def circumstances(result: Result) -> str:
    """On what it was measured, and with which generators."""
    grown = " and ".join(f"{from_to(*drawn)} images of {name}" for name, drawn in result["grown"].items())
    return (
        f"Strict, {result['recipe']} recipe, {many(result['folds'], 'fold')}, {many(result['epochs'], 'epoch')}, seed "
        f"{result['seed']}; {many(result['n_images'], 'image')} in {many(result['n_groups'], 'group')}, the same in "
        f"all trainings. Added to every training fold: {grown}. Generators: {_generators(result)}."
    )


def cautions(result: Result) -> list[str]:
    """What has to be known to read the numbers."""
    found = []
    accuracy = result["differences"]["synthetic"]["accuracy"]
    if result["verdict"] == "no difference shown" and accuracy["ci95"] is not None:
        room = " to ".join(signed(100 * bound) for bound in accuracy["ci95"])
        found.append(f"Not shown is not the same as none: these images leave room for anything from {room} points.")
    if (result["verdict"] == "no difference shown") == (accuracy["p_value"] < SIGNIFICANT):
        found.append(
            f"Interval and test do not agree on the accuracy (McNemar on groups, p = {accuracy['p_value']:.3f}): take "
            "it for undecided."
        )
    shown = [entry for entries in result["differences"].values() for entry in (entries or {}).values()]
    if any(entry["ci95"] is None for entry in shown):
        found.append("Where no interval stands, all draws agree: too few images differ for one.")
    n_intervals = sum(entry["ci95"] is not None for entry in shown)
    found += [
        "One seed and one division into folds: the intervals tell what other images would give, not another seed "
        f"(here {result['seed']}). A small difference should be measured again with others.",
        f"{n_intervals} intervals are shown; about one in twenty leaves out zero by chance alone.",
        f"This holds for these generators ({_generators(result)}); others may do better or worse.",
        f"With synthetic images an epoch has {100 * result['more_steps']:.0f} % more images to train on; what longer "
        "training alone is worth is not taken out.",
    ]
    if len(result["devices"]) > 1:
        found.append(f"The runs were trained on different devices: {' and '.join(result['devices'])}.")
    return found


def _generators(result: Result) -> str:
    """`quick, 150 epochs, 64 px`; one for each kind of generator."""
    kinds = [f"{one['preset']}, {many(one['epochs'], 'epoch')}, {one['image_size']} px" for one in result["generators"]]
    return "; ".join(dict.fromkeys(kinds))


def _points(result: Result, name: str) -> str:
    """`+1.2 points (−0.3 to +2.7)`"""
    found = result["differences"][name]["accuracy"]
    bounds = found["ci95"]
    between = f" ({signed(100 * bounds[0])} to {signed(100 * bounds[1])})" if bounds is not None else ""
    return f"{signed(100 * found['difference'])} points{between}"
