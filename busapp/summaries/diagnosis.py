"""Words for a diagnosis, and for the external validation that labels make of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from busapp.engine.contract.diagnosis import DiagnoseResult
from busapp.engine.utils.words import RESEARCH_USE, counts_in_words, many
from busapp.summaries.tables import aligned, with_interval


def diagnose_lines(result: DiagnoseResult) -> list[str]:
    """The answers counted, a line for each image, and the external validation if there is one."""
    images = result["images"]
    answers = Counter(image["predicted"] for image in images if image["predicted"])
    silent = len(images) - answers.total()
    counted = [f"{count} {name}" for name, count in sorted(answers.items())]
    counted += [f"{silent} without an answer"] if silent else []
    lines = [f"{many(len(images), 'image')}: {', '.join(counted)}."] if len(images) > 1 else []
    for image in images:
        if image["abstained"]:
            lines.append(f"{image['file']}: no answer. {' '.join(image['reasons'])}")
        else:
            probabilities = ", ".join(f"{name} {100 * p:.1f} %" for name, p in image["probabilities"].items())
            lines.append(f"{image['file']}: {image['predicted']} ({probabilities})")
        lines += [f"  {remark}" for remark in image.get("remarks", [])]
    return [*lines, *(_external(result["external"]) if "external" in result else []), RESEARCH_USE]


def _external(external: Mapping[str, Any]) -> list[str]:
    """The accuracy, the share of answers, the measures of every class as a table, and the images left out."""
    head = f"External validation: {many(external['n'], 'image')} ({counts_in_words(external['counts'])})"
    left_out = [f"{many(count, 'image')} left out: {reason}" for reason, count in external["left_out"].items()]
    measured = external["measured"]
    if measured is None:
        return [f"{head}: too few to measure anything.", *left_out]
    answered = external["accuracy_of_answers"]
    lines = [
        f"{head}, each counted by its most probable class: accuracy {with_interval(measured, 'accuracy')}.",
        f"{external['n_answered']} were answered"
        + (f", {answered:.1%} of them right." if answered is not None else "."),
    ]
    measures = ("sensitivity", "specificity", "auc")
    rows = [[name, *(with_interval(measured, key, name) for key in measures)] for name in external["classes"]]
    rows.insert(0, ["class", *measures])
    return [*lines, *aligned(rows), *left_out]
