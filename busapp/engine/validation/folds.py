"""The folds of a cross-validation: made once, when it begins, and read and checked whenever it is resumed."""

from collections.abc import Generator

import numpy as np
from pydantic import ValidationError

from busapp.engine.events import Event, Note, RunStarted
from busapp.engine.results.predictions import read_predictions
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import Fold, Selection, fold_numbers, folds_numbered, make_folds, parts_of
from busapp.engine.study.stored_folds import check_folds, numbers_of, store_folds, stored_folds, unusable
from busapp.engine.validation.fixed_parts import Study
from busapp.engine.validation.state import State
from busapp.errors import BadInput, CannotResume


def folds_of(study: Study, state: State) -> Generator[Event, None, list[Fold]]:
    """The folds of a run. Sets the digest of `state`, so that the next checkpoint names them.

    A new run divides the images as the newest run of the study that divided the same images by the same settings: runs
    stay comparable, and a series that is resumed has the same folds in all its runs, whatever scikit-learn does today.

    Raises:
        NotEnoughImages: see `make_folds`.
        CannotResume: the run's folds are lost, damaged or not known, or they do not fit its checkpoint.
    """
    run, selection, settings = study.run, study.selection, study.settings
    if not run.checkpoint.exists():
        source, folds = _divided_before(study)
        if source:
            yield Note(f"The images are divided into the same folds as in the run {source.id}.")
        folds = folds or make_folds(selection, settings)
        state.folds = store_folds(run, selection, folds)
    elif state.folds:
        folds, digest = stored_folds(run, selection)
        if digest != state.folds:
            raise unusable(run, "The stored folds of the run are not those that its checkpoint was made with")
    else:
        folds = _told_by_tests(study, state)
        state.folds = store_folds(run, selection, folds)
    check_folds(run, folds, selection, settings)
    numbers = fold_numbers(folds, len(selection.records))
    if not np.array_equal(state.fold_of, np.where(numbers < state.fold, numbers, 0)):
        raise unusable(run, "The run has tested other images than those of its stored folds")
    return folds


def _divided_before(study: Study) -> tuple[Run | None, list[Fold]]:
    """The newest other run that divided this selection by these settings, and its folds."""
    wanted, selection = _division(study.settings), study.selection
    for run in study.workspace.runs("validate"):
        try:
            settings = ValidateSettings.model_validate(run.info.settings)
            if run.id != study.run.id and _division(settings) == wanted:
                folds = _known_folds(run, selection)
                check_folds(run, folds, selection, settings)
                return run, folds
        except (ValidationError, CannotResume, BadInput):  # of another version, of other images, or damaged
            continue
    return None, []


def _division(settings: ValidateSettings) -> tuple[object, ...]:
    """The settings that folds depend on."""
    return settings.system == "existing", parts_of(settings), settings.leaks.split_duplicates, settings.seed


def _known_folds(run: Run, selection: Selection) -> list[Fold]:
    """The folds that a run stored, or, of a finished run of an earlier version, those that it tested."""
    try:
        return stored_folds(run, selection)[0]
    except CannotResume:
        if run.info.state != "finished":
            raise
    rows = read_predictions(run)
    known = {record.id: (record.sha256, record.group, record.class_name) for record in selection.records}
    if any(known.get(row.image_id) != (row.sha256, row.group, row.true) for row in rows):
        raise unusable(run, "The run tested other images or groups")
    return folds_numbered(numbers_of(selection, {row.image_id: row.fold for row in rows}))


def _told_by_tests(study: Study, state: State) -> list[Fold]:
    """The folds of a run of an earlier version, which stored none, if its tests leave no doubt.

    They do if all folds but the last are tested, since the last one has the remaining images, and if one process did
    all of it: had the run been resumed before, then maybe with other folds.
    """
    hold_out = study.settings.system == "existing"
    n_folds = 1 if hold_out else parts_of(study.settings)
    started = sum(isinstance(event, RunStarted) for event in study.run.events())
    resumed_before = started != 2  # the second start is this one
    as_recorded = all(fold.get("n_test") == (state.fold_of == fold["fold"]).sum() for fold in state.finished)
    if resumed_before or not as_recorded or state.fold < n_folds + hold_out:
        raise unusable(
            study.run,
            "An earlier version of the program began the run and did not store its folds. Made again, they may be "
            "others, and networks would be tested on images that they were trained on",
        )
    numbers = state.fold_of.astype(np.intp)
    return folds_numbered(numbers if state.fold > n_folds else np.where(numbers == 0, n_folds, numbers))
