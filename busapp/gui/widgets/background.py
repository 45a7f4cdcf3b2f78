"""What would hold up the window is done in a thread of its own."""

import logging
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from busapp.errors import UserError

log = logging.getLogger(__name__)

Work = Callable[[], object]


class Background(QObject):
    """Does what was asked for last; what was asked for before it is forgotten, and not begun if it was not yet.

    Signals:
        made: what came of the work that was asked for last.
        failed: why nothing came of it, a sentence for people.
    """

    made = Signal(object)
    failed = Signal(str)
    _done = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked = 0
        self._waiting: tuple[int, Work] | None = None
        self._lock = threading.Lock()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._done.connect(self._keep_newest)

    def ask(self, work: Work | None) -> None:
        """Do this, and nothing that was asked for before; None: nothing at all."""
        with self._lock:
            self._asked += 1
            self._waiting = None if work is None else (self._asked, work)
        if work is not None:
            self._pool.start(_Do(self))

    def stop(self) -> None:
        """Forget what was asked for, and wait for what is being done."""
        self.ask(None)
        self._pool.waitForDone()

    def do_newest(self) -> None:
        """Called in the pool's thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        number, work = waiting
        try:
            self._done.emit(number, work())
        except Exception as error:  # nobody above this could tell the user of it
            if not isinstance(error, UserError):
                log.exception("work in the background failed")
            self._done.emit(number, error)

    def _keep_newest(self, number: int, found: object) -> None:
        if number != self._asked:
            return
        if isinstance(found, Exception):
            is_known = isinstance(found, UserError)
            self.failed.emit(str(found) if is_known else "Something went wrong; the log has it.")
        else:
            self.made.emit(found)


class _Do(QRunnable):
    def __init__(self, owner: Background) -> None:
        super().__init__()
        self._owner = owner

    def run(self) -> None:
        self._owner.do_newest()
