"""Starts the process that reads a file of HDF5 (`hdf5_reader`), and asks it for arrays.

Nothing is trusted that comes back: a damaged file may have taken over the other process. Answers are JSON and plain
bytes of the expected length, never pickles.
"""

import json
import math
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from busapp import paths
from busapp.engine.imports.arrays.hdf5_reader import COMMAND, environment
from busapp.errors import UnreadableImage

MOST_SECONDS: Final = 60.0
"""Seconds to wait for an answer, long enough for 64 MiB from a slow network."""
if sys.platform == "win32":
    _NO_WINDOW: Final = subprocess.CREATE_NO_WINDOW
else:
    _NO_WINDOW: Final = 0
_LONGEST_ANSWER: Final = 2**16
_DAMAGED: Final = "The file is no file of HDF5, or it is damaged"
_BROKE_OFF: Final = "The file is damaged: the library that reads it broke off"
_TOO_LONG: Final = "Reading the file takes too long; it may be damaged"
_REFUSED: Final = {
    "elsewhere": ("lies in another file", "Save it in one file."),
    "filters": ("is packed in a way that is not read", "Pack it with gzip."),
    "chunks": ("has chunks of more than 64 MiB", "Save it in smaller chunks."),
    "size": ("is far larger than the file", "Download or copy it again."),
}
"""What is said of an array that is not read, and the remedy. Sentences do not come from the other process, either."""
_AGAIN: Final = "Download or copy it again."
_WHOLE_NUMBERS: Final = re.compile(r"[<>|][uib][1248]")


@dataclass(frozen=True, slots=True)
class ArrayFound:
    """The array of pictures: its sizes, its kind as NumPy names it, and the sizes of its chunks if it has any."""

    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...] | None


class LabelsUnfit(Exception):
    """Labels that are no whole numbers, or too many."""


class Hdf5Process:
    """The process that reads one file, and the file of labels beside it. Several threads may use it at once.

    If it ends by itself or has to be ended, all later questions are answered with the same error.
    """

    def __init__(self, name: str, most_seconds: float = MOST_SECONDS) -> None:
        """Start the process. `name` is the file's name in errors.

        Raises:
            UnreadableImage: the system starts no process.
        """
        self._name = name
        self._most_seconds = most_seconds
        self._lock = threading.Lock()
        self._ended: str | None = None
        program, folder = paths.own_command(COMMAND)
        try:
            self._process = subprocess.Popen(
                program,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise UnreadableImage(
                "The process that reads the file does not start", file=name, remedy="Close other programs first."
            ) from error

    def close(self) -> None:
        """End the process, also while another thread waits for it."""
        self._process.kill()
        with self._lock:
            self._end(_BROKE_OFF)

    def open(self, path: Path, names: Sequence[str]) -> ArrayFound | None:
        """Find the first array with one of these names; None if there is none.

        Raises:
            UnreadableImage: it is not a plain array, or the file is damaged.
        """
        answer, _ = self._ask("open", str(path), list(names))
        if "shape" not in answer:
            return None
        chunks = answer.get("chunks")
        sizes = [answer["shape"], *([] if chunks is None else [chunks])]
        if not all(_are_sizes(given) for given in sizes) or not isinstance(answer.get("dtype"), str):
            raise self._error(_DAMAGED)
        return ArrayFound(tuple(answer["shape"]), answer["dtype"], None if chunks is None else tuple(chunks))

    def labels(self, path: Path, names: Sequence[str], most: int) -> npt.NDArray[Any] | None:
        """The whole numbers of the first array with one of these names, (n,); None if there is none.

        Raises:
            LabelsUnfit: they are no whole numbers, or more than `most`.
            UnreadableImage: as `open`.
        """
        answer, content = self._ask("labels", str(path), list(names), most, most_bytes=8 * most)
        if "fits" not in answer:
            return None
        kind = str(answer.get("dtype"))
        if not answer["fits"] or not _WHOLE_NUMBERS.fullmatch(kind) or len(content) % np.dtype(kind).itemsize:
            raise LabelsUnfit
        return np.frombuffer(content, kind)

    def rows(self, start: int, stop: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """The pictures from `start` up to `stop`, each of this shape: uint8 (stop - start, *shape).

        Raises:
            UnreadableImage: the file is damaged there.
        """
        size = (stop - start) * math.prod(shape)
        _, content = self._ask("rows", start, stop, most_bytes=size)
        if len(content) != size:
            raise self._error(_DAMAGED)
        return np.frombuffer(content, np.uint8).reshape(stop - start, *shape)

    def _ask(self, what: str, *arguments: object, most_bytes: int = 0) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._ended is not None:
                raise self._error(self._ended)
            is_late = threading.Event()
            timer = threading.Timer(self._most_seconds, self._stop_late, (is_late,))
            timer.daemon = True
            timer.start()
            try:
                answer, content = self._exchange([what, arguments], most_bytes)
            except (OSError, ValueError, RecursionError) as error:
                timer.cancel()
                self._end(_TOO_LONG if is_late.is_set() or self._used_its_time() else _BROKE_OFF)
                raise self._error(str(self._ended)) from error
            finally:
                timer.cancel()
        if refused := answer.get("refused"):
            raise self._refusal(refused, arguments)
        if answer.get("damaged"):
            raise self._error(_DAMAGED)
        return answer, content

    def _refusal(self, refused: object, arguments: tuple[object, ...]) -> UnreadableImage:
        """The error for an array that is not read. Its name must be one of those that were asked for."""
        match refused, arguments:
            case [[str(why), str(name)], [_, [*names], *_]] if why in _REFUSED and name in names:
                does, remedy = _REFUSED[why]
                return UnreadableImage(f"Its array {name} {does}", file=self._name, remedy=remedy)
        return self._error(_DAMAGED)

    def _exchange(self, request: object, most_bytes: int) -> tuple[dict[str, Any], bytes]:
        """Send a request and read the answer. Raises `OSError` or `ValueError` if it ends before, or is none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
        answer = json.loads(stdout.readline(_LONGEST_ANSWER))
        size = answer["bytes"] if isinstance(answer, dict) else None
        if not isinstance(size, int) or not 0 <= size <= most_bytes:
            raise ValueError("no answer")
        content = stdout.read(size)
        if len(content) != size:
            raise ValueError("cut short")
        return answer, content

    def _stop_late(self, is_late: threading.Event) -> None:
        is_late.set()
        self._process.kill()

    def _used_its_time(self) -> bool:
        """True if the system ended the process, since it used more processor time than it may."""
        try:
            ended = self._process.wait(1)
        except subprocess.TimeoutExpired:  # it has answered something that is no answer
            return False
        return sys.platform != "win32" and ended == -signal.SIGPROF

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = why
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            try:
                stream.close()
            except OSError:  # a request that was not sent
                continue

    def _error(self, what: str) -> UnreadableImage:
        return UnreadableImage(what, file=self._name, remedy=_AGAIN)


def _are_sizes(given: object) -> bool:
    return isinstance(given, list) and all(type(size) is int and size >= 0 for size in given)
