"""Silence the warnings of libraries that read files, safely in several threads."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_silence = warnings.catch_warnings()


@contextmanager
def no_warnings() -> Iterator[None]:
    """Turn warnings off until the last thread has left.

    `warnings.catch_warnings` changes the state of the whole process. If two threads overlapped, the second would find
    the warnings off and restore that state for good.
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
