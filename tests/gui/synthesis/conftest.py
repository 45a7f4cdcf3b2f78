"""Fixtures of the Synthesis tab's tests."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from tabs import shown

from busapp.engine.study.workspace import Workspace
from busapp.gui.synthesis.tab import SynthesisTab


@pytest.fixture
def tab(qtbot: QtBot, phantom_study: Workspace) -> Iterator[SynthesisTab]:
    """The tab on the screen, without a study. It shuts down before the study closes: its threads may read it."""
    with shown(SynthesisTab(), qtbot) as tab:
        yield tab
