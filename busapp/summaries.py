"""What a job's result says in a few lines, for people: the terminal shows them all, the window the first.

The JSON of the contract is the full result."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from busapp.engine.contract.validation import GainResult
from busapp.engine.gan.scores import SCORES_IN_WORDS
from busapp.engine.results import gain_words
from busapp.engine.settings.systems import Leaks, counted_leaks, leaks_in_words
from busapp.engine.utils.words import RESEARCH_USE, many, with_spread

Result = dict[str, Any]


def per_cent(fraction: float | None, interval: list[float] | None = None) -> str:
    """`87.2 % (84.6 to 89.4)`; a dash where there is no number."""
    if fraction is None:
        return "–"
    between = f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})" if interval else ""
    return f"{100 * fraction:.1f} %{between}"


def counts_in_words(counts: dict[str, int]) -> str:
    """`benign 437, malignant 210, normal 133`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def alike(pairs: int, contested: int) -> str:
    """`203 pairs look alike, 10 of them with different classes`."""
    if not pairs:
        return "no images look alike"
    if pairs == 1:
        return "1 pair looks alike" + (", with different classes" if contested else "")
    return f"{pairs:,} pairs look alike, {f'{contested:,}' if contested else 'none'} of them with different classes"


def megabytes(size: float) -> str:
    """`0.4 MB`, `12 MB`, `1,204 MB`, of 1,000,000 bytes each."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"


def _import(result: Result) -> list[str]:
    patients, masks = result.get("patients", 0), result.get("masks", 0)  # older results do not speak of them
    return [
        f"{many(result['imported'], 'image')} imported, {result['already_present']:,} already there, "
        f"{len(result['skipped']):,} skipped"
        + (f", {many(masks, 'mask')} joined" if masks else "")
        + (f"; {many(patients, 'patient')} named" if patients else "")
        + ".",
        f"The study has {counts_in_words(result['counts'])}.",
    ]


def _curate(result: Result) -> list[str]:
    return [
        f"{many(result['n_images'], 'image')} in {many(result['n_groups'], 'group')}; "
        f"{alike(result['n_pairs'], len(result['conflicts']))}.",
        f"{many(len(result['flags']), 'image')} with quality flags.",
    ]


def _cover(result: Result) -> list[str]:
    lines = [f"Text covered in {many(result['covered'], 'image')} ({many(result['areas'], 'area')})."]
    if result["without_text"]:
        lines.append(f"No text found in {many(result['without_text'], 'image')}.")
    if result["skipped"]:
        lines.append(f"Left as they are: {many(len(result['skipped']), 'image')}.")
    return [*lines, "Look the images through; the imported pictures stay in the study, and it can be undone."]


def _synthesize(result: Result) -> list[str]:
    lines = [
        f"{many(result['images'], 'synthetic image')} of {result['class']} drawn after "
        f"{many(result['epochs'], 'epoch')} ({result['preset']}, {result['seconds']:.0f} s). Run {result['run']}."
    ]
    lines += scores_in_words(result)
    if result.get("copies"):
        of = "near-copy" if result["copies"] == 1 else "near-copies"
        kept = "; they lie in the run's folder copies" if "left_out" in result else ""  # older runs kept none
        lines.append(f"{result['copies']:,} {of} of training images left out{kept}.")
    if result.get("left_out"):
        lines.append(f"Left out again because the study has set them aside: {many(result['left_out'], 'drawn image')}.")
    return lines


def scores_in_words(result: Result) -> list[str]:
    """Each score of drawn images with its spread and its floor, a sentence each; nothing where none was measured. Older
    results have but the first, and of its floor no spread."""
    lines = []
    for name, (title, meaning, decimals) in SCORES_IN_WORDS.items():
        if result.get(name) is not None:
            score = with_spread(result[name], result.get(f"{name}_spread"), decimals)
            floor = with_spread(result.get(f"{name}_floor"), result.get(f"{name}_floor_spread"), decimals)
            lines.append(f"{title} {score}; real against real {floor} ({meaning}).")
    if lines and result.get("n_scored"):
        lines.append(f"Means ± standard deviations over random subsets of {result['n_scored']} images on each side.")
    return lines


def _balance(result: Result) -> list[str]:
    if not result["classes"]:
        return [f"No class lacks images: {counts_in_words(result['counts'])}."]
    lines = [
        f"{many(result['images'], 'synthetic image')} drawn to balance the classes. In use now: "
        f"{counts_in_words(result['counts'])}."
    ]
    for one in result["classes"]:
        if one["problem"]:
            lines.append(f"{one['class']}: none of {one['lacked']:,}. {one['problem']}")
            continue
        left = {"copies of training images": one["copies"], "set aside before": one["left_out"]}
        without = counts_in_words({name: count for name, count in left.items() if count})
        lines.append(
            f"{one['class']}: {one['images']:,} of {one['lacked']:,} from the generator of {one['generator']} "
            f"({one['preset']}, {many(one['epochs'], 'epoch')}, trained on {many(one['n_trained_on'], 'image')})"
            f"{f'; left out: {without}' if without else ''}."
        )
    return lines


def validation_lines(result: Result) -> list[str]:
    """Accuracy with its interval and protocol, every measure with interval and range over folds, and what leaked."""
    n_folds = len(result["folds"])
    lines = [
        f"{result['system']}, protocol {result['protocol']}, recipe {result['recipe']}: accuracy "
        f"{per_cent(result['accuracy'], result['accuracy_ci95'])}, 95 % interval in brackets; "
        f"{result['n_images']} images in {result['n_groups']} groups, {result['n_synthetic']} synthetic"
        f"{equalised(result)}."
    ]
    rows = [["", *(["", f"over {n_folds} folds"] if n_folds > 1 else [""])]]
    for title, measure, class_name in _rows(result["classes"]):
        row = [title, _with_interval(result, measure, class_name)]
        rows.append([*row, _range(result["fold_range"], measure, class_name)] if n_folds > 1 else row)
    lines += [*_aligned(rows), *_calibration(result["calibration"]), *_operating_point(result)]
    if result["picked_epoch"] is not None and result["epochs"] > 1:
        picked = per_cent(result["picked_epoch"])
        lines.append(f"Picking the best epoch of each fold by its test images would have said {picked}.")
    if leaks(result):
        let_through = "; ".join(leaks_in_words(result["system"], Leaks(**result["switches"]))) or "by its protocol"
        counted = "; ".join(counted_leaks(result["leaks"])) or "nothing"
        lines.append(f"This number leaks: {let_through}. Counted: {counted}.")
    return lines


def _rows(classes: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """Title, measure and class (None: of all classes together) of the rows that tables of measures have."""
    overall = [
        ("accuracy", "accuracy", None),
        ("balanced accuracy", "balanced_accuracy", None),
        ("AUC, mean of classes", "macro_auc", None),
        ("training accuracy", "train_accuracy", None),
    ]
    titles = {"sensitivity": "sensitivity", "specificity": "specificity", "auc": "AUC"}
    return [*overall, *((f"{titles[measure]} {name}", measure, name) for name in classes for measure in titles)]


def _with_interval(result: Result, measure: str, class_name: str | None) -> str:
    value, interval = result[measure], result.get(f"{measure}_ci95")
    if class_name is not None:
        value, interval = value.get(class_name), interval and interval.get(class_name)
    return _area(value, interval) if measure.endswith("auc") else per_cent(value, interval)


def _area(value: float | None, interval: list[float] | None) -> str:
    """`0.921 (0.897 to 0.941)`."""
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _range(ranges: Result, measure: str, class_name: str | None) -> str:
    """Lowest to highest, or nothing where folds were not looked at by themselves."""
    found = ranges.get(measure)
    if class_name is not None and found is not None:
        found = found.get(class_name)
    if found is None:
        return ""
    low, high = found
    return f"{low:.3f} to {high:.3f}" if measure == "auc" else f"{100 * low:.1f} to {100 * high:.1f} %"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The cells of a table under each other."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        ("  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip() for row in rows
    ]


def _calibration(found: Result) -> list[str]:
    scaled = found["ece_scaled"]
    after = f"; with a temperature from the other folds {per_cent(scaled)}" if scaled is not None else ""
    return [f"Calibration: confidence and accuracy differ by {per_cent(found['ece'], found['ece_ci95'])} (ECE){after}."]


def _operating_point(result: Result) -> list[str]:
    """What a threshold for seldom missing a malignant image is worth, in a study that has such a class."""
    point = result["operating_points"].get("malignant")
    if point is None:
        return []
    return [
        f"With malignant called from about {per_cent(point['threshold'])} on, set on the other folds for a sensitivity "
        f"of {100 * point['target_sensitivity']:.0f} %: sensitivity "
        f"{per_cent(point['sensitivity'], point['sensitivity_ci95'])}, specificity "
        f"{per_cent(point['specificity'], point['specificity_ci95'])}."
    ]


def equalised(result: Mapping[str, Any]) -> str:
    """What to say of the images of a validation that were equalised; older results do not speak of it."""
    return ", adaptively equalised" if result.get("equalise") else ""


def leaks(result: Mapping[str, Any]) -> bool:
    """Whether a validation's numbers have to be read as leaking: by its protocol, or by what was counted."""
    return result["protocol"] == "published" or any(result["leaks"].values())


def comparison_lines(result: Result) -> list[str]:
    """One line a run, their measures in columns, and for every two runs the differences with their intervals."""
    columns = result["runs"]
    short = {column["run"]: f"run {number}" for number, column in enumerate(columns, start=1)}
    lines = [
        f"{short[column['run']]}: {column['run']}  {column['system']}, {column['protocol']}, {column['recipe']}: "
        f"{column['n_images']} images in {column['n_groups']} groups, {many(column['n_folds'], 'fold')} of "
        f"{many(column['epochs'], 'epoch')}{equalised(column)}"
        f"{', leaks' if leaks(column) else ''}"
        for column in columns
    ]
    classes = list(dict.fromkeys(name for column in columns for name in column["classes"]))
    rows = [["", *short.values()]]
    for title, measure, class_name in _rows(classes):
        rows.append([title, *(_with_interval(column, measure, class_name) for column in columns)])
    lines += _aligned(rows)
    for test in result["tests"]:
        lines += _test_lines(test, classes, short[test["first"]], short[test["second"]])
    if len({column["dataset"] for column in columns}) > 1:
        lines.append("The dataset was changed between these runs: beyond their common images they are not comparable.")
    return lines


def _test_lines(test: Result, classes: Sequence[str], first: str, second: str) -> list[str]:
    if not test["n_common"]:
        return [f"{second.capitalize()} and {first} have no tested image in common."]
    folds = "on the same folds" if test["same_folds"] else "on different folds"
    rows = [
        [title, (_area_gained if measure.endswith("auc") else _points)(found["difference"], found["ci95"])]
        for title, measure, class_name in _rows(classes)
        if (found := test["differences"].get(f"{measure}/{class_name}" if class_name else measure))
    ]
    gained = _points(test["difference"], test["difference_ci95"])
    return [
        f"{second.capitalize()} against {first}, {folds}: accuracy {gained} on {test['n_common']} common images in "
        f"{many(test['n_groups_common'], 'group')}, "
        f"p = {test['p_value']:.3g} (McNemar on groups, exact).",
        *_aligned(rows),
    ]


def _points(difference: float, interval: list[float] | None) -> str:
    """`+1.2 points (-0.3 to +2.7)`."""
    between = f" ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})" if interval else ""
    return f"{100 * difference:+.1f} points{between}"


def _area_gained(difference: float, interval: list[float] | None) -> str:
    """`+0.012 (-0.003 to +0.027)`."""
    return f"{difference:+.3f}" + (f" ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else "")


def _leaks(result: Result) -> list[str]:
    """What all leaks together are worth, then a table of the steps from published to strict and of each leak alone."""
    first, last = result["steps"][0], result["steps"][-1]
    picked = {run: gain for run, gain in result["picked_epoch"].items() if gain is not None}
    lines = [
        f"{result['system']}: published {per_cent(first['accuracy'], first['accuracy_ci95'])}, strict "
        f"{per_cent(last['accuracy'], last['accuracy_ci95'])}: the leaks are worth "
        f"{100 * (first['accuracy'] - last['accuracy']):.1f} points.",
        f"Recipe {result['recipe']}, {many(result['folds'], 'fold')} of {many(result['epochs'], 'epoch')}, seed "
        f"{result['seed']}; 95 % intervals in brackets.",
        *_aligned(
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


def _leak_row(entry: Result, what: str) -> list[str]:
    measured = [per_cent(entry["accuracy"], entry["accuracy_ci95"]), f"{entry['n_images']}"]
    if entry["difference"] is None:
        return [entry["label"], *measured, "", "", entry["run"]]
    common = "none"
    if entry["n_common"]:
        common = f"{_points(entry['paired_difference'], entry['paired_ci95'])}, {entry['n_common']}"
    return [f"{entry['label']}: {what}", *measured, _points(entry["difference"], None), common, entry["run"]]


def _gain(of_job: Result) -> list[str]:
    """The verdict, the trainings in columns, their differences with intervals, and how to read them."""
    result = cast(GainResult, of_job)
    rows = [["", "accuracy", "balanced accuracy", *(f"sensitivity {name}" for name in result["classes"]), "run"]]
    for name, entry in gain_words.trainings(result).items():
        shares = [_with_interval({**entry}, measure, None) for measure in ("accuracy", "balanced_accuracy")]
        shares += [_with_interval({**entry}, "sensitivity", class_name) for class_name in result["classes"]]
        rows.append([gain_words.TRAININGS[name], *shares, entry["run"]])
    differences = []
    for difference, measures in gain_words.differences(result).items():
        for measure, found in measures.items():
            p_value = "" if found["p_value"] is None else f"p = {found['p_value']:.3g}"
            gained = _points(found["difference"], found["ci95"])
            what = gain_words.difference_in_words(result, difference)
            differences.append([what, gain_words.measure_in_words(result, measure), gained, p_value])
    lines = [gain_words.sentences(result), gain_words.circumstances(result), *_aligned(rows)]
    lines += [*_aligned(differences), *gain_words.cautions(result)]
    return [line.replace("−", "-") for line in lines]  # not every terminal has the minus sign


def _diagnose(result: Result) -> list[str]:
    images = result["images"]
    answers = Counter(image["predicted"] for image in images if image["predicted"])
    silent = len(images) - answers.total()
    said = [f"{count} {name}" for name, count in sorted(answers.items())] + (
        [f"{silent} without an answer"] if silent else []
    )
    lines = [f"{many(len(images), 'image')}: {', '.join(said)}."] if len(images) > 1 else []
    for image in images:
        if image["abstained"]:
            lines.append(f"{image['file']}: no answer. {' '.join(image['reasons'])}")
        else:
            probabilities = ", ".join(f"{name} {100 * p:.1f} %" for name, p in image["probabilities"].items())
            lines.append(f"{image['file']}: {image['predicted']} ({probabilities})")
    return [*lines, *(external_lines(result["external"]) if "external" in result else []), RESEARCH_USE]


def external_lines(external: Result) -> list[str]:
    """An external validation in words, the measures of every class as a table."""
    head = f"External validation: {many(external['n'], 'image')} ({counts_in_words(external['counts'])})"
    left_out = [f"{many(count, 'image')} left out: {reason}" for reason, count in external["left_out"].items()]
    measured = external["measured"]
    if measured is None:
        return [f"{head}: too few to measure anything.", *left_out]
    answered = external["accuracy_of_answers"]
    lines = [
        f"{head}, each for its most probable class: accuracy {_with_interval(measured, 'accuracy', None)}.",
        f"{external['n_answered']} were answered"
        + (f", {answered:.1%} of them right." if answered is not None else "."),
    ]
    measures = ("sensitivity", "specificity", "auc")
    rows = [[name, *(_with_interval(measured, key, name) for key in measures)] for name in external["classes"]]
    rows.insert(0, ["class", *measures])
    return [*lines, *_aligned(rows), *left_out]


def _export(result: Result) -> list[str]:
    if "generator" in result:
        return [
            f"Generator of {result['class']} written to {result['generator']}.",
            f"What it takes and gives: {result['description']}. Research use only.",
        ]
    return [
        *([f"Model of the study: {result['model']}"] if "model" in result else []),
        f"For apps, with a README: {result['folder']}",
        *(_agreement(entry) for entry in result["agreement"]),
        "The network learned from these images: the accuracies say how alike they answer, not how right they are.",
    ]


def _agreement(entry: Result) -> str:
    return (
        f"{entry['file']} ({megabytes(entry['bytes'])}) and the original gave the same class on "
        f"{entry['same_class']:,} of {many(entry['n_images'], 'image')}; probabilities differ by "
        f"{entry['largest_difference']:.1g} at most, accuracies are {entry['accuracy']:.1%} and "
        f"{entry['original_accuracy']:.1%}."
    )


def _share(result: Result) -> list[str]:
    lines = [f"{many(result['images'], 'image')} exported to {result['out']} ({megabytes(result['bytes'])})."]
    if result["counts"]:
        lines.append(f"Real and in use: {counts_in_words(result['counts'])}; {many(result['masks'], 'mask')}.")
    left = {"set aside": result["left_set_aside"], "synthetic": result["left_synthetic"]}
    if any(left.values()):
        lines.append(f"Left out: {counts_in_words({name: count for name, count in left.items() if count})}.")
    if result["skipped"]:
        lines.append(f"Not readable: {many(len(result['skipped']), 'file')}.")
    if result["with_text"]:
        lines.append(
            f"Look at {many(result['with_text'], 'image')} that may have text burned in before you pass it on."
        )
    return lines


def _report(result: Result) -> list[str]:
    return [f"Written: {result['report']}"]


def _figures(result: Result) -> list[str]:
    return [
        f"{many(len(result['files']), 'file')} of {many(len(result['runs']), 'run')} written to {result['out']}.",
        *(f"  {name}" for name in result["files"]),
    ]


def demo_lines(result: Result) -> list[str]:
    """Where the report and the study are."""
    return [
        f"Report: {result['report']}",
        f"Study:  {result['workspace']}",
        f"Open the window on it: busapp --workspace '{result['workspace']}'",
        "All images are simulated phantoms; the numbers say nothing about patients.",
    ]


def headline(kind: str, result: Result) -> str:
    """The one line that a finished job leaves in the window."""
    return SUMMARIES[kind](result)[0] if kind in SUMMARIES and result else "finished."


SUMMARIES: dict[str, Callable[[Result], list[str]]] = {
    "import": _import,
    "curate": _curate,
    "cover": _cover,
    "synthesize": _synthesize,
    "balance": _balance,
    "validate": validation_lines,
    "leaks": _leaks,
    "gain": _gain,
    "diagnose": _diagnose,
    "export": _export,
    "share": _share,
    "report": _report,
    "figures": _figures,
}
