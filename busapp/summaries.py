"""What a job's result says in a few lines, for people: the terminal shows them all, the window the first.

The JSON of the contract is the full result."""

from collections.abc import Callable
from typing import Any

from busapp.engine.diagnosis import RESEARCH_USE
from busapp.engine.words import many

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
    return [
        f"{many(result['images'], 'synthetic image')} of {result['class']} drawn after "
        f"{many(result['epochs'], 'epoch')} ({result['preset']}, {result['seconds']:.0f} s). Run {result['run']}."
    ]


def validation_lines(result: Result) -> list[str]:
    """Accuracy with its interval and protocol, the classes one by one, and what leaked."""
    lines = [
        f"{result['system']}, protocol {result['protocol']}: accuracy "
        f"{per_cent(result['accuracy'], result['accuracy_ci95'])}, 95 % interval in brackets; "
        f"{result['n_images']} images in {result['n_groups']} groups, {result['n_synthetic']} synthetic"
        f"{equalised(result)}."
    ]
    for name in result["classes"]:
        area = result["auc"][name]
        lines.append(
            f"  {name}: sensitivity {per_cent(result['sensitivity'][name])}, specificity "
            f"{per_cent(result['specificity'][name])}, AUC {'–' if area is None else f'{area:.3f}'}"
        )
    if leaks(result):
        counted = "; ".join(f"{name.replace('_', ' ')}: {count}" for name, count in result["leaks"].items())
        lines.append(f"This number leaks. {counted}.")
    return lines


def equalised(result: Result) -> str:
    """What to say of the images of a validation that were equalised; older results do not speak of it."""
    return ", adaptively equalised" if result.get("equalise") else ""


def leaks(result: Result) -> bool:
    """Whether a validation's numbers have to be read as leaking: by its protocol, or by what was counted."""
    return result["protocol"] == "published" or any(result["leaks"].values())


def comparison_lines(result: Result) -> list[str]:
    """One line a run, one line a test."""
    lines = [
        f"{column['run']}  {column['system']}, {column['protocol']}: accuracy "
        f"{per_cent(column['accuracy'], column['accuracy_ci95'])}, {column['n_images']} images in "
        f"{column['n_groups']} groups{equalised(column)}{', leaks' if leaks(column) else ''}"
        for column in result["runs"]
    ]
    for test in result["tests"]:
        if test["n_common"]:
            lines.append(
                f"{test['second']} against {test['first']}: {100 * test['difference']:+.1f} points on "
                f"{test['n_common']} common images in {many(test['n_groups_common'], 'group')}, "
                f"p = {test['p_value']:.3g} (McNemar on groups, exact)"
            )
        else:
            lines.append(f"{test['second']} and {test['first']} have no tested image in common.")
    if len({column["dataset"] for column in result["runs"]}) > 1:
        lines.append("The dataset was changed between these runs: beyond their common images they are not comparable.")
    return lines


def _diagnose(result: Result) -> list[str]:
    lines = []
    for image in result["images"]:
        if image["abstained"]:
            lines.append(f"{image['file']}: no answer. {' '.join(image['reasons'])}")
        else:
            probabilities = ", ".join(f"{name} {100 * p:.1f} %" for name, p in image["probabilities"].items())
            lines.append(f"{image['file']}: {image['predicted']} ({probabilities})")
    return [*lines, RESEARCH_USE]


def _export(result: Result) -> list[str]:
    agreement = result["agreement"]
    return [
        f"{result['model']}",
        f"ONNX and the original gave the same class on {agreement['same_class']} of {agreement['n_images']} images; "
        f"probabilities differ by {agreement['largest_difference']:.1e} at most.",
    ]


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
    "validate": validation_lines,
    "diagnose": _diagnose,
    "export": _export,
    "share": _share,
}
