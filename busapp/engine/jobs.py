"""The door to every job: from settings to a recorded generator of events.

Jobs are named, not imported, so that neither the window nor the command line loads a training framework
before the job itself does, in its own thread.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from importlib import import_module
from typing import Final, TypeVar

from busapp.engine.events import EpochEnded, Event, Finished, GanEpochEnded, Job, Progress, RunStarted
from busapp.engine.settings import SETTINGS, JobSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.errors import CannotResume

T = TypeVar("T")
JobFunction = Callable[[Workspace, JobSettings, Run], Job]

_JOBS: dict[str, str] = {
    "import": "busapp.engine.imports.job:import_images",
    "curate": "busapp.engine.curation.job:curate",
    "cover": "busapp.engine.curation.covering:cover_text",
    "synthesize": "busapp.engine.synthesis.job:synthesize",
    "balance": "busapp.engine.synthesis.balancing:balance_classes",
    "validate": "busapp.engine.validation.job:validate",
    "leaks": "busapp.engine.validation.leaks:measure_leaks",
    "gain": "busapp.engine.validation.gain:measure_gain",
    "diagnose": "busapp.engine.diagnosis.job:diagnose_images",
    "export": "busapp.engine.export.job:export_model",
    "share": "busapp.engine.sharing:share",
}
_IN_EPOCHS: Final = frozenset({"synthesize", "validate"})
"""Jobs whose stages are loading, generators and epochs, of which the epochs take the time."""


def _function(kind: str) -> JobFunction:
    module, _, name = _JOBS[kind].partition(":")
    function: JobFunction = getattr(import_module(module), name)
    return function


def start(workspace: Workspace, settings: JobSettings, name: str = "") -> Job:
    """A new run of the job that these settings are for. Nothing happens before the first event is pulled."""
    run = workspace.new_run(settings.kind, settings.kept(), name or settings.subject)
    yield from record(run, _function(settings.kind)(workspace, settings, run))


def resume(workspace: Workspace, run_id: str) -> Job:
    """Go on with a run from its checkpoint, with the settings it was started with.

    Raises:
        BadInput: there is no such run.
        CannotResume: it is finished, at work elsewhere, or left no checkpoint.
    """
    run = workspace.run(run_id)
    if not run.can_resume:
        why = {"finished": "The run is finished", "running": "The run is at work"}.get(
            run.info.state, "The run left no checkpoint"
        )
        raise CannotResume(why, file=run_id, remedy="Start a new run with the same settings.")
    settings = SETTINGS[run.info.kind].model_validate(run.info.settings)
    yield from record(run, _function(run.info.kind)(workspace, settings, run))


def as_part(
    job: Generator[Event, None, T], title: str, before: int, share: int, total: int
) -> Generator[Event, None, T]:
    """A job as a part of a longer one, `share` of whose `total` equal parts of work it is, after the first `before`.

    Its progress becomes progress of the whole, with its `title` in front. Its result is no event of the whole: it is
    with its run, which the first event, `RunStarted`, names. What a generator of events that is no job returns, this
    returns.
    """
    reached, in_epochs = 0, False
    with closing(job):
        while True:
            try:
                event = next(job)
            except StopIteration as ended:
                returned: T = ended.value
                return returned
            match event:
                case Progress():
                    # Some jobs count anew for each of their stages; the progress of the whole must not go back.
                    if not in_epochs:
                        reached = max(reached, min(share, share * event.done // max(event.total, 1)))
                    yield Progress(before + reached, total, f"{title} · {event.what}")
                case Finished():
                    pass
                case _:
                    if isinstance(event, RunStarted):
                        in_epochs = event.kind in _IN_EPOCHS
                    elif isinstance(event, EpochEnded):
                        epochs = (event.fold - 1) * event.epochs + event.epoch
                        reached = share * epochs // (event.folds * event.epochs)
                    elif isinstance(event, GanEpochEnded):
                        reached = share * event.epoch // event.epochs
                    yield event
