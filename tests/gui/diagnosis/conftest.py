"""Fixtures of the Diagnosis tab's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tabs import shown
from tiny_model import write_model

from busapp import paths
from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.tab import DiagnosisTab


@pytest.fixture
def tab(qtbot: QtBot, phantom_study: Workspace) -> Iterator[DiagnosisTab]:
    """The tab on the screen, without a study. It shuts down before the study closes: its threads may read it."""
    with shown(DiagnosisTab(), qtbot) as tab:
        yield tab


@pytest.fixture
def study(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """A study with one model; no model ships with the program."""
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "nothing ships")
    write_model(phantom_study.models_dir / "r1.onnx")
    return phantom_study
