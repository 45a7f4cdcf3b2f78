"""Runs. A run is one execution of a job, with its own folder for settings, events, checkpoint and results."""

import json
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

import busapp
from busapp.engine.events import Event, Finished, Job, Progress, RunStarted, Skipped, from_line, to_line
from busapp.engine.utils.files import remove_leftovers, write_atomically, write_json, writing_is_needed
from busapp.engine.utils.versions import installed
from busapp.errors import BadInput, CannotResume, UserError

State = Literal["new", "running", "finished", "failed", "cancelled", "interrupted"]
PROGRESS_INTERVAL = 1.0
"""Seconds between two lines of progress in `events.jsonl`. All other events are written at once."""
_NAMES_PATIENTS = frozenset({"import"})
"""Jobs that read files from outside, which picture archives name after patients. The user who watches the job sees
the names of skipped and faulty files, but the run does not keep them."""
_NOT_KEPT = "(name not kept)"


class RunInfo(BaseModel):
    """Content of `run.json`.

    Times are ISO 8601 in UTC. `dataset` is the catalog's fingerprint at the start of the run (if the run checked the
    images first, after that check), and `revision` the number of the catalog's newest change at that time. `versions`
    are those of the libraries at the start, empty in older runs. `resumed` has the software (`versions.software`) of
    each resumption, if it differs from that before.
    """

    model_config = ConfigDict(extra="ignore")

    id: str
    kind: str
    name: str
    created: str
    settings: dict[str, Any]
    dataset: str
    revision: int | None = None
    busapp: str
    platform: str
    versions: dict[str, str] = {}
    resumed: list[dict[str, str]] = []
    note: str = ""
    state: State = "new"
    error: str = ""
    seconds: float = 0.0

    @property
    def software(self) -> list[dict[str, str]]:
        """The software (`versions.software`) that computed the run: at its start, then at each resumption with other
        software."""
        system, _, python = self.platform.partition(", Python ")
        begun = {"busapp": self.busapp, "system": system, **({"Python": python} if python else {}), **self.versions}
        return [begun, *self.resumed]


class Run:
    """A run's folder: `run.json`, `events.jsonl`, `checkpoint.safetensors`, `result.json` and files of the job."""

    def __init__(self, folder: Path, info: RunInfo) -> None:
        self.folder = folder
        self.info = info

    @property
    def id(self) -> str:
        return self.info.id

    @classmethod
    def create(
        cls,
        parent: Path,
        kind: str,
        settings: dict[str, object],
        dataset: str,
        name: str,
        revision: int | None = None,
    ) -> "Run":
        """Create a run and its folder. The id starts with the time, so that ids sort by age.

        Raises:
            BadInput: the folder cannot be written to.
            NoSpace: the disk is full.
        """
        now = datetime.now(UTC)
        with writing_is_needed(parent):
            run_id = _make_folder(parent, f"{now:%Y%m%d-%H%M%S}-{kind}")
            info = RunInfo(
                id=run_id,
                kind=kind,
                name=name or run_id,
                created=now.isoformat(timespec="seconds"),
                settings=settings,
                dataset=dataset,
                revision=revision,
                busapp=busapp.__version__,
                platform=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
                versions=installed(),
            )
            run = cls(parent / run_id, info)
            run.save()
        return run

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Read a run. A run in state `running` whose lock nobody holds was interrupted.

        Raises:
            BadInput: there is no run in this folder.
        """
        try:
            info = RunInfo.model_validate_json((folder / "run.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise BadInput("There is no such run", file=folder.name, remedy="Look at the list of runs.") from error
        run = cls(folder, info)
        if info.state == "running" and not run.is_locked():
            info.state = "interrupted"
        return run

    def save(self) -> None:
        """Write `run.json`."""
        write_atomically(self.folder / "run.json", self.info.model_dump_json(indent=1).encode())

    def lock(self) -> FileLock:
        """The lock that the process executing the run holds. The system frees it when that process dies."""
        return FileLock(self.folder / "lock", timeout=0)

    def is_locked(self) -> bool:
        """True if this or another process is executing the run now."""
        try:
            with self.lock():
                return False
        except Timeout:
            return True
        except OSError:  # no process can execute a run in a folder that cannot be written to
            return False

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint, from which a job can be resumed."""
        return self.folder / "checkpoint.safetensors"

    @property
    def can_resume(self) -> bool:
        """True if the run stopped before its end and left a checkpoint."""
        return self.info.state in ("cancelled", "failed", "interrupted") and self.checkpoint.exists()

    def events(self) -> Iterator[Event]:
        """Recorded events, in order. Unreadable lines are skipped."""
        path = self.folder / "events.jsonl"
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                event = from_line(line)
                if event is not None:
                    yield event

    def result(self) -> dict[str, Any] | None:
        """The result of a finished run, None for others."""
        try:
            value: dict[str, Any] = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
            return value
        except (OSError, ValueError):
            return None

    def rename(self, name: str, note: str | None = None) -> None:
        """Rename the run, and replace its note if one is given."""
        self.info.name = name
        if note is not None:
            self.info.note = note
        self.save()


def _make_folder(parent: Path, stem: str) -> str:
    """Create a new folder and return its name."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        try:
            (parent / name).mkdir()
            return name
        except FileExistsError:
            number += 1


def _as_kept(kind: str, event: Event) -> Event:
    """The event as it is recorded in the run."""
    if kind in _NAMES_PATIENTS and isinstance(event, Skipped):
        return replace(event, file=_NOT_KEPT)
    if kind in _NAMES_PATIENTS and isinstance(event, Finished):
        skipped = [{**left, "file": _NOT_KEPT} for left in event.result.get("skipped", [])]
        return Finished({**event.result, "skipped": skipped})
    return event


def record(run: Run, job: Job) -> Job:
    """Execute a job: pass its events on, record each in the run, and keep the run's state correct whatever happens. The
    run of an import keeps no names of skipped files.

    Raises:
        CannotResume: another process is executing the run.
        UserError: the job raised it, the disk is full, or the run cannot be written to. The run's state is then
            `failed`, and its `error` is the sentence for the user.
    """
    lock = run.lock()
    try:
        with writing_is_needed(run.folder):
            lock.acquire()
    except Timeout as error:
        raise CannotResume(
            "The run is in progress in another window or terminal",
            file=run.id,
            remedy="Wait for it, or cancel it there.",
        ) from error
    started, before = time.monotonic(), run.info.seconds

    def set_state(state: State, error: str = "") -> None:
        run.info.state, run.info.error = state, error
        run.info.seconds = before + time.monotonic() - started
        run.save()

    def stop(state: State, error: str = "") -> None:
        """Save the final state. If it cannot be saved, the run counts as interrupted, and the error that stopped it is
        raised as usual."""
        with suppress(OSError, UserError):
            set_state(state, error)

    path = run.folder / "events.jsonl"
    try:
        with writing_is_needed(run.folder):
            remove_leftovers(run.folder)
            set_state("running")
            # Closing can fail like writing, so it happens inside `writing_is_needed`.
            with path.open("a", encoding="utf-8") as stream:
                if stream.tell():
                    stream.write("\n")  # ends a line that a crash cut short; an empty line is no event
                last_progress = 0.0

                def write(event: Event) -> None:
                    nonlocal last_progress
                    if isinstance(event, Progress):
                        if time.monotonic() - last_progress < PROGRESS_INTERVAL:
                            return
                        last_progress = time.monotonic()
                    stream.write(to_line(event) + "\n")
                    if not isinstance(event, Skipped):  # an import may skip many thousands of files
                        stream.flush()

                first = RunStarted(run.id, run.info.kind, run.info.name)
                write(first)
                yield first
                for event in job:
                    kept = _as_kept(run.info.kind, event)
                    if isinstance(kept, Finished):
                        write_json(run.folder / "result.json", kept.result)
                    write(kept)
                    if isinstance(event, Finished):
                        set_state("finished")
                    yield event
    except GeneratorExit:
        job.close()
        if run.info.state == "running":
            stop("cancelled")
        raise
    except UserError as error:
        names_patient = run.info.kind in _NAMES_PATIENTS
        stop("failed", f"{error.what}." if names_patient else str(error))
        raise
    except BaseException as error:
        stop("failed", f"{type(error).__name__}: {error}")
        raise
    finally:
        job.close()
        lock.release()
