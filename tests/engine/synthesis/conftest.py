"""Fixtures of the tests of balancing."""

import shutil
from pathlib import Path

import pytest
from unbalanced_studies import SMALL, make_unbalanced, no_weights

from busapp.engine import jobs
from busapp.engine.settings import BalanceSettings, SynthesizeSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace


@pytest.fixture
def tiny_networks_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Balancing trains networks of 16×16 pixels for two epochs, and computes no features."""

    def tiny(_: BalanceSettings, class_name: str) -> SynthesizeSettings:
        return SynthesizeSettings.model_validate({"class_name": class_name, "count": 0, **SMALL})

    monkeypatch.setattr(BalanceSettings, "generator", tiny)
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", no_weights)


@pytest.fixture
def unbalanced(phantom_study: Workspace) -> Workspace:
    """A study with 11 benign, 8 malignant and 5 normal images."""
    make_unbalanced(phantom_study)
    return phantom_study


@pytest.fixture(scope="session")
def _template_with_generator(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a generator, trained once for all tests."""
    root = tmp_path_factory.mktemp("with generator") / "study"
    shutil.copytree(_phantom_template, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("busapp.paths.user_data_dir", lambda: root.parent)
        patch.setattr("busapp.engine.classifiers.features.embed", no_weights)
        study = Workspace.open(root)
        make_unbalanced(study)
        list(jobs.start(study, SynthesizeSettings.model_validate({"class_name": "malignant", "count": 1, **SMALL})))
        study.close()
    return root


@pytest.fixture
def with_generator(unbalanced: Workspace, _template_with_generator: Path) -> Run:
    """The run of a generator of malignant images; one of its images is in use."""
    unbalanced.close()
    shutil.rmtree(unbalanced.root)
    shutil.copytree(_template_with_generator, unbalanced.root)
    return unbalanced.runs("synthesize")[0]
