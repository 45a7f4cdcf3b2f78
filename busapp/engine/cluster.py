"""The same door as `jobs`, on another machine: a Ray cluster executes the job, and its events arrive here.

The study does not travel. It has to lie on a file system that the cluster sees under the same path, and there the run
is recorded, cancelled and resumed as anywhere else. What travels is text: settings, and one line of JSON an event.

The worker is an actor that is asked for each event. A streaming generator of Ray would run ahead of its listener, so
that pausing held nothing back, and `ray.cancel` would interrupt it within a step and leave the run `failed`.
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
"""Seconds between two `Progress` events that cross the network; a job may yield thousands a second."""
WAIT: Final = 0.2
"""Seconds between two looks whether the cluster has a machine to spare."""
REACH: Final = 5.0
"""Seconds until a machine that does not answer is given up; Ray itself tries for minutes."""


def start(workspace: Workspace, settings: JobSettings, address: str) -> Job:
    """As `jobs.start`, executed by the Ray cluster at `address`.

    `address` is `host:port`, `ray://host:port`, `auto` (the cluster that this machine belongs to) or `local` (one that
    is started here for this job alone). The study's catalog is closed on this side while the cluster works.

    Raises:
        BadInput: Ray is not installed, there is no cluster, or it does not see this study under its path.
        UserError: what the job raised there; also when the cluster lost the worker.
    """
    yield from _pull(workspace, address, {"kind": settings.kind, "settings": settings.model_dump_json()})


def resume(workspace: Workspace, run_id: str, address: str) -> Job:
    """As `jobs.resume`, executed by the Ray cluster at `address`; see `start`.

    Raises:
        CannotResume: see `jobs.resume`.
    """
    yield from _pull(workspace, address, {"run_id": run_id})


def _pull(workspace: Workspace, address: str, order: dict[str, str]) -> Job:
    fingerprint = workspace.catalog.fingerprint()
    workspace.close()  # two machines must not hold one SQLite file in WAL mode
    yield Progress(0, 1, f"connecting to the cluster ({address})")
    with _connected(address) as ray:
        worker = _hired(ray, address, str(workspace.root), fingerprint, order)
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


def _hired(ray: Any, address: str, root: str, fingerprint: str, order: dict[str, str]) -> Any:
    # Unasked, a cluster of both kinds might choose a machine without a GPU.
    kind = ray.remote(num_gpus=1 if ray.cluster_resources().get("GPU") else 0)(_Worker)
    try:
        return kind.remote(root, fingerprint, order, os.environ.get("OMP_NUM_THREADS"))
    except ImportError as error:  # from `ray://`; elsewhere the first pull finds the worker dead
        raise _lost(address) from error


def _lost(address: str) -> UserError:
    return UserError(
        "The cluster lost the process that did the work",
        file=address,
        remedy="See that busapp is installed on its machines; a run that had begun goes on with --resume.",
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
    """The module `ray`, connected."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read at the import; nothing of ours calls home
    try:
        import ray
    except ImportError as error:
        raise BadInput("Ray is not installed", remedy='Install it: pip install "busapp[cluster]"') from error
    own = {"include_dashboard": False} if address == "local" else {}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        with warnings.catch_warnings(action="ignore"):  # what Ray has to say, it raises too
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # Ray has no class of its own for this
        raise BadInput(
            f"The cluster cannot be used: {str(error).strip().splitlines()[0].rstrip('.')}",
            file=address,
            remedy="See that Ray runs there, in the same version and on the same Python, and that its token is known "
            "here (RAY_AUTH_MODE, RAY_AUTH_TOKEN).",
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray's own would leave without closing the job
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises `OSError` or `ValueError` unless somebody answers at `host:port` or `ray://host:port`."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=REACH).close()


class _Worker:
    """Lives on the cluster and executes one job there."""

    def __init__(self, root: str, fingerprint: str, order: dict[str, str], threads: str | None) -> None:
        # Ray allows a worker one thread unless told otherwise; a job takes as many as it does outside a cluster.
        os.environ.pop("OMP_NUM_THREADS", None)
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = threads
        self._job = _job(Path(root), fingerprint, order)
        self._last_progress = 0.0

    def pull(self) -> str | None:
        """The next event's line; None at the end."""
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
            remedy="Move it to a file system that all machines share, and name it by the path that they share.",
        ) from error
