"""A tab on the screen, without the window."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from pytestqt.qtbot import QtBot

from busapp.gui.runs.study_tab import StudyTab
from busapp.gui.validation.tab import ValidationTab

Tab = TypeVar("Tab", bound=StudyTab)


@contextmanager
def shown(tab: Tab, qtbot: QtBot) -> Iterator[Tab]:
    """Show the tab as large as in a window of 1280×800. A change to the study refreshes it, as in the window."""
    tab.study_changed.connect(tab.refresh)
    qtbot.addWidget(tab)
    tab.resize(1280, 690)
    tab.show()
    qtbot.waitExposed(tab)
    yield tab
    tab.shut_down()


def numbers_are_there(qtbot: QtBot, tab: ValidationTab) -> None:
    """Wait until the numbers of the shown run are computed."""
    qtbot.waitUntil(lambda: tab.numbers is not None)
