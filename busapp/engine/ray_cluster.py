"""The entry point to jobs on other machines: like `jobs`, but a Ray cluster executes the job and sends its events here.

The study is not copied. It has to lie on a file system that the cluster sees under the same path. There the run is
recorded, cancelled and resumed as usual. Only text crosses the network: the settings, and one line of JSON per event.

The worker is an actor that returns one event per call. A streaming generator of Ray would run ahead of its listener, so
that pausing would have no effect. `ray.cancel` would interrupt it in the middle of a step and leave the run `failed`.
"""

import logging
import os
import platform
import signal
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from busapp.engine import jobs
from busapp.engine.events import Job, Progress, from_line, to_line
from busapp.engine.settings import SETTINGS, JobSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, UserError

PROGRESS_INTERVAL: Final = 0.1
"""Seconds between two `Progress` events sent over the network. A job may yield thousands a second."""
WAIT: Final = 0.2
"""Seconds between two checks for a free machine of the cluster."""
REACH: Final = 5.0
"""Seconds to wait for a machine to answer. Ray itself tries for minutes."""


def start(workspace: Workspace, settings: JobSettings, address: str) -> Job:
    """Like `jobs.start`, but executed by the Ray cluster at `address`.

    `address` is `host:port`, `ray://host:port`, `auto` (the cluster that this machine belongs to) or `local` (a cluster
    started here for this job alone). The study's catalog is closed on this side while the cluster executes the job.

    Raises:
        BadInput: Ray is not installed, there is no cluster, or it does not see this study under its path.
        UserError: the job raised it on the cluster, or the cluster lost the worker.
    """
    yield from _events_of(workspace, address, {"kind": settings.kind, "settings": settings.model_dump_json()})


def resume(workspace: Workspace, run_id: str, address: str) -> Job:
    """Like `jobs.resume`, but executed by the Ray cluster at `address`; see `start`.

    Raises:
        CannotResume: see `jobs.resume`.
    """
    yield from _events_of(workspace, address, {"run_id": run_id})


def _events_of(workspace: Workspace, address: str, order: dict[str, str]) -> Job:
    fingerprint = workspace.catalog.fingerprint()
    workspace.close()  # two machines must not hold one SQLite file in WAL mode
    yield Progress(0, 1, f"connecting to the cluster ({address})")
    with _connected(address) as ray:
        worker = _new_worker(ray, address, str(workspace.root), fingerprint, order)
        line = worker.pull.remote()
        while not ray.wait([line], timeout=WAIT)[0]:
            yield Progress(0, 1, "waiting for a machine of the cluster")
        try:
            while (received := _received(ray, line, address)) is not None:
                event = from_line(received)
                if event is not None:
                    yield event
                line = worker.pull.remote()
        except GeneratorExit:
            ray.get(worker.close.remote())
            raise


def _new_worker(ray: Any, address: str, root: str, fingerprint: str, order: dict[str, str]) -> Any:
    # Without this request, a mixed cluster might choose a machine without a GPU.
    kind = ray.remote(num_gpus=1 if ray.cluster_resources().get("GPU") else 0)(_Worker)
    try:
        return kind.remote(root, fingerprint, order, os.environ.get("OMP_NUM_THREADS"))
    except ImportError as error:  # raised for `ray://`; for other addresses the first pull finds the worker dead
        raise _lost(address) from error


def _lost(address: str) -> UserError:
    return UserError(
        "The cluster lost the process that executed the job",
        file=address,
        remedy="Check that busapp is installed on its machines. Resume a run that had begun with --resume.",
    )


def _received(ray: Any, line: Any, address: str) -> str | None:
    try:
        received: str | None = ray.get(line)
        return received
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from error
        raise
    except ray.exceptions.RayActorError as error:
        raise _lost(address) from error


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to the cluster and return the module `ray`."""
    try:
        import ray
    except ImportError as error:
        raise BadInput("Ray is not installed", remedy='Install it: pip install "busapp[cluster]"') from error
    own = {"include_dashboard": False} if address == "local" else {}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _check_reachable(address)
        with warnings.catch_warnings(action="ignore"):  # Ray raises everything important as an exception as well
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # Ray has no error class for this
        raise BadInput(
            f"The cluster cannot be used: {str(error).strip().splitlines()[0].rstrip('.')}",
            file=address,
            remedy="Check that Ray is running there, with the same versions of Ray and Python, and that its token is "
            "set here (RAY_AUTH_MODE, RAY_AUTH_TOKEN).",
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray's handler would exit without closing the job
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise `OSError` or `ValueError` if nothing answers at `host:port` or `ray://host:port`."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=REACH).close()


class _Worker:
    """Executes one job on the cluster."""

    def __init__(self, root: str, fingerprint: str, order: dict[str, str], threads: str | None) -> None:
        # By default Ray limits a worker to one thread. A job uses as many as outside a cluster.
        os.environ.pop("OMP_NUM_THREADS", None)
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = threads
        self._job = _job(Path(root), fingerprint, order)
        self._last_progress = 0.0

    def pull(self) -> str | None:
        """The line of the next event, None at the end."""
        for event in self._job:
            if isinstance(event, Progress) and event.done < event.total:
                if time.monotonic() - self._last_progress < PROGRESS_INTERVAL:
                    continue
                self._last_progress = time.monotonic()
            return to_line(event)
        return None

    def close(self) -> None:
        """Cancel the job."""
        self._job.close()


def _job(root: Path, fingerprint: str, order: dict[str, str]) -> Job:
    """The job that the worker executes, in the study at `root`."""
    with _same_study(root, fingerprint) as workspace:
        if "run_id" in order:
            yield from jobs.resume(workspace, order["run_id"])
        else:
            yield from jobs.start(workspace, SETTINGS[order["kind"]].model_validate_json(order["settings"]))


def _same_study(root: Path, fingerprint: str) -> Workspace:
    """Open the study at `root`. Raises `BadInput` if there is none, or one with another catalog."""
    try:
        workspace = Workspace.open(root)
        if workspace.catalog.fingerprint() == fingerprint:
            return workspace
        workspace.close()
        raise BadInput("It is another study")
    except BadInput as error:
        raise BadInput(
            f"The cluster ({platform.node()}) does not see this study under its path",
            file=root,
            remedy="Move it to a file system that all machines share, and open it under the path that they share.",
        ) from error
