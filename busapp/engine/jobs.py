"""The entry point to every job: turns settings into a recorded generator of events.

Jobs are listed by name and imported late, so that neither the window nor the command line loads a training framework.
Only the job itself does, in its own thread.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from busapp.engine.events import Job
from busapp.engine.settings import SETTINGS, JobSettings
from busapp.engine.study.resumption import software_changed
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
    "rivals": "busapp.engine.validation.side_by_side:compare_side_by_side",
    "optimizers": "busapp.engine.validation.side_by_side:compare_side_by_side",
    "diagnose": "busapp.engine.diagnosis.job:diagnose_images",
    "export": "busapp.engine.export.job:export_model",
    "share": "busapp.engine.sharing:share",
}


def _function(kind: str) -> JobFunction:
    module, _, name = _JOBS[kind].partition(":")
    function: JobFunction = getattr(import_module(module), name)
    return function


def start(workspace: Workspace, settings: JobSettings, name: str = "") -> Job:
    """Start a new run of the job that these settings belong to. Nothing happens before the first event is pulled."""
    run = workspace.new_run(settings.kind, settings.kept(), name or settings.subject)
    yield from record(run, _function(settings.kind)(workspace, settings, run))


def resume(workspace: Workspace, run_id: str) -> Job:
    """Resume a run from its checkpoint, with the settings that it was started with. A note says which versions of
    libraries have changed since.

    Raises:
        BadInput: there is no such run.
        CannotResume: the run is finished, is running elsewhere, or left no checkpoint.
    """
    run = workspace.run(run_id)
    if not run.can_resume:
        why = {"finished": "The run is finished", "running": "The run is in progress"}.get(
            run.info.state, "The run left no checkpoint"
        )
        raise CannotResume(why, file=run_id, remedy="Start a new run with the same settings.")
    settings = SETTINGS[run.info.kind].model_validate(run.info.settings)
    yield from record(run, _resumed(run, _function(run.info.kind)(workspace, settings, run)))


def _resumed(run: Run, job: Job) -> Job:
    yield from software_changed(run.info)
    yield from job
