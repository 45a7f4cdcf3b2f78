"""Words for a validation."""

from collections.abc import Mapping
from typing import Any

from busapp.engine.contract.validation import Validated, ValidationResult
from busapp.engine.images.steps import steps_of
from busapp.engine.networks.registry import DEFAULT, NETWORKS, beside_the_paper, named_by
from busapp.engine.settings.systems import Leaks, counted_leaks, leaks_in_words
from busapp.engine.utils.words import per_cent
from busapp.summaries.tables import aligned, rows_of, with_interval


def network_in_words(result: Validated) -> str:
    """`, Plain CNN`; empty for the paper's network. With the networks whose features it takes, if it takes some."""
    name = result.get("network", DEFAULT)
    return "" if name == DEFAULT else f", {named_by(result, name)}"


def published_method(result: Validated) -> list[str]:
    """Sentences on the paper that a method on features is from; none for a network that is trained itself."""
    used = result.get("feature_networks", [])
    return beside_the_paper(result.get("network", DEFAULT), [one for one in used if one in NETWORKS])


def validate_lines(result: ValidationResult) -> list[str]:
    """Accuracy with its interval and protocol, every measure with its interval and range over folds, and the leaks."""
    n_folds = len(result["folds"])
    lines = [
        f"{result['system']}, protocol {result['protocol']}, recipe {result['recipe']}{network_in_words(result)}: "
        f"accuracy {per_cent(result['accuracy'], result['accuracy_ci95'])}, 95 % interval in brackets; "
        f"{result['n_images']} images in {result['n_groups']} groups, {result['n_synthetic']} synthetic"
        f"{preparation_in_words(result)}."
    ]
    lines += published_method(result)
    rows = [["", *(["", f"over {n_folds} folds"] if n_folds > 1 else [""])]]
    for title, measure, class_name in rows_of(result["classes"]):
        row = [title, with_interval(result, measure, class_name)]
        rows.append([*row, _range(result["fold_range"], measure, class_name)] if n_folds > 1 else row)
    lines += [*aligned(rows), *_calibration(result["calibration"]), *_operating_point(result)]
    if result["picked_epoch"] is not None and result["epochs"] > 1:
        picked = per_cent(result["picked_epoch"])
        lines.append(f"With the best epoch of each fold picked by its test images, the accuracy would be {picked}.")
    if has_leaks(result):
        let_through = "; ".join(_leaking(result)) or "by its protocol"
        counted = "; ".join(counted_leaks(result["leaks"])) or "nothing"
        lines.append(f"This number leaks: {let_through}. Counted: {counted}.")
    return lines


def _leaking(result: ValidationResult) -> list[str]:
    return leaks_in_words(result["system"], Leaks(**result["switches"]), result.get("network", DEFAULT))


def _range(ranges: Mapping[str, Any], measure: str, class_name: str | None) -> str:
    """The lowest and the highest fold; empty if the measure is not computed by fold."""
    found = ranges.get(measure)
    if class_name is not None and found is not None:
        found = found.get(class_name)
    if found is None:
        return ""
    low, high = found
    return f"{low:.3f} to {high:.3f}" if measure == "auc" else f"{100 * low:.1f} to {100 * high:.1f} %"


def _calibration(found: Mapping[str, Any]) -> list[str]:
    scaled = found["ece_scaled"]
    after = f"; with a temperature from the other folds {per_cent(scaled)}" if scaled is not None else ""
    return [f"Calibration: confidence and accuracy differ by {per_cent(found['ece'], found['ece_ci95'])} (ECE){after}."]


def _operating_point(result: Mapping[str, Any]) -> list[str]:
    """Sensitivity and specificity at a threshold that seldom misses a malignant image, if there is such a class."""
    point = result["operating_points"].get("malignant")
    if point is None:
        return []
    return [
        f"If an image counts as malignant from about {per_cent(point['threshold'])}, a threshold set on the other "
        f"folds for a sensitivity of {100 * point['target_sensitivity']:.0f} %: sensitivity "
        f"{per_cent(point['sensitivity'], point['sensitivity_ci95'])}, specificity "
        f"{per_cent(point['specificity'], point['specificity_ci95'])}."
    ]


def preparation_in_words(result: Mapping[str, Any]) -> str:
    """`, adaptively equalised (CLAHE)`: the steps that prepared the images, or nothing if they were only resized."""
    return "".join(f", {step.full}" for step in steps_of(result))


def has_leaks(result: Mapping[str, Any]) -> bool:
    """True if a validation's numbers leak: by its protocol, or by what was counted."""
    return result["protocol"] == "published" or any(result["leaks"].values())
