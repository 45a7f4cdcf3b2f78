"""The process that reads one file of HDF5 for the program.

HDF5's library is written in C. Some damaged files end the process that reads them, and some might never end. So the
program reads them in another process (`hdf5_process`), with limits of time and memory, and takes only numbers from it.

Only plain arrays are read, in slices: no links to other files, no virtual arrays, no filters of plug-ins.

Each request is a line of JSON; the answer is another, followed by as many bytes as it says.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

COMMAND: Final = "read-hdf5"
"""The argument that starts the program as this process."""
MOST_MEMORY: Final = 2**30
"""Bytes of address space, where the system can limit it."""
MOST_PROCESSOR_SECONDS: Final = 20.0
"""Processor time for an answer, where the system can limit it. A row of chunks of 453 MB takes about 3 s."""
MAX_RATIO: Final = 100
"""Largest ratio of unpacked to packed size."""
_RATIO_COUNTS_FROM: Final = 2**20
_MAX_CHUNK: Final = 64 * 2**20
_FILTERS: Final = frozenset({1, 2, 3})
"""Deflate, shuffle and Fletcher's checksum: the filters that are part of HDF5 itself."""

_Answer = dict[str, Any]


def environment() -> dict[str, str]:
    """The variables under which the process starts: the program's, without those that make HDF5 load other code."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("HDF5_")}
    # "::" turns all plug-ins off. Threads for algebra, which is not needed, would take address space.
    return kept | {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"}


def main() -> int:
    """Answer requests from standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the program, which then ends this process
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # a library may print there
        os.dup2(nowhere, stream)
    _limit()
    _serve(requests, answers)
    return 0


def _limit() -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOGPFAULTERRORBOX)  # no window if it breaks off
        return
    import resource

    limits = ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0))
    for which, most in limits:
        with suppress(OSError, ValueError):  # macOS refuses some
            resource.setrlimit(which, (most, most))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    open_files = _Files()
    handlers: dict[str, Callable[..., tuple[_Answer, bytes]]] = {
        "open": open_files.open,
        "labels": open_files.labels,
        "rows": open_files.rows,
    }
    for line in requests:
        name, arguments = json.loads(line)
        _start_clock(MOST_PROCESSOR_SECONDS)
        try:
            answer, content = handlers[name](*arguments)
        except _Refused as error:
            answer, content = {"refused": error.args}, b""
        except Exception:  # h5py raises errors of many kinds for damaged files
            answer, content = {"damaged": True}, b""
        _start_clock(0)
        answers.write(json.dumps(answer | {"bytes": len(content)}).encode() + b"\n")
        answers.write(content)
        answers.flush()


def _start_clock(seconds: float) -> None:
    """Let the system end this process after that much processor time; 0 stops the clock."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


class _Refused(Exception):
    """An array that is not read. Its arguments are the reason, for which `hdf5_process` has a sentence, and its
    name."""


class _Files:
    """The open files. A method returns the answer, and the bytes behind it."""

    def __init__(self) -> None:
        self._opened: dict[str, Any] = {}
        self._pictures: Any = None

    def open(self, path: str, names: list[str]) -> tuple[_Answer, bytes]:
        """Find the array of pictures: `shape`, `dtype`, and `chunks` if it is stored in chunks; {} if there is none."""
        data = self._pictures = self._array(path, names)
        if data is None:
            return {}, b""
        return {"shape": [*map(int, data.shape)], "dtype": str(data.dtype)[:50], "chunks": data.chunks}, b""

    def labels(self, path: str, names: list[str], most: int) -> tuple[_Answer, bytes]:
        """The whole numbers of an array, at most that many: `dtype`, and their bytes; {} if there is no array.
        `fits` is false if they are other numbers, or too many."""
        data = self._array(path, names)
        if data is None:
            return {}, b""
        if data.dtype.kind not in "uib" or math.prod(data.shape) > most:
            return {"fits": False}, b""
        values = data[()]
        return {"fits": True, "dtype": values.dtype.str}, values.tobytes()

    def rows(self, start: int, stop: int) -> tuple[_Answer, bytes]:
        """The bytes of some pictures."""
        return {}, self._pictures[start:stop].tobytes()

    def _array(self, path: str, names: list[str]) -> Any:
        """The first array with one of these names, None if there is none.

        Raises:
            _Refused: it is not a plain one.
        """
        import h5py  # loaded only after the limits are set

        if path not in self._opened:
            self._opened[path] = h5py.File(path, "r", locking=False)
        file = self._opened[path]
        for name in names:
            link = file.get(name, getlink=True)
            if link is not None:
                data = file[name] if isinstance(link, h5py.HardLink) else None
                if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
                    raise _Refused("elsewhere", name)
                _check(data, name, Path(path).stat().st_size)
                return data
        return None


def _check(data: Any, name: str, file_size: int) -> None:
    """Raises `_Refused` if reading an array would need other code, or far more memory or time than its size says."""
    creation = data.id.get_create_plist()
    filters = {creation.get_filter(number)[0] for number in range(creation.get_nfilters())}
    if not filters <= _FILTERS:
        raise _Refused("filters", name)
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > _MAX_CHUNK:
        raise _Refused("chunks", name)
    size, stored = math.prod(data.shape) * data.dtype.itemsize, data.id.get_storage_size()
    # More stored bytes than the file has: its parts share them.
    if size > _RATIO_COUNTS_FROM and (size > MAX_RATIO * stored or stored > file_size):
        raise _Refused("size", name)
