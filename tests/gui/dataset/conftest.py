"""Fixtures for the tests of the Dataset tab."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from tabs import shown

from busapp.gui.dataset.tab import DatasetTab


@pytest.fixture
def tab(qtbot: QtBot) -> Iterator[DatasetTab]:
    """The tab, visible and without a study."""
    with shown(DatasetTab(), qtbot) as tab:
        yield tab
