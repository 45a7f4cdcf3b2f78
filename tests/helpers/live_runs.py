"""Real jobs in a real thread, whose events go to a tab as in the window."""

from pytestqt.qtbot import QtBot

from busapp.engine import jobs
from busapp.engine.events import Event
from busapp.engine.settings import JobSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.jobs.job_thread import JobOutcome, JobThread
from busapp.gui.runs.study_tab import StudyTab


def watch(qtbot: QtBot, tab: StudyTab, study: Workspace, settings: JobSettings) -> None:
    """Execute a job to its end, and pass every event to the tab."""
    outcomes: list[JobOutcome] = []
    thread = JobThread(lambda: jobs.start(study, settings))

    def on_event(event: Event) -> None:
        tab.job_event(settings.kind, event)

    thread.event_arrived.connect(on_event)
    thread.ended.connect(outcomes.append)
    thread.start()
    qtbot.waitUntil(lambda: bool(outcomes), timeout=60_000)
    thread.wait()
    assert outcomes[0].state == "finished", outcomes[0]
    tab.job_ended(settings.kind, outcomes[0])
    tab.refresh()
