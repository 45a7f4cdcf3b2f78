"""Silence the warnings of libraries, safely in several threads, and what native code prints."""

import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

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


@contextmanager
def native_messages_logged() -> Iterator[None]:
    """Redirect file descriptor 2 (standard error) to the log meanwhile."""
    try:
        stderr = os.dup(2)
    except OSError:  # a windowed program has none
        yield
        return
    with tempfile.TemporaryFile() as aside:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            aside.seek(0)
            for line in aside.read().decode(errors="replace").splitlines():
                log.debug("native code: %s", line)
