"""Fixtures of the Synthesis tab's tests."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from tabs import shown

from busapp.gui.synthesis.tab import SynthesisTab


@pytest.fixture
def tab(qtbot: QtBot) -> Iterator[SynthesisTab]:
    """The tab on the screen, without a study."""
    with shown(SynthesisTab(), qtbot) as tab:
        yield tab
