"""The one door to Keras and TensorFlow. Import `keras` and `tf` from here, inside jobs only: it takes seconds.

What is set, and why:
- Keras chooses its backend when it is first imported, and the paper's DCGAN was written for TensorFlow.
- TensorFlow's start-up messages are written to the process's standard error before any of its log settings is
  read. They would tear the command line's progress bar, so they go to our own log.
- A GPU's memory is taken as it is needed; otherwise TensorFlow takes all of it and leaves torch none.
- The numbers of CPU threads are left as they are: TensorFlow counts the cores that the process may use, and a
  single inter-op thread was measured to be no faster.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def _native_messages_logged() -> Iterator[None]:
    """What is written to file descriptor 2 meanwhile goes to the log."""
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
                log.debug("TensorFlow: %s", line)


os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

with _native_messages_logged():
    import keras
    import tensorflow as tf

    for _device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(_device, True)

if keras.backend.backend() != "tensorflow":
    raise RuntimeError("Keras was imported before busapp could choose its backend")

__all__ = ["keras", "tf"]
