"""Words for several validations beside each other: compare, leaks, gain, rivals, optimizers."""

from collections.abc import Mapping, Sequence
from typing import Any

from busapp.engine.contract.side_by_side import SideBySideResult
from busapp.engine.contract.validation import Comparison, GainResult, LeaksResult
from busapp.engine.results import gain_words, side_by_side_words
from busapp.engine.results.difference_words import measure_title
from busapp.engine.utils.words import many, per_cent
from busapp.summaries.tables import aligned, area_gained, points, rows_of, with_interval
from busapp.summaries.validation import has_leaks, network_in_words, preparation_in_words


def compare_lines(result: Comparison) -> list[str]:
    """A line for each run, their measures in columns, and the differences of every pair with their intervals."""
    columns = result["runs"]
    short = {column["run"]: f"run {number}" for number, column in enumerate(columns, start=1)}
    lines = [
        f"{short[column['run']]}: {column['run']}  {column['system']}, {column['protocol']}, {column['recipe']}"
        f"{network_in_words(column)}: "
        f"{column['n_images']} images in {column['n_groups']} groups, {many(column['n_folds'], 'fold')} of "
        f"{many(column['epochs'], 'epoch')}{preparation_in_words(column)}"
        f"{', leaks' if has_leaks(column) else ''}"
        for column in columns
    ]
    classes = list(dict.fromkeys(name for column in columns for name in column["classes"]))
    rows = [["", *short.values()]]
    for title, measure, class_name in rows_of(classes):
        rows.append([title, *(with_interval(column, measure, class_name) for column in columns)])
    lines += aligned(rows)
    for test in result["tests"]:
        lines += _test_lines(test, classes, short[test["first"]], short[test["second"]])
    if len({column["dataset"] for column in columns}) > 1:
        lines.append("The dataset was changed between these runs: compare them on their common images only.")
    return lines


def _test_lines(test: Mapping[str, Any], classes: Sequence[str], first: str, second: str) -> list[str]:
    if not test["n_common"]:
        return [f"{second.capitalize()} and {first} have no tested image in common."]
    folds = "on the same folds" if test["same_folds"] else "on different folds"
    rows = [
        [title, (area_gained if measure.endswith("auc") else points)(found["difference"], found["ci95"])]
        for title, measure, class_name in rows_of(classes)
        if (found := test["differences"].get(f"{measure}/{class_name}" if class_name else measure))
    ]
    gained = points(test["difference"], test["difference_ci95"])
    return [
        f"{second.capitalize()} against {first}, {folds}: accuracy {gained} on {test['n_common']} common images in "
        f"{many(test['n_groups_common'], 'group')}, "
        f"p = {test['p_value']:.3g} (McNemar on groups, exact).",
        *aligned(rows),
    ]


def leaks_lines(result: LeaksResult) -> list[str]:
    """The worth of all leaks together, then a table of the steps from published to strict and of each leak alone."""
    first, last = result["steps"][0], result["steps"][-1]
    picked = {run: gain for run, gain in result["picked_epoch"].items() if gain is not None}
    lines = [
        f"{result['system']}: published {per_cent(first['accuracy'], first['accuracy_ci95'])}, strict "
        f"{per_cent(last['accuracy'], last['accuracy_ci95'])}: the leaks are worth "
        f"{100 * (first['accuracy'] - last['accuracy']):.1f} points.",
        f"Recipe {result['recipe']}, {many(result['folds'], 'fold')} of {many(result['epochs'], 'epoch')}, seed "
        f"{result['seed']}; 95 % intervals in brackets.",
        *aligned(
            [
                ["", "accuracy", "images", "difference", "on common images", "run"],
                *(_leak_row(entry, "closed") for entry in result["steps"]),
                ["alone, against strict", *[""] * 5],
                *(_leak_row(entry, "open") for entry in result["alone"]),
            ]
        ),
    ]
    if picked and result["epochs"] > 1:
        gains = f"{100 * min(picked.values()):.1f} to {100 * max(picked.values()):.1f}"
        lines.append(f"Picking the best epoch of each fold by its test images would add {gains} points to these runs.")
    if len(result["devices"]) > 1:
        lines.append(f"The runs were trained on different devices: {', '.join(result['devices'])}.")
    return lines


def _leak_row(entry: Mapping[str, Any], state: str) -> list[str]:
    measured = [per_cent(entry["accuracy"], entry["accuracy_ci95"]), f"{entry['n_images']}"]
    if entry["difference"] is None:
        return [entry["label"], *measured, "", "", entry["run"]]
    common = "none"
    if entry["n_common"]:
        common = f"{points(entry['paired_difference'], entry['paired_ci95'])}, {entry['n_common']}"
    return [f"{entry['label']}: {state}", *measured, points(entry["difference"]), common, entry["run"]]


def gain_lines(result: GainResult) -> list[str]:
    """The verdict, the trainings in columns, their differences with intervals, and how to read them."""
    rows = [["", "accuracy", "balanced accuracy", *(f"sensitivity {name}" for name in result["classes"]), "run"]]
    for name, entry in gain_words.trainings(result).items():
        shares = [with_interval(entry, measure) for measure in ("accuracy", "balanced_accuracy")]
        shares += [with_interval(entry, "sensitivity", class_name) for class_name in result["classes"]]
        rows.append([gain_words.TRAININGS[name], *shares, entry["run"]])
    differences = []
    for difference, measures in gain_words.differences(result).items():
        for measure, found in measures.items():
            p_value = "" if found["p_value"] is None else f"p = {found['p_value']:.3g}"
            gained = points(found["difference"], found["ci95"])
            trained = gain_words.difference_in_words(result, difference)
            differences.append([trained, gain_words.measure_in_words(result, measure), gained, p_value])
    lines = [gain_words.sentences(result), gain_words.circumstances(result), *aligned(rows)]
    lines += [*aligned(differences), *gain_words.cautions(result)]
    return [line.replace("−", "-") for line in lines]  # not every terminal has the minus sign


def rivals_lines(result: SideBySideResult) -> list[str]:
    """The highest accuracy, the networks in rows, their differences with intervals, and how to read them."""
    return _side_by_side_lines(result)


def optimizers_lines(result: SideBySideResult) -> list[str]:
    """The highest accuracy, the optimisers in rows, their differences with intervals, and how to read them."""
    return _side_by_side_lines(result)


def _side_by_side_lines(result: SideBySideResult) -> list[str]:
    words = side_by_side_words
    rows = [["", "", "accuracy", "folds", "balanced accuracy", "test loss", "training", "run"]]
    by_class = [["", "class", "sensitivity", "specificity"]]
    for column in result["columns"]:
        accuracy = words.mark(column) + with_interval(column, "accuracy")
        balanced = words.mark(column) + with_interval(column, "balanced_accuracy")
        measured = [accuracy, words.fold_cell(column), balanced, words.loss_cell(column), words.time_cell(column)]
        rows.append([column["title"], words.training_in_words(result, column), *measured, column["run"]])
        for name in result["classes"]:
            shares = [with_interval(column, measure, name) for measure in ("sensitivity", "specificity")]
            by_class.append([column["title"], name, *shares])
    differences = [
        [
            each["title"],
            measure_title(measure),
            points(found["difference"], found["ci95"]),
            "" if found["p_value"] is None else f"p = {found['p_value']:.3g}",
        ]
        for each in result["differences"]
        for measure, found in each["measures"].items()
    ]
    lines = [words.sentences(result), words.circumstances(result), *aligned(rows), *aligned(by_class)]
    lines += [*aligned(differences), *words.cautions(result)]
    return [line.replace("−", "-") for line in lines]  # not every terminal has the minus sign
