"""Work on many things in threads, a few ahead of what is needed next, in constant memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = max(2, min(4, os.cpu_count() or 1))
AHEAD: Final = 4 * THREADS
"""Things that are worked on, or done and not taken yet: what bounds the memory."""
PATIENCE: Final = 0.1
"""Seconds between two answers, however long one thing takes."""


def in_order(
    work: Callable[[T], R], things: Iterable[T], name: str
) -> Generator[tuple[T, Future[R]] | None, None, None]:
    """Every thing in its order with what came of it, as a future that is done; None where the next one takes its time,
    so that a job can say that it lives. `name` is that of the threads.

    Closed early, it starts nothing new and waits for what is being worked on.
    """
    at_work: deque[tuple[T, Future[R]]] = deque()
    waiting = iter(things)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
    try:
        while True:
            for thing in islice(waiting, AHEAD - len(at_work)):
                at_work.append((thing, pool.submit(work, thing)))
            if not at_work:
                return
            while wait([at_work[0][1]], PATIENCE).not_done:
                yield None
            yield at_work.popleft()
    finally:
        pool.shutdown(cancel_futures=True)
