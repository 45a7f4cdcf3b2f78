"""Words for what leaves a study: models, reports, figures, and the demo."""

from collections.abc import Mapping
from typing import Any

from busapp.engine.utils.words import many, megabytes


def export_lines(result: dict[str, Any]) -> list[str]:
    """The files of an exported generator or model, and how far a converted model agrees with the original."""
    if "generator" in result:
        return [
            f"Generator of {result['class']} written to {result['generator']}.",
            f"Inputs and outputs are described in {result['description']}. Research use only.",
        ]
    return [
        *([f"Model of the study: {result['model']}"] if "model" in result else []),
        f"For apps, with a README: {result['folder']}",
        *(_agreement(entry) for entry in result["agreement"]),
        "The network was trained on these images: the accuracies show how far the files agree, not how often they are "
        "right.",
    ]


def _agreement(entry: Mapping[str, Any]) -> str:
    return (
        f"{entry['file']} ({megabytes(entry['bytes'])}) and the original gave the same class on "
        f"{entry['same_class']:,} of {many(entry['n_images'], 'image')}; probabilities differ by "
        f"{entry['largest_difference']:.1g} at most, accuracies are {entry['accuracy']:.1%} and "
        f"{entry['original_accuracy']:.1%}."
    )


def report_lines(result: dict[str, Any]) -> list[str]:
    """The path of the report."""
    return [f"Written: {result['report']}"]


def figures_lines(result: dict[str, Any]) -> list[str]:
    """The folder, then the names of the files."""
    return [
        f"{many(len(result['files']), 'file')} of {many(len(result['runs']), 'run')} written to {result['out']}.",
        *(f"  {name}" for name in result["files"]),
    ]


def demo_lines(result: dict[str, Any]) -> list[str]:
    """A caution, the paths of the report and the study, and the command that opens it."""
    return [
        "All images are simulated phantoms; the numbers say nothing about patients.",
        f"Report: {result['report']}",
        f"Study: {result['workspace']}",
        f"Open the window on it: busapp --workspace '{result['workspace']}'",
    ]
