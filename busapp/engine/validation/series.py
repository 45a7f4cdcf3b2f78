"""Jobs that need several cross-validations. Those that the study already has are reused. The others are started or
resumed, each as a part of the job and as a run of its own, like those of `busapp validate`."""

from collections.abc import Generator
from dataclasses import dataclass

from busapp.engine.events import CheckpointSaved, Event, Note, Progress, RunStarted
from busapp.engine.jobs import resume, start
from busapp.engine.progress import as_part
from busapp.engine.settings import SeriesSettings, ValidateSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import fingerprint_of_groups, make_folds, select
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.engine.validation.estimates import estimate_series, estimate_validations
from busapp.engine.validation.needed import needed_validations
from busapp.engine.validation.reuse import can_continue, find_runs, is_done
from busapp.errors import BadInput, CannotResume


def completed(workspace: Workspace, settings: SeriesSettings, run: Run) -> Generator[Event, None, list[Run]]:
    """Complete all cross-validations that the job `run` needs, and return them in the order of `settings.validations`.
    Those
    that it does not need are missing (`needed.needed_validations`). The study must have been curated.

    Raises:
        NotEnoughImages: the folds of one of them cannot be made; raised before anything is trained.
        CannotResume: the dataset has changed since the job began.
        UserError: the errors of `validate`. Finished runs are kept and need not be repeated.
    """
    needed_runs = needed_validations(workspace, settings)
    for needed in needed_runs:
        make_folds(select(workspace, needed), needed)
    yield Progress(0, 1, "looking for runs that the study already has")
    begun = _Begun.of(workspace, settings, run)
    to_train = [each for place, each in enumerate(needed_runs) if not is_done(begun.run_at(place))]
    yield Note(_plan_in_words(begun, len(needed_runs), len(to_train)))
    shares = [max(1, round(10 * _seconds(workspace, each))) for each in to_train]
    done: list[Run] = []
    number = 0
    for place, each in enumerate(needed_runs):
        found = begun.run_at(place)
        if found is not None and is_done(found):
            yield Note(f"{each.subject}: {found.id}, which the study already has.")
        else:
            title = f"run {number + 1} of {len(to_train)}"
            job = resume(workspace, found.id) if found else start(workspace, each)
            for event in as_part(job, title, sum(shares[:number]), shares[number], sum(shares)):
                if isinstance(event, RunStarted):
                    yield begun.save(place, event.run)
                    yield Note(f"{each.subject}: {event.run}, {title}.")
                else:
                    yield event
            number += 1
            found = begun.run_at(place)
            assert found is not None
        done.append(found)
    return done


@dataclass
class _Begun:
    """The runs that belong to the job. They are saved in its checkpoint, so that a resumed job continues with them."""

    workspace: Workspace
    settings: SeriesSettings
    run: Run
    images: str
    """Hash of everything in the study that the runs depend on."""
    ids: dict[str, str]
    """Ids of the runs, by their places among the needed validations."""

    @classmethod
    def of(cls, workspace: Workspace, settings: SeriesSettings, run: Run) -> "_Begun":
        """The runs in the job's checkpoint, completed by runs that the study already has. Raises `CannotResume` if the
        dataset has changed."""
        needed = needed_validations(workspace, settings)
        selections = dict.fromkeys(select(workspace, each).fingerprint() for each in needed)
        everything = fingerprint_of_groups(workspace.catalog.images(kind="real"))
        begun = cls(workspace, settings, run, " ".join([*selections, everything]), {})
        if run.checkpoint.exists():
            header = load_checkpoint(run.checkpoint)[1]
            if header["images"] != begun.images:
                raise CannotResume(
                    "The dataset has changed since the run was started",
                    file=run.id,
                    remedy="Undo the changes, or start a new run.",
                )
            begun.ids.update(header["runs"])
        missing = [place for place in range(len(needed)) if begun.run_at(place) is None]
        wanted = [needed[place] for place in missing]
        found_runs = find_runs(workspace, wanted, [_frozen_stages(each) for each in wanted])
        for place, found in zip(missing, found_runs, strict=True):
            if found is not None:
                begun.ids[str(place)] = found.id
        return begun

    def run_at(self, place: int) -> Run | None:
        """The run at this place, if it is finished or can be resumed."""
        try:
            run = self.workspace.run(self.ids.get(str(place), "none"))
        except BadInput:
            return None
        return run if is_done(run) or can_continue(run) else None

    def save(self, place: int, run_id: str) -> CheckpointSaved:
        """Save in the checkpoint that this run belongs to the job."""
        self.ids[str(place)] = run_id
        save_checkpoint(self.run.checkpoint, {}, {"images": self.images, "runs": self.ids})
        return CheckpointSaved(epoch=0)


def _frozen_stages(settings: ValidateSettings) -> int:
    from busapp.engine.classifiers.building import frozen_stages
    from busapp.engine.utils.devices import find_device

    return frozen_stages(settings, find_device())


def _seconds(workspace: Workspace, settings: ValidateSettings) -> float:
    return estimate_validations([settings], workspace.catalog.counts("real")).seconds


def _plan_in_words(begun: _Begun, n_needed: int, n_to_train: int) -> str:
    if not n_to_train:
        return f"The study already has all {n_needed} cross-validations."
    has = f"; the study already has {n_needed - n_to_train}" if n_to_train < n_needed else ""
    expected = estimate_series(begun.workspace, begun.settings)
    return f"{many(n_needed, 'cross-validation')} are needed{has}. To be trained: {n_to_train}, {expected.in_words()}."
