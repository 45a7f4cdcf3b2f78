"""The benchmark against the plain way runs with the same folds and the same images on all sides."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from busapp.engine import jobs
from busapp.engine.settings import CurateSettings, ValidateSettings
from busapp.engine.study.splits import make_folds, select
from busapp.engine.study.workspace import Workspace

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of an untrained network, in a file like torchvision's ImageNet weights."""
    import torch

    from busapp.engine.networks.layers.torchvision_setup import torchvision

    path = tmp_path / "mobilenet_v2.pth"
    torch.save(torchvision.models.MobileNetV2().state_dict(), path)
    return path


def test_all_sides_do_the_same_work(phantom_folder: Path, weights: Path) -> None:
    command = [sys.executable, BENCHMARKS / "crossval_speed.py", "--data", phantom_folder, "--weights", weights]
    command += ["--folds", 2, "--epochs", 1, "--image-size", 32, "--batch-size", 4, "--json", "-"]
    report = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
    assert report["mode"] == "whole" and report["turns"] == 2
    assert report["folds_compared"] == 4, "both folds of both jobs"
    n, first_step = report["whole_job"]["images"], 4
    assert [sum(sizes) for sizes in report["was_run"]["folds"]] == [n, n]
    reference = report["sides"]["reference"]
    for side in report["sides"].values():
        assert side["images"] == {"train": n - first_step, "test": n}
        assert all(side[name] == reference[name] for name in ("threads", "omp_wait_policy"))
        assert side["images_per_second"] == pytest.approx(side["images"]["train"] / side["seconds"]["train"], rel=0.1)
        assert side["peak_mib"] > 100
    seconds = {side: report["sides"][side]["whole_job_seconds"] for side in report["sides"]}
    compared = {"same_work": ("reference", "full"), "default": ("reference", "default")}
    for ratio, (slower, faster) in compared.items():
        assert report[f"{ratio}_ratio"] == pytest.approx(seconds[slower] / seconds[faster], rel=0.1)
        spread = report["spread"][ratio]
        assert 0 < spread["min"] <= spread["median"] <= spread["max"]
    for measured in report["accuracies"].values():
        assert len(measured["by_fold"]) == 2 and 0 <= measured["accuracy"] <= 1


def test_another_checkout_without_busapp_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from sides import Plan, Side

    side = Side("other", Plan(tmp_path, tmp_path, ValidateSettings(), [], 0), tmp_path)
    with pytest.raises(SystemExit, match="other has failed"):
        side.ready()
    side.close()
    assert "busapp" in capfd.readouterr().err


def test_a_slice_has_one_image_of_a_group_and_even_folds(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from crossval_speed import cut_down

    for _ in jobs.start(phantom_study, CurateSettings()):
        pass
    phantom_study.catalog.join([image.id for image in phantom_study.catalog.images()[:3]])
    settings = ValidateSettings(protocol="strict", folds=5)
    cut_down(phantom_study, select(phantom_study, settings), batch_size=3)
    kept = select(phantom_study, settings)
    assert len(set(kept.groups.tolist())) == len(kept.records) == 15
    assert Counter(kept.labels.tolist()) == {0: 5, 1: 5, 2: 5}
    assert [len(fold.test) for fold in make_folds(kept, settings)] == [3] * 5
