"""A resumed run says what has changed since it was last computed, once, and keeps it with the run."""

from collections.abc import Iterator

import pytest
from pulling import pull, texts

from busapp.engine import jobs
from busapp.engine.events import CheckpointSaved, Event, Finished, Job
from busapp.engine.settings import CurateSettings
from busapp.engine.study import resumption
from busapp.engine.study.checkpoints import save_checkpoint
from busapp.engine.study.resumption import surroundings_changed
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.versions import software


def stopping(workspace: Workspace, settings: CurateSettings, run: Run) -> Job:
    """A job that can be resumed at any time."""
    save_checkpoint(run.checkpoint, {}, {})
    yield CheckpointSaved(1)
    yield Finished()


@pytest.fixture
def stopped(empty_study: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setitem(jobs._JOBS, "curate", f"{__name__}:stopping")
    pull(jobs.start(empty_study, CurateSettings()), until=is_saved)
    yield empty_study.runs()[0]


def is_saved(event: Event) -> bool:
    return isinstance(event, CheckpointSaved)


def test_versions_that_changed_are_told_once_and_kept(
    empty_study: Workspace, stopped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str]:
        return texts(pull(jobs.resume(empty_study, stopped.id), until=is_saved))

    del stopped.info.versions["scipy"]  # as in runs that did not record it yet
    stopped.save()
    assert told() == [] and empty_study.run(stopped.id).info.resumed == []
    without = {name: version for name, version in software().items() if name != "tensorflow"}
    newer = {**without, "torch": "99.0", "numpy": "98.1"}
    monkeypatch.setattr(resumption, "software", lambda: newer)
    [text] = told()
    for change in (f"torch {software()['torch']} → 99.0", f"numpy {software()['numpy']} → 98.1", "tensorflow"):
        assert change in text
    assert "scikit-learn" not in text and "→ none" in text and "may differ" in text
    assert told() == []
    run = empty_study.run(stopped.id)
    assert run.info.software[1:] == [newer]
    assert text in texts(list(run.events())), "the run records it"
    monkeypatch.undo()
    monkeypatch.setitem(jobs._JOBS, "curate", f"{__name__}:stopping")
    [back] = texts(pull(jobs.resume(empty_study, stopped.id)))
    assert f"torch 99.0 → {software()['torch']}" in back


def test_a_run_that_recorded_no_versions_says_so(empty_study: Workspace, stopped: Run) -> None:
    stopped.info.versions, stopped.info.busapp = {}, "0.0.1"
    stopped.save()
    unknown, changed = texts(pull(jobs.resume(empty_study, stopped.id), until=is_saved))
    assert unknown.startswith("The run did not record the versions of the libraries")
    assert f"computed: busapp 0.0.1 → {software()['busapp']}. " in changed
    assert texts(pull(jobs.resume(empty_study, stopped.id))) == [], "from now on they are recorded"


def test_what_is_not_known_is_not_told() -> None:
    assert list(surroundings_changed(device=("", "CPU"), pixels=("", "0a"))) == []
    assert list(surroundings_changed(device=("CPU", "CPU"), pixels=("0a", "0a"))) == []
    assert len(list(surroundings_changed(device=("CPU", "GPU"), pixels=("0a", "0b")))) == 2
