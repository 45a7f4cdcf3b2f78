"""Jobs are started, cancelled and resumed through one entry point."""

import numpy as np
import pytest
from pulling import result_of

from busapp.engine import jobs
from busapp.engine.events import CheckpointSaved, Finished, Job, Note, RunStarted
from busapp.engine.settings import CurateSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, CannotResume

STEPS = 6


def adding_up(workspace: Workspace, settings: CurateSettings, run: Run) -> Job:
    """A job that adds random numbers, and can be resumed after each of them."""
    rng, total, done = np.random.default_rng(7), 0.0, 0
    if run.checkpoint.exists():
        arrays, header = load_checkpoint(run.checkpoint)
        total, done = float(arrays["total"][0]), header["done"]
        rng.bit_generator.state = header["rng"]
    for step in range(done, STEPS):
        total += rng.random()
        save_checkpoint(
            run.checkpoint, {"total": np.array([total])}, {"done": step + 1, "rng": rng.bit_generator.state}
        )
        yield CheckpointSaved(step + 1)
    yield Finished({"total": total, "min_correlation": settings.min_correlation})


@pytest.fixture(autouse=True)
def _small_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobs._JOBS, "curate", f"{__name__}:adding_up")


def test_every_job_that_is_named_has_settings_of_its_kind() -> None:
    from busapp.engine.settings import SETTINGS

    assert jobs._JOBS.keys() == SETTINGS.keys()


def test_nothing_happens_before_the_first_event_is_pulled(empty_study: Workspace) -> None:
    job = jobs.start(empty_study, CurateSettings())
    assert empty_study.runs() == []
    assert isinstance(next(job), RunStarted)
    assert len(empty_study.runs()) == 1
    job.close()


def test_a_started_job_records_its_settings_and_name(empty_study: Workspace) -> None:
    list(jobs.start(empty_study, CurateSettings(min_correlation=0.9), name="Loose"))
    (run,) = empty_study.runs()
    assert run.info.name == "Loose"
    assert CurateSettings.model_validate(run.info.settings) == CurateSettings(min_correlation=0.9)
    assert run.info.state == "finished"


def test_a_cancelled_job_resumes_to_the_same_number(empty_study: Workspace) -> None:
    whole = result_of(list(jobs.start(empty_study, CurateSettings(min_correlation=0.9))))
    job = jobs.start(empty_study, CurateSettings(min_correlation=0.9), name="cut")
    for _ in range(4):
        next(job)
    job.close()
    (cut,) = [run for run in empty_study.runs() if run.info.name == "cut"]
    assert cut.info.state == "cancelled"
    events = list(jobs.resume(empty_study, cut.id))
    assert result_of(events) == whole
    steps = [event.epoch for event in empty_study.run(cut.id).events() if isinstance(event, CheckpointSaved)]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert empty_study.run(cut.id).result() == whole


def test_what_cannot_be_resumed_says_why(empty_study: Workspace) -> None:
    list(jobs.start(empty_study, CurateSettings(), name="done"))
    (done,) = empty_study.runs()
    with pytest.raises(CannotResume, match="finished"):
        next(jobs.resume(empty_study, done.id))

    early = jobs.start(empty_study, CurateSettings(), name="early")
    next(early)
    with pytest.raises(CannotResume, match="in progress"):
        next(jobs.resume(empty_study, empty_study.runs()[0].id))
    early.close()
    (run,) = [run for run in empty_study.runs() if run.info.name == "early"]
    with pytest.raises(CannotResume, match="no checkpoint"):
        next(jobs.resume(empty_study, run.id))

    with pytest.raises(BadInput, match="no such run"):
        next(jobs.resume(empty_study, "never"))


def failing(workspace: Workspace, settings: CurateSettings, run: Run) -> Job:
    yield Note("about to fail")
    raise BadInput("The folder is gone", file="x")


def test_a_failed_job_is_recorded_and_its_error_arrives(
    empty_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs._JOBS, "curate", f"{__name__}:failing")
    with pytest.raises(BadInput, match="gone"):
        list(jobs.start(empty_study, CurateSettings()))
    (run,) = empty_study.runs()
    assert (run.info.state, run.info.error) == ("failed", "The folder is gone (x).")
