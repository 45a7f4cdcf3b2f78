"""Finds cross-validations that a study already has, so that the same one is not trained twice."""

from collections.abc import Sequence

from pydantic import ValidationError

import busapp
from busapp.engine.contract.validation import ValidationResult
from busapp.engine.results.stored_results import validation_result
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.recipes import Recipe, same_recipe
from busapp.engine.settings.systems import Leaks
from busapp.engine.study.checkpoints import load_header
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.errors import CannotResume

_FOR_GENERATORS = frozenset({"generator_preset", "generator_epochs", "generator_size"})
_FOR_FEATURES = frozenset({"selected_features", "neighbours", "evaluations"})
_NOT_AS_SPELT = frozenset(
    {"weights_file", "feature_networks", "protocol", "recipe", *Leaks.model_fields, *Recipe.model_fields}
)


def is_done(run: Run | None) -> bool:
    """True if the run exists and is finished."""
    return run is not None and run.info.state == "finished"


def can_continue(run: Run) -> bool:
    """True if the run can be resumed: it stopped before its end, and its checkpoint names its folds. Those of earlier
    versions do not."""
    try:
        return run.can_resume and bool(load_header(run.checkpoint).get("folds"))
    except CannotResume:
        return False


def find_runs(
    workspace: Workspace, wanted: Sequence[ValidateSettings], stages: Sequence[int | None] | None = None
) -> list[Run | None]:
    """For each of the settings, a run of the study that does the same work: the newest finished one, else the newest
    that can be resumed, else None.

    Runs do the same work if all of these are equal:
    - the version of the program;
    - system, folds, training and open leaks. How the settings express them does not matter, nor where the weights were
      read from; but the recipe must still have the parts that it had then;
    - the images with their classes and groups. If it uses generators, also the whole dataset, since they depend on
      images that are set aside, too.

    `stages` are, for each of the settings, the number of stages that this machine freezes if they leave it open (None:
    not known yet).
    """
    runs = [run for run in workspace.runs("validate") if run.info.busapp == busapp.__version__]
    frozen = stages if stages is not None else [None] * len(wanted)
    return [_find(workspace, settings, runs, each) for settings, each in zip(wanted, frozen, strict=True)]


def _find(workspace: Workspace, settings: ValidateSettings, runs: Sequence[Run], stages: int | None) -> Run | None:
    work = _work(settings)
    alike = [run for run in runs if _work_of(run) == work]
    if not alike:
        return None
    dataset, images = workspace.catalog.fingerprint(), select(workspace, settings).fingerprint()
    for run in alike:
        result = validation_result(run)
        if (
            result is not None
            and result.get("images_fingerprint") == images
            and (not settings.uses_generators or (run.info.dataset == dataset and _draws_as_now(result)))
            and (stages is None or result.get("frozen_stages") == stages)
            and same_recipe(result.get("training"), settings.training)
        ):
            return run
    begun = (run for run in alike if can_continue(run) and run.info.dataset == dataset)
    return next((run for run in begun if _trains_so(run, settings.training, stages)), None)


def _draws_as_now(result: ValidationResult) -> bool:
    """True if a run with generators skipped copies of training images and images set aside. Earlier versions did
    not."""
    return "synthetic_ranges" in result


def _trains_so(run: Run, training: Recipe, stages: int | None) -> bool:
    """True if a run that can be resumed was begun with this recipe and this number of frozen stages."""
    header = load_header(run.checkpoint)
    return same_recipe(header.get("training"), training) and (stages is None or header.get("stages") == stages)


def _work_of(run: Run) -> dict[str, object] | None:
    try:
        return _work(ValidateSettings.model_validate(run.info.settings))
    except ValidationError:
        return None


def _work(settings: ValidateSettings) -> dict[str, object]:
    """The settings that the numbers of a run depend on."""
    without = set(_NOT_AS_SPELT)
    if settings.system == "existing":
        without.add("folds")
    if not settings.uses_generators:
        without |= _FOR_GENERATORS
    without |= {"epochs"} if settings.members else _FOR_FEATURES
    return {
        **settings.model_dump(exclude=without),
        "training": settings.training,
        "leaking": settings.open_leaks,
        "members": [entry.name for entry in settings.members],
    }
