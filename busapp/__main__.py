"""Entry point: set up the log and crash handling, then start the window or the command line."""

import ctypes
import faulthandler
import importlib.util
import logging
import multiprocessing
import os
import platform
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

import busapp
from busapp import paths
from busapp.engine.imports.arrays import hdf5_reader

log = logging.getLogger("busapp")


def main() -> int:
    """Start the program with this process's arguments and return its exit code."""
    multiprocessing.freeze_support()
    if sys.argv[1:] == [hdf5_reader.COMMAND]:  # before the log, which belongs to the process that asks
        return hdf5_reader.main()
    _give_streams()
    _start_log()
    _preload_torch()
    from busapp import cli

    return cli.main()


def _give_streams() -> None:
    # A windowed bundle on Windows has neither stdout nor stderr, and printing to None fails.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (open until the end)


def _start_log() -> None:
    """Start a rotating log. Uncaught errors of any thread go there, crashes of native code to `crash.log` beside it."""
    try:
        folder = paths.log_dir()
        handler = RotatingFileHandler(folder / "busapp.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8")
        faulthandler.enable((folder / "crash.log").open("a", encoding="utf-8"))
    except OSError:
        return  # the program must start even if the home folder is read-only
    handler.setLevel(logging.INFO)  # below INFO, torch traces its exports in thousands of lines
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    log.setLevel(logging.INFO)
    log.info("busapp %s on %s, Python %s", busapp.__version__, platform.platform(), platform.python_version())
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def _preload_torch() -> None:
    """Load the first of torch's libraries before Qt.

    On Windows, torch's libraries fail to load after Qt's (pytorch#166628). One library is enough, and does not need
    the import of torch, which takes seconds.
    """
    if sys.platform != "win32":
        return
    spec = importlib.util.find_spec("torch")
    if spec is not None and spec.origin is not None:
        try:
            ctypes.WinDLL(str(Path(spec.origin).parent / "lib" / "c10.dll"))
        except OSError:
            log.exception("torch's libraries cannot be loaded")


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("uncaught", exc_info=(kind, error, trace))
    print(
        f"busapp: Something went wrong inside busapp ({kind.__name__}). See the log: {paths.log_dir()}", file=sys.stderr
    )


if __name__ == "__main__":
    sys.exit(main())
