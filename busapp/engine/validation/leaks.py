"""The job that measures what each leak is worth: it compares cross-validations that differ only in their leaks.

Each leak is measured twice: in the waterfall from `published` to `strict`, where the leaks before it are closed and
those after it are open, and alone on top of `strict`. The two differ if leaks overlap: a network that was trained on
the test images gains nothing more from their copies.
"""

from collections.abc import Generator
from itertools import pairwise
from typing import Final

from busapp.engine.contract.validation import LeakDifference, LeakEntry, LeakRun, LeaksResult, ValidationResult
from busapp.engine.curation.job import curated_first
from busapp.engine.events import Event, Finished, Job, Progress
from busapp.engine.results.comparison import paired
from busapp.engine.results.predictions import read_predictions
from busapp.engine.results.statistics import of_run
from busapp.engine.settings import LeaksSettings, ValidateSettings
from busapp.engine.settings.systems import LEAK_NAMES, possible_leaks
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.series import completed


def measure_leaks(workspace: Workspace, settings: LeaksSettings, run: Run) -> Job:
    """Run the cross-validations that the study does not have yet, one after another, and compare them.

    The result is a `LeaksResult`: `published` and `strict` are the ids of these runs; `steps` lead from published to
    strict, each with one leak less than the one before; `alone` are strict with one leak each. `picked_epoch` says, by
    run, how much the accuracy would rise if each fold reported the epoch that did best on its test images (None if that
    is not known).

    Each entry of `steps` or `alone` is compared with the step before it (in `alone`: with strict):

    - `difference` of the two accuracies, each on all images of its run, so that the steps add up to strict minus
      published. It is negative if closing the leak lowered the accuracy.
    - `paired_difference` on the `n_common` images that both runs tested, in `n_groups_common` groups, with
      `paired_ci95` (bootstrap over groups), `p_value` and `same_folds` (see `comparison.paired`). It differs from
      `difference` if one run has images that the other sets aside. The interval covers other images, not other folds or
      seeds; if `same_folds` is false, the images were divided into other folds.

    Raises the errors of `series.completed`.
    """
    yield from curated_first(workspace, run)
    done = yield from completed(workspace, settings, run)
    runs = {_key(needed): each for needed, each in zip(settings.validations, done, strict=True)}
    yield Finished({**(yield from _side_by_side(settings, runs))})


def _key(settings: ValidateSettings) -> str:
    """The names of a run's open leaks, as a key."""
    return " ".join(settings.open_leaks)


def _side_by_side(settings: LeaksSettings, runs: dict[str, Run]) -> Generator[Event, None, LeaksResult]:
    """Build the result. Yields between two comparisons."""
    leaks, results = possible_leaks(settings.system, settings.network), {run.id: of_run(run) for run in runs.values()}
    waterfall = [runs[_key(each)] for each in settings.waterfall]
    published, strict = waterfall[0], waterfall[-1]
    alone = [(strict, runs[_key(each)]) for each in settings.alone]
    pairs = [*pairwise(waterfall), *alone]
    compared: list[tuple[LeakRun, LeakDifference]] = []
    for number, (before, after) in enumerate(pairs, start=1):
        yield Progress(1, 1, f"comparing pair {number} of {len(pairs)}")
        compared.append((_measured(after, results), _against(before, after, results)))
    steps, alone_on_strict = compared[: len(leaks)], compared[len(leaks) :]
    picked = {run: (result["picked_epoch"], result["accuracy"]) for run, result in results.items()}
    return {
        "system": settings.system,
        "recipe": settings.recipe,
        "folds": 1 if settings.system == "existing" else settings.folds,
        "epochs": settings.passes,
        "seed": settings.seed,
        "published": published.id,
        "strict": strict.id,
        "steps": [
            {"leak": "", "label": "published", **_measured(published, results), **_AGAINST_NOTHING},
            *(_entry(leak, *found) for leak, found in zip(leaks, steps, strict=True)),
        ],
        "alone": [_entry(leak, *found) for leak, found in zip(leaks, alone_on_strict, strict=True)],
        "picked_epoch": {run: None if best is None else best - last for run, (best, last) in picked.items()},
        "devices": sorted({result["device"] for result in results.values()}),
    }


def _entry(leak: str, measured: LeakRun, against: LeakDifference) -> LeakEntry:
    return {"leak": leak, "label": LEAK_NAMES[leak], **measured, **against}


def _measured(run: Run, results: dict[str, ValidationResult]) -> LeakRun:
    result = results[run.id]
    return {
        "run": run.id,
        "accuracy": result["accuracy"],
        "accuracy_ci95": result["accuracy_ci95"],
        "n_images": result["n_images"],
        "n_groups": result["n_groups"],
    }


_AGAINST_NOTHING: Final[LeakDifference] = {
    "difference": None,
    "paired_difference": None,
    "paired_ci95": None,
    "p_value": None,
    "n_common": None,
    "n_groups_common": None,
    "same_folds": None,
}


def _against(before: Run, after: Run, results: dict[str, ValidationResult]) -> LeakDifference:
    test = paired(read_predictions(before), read_predictions(after))
    return {
        "difference": results[after.id]["accuracy"] - results[before.id]["accuracy"],
        "paired_difference": test["difference"],
        "paired_ci95": test["difference_ci95"],
        "p_value": test["p_value"],
        "n_common": test["n_common"],
        "n_groups_common": test["n_groups_common"],
        "same_folds": test["same_folds"],
    }
