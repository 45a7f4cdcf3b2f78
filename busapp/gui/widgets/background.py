"""Work that would hold up the window, done in a thread of its own.

`Background` is for one result at a time, where only the newest request counts. `BackgroundQueue` is for many results,
such as the small pictures of a list. Each has one thread, and neither delivers a result that is no longer needed.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QThreadPool, Signal

from busapp.errors import UserError

log = logging.getLogger(__name__)

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Handle:
    """Link from running work to its `Background`. Work that takes long calls both functions, from its own thread."""

    is_stopped: Callable[[], bool]
    """True once nobody needs the result any more; the work should then return at once, with anything."""
    report: Callable[[int, int], None]
    """Emit `progressed` with the number of steps done and the number of all steps."""


LongWork = Callable[[Handle], object]


class _Mail(QObject):
    """Carries results to the window's thread. It has no parent, so that work that ends after its widget was deleted
    still has something to send with."""

    done = Signal(int, object, object)
    reported = Signal(int, int, int)


@dataclass(frozen=True, slots=True)
class _Failure:
    sentence: str


class _Worker(QObject):
    """One thread, the work that waits for it, and the number of the current round. `_forget` starts a new round;
    results of earlier rounds are dropped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._round = 0
        self._waiting: OrderedDict[Hashable, LongWork] = OrderedDict()  # the last one is done first
        self._is_running = False
        self._lock = threading.Lock()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._mail = _Mail()
        self._mail.done.connect(self._on_done)
        self._mail.reported.connect(self._on_reported)

    def stop(self) -> None:
        """Forget all work, and wait until the work that is running has returned."""
        self._forget()
        self._pool.waitForDone()

    def _forget(self) -> None:
        with self._lock:
            self._round += 1
            self._waiting.clear()

    def _start(self) -> None:
        """Start the thread, unless it is running or nothing waits."""
        with self._lock:
            if self._is_running or not self._waiting:
                return
            self._is_running = True
        self._pool.start(self._run)

    def _run(self) -> None:
        """Do all work that waits. Called in the pool's thread."""
        try:
            while (piece := self._next()) is not None:
                number, key, work = piece
                self._mail.done.emit(number, key, self._result(number, work))
        except BaseException:  # the thread ends with it, and a later request needs a new one
            with self._lock:
                self._is_running = False
            raise

    def _next(self) -> tuple[int, Hashable, LongWork] | None:
        with self._lock:
            if not self._waiting:
                self._is_running = False
                return None
            key, work = self._waiting.popitem()
            return self._round, key, work

    def _result(self, number: int, work: LongWork) -> object:
        handle = Handle(
            lambda: number != self._round, lambda done, total: self._mail.reported.emit(number, done, total)
        )
        try:
            return work(handle)
        except UserError as error:
            return _Failure(str(error))
        except Exception:  # no caller above this could tell the user
            log.exception("work in the background failed")
            return _Failure("Something went wrong. The log has the details.")

    def _on_done(self, number: int, key: Hashable, found: object) -> None:
        if number == self._round:
            self._deliver(key, found)

    def _on_reported(self, number: int, done: int, total: int) -> None:
        if number == self._round:
            self._deliver_progress(done, total)

    def _deliver(self, key: Hashable, found: object) -> None:
        raise NotImplementedError

    def _deliver_progress(self, done: int, total: int) -> None:
        """Work without a `Handle` reports no progress."""


class Background(_Worker):
    """Does the work that was asked for last. Earlier work is forgotten: it does not start if it has not yet, and its
    result is dropped if it has.

    Signals:
        made: the result of the work that was asked for last.
        failed: why that work has no result, as a sentence for the user.
        progressed: steps done, and all steps; only from work that reports them.
    """

    made = Signal(object)
    failed = Signal(str)
    progressed = Signal(int, int)

    def ask(self, work: Work | None) -> None:
        """Do this instead of everything that was asked for before; None: do nothing."""
        self.ask_long(None if work is None else _without_handle(work))

    def ask_long(self, work: LongWork | None) -> None:
        """As `ask`, for work that stops early when its result is no longer needed, or that reports its progress."""
        self._forget()
        if work is not None:
            with self._lock:
                self._waiting[None] = work
            self._start()

    def _deliver(self, key: Hashable, found: object) -> None:
        if isinstance(found, _Failure):
            self.failed.emit(found.sentence)
        else:
            self.made.emit(found)

    def _deliver_progress(self, done: int, total: int) -> None:
        self.progressed.emit(done, total)


class BackgroundQueue(_Worker):
    """Does many pieces of work, one at a time. Each has a key; new work replaces waiting work with the same key. The
    queue delivers nothing for a piece that fails.

    Signals:
        made: a key, and the result of its work.
    """

    made = Signal(object, object)

    def __init__(self, parent: QObject | None = None, *, most_waiting: int | None = None) -> None:
        """When more than `most_waiting` pieces wait, the queue forgets the oldest."""
        super().__init__(parent)
        self._most_waiting = most_waiting

    def put(self, key: Hashable, work: Work) -> None:
        """Do this before everything that waits."""
        with self._lock:
            self._waiting[key] = _without_handle(work)
            self._waiting.move_to_end(key)
            if self._most_waiting is not None and len(self._waiting) > self._most_waiting:
                self._waiting.popitem(last=False)
        self._start()

    def put_all(self, pieces: Iterable[tuple[Hashable, Work]]) -> None:
        """Do these in their order, and forget everything else that waits. A piece that is running is finished."""
        ordered = list(pieces)
        with self._lock:
            self._waiting.clear()
            for key, work in reversed(ordered):
                self._waiting[key] = _without_handle(work)
        self._start()

    def clear(self) -> None:
        """Forget everything that waits, and the result of the piece that is running."""
        self._forget()

    def _deliver(self, key: Hashable, found: object) -> None:
        if not isinstance(found, _Failure):
            self.made.emit(key, found)


def _without_handle(work: Work) -> LongWork:
    return lambda _handle: work()
