"""A job on a Ray cluster: same numbers, same sentences, same cancelling. The cluster is real, on this machine."""

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from busapp import cli
from busapp.engine import jobs, ray_cluster
from busapp.engine.events import EpochEnded, Event, Finished, RunStarted
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, NotEnoughImages, UserError


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of a cluster started for one job. Its worker does not touch the user's home either."""
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    return "local"


def tiny(**changes: Any) -> ValidateSettings:
    given = {"folds": 2, "epochs": 1, "image_size": 32, "width": 0.25, "batch_size": 8, "pretrained": False}
    return ValidateSettings.model_validate({**given, **changes})


def numbers(events: list[Event]) -> dict[str, Any]:
    assert isinstance(events[-1], Finished)
    return {key: value for key, value in events[-1].result.items() if key != "seconds"}


def is_connected() -> bool:
    import ray

    return bool(ray.is_initialized())


def test_a_cluster_gives_the_same_numbers_and_records_the_run(phantom_study: Workspace, local: str) -> None:
    there = list(ray_cluster.start(phantom_study, tiny(), local))
    assert not is_connected()
    (run,) = phantom_study.runs("validate")
    assert run.info.state == "finished"
    assert RunStarted(run.id, "validate", run.info.name) in there
    assert [event for event in run.events() if isinstance(event, EpochEnded)] == [
        event for event in there if isinstance(event, EpochEnded)
    ]
    assert numbers(there) == numbers(list(jobs.start(phantom_study, tiny())))


def test_a_cancelled_job_ends_in_order_and_goes_on_anywhere(phantom_study: Workspace, local: str) -> None:
    job = ray_cluster.start(phantom_study, tiny(epochs=3), local)
    for event in job:
        if isinstance(event, EpochEnded):
            break
    job.close()
    assert not is_connected()
    (run,) = phantom_study.runs("validate")
    assert run.info.state == "cancelled" and run.can_resume
    resumed = numbers(list(jobs.resume(phantom_study, run.id)))
    assert resumed == numbers(list(jobs.start(phantom_study, tiny(epochs=3))))


def test_an_error_comes_back_as_what_it_was(phantom_study: Workspace, local: str) -> None:
    with pytest.raises(NotEnoughImages) as raised:
        list(ray_cluster.start(phantom_study, tiny(folds=50), local))
    assert type(raised.value) is NotEnoughImages
    assert raised.value.remedy == "Choose fewer folds, or import more images."
    (run,) = phantom_study.runs("validate")
    assert (run.info.state, run.info.error) == ("failed", str(raised.value))


def test_errors_survive_the_way_between_processes() -> None:
    for error in (UserError("It is so"), BadInput("It is bad", file=Path("a") / "b", remedy="Mend it.")):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error) and str(copy) == str(error)
        assert (copy.what, copy.file, copy.remedy) == (error.what, error.file, error.remedy)


def test_a_cluster_must_see_the_same_study(phantom_study: Workspace, empty_study: Workspace, tmp_path: Path) -> None:
    fingerprint = phantom_study.catalog.fingerprint()
    for root in (tmp_path / "none", empty_study.root):
        with pytest.raises(BadInput, match="does not see this study"):
            list(ray_cluster._job(root, fingerprint, {"kind": "validate", "settings": tiny().model_dump_json()}))
    assert phantom_study.runs("validate") == empty_study.runs("validate") == []


def test_without_ray_the_command_that_installs_it_is_named(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r'pip install "busapp\[cluster\]"'):
        list(ray_cluster.start(phantom_study, tiny(), "local"))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "host:port"])
def test_an_address_where_nobody_answers_is_bad_input(
    phantom_study: Workspace, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    assert cli.main(["validate", "--cluster", address, "--workspace", str(phantom_study.root)]) == 2
    assert f"({address})" in capsys.readouterr().err.splitlines()[-1]
    assert phantom_study.runs("validate") == []
