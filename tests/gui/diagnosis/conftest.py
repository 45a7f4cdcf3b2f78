"""Fixtures of the Diagnosis tab's tests."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from tabs import shown

from busapp.gui.diagnosis.tab import DiagnosisTab


@pytest.fixture
def tab(qtbot: QtBot) -> Iterator[DiagnosisTab]:
    """The tab on the screen, without a study."""
    with shown(DiagnosisTab(), qtbot) as tab:
        yield tab
