"""A result of `side_by_side.compare_side_by_side` in words, for the terminal, the window and the report."""

from collections.abc import Mapping
from typing import Final

from busapp.engine.contract.side_by_side import Column, SideBySideResult
from busapp.engine.results.difference_words import (
    MISSING_INTERVAL,
    SIGNIFICANT,
    by_chance,
    different_devices,
    generators_in_words,
    is_shown,
    one_seed,
    points_in_words,
)
from busapp.engine.speeds import in_words
from busapp.engine.utils.words import NONE, images_in_groups, low_to_high, many, per_cent

HEADINGS: Final[Mapping[str, str]] = {
    "rivals": "What the GAN's images and the fusion are worth",
    "optimizers": "The optimisers compared",
}
"""Headings of the results, by the kind of their job."""


def sentences(result: SideBySideResult) -> str:
    """The highest accuracy, and the differences in accuracy that are shown."""
    best = max(result["columns"], key=lambda column: column["accuracy"])
    equal = [column["title"] for column in result["columns"] if column["accuracy"] == best["accuracy"]]
    share = per_cent(best["accuracy"], best["accuracy_ci95"] if len(equal) == 1 else None)
    highest = f"{mark(best)}Highest accuracy: {' and '.join(equal)}, {share}."
    shown = [
        f"{each['title']} {points_in_words(each['measures']['accuracy'])}"
        for each in result["differences"]
        if is_shown(each["measures"]["accuracy"]["ci95"])
    ]
    total = len(result["differences"])
    if not shown:
        return f"{highest} No difference in accuracy is shown ({total} measured)."
    are = "is" if len(shown) == 1 else "are"
    return f"{highest} Of {many(total, 'difference')} in accuracy, {len(shown)} {are} shown: {'; '.join(shown)}."


def circumstances(result: SideBySideResult) -> str:
    """The settings, the images and the generators of the comparison."""
    folds = "one hold-out" if result["folds"] == 1 else f"{result['folds']} folds"
    protocol = f"{result['protocol'][:1].upper()}{result['protocol'][1:]}"
    drawn = f" Generators: {generators_in_words(result['generators'])}." if result["generators"] else ""
    return (
        f"{protocol}, {result['recipe']} recipe, {folds}, {many(result['epochs'], 'epoch')}, seed {result['seed']}; "
        f"{images_in_groups(result['n_images'], result['n_groups'])}, the same in all runs.{drawn}"
    )


def cautions(result: SideBySideResult) -> list[str]:
    """Cautions for reading the numbers."""
    found = []
    leaks = list(dict.fromkeys(leak for column in result["columns"] for leak in column["leaks"]))
    if leaks:
        found.append(
            f"These numbers leak: {', '.join(leaks)}. A difference may show what leaked, not which training is better."
        )
    if result["skipped"]:
        found.append(
            f"Skipped: {' and '.join(result['skipped'])}. All classes are equally large, so no synthetic images are "
            "added."
        )
    shown = [entry for each in result["differences"] for entry in each["measures"].values()]
    if any(not is_shown(each["measures"]["accuracy"]["ci95"]) for each in result["differences"]):
        found.append("An interval that contains zero shows no difference. That does not mean that there is none.")
    undecided = [
        f"{each['title']} (p = {p_value:.3f})"
        for each in result["differences"]
        for p_value in [each["measures"]["accuracy"]["p_value"]]
        if p_value is not None and is_shown(each["measures"]["accuracy"]["ci95"]) != (p_value < SIGNIFICANT)
    ]
    if undecided:
        found.append(f"Interval and test (McNemar on groups) disagree, so it is undecided: {'; '.join(undecided)}.")
    if any(entry["ci95"] is None for entry in shown):
        found.append(MISSING_INTERVAL)
    found += [one_seed(result["seed"]), by_chance(shown)]
    if len({column["learning_rate"] for column in result["columns"]}) > 1:
        found.append(
            "Each optimiser has its usual learning rate, which was not tuned on these images. With other learning "
            "rates, the order may be another."
        )
    if any(column["n_synthetic"] for column in result["columns"]):
        found.append(
            "With synthetic images an epoch has more images to train on; the effect of the longer training alone is "
            "not separated."
        )
    return found + different_devices(result["devices"])


def training_in_words(result: SideBySideResult, column: Column) -> str:
    """The parts of a column's training in which the columns differ: `Adam, learning rate 0.0001`; empty if that is its
    title."""
    if len({each["optimizer"] for each in result["columns"]}) == 1:
        return ""
    decay = column["optimizer"].partition(", ")[2]
    return f"learning rate {column['learning_rate']:g}{f', {decay}' if decay else ''}"


def fold_cell(column: Column) -> str:
    """`71.4 to 85.7, spread 5.8`, in per cent."""
    deviation = column["fold_deviation"]
    return low_to_high(column["fold_range"]) + (f", spread {100 * deviation:.1f}" if deviation is not None else "")


def loss_cell(column: Column) -> str:
    """`0.512`"""
    return NONE if column["test_loss"] is None else f"{column['test_loss']:.3f}"


def time_cell(column: Column) -> str:
    """`24 min`"""
    return NONE if column["train_seconds"] is None else in_words(column["train_seconds"])


def mark(column: Column) -> str:
    """A triangle before the numbers of a column that leaks."""
    return "⚠ " if column["leaks"] else ""
