"""Fixtures of the Validation tab's tests."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from tabs import shown

from busapp.gui.validation.tab import ValidationTab


@pytest.fixture
def tab(qtbot: QtBot) -> Iterator[ValidationTab]:
    """The tab on the screen, without a study."""
    with shown(ValidationTab(), qtbot) as tab:
        yield tab
