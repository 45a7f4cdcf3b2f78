"""Silence for libraries that warn of what they read, in several threads at once."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_silence = warnings.catch_warnings()


@contextmanager
def no_warnings() -> Iterator[None]:
    """Warnings are off until the last thread has left.

    `warnings.catch_warnings` changes what holds for the whole process: of two threads that overlap, the second would
    put back, for good, the silence that it found.
    """
    global _inside, _silence
    with _lock:
        if _inside == 0:
            _silence = warnings.catch_warnings()
            _silence.__enter__()
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _silence.__exit__(None, None, None)
