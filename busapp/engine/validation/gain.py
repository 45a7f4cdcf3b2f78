"""The job that measures whether synthetic images help the classifier. It repeats the same cross-validation without
them, with them, and with altered copies of the real images and class weights instead, which need no generator.

All runs are under `strict`: if a generator has seen the test images, or a network carries weights over to them, a
difference shows what leaked, not what synthetic images are worth (`leaks` measures that).
"""

from collections.abc import Mapping
from typing import Final

from busapp.engine.contract.validation import (
    DifferenceName,
    GainComparisons,
    GainResult,
    GainTraining,
    MeasureDifferences,
    TrainingName,
    ValidationResult,
)
from busapp.engine.curation.job import curated_first
from busapp.engine.events import Finished, Job, Progress
from busapp.engine.results.gain_words import DIFFERENCES, TRAININGS, gain_verdict
from busapp.engine.results.predictions import read_predictions
from busapp.engine.results.statistics import of_run
from busapp.engine.settings import GainSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.needed import adds_images
from busapp.engine.validation.paired_differences import difference
from busapp.engine.validation.series import completed
from busapp.errors import BadInput

_WITH_AUGMENTED: Final[tuple[DifferenceName, ...]] = ("augmented", "instead")


def measure_gain(workspace: Workspace, settings: GainSettings, run: Run) -> Job:
    """Run the cross-validations that the study does not have yet, one after another, and compare them image by image.

    The result is a `GainResult`:

    - `trainings`: `plain` (real images alone), `synthetic` and `augmented` (None if `plain` is already augmented
      and weighted as much), each with `run`, `variants`, `class_weighting`, `system`, `n_images`, `n_groups`,
      `n_synthetic`, and `accuracy`, `balanced_accuracy` and `sensitivity` with their intervals (`_ci95`).
    - `differences`: `synthetic` (against `plain`), `augmented` (against `plain`) and `instead` (`synthetic` against
      `augmented`); the latter two are None if there is no `augmented`. See `paired_differences.difference`.
    - `verdict`: the verdict on the difference in accuracy of `synthetic` (`gain_words.gain_verdict`), and
      `against_augmented`: that of `instead`, None if there is none.

    Raises:
        BadInput: all classes are equally large, so that no synthetic images are added; or the runs were not tested on
            the same images in the same folds.
        Also the errors of `series.completed`.
    """
    yield from curated_first(workspace, run)
    if not adds_images(workspace, settings.synthetic):
        raise BadInput(
            "All classes are equally large, so that system2 adds no synthetic images",
            file=workspace.root,
            remedy="Measure on a study in which one class has fewer images than another.",
        )
    done = yield from completed(workspace, settings, run)
    # The last training is missing if it would add nothing to the first.
    runs: dict[TrainingName, Run] = dict(zip(TRAININGS, done, strict=False))
    tested = {name: read_predictions(each) for name, each in runs.items()}

    def compared(name: DifferenceName) -> MeasureDifferences:
        first, second = DIFFERENCES[name]
        return difference(tested[first], tested[second], (runs[first].id, runs[second].id))

    yield Progress(1, 1, "comparing the trainings")
    differences: GainComparisons = {"synthetic": compared("synthetic"), "augmented": None, "instead": None}
    if "augmented" in runs:
        for name in _WITH_AUGMENTED:
            yield Progress(1, 1, "comparing the trainings")
            differences[name] = compared(name)
    yield Finished({**_side_by_side(settings, runs, differences)})


def _side_by_side(settings: GainSettings, runs: Mapping[TrainingName, Run], differences: GainComparisons) -> GainResult:
    results = {name: of_run(run) for name, run in runs.items()}
    trainings = {name: _training(runs[name], result) for name, result in results.items()}
    grown = results["synthetic"]
    n_train = sum(fold["n_train"] for fold in grown["folds"])
    instead = differences["instead"]
    return {
        "recipe": settings.recipe,
        "folds": settings.folds,
        "epochs": settings.passes,
        "seed": settings.seed,
        "classes": grown["classes"],
        "n_images": grown["n_images"],
        "n_groups": grown["n_groups"],
        "grown": grown["synthetic_ranges"],
        "generators": grown["generators"],
        "more_steps": sum(fold["n_synthetic"] for fold in grown["folds"]) / n_train,
        "devices": sorted({result["device"] for result in results.values()}),
        "trainings": {
            "plain": trainings["plain"],
            "synthetic": trainings["synthetic"],
            "augmented": trainings.get("augmented"),
        },
        "differences": differences,
        "verdict": gain_verdict(differences["synthetic"]["accuracy"]["ci95"]),
        "against_augmented": None if instead is None else gain_verdict(instead["accuracy"]["ci95"]),
    }


def _training(run: Run, result: ValidationResult) -> GainTraining:
    return {
        "run": run.id,
        "variants": result["training"]["variants"],
        "class_weighting": result["training"]["class_weighting"],
        "system": result["system"],
        "accuracy": result["accuracy"],
        "accuracy_ci95": result["accuracy_ci95"],
        "balanced_accuracy": result["balanced_accuracy"],
        "balanced_accuracy_ci95": result["balanced_accuracy_ci95"],
        "sensitivity": result["sensitivity"],
        "sensitivity_ci95": result["sensitivity_ci95"],
        "n_images": result["n_images"],
        "n_groups": result["n_groups"],
        "n_synthetic": result["n_synthetic"],
    }
