"""The job that measures what each leak is worth: cross-validations that differ in nothing but what they let through.

Each is a run of its own, as `busapp validate` makes it. What a leak is worth is measured twice: in the waterfall from
`published` to `strict`, where the leaks before it are closed and those after it are open, and alone on top of `strict`.
The two differ where leaks overlap: a network that was trained on the test images gains nothing more from their copies.
"""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from busapp.engine.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.comparison import paired
from busapp.engine.curation import curated_first
from busapp.engine.estimates import estimate
from busapp.engine.events import CheckpointSaved, Event, Finished, Job, Note, Progress, RunStarted
from busapp.engine.jobs import as_part, resume, start
from busapp.engine.predictions import read_predictions
from busapp.engine.reuse import find_runs, is_done
from busapp.engine.runs import Run
from busapp.engine.settings import LeaksSettings, ValidateSettings
from busapp.engine.splits import fingerprint_of_groups, make_folds, select
from busapp.engine.statistics import of_run
from busapp.engine.systems import LEAK_NAMES, open_leaks, possible_leaks
from busapp.engine.words import many
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, CannotResume


def measure_leaks(workspace: Workspace, settings: LeaksSettings, run: Run) -> Job:
    """Do the cross-validations that the study does not have yet, one after another, and set them side by side.

    Result: `system`, `recipe`, `folds`, `epochs`, `seed`; `published` and `strict`, the ids of these runs; `steps`,
    from published to strict, each with one leak less than the one before; `alone`, strict with one leak each;
    `picked_epoch`, by run, what its accuracy would gain had each fold reported the epoch that did best on its test
    images (None where that is not known); `devices`, on which the runs were trained.

    An entry of `steps` or `alone` has `leak`, the switch of `Leaks` that was closed or is open alone (empty in the
    first step), its name as `label`, `run`, `accuracy` and `accuracy_ci95` in [0, 1], `n_images`, `n_groups`, and
    against the step before it (in `alone`: against strict), in fractions, None in the first step:

    - `difference` of the two accuracies, each on all images of its run, so that the steps add up to strict minus
      published. Where a leak was closed it is negative if the number fell.
    - `paired_difference` on the `n_common` images that both runs tested, in `n_groups_common` groups, with
      `paired_ci95` (bootstrap over groups), `p_value` and `same_folds` (see `comparison.paired`). It is not the same as
      `difference` where one run has images that the other sets aside. The interval tells of other images, not of other
      folds or seeds; where `same_folds` is false, the images were divided anew between the two.

    Raises:
        NotEnoughImages: one of the divisions cannot be made; said before anything is trained.
        CannotResume: the dataset is not the one that the run began with.
        UserError: what `validate` raises. The runs that are finished are kept and need not be repeated.
    """
    yield from curated_first(workspace, run)
    for needed in settings.validations:
        make_folds(select(workspace, needed), needed)
    yield Progress(0, 1, "looking for runs that the study has already")
    begun = _Begun.of(workspace, settings, run)
    runs = yield from _completed(begun)
    yield Finished((yield from _side_by_side(settings, runs)))


@dataclass
class _Begun:
    """Which runs belong to the job; kept in its checkpoint, so that they are gone on with when it is."""

    workspace: Workspace
    settings: LeaksSettings
    run: Run
    images: str
    """A hash of all that the runs depend on in the study."""
    ids: dict[str, str]
    """The ids of the runs, by the names of the leaks that they let through."""

    @classmethod
    def of(cls, workspace: Workspace, settings: LeaksSettings, run: Run) -> "_Begun":
        """As the checkpoint tells, else with the runs that the study has. Raises `CannotResume`: see above."""
        selections = [select(workspace, settings.waterfall[end]) for end in (0, -1)]  # with conflicts and without
        everything = fingerprint_of_groups(workspace.catalog.images(kind="real"))
        begun = cls(workspace, settings, run, " ".join([*(one.fingerprint() for one in selections), everything]), {})
        if run.checkpoint.exists():
            header = load_checkpoint(run.checkpoint)[1]
            if header["images"] != begun.images:
                raise CannotResume(
                    "The dataset has changed since the run was started",
                    file=run.id,
                    remedy="Undo the changes, or start a new run.",
                )
            begun.ids.update(header["runs"])
        missing = [needed for needed in settings.validations if begun.run_of(needed) is None]
        for needed, found in zip(missing, find_runs(workspace, missing, _frozen_stages(settings)), strict=True):
            if found is not None:
                begun.ids[_key(needed)] = found.id
        return begun

    def run_of(self, needed: ValidateSettings) -> Run | None:
        """The run with these settings, if it is finished or can be gone on with."""
        try:
            run = self.workspace.run(self.ids.get(_key(needed), "none"))
        except BadInput:
            return None
        return run if is_done(run) or run.can_resume else None

    def save(self, needed: ValidateSettings, run_id: str) -> CheckpointSaved:
        """Remember that this run belongs to the job."""
        self.ids[_key(needed)] = run_id
        save_checkpoint(self.run.checkpoint, {}, {"images": self.images, "runs": self.ids})
        return CheckpointSaved(epoch=0)


def _key(settings: ValidateSettings) -> str:
    return " ".join(open_leaks(settings.system, settings.leaks))


def _frozen_stages(settings: LeaksSettings) -> int:
    from busapp.engine.classifiers.mobilenet import frozen_stages
    from busapp.engine.devices import find_device

    return frozen_stages(settings.waterfall[-1], find_device())


def _completed(begun: _Begun) -> Generator[Event, None, dict[str, Run]]:
    """Every run that is needed, finished, by the names of its leaks."""
    workspace, needed = begun.workspace, begun.settings.validations
    to_train = [each for each in needed if not is_done(begun.run_of(each))]
    yield Note(_plan_in_words(begun, len(needed), len(to_train)))
    shares = [max(1, round(10 * _seconds(workspace, each))) for each in to_train]
    before, number = 0, 0
    completed = {}
    for settings in needed:
        run = begun.run_of(settings)
        if run is not None and is_done(run):
            yield Note(f"{settings.subject}: {run.id}, which the study has already.")
        else:
            share = shares[number]
            number += 1
            title = f"run {number} of {len(to_train)}"
            job = resume(workspace, run.id) if run else start(workspace, settings)
            for event in as_part(job, title, before, share, sum(shares)):
                if isinstance(event, RunStarted):
                    yield begun.save(settings, event.run)
                    yield Note(f"{settings.subject}: {event.run}, {title}.")
                else:
                    yield event
            before += share
            run = begun.run_of(settings)
            assert run is not None
        completed[_key(settings)] = run
    return completed


def _seconds(workspace: Workspace, settings: ValidateSettings) -> float:
    expected = estimate(settings, workspace)
    return expected.seconds if expected else 0.0


def _plan_in_words(begun: _Begun, n_needed: int, n_to_train: int) -> str:
    expected = estimate(begun.settings, begun.workspace)
    if not n_to_train or expected is None:
        return f"The study has all {n_needed} cross-validations that are needed."
    has = f", of which the study has {n_needed - n_to_train}" if n_to_train < n_needed else ""
    return f"{many(n_needed, 'cross-validation')} are needed{has}. To be trained: {n_to_train}, {expected.in_words()}."


def _side_by_side(settings: LeaksSettings, runs: dict[str, Run]) -> Generator[Event, None, dict[str, Any]]:
    """The result; yields between two comparisons."""
    leaks, results = possible_leaks(settings.system), {run.id: of_run(run) for run in runs.values()}
    waterfall = [runs[_key(each)] for each in settings.waterfall]
    published, strict = waterfall[0], waterfall[-1]
    alone = [(strict, runs[_key(each)]) for each in settings.alone]
    pairs = [*pairwise(waterfall), *alone]
    compared = []
    for number, (before, after) in enumerate(pairs, start=1):
        yield Progress(1, 1, f"comparing pair {number} of {len(pairs)}")
        compared.append({**_measured(after, results), **_against(before, after, results)})
    named = [{"leak": leak, "label": LEAK_NAMES[leak]} for leak in leaks]
    picked = {run: (result["picked_epoch"], result["accuracy"]) for run, result in results.items()}
    return {
        "system": settings.system,
        "recipe": settings.recipe,
        "folds": 1 if settings.system == "existing" else settings.folds,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "published": published.id,
        "strict": strict.id,
        "steps": [
            {"leak": "", "label": "published", **_measured(published, results), **_AGAINST_NOTHING},
            *(name | entry for name, entry in zip(named, compared[: len(leaks)], strict=True)),
        ],
        "alone": [name | entry for name, entry in zip(named, compared[len(leaks) :], strict=True)],
        "picked_epoch": {run: None if best is None else best - last for run, (best, last) in picked.items()},
        "devices": sorted({result["device"] for result in results.values()}),
    }


def _measured(run: Run, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    kept = ("accuracy", "accuracy_ci95", "n_images", "n_groups")
    return {"run": run.id, **{name: results[run.id][name] for name in kept}}


_TESTS: Final = {
    "paired_difference": "difference",
    "paired_ci95": "difference_ci95",
    "p_value": "p_value",
    "n_common": "n_common",
    "n_groups_common": "n_groups_common",
    "same_folds": "same_folds",
}
"""What an entry takes from `comparison.paired`, and what it is called there."""
_AGAINST_NOTHING: Final = dict.fromkeys(["difference", *_TESTS])


def _against(before: Run, after: Run, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    test = paired(read_predictions(before), read_predictions(after))
    return {
        "difference": results[after.id]["accuracy"] - results[before.id]["accuracy"],
        **{name: test[origin] for name, origin in _TESTS.items()},
    }
