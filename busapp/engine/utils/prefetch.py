"""Process many items in threads, a few items ahead of the one needed next, in constant memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = max(2, min(4, os.cpu_count() or 1))
WRITERS: Final = 4
"""Threads for work that waits for the disk. While some wait, the others keep the cores busy."""
AHEAD: Final = 4
"""Number of items, for each thread, that are being processed, or are finished and not yet taken. This bounds the
memory."""
PATIENCE: Final = 0.1
"""Longest time in seconds between two yields, however long one item takes."""


def in_order(
    work: Callable[[T], R], items: Iterable[T], name: str, threads: int = THREADS
) -> Generator[tuple[T, Future[R]] | None, None, None]:
    """Yield each item with its finished future, in order. Yields None while the next item is still running, so that the
    job stays responsive. `name` is the name of the threads.

    If it is closed early, it starts no further items and waits for those that are running.
    """
    started: deque[tuple[T, Future[R]]] = deque()
    waiting = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        while True:
            for item in islice(waiting, AHEAD * threads - len(started)):
                started.append((item, pool.submit(work, item)))
            if not started:
                return
            first = started[0][1]
            while not first.done() and wait([first], PATIENCE).not_done:
                yield None
            yield started.popleft()
    finally:
        pool.shutdown(cancel_futures=True)
