"""A job that runs until the test lets it end."""

import threading

from busapp.engine.events import Finished, Job, Note
from busapp.gui.jobs.job_queue import QueuedJob


class Gate:
    """A job that runs until `opened` is set, and sets `closed` when it is closed."""

    def __init__(self, name: str) -> None:
        self.opened, self.closed = threading.Event(), threading.Event()
        self.queued = QueuedJob("test", name, self.job)

    def job(self) -> Job:
        try:
            while not self.opened.wait(0.005):
                yield Note(self.queued.title)
            yield Finished({"name": self.queued.title})
        finally:
            self.closed.set()
