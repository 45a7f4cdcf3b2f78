"""Offers to resume the runs that were interrupted or stopped, in the strips above the tabs."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from PySide6.QtCore import QObject, Signal

from busapp.engine.settings import SETTINGS
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.gui.widgets.message_strip import MessageStrip

_STOPPED: Final = {"interrupted": "was interrupted", "cancelled": "was stopped"}


class ResumeOffers(QObject):
    """One message for each run that can be resumed, until the run is resumed or deleted.

    Signals:
        accepted: the id of a run that the user wants to resume.
    """

    accepted = Signal(str)

    def __init__(self, strip_of: Callable[[str], MessageStrip], parent: QObject | None = None) -> None:
        """`strip_of` returns the strip of the tab that shows jobs of a kind."""
        super().__init__(parent)
        self._strip_of = strip_of
        self._offers: dict[str, tuple[MessageStrip, str]] = {}

    def open_study(self, workspace: Workspace) -> None:
        """Offer the runs of this study; the window has emptied the strips."""
        self._offers.clear()
        stopped = [run for run in workspace.runs() if run.info.state in _STOPPED and run.can_resume]
        for run in reversed(stopped):
            self._offer(run)

    def withdraw(self, run_id: str) -> None:
        """Remove the offer of a run, if there is one."""
        if run_id in self._offers:
            strip, sentence = self._offers.pop(run_id)
            strip.remove(sentence)

    def refresh(self, workspace: Workspace) -> None:
        """Remove the offers of runs that have been deleted or resumed elsewhere."""
        resumable = {run.id for run in workspace.runs() if run.can_resume} if self._offers else set()
        for run_id in set(self._offers) - resumable:
            self.withdraw(run_id)

    def _offer(self, run: Run) -> None:
        at = datetime.fromisoformat(run.info.created).astimezone()
        kind = SETTINGS[run.info.kind].label
        sentence = (
            f"{kind}: {run.info.name}, started {at:%Y-%m-%d %H:%M}, {_STOPPED[run.info.state]}. You can resume it."
        )
        strip = self._strip_of(run.info.kind)
        strip.add(sentence, level="info", action="Resume", on_action=lambda: self.accepted.emit(run.id))
        self._offers[run.id] = (strip, sentence)
