"""The sides of `crossval_speed.py`: each is a process that runs the number of steps that it is asked for, and times
them.

A side can run the code of another checkout of busapp, such as one of an older commit. So the process of a side gets
only plain data, and builds the plan with the modules of its own checkout, wherever these are. The two checkouts share
what `_START` and the connection use: `sides.Plan`, `sides.FilesOfFold`, `sides.serve`, the fields of `sides.Work`, and
`busapp.engine.settings.ValidateSettings`. Both must be able to read the same study.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import busapp.paths
from busapp.engine import jobs
from busapp.engine.events import EpochEnded, Progress
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace

if TYPE_CHECKING:
    from reference_crossval import Step

SideName = Literal["reference", "full", "default", "other"]
SIDES: tuple[SideName, ...] = ("reference", "full", "default")
"""The sides of every run. `other` is the job with the default settings in another checkout."""

_LIBRARIES = ("reference_crossval", "busapp.engine.classifiers.training", "busapp.engine.validation.job")

_START = """
import sys
from multiprocessing.connection import Connection
from pathlib import Path
import busapp
connection = Connection(int(sys.argv[1]))
given = connection.recv()
if given["checkout"] and not Path(busapp.__file__).is_relative_to(given["checkout"]):
    sys.exit(f"{given['checkout']} is no checkout of busapp: {busapp.__file__} was imported instead.")
import sides
from busapp.engine.settings import ValidateSettings
plan = sides.Plan(
    Path(given["data"]),
    Path(given["studies"]),
    ValidateSettings.model_validate(given["settings"]),
    [sides.FilesOfFold(**fold) for fold in given["folds"]],
    given["workers"],
)
sides.serve(connection, given["side"], plan)
"""
"""The program of a side's process. Its argument is the file descriptor of the connection."""


@dataclass(frozen=True)
class FilesOfFold:
    """The files of the training part and the test part of a fold, by their names at the import."""

    train: list[str]
    test: list[str]


@dataclass(frozen=True)
class Plan:
    """The input of all sides: a folder of classes, the settings of the job, the folds that it will make, and a folder
    with a copy of the study for each side that runs the job (see `study_of`)."""

    data: Path
    studies: Path
    settings: ValidateSettings
    folds: list[FilesOfFold]
    workers: int
    """Processes that load images for the reference."""

    def study_of(self, side: SideName) -> Path:
        """The copy of the study for a side. The other checkout calls its side `default`, in a folder of its own."""
        return self.studies / "other" / "default" if side == "other" else self.studies / side

    def as_data(self, side: SideName, checkout: Path | None) -> dict[str, Any]:
        """The plan as plain data for a side's process (see `_START`)."""
        return {
            "side": "default" if side == "other" else side,
            "checkout": str(checkout) if checkout else "",
            "data": str(self.data),
            "studies": str(self.study_of(side).parent),
            "settings": self.settings.model_dump(mode="json", exclude_unset=True),
            "folds": [asdict(fold) for fold in self.folds],
            "workers": self.workers,
        }


def reference_steps(plan: Plan) -> "Iterator[Step]":
    """The steps of the plain way, on the files of the plan's folds."""
    from reference_crossval import cross_validate, load_images

    settings = plan.settings
    assert settings.weights_file is not None
    images = load_images(plan.data, settings.image_size)
    position = {Path(path).relative_to(plan.data).as_posix(): at for at, (path, _) in enumerate(images.samples)}
    folds = [([position[file] for file in fold.train], [position[file] for file in fold.test]) for fold in plan.folds]
    weights, epochs, batch_size = settings.weights_file, settings.epochs, settings.batch_size
    return cross_validate(images, folds, weights, epochs=epochs, batch_size=batch_size, workers=plan.workers)


def job_steps(plan: Plan, side: SideName) -> "Iterator[Step]":
    """The steps of the job `validate`, one for each of its events."""
    from reference_crossval import Step

    same_work = {"frozen_stages": 0, "recipe": "paper"}
    settings = plan.settings.model_copy(update=same_work if side == "full" else {})
    workspace = Workspace.open(plan.studies / side)
    before = 0
    for event in jobs.start(workspace, settings):
        if isinstance(event, Progress) and event.what.startswith("fold "):
            n_done = event.done - before
            if "epoch" in event.what:
                yield Step("test" if "testing" in event.what else "train", n_done)
            else:
                yield Step("other")  # the results of the fold are saved
            before = event.done
        elif isinstance(event, EpochEnded):
            yield Step("epoch", 0, event.train_accuracy, event.test_accuracy)
        else:
            yield Step("other")
    workspace.close()


@dataclass
class Work:
    """Finished work and its time. `seconds` and `images` are by kind, `train` and `test`. Among the seconds, `start` is
    the time before the first step, and `between` the time between epochs. `accuracies` are those of training and test
    of every epoch. `ended` is True if the last step ended an epoch, or if nothing is left to do."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    images: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    accuracies: list[tuple[float, float]] = field(default_factory=list)
    ended: bool = False

    def add(self, other: "Work") -> None:
        """Add later work to this."""
        for kind, seconds in other.seconds.items():
            self.seconds[kind] += seconds
        for kind, images in other.images.items():
            self.images[kind] += images
        self.accuracies += other.accuracies
        self.ended = other.ended


def advance(steps: "Iterator[Step]", count: int, *, first: bool) -> Work:
    """Run `count` steps, or fewer if the epoch ends. The very `first` step is run in addition and not counted."""
    work, done = Work(), 0
    while done < count and not work.ended:
        began = time.perf_counter()
        step = next(steps, None)
        seconds = time.perf_counter() - began
        if step is None:
            work.ended = True
        elif step.kind == "epoch":
            work.seconds["between"] += seconds
            work.accuracies.append((step.train_accuracy, step.test_accuracy))
            work.ended = True
        elif step.kind == "other":
            work.seconds["start" if first else "between"] += seconds
        elif first:
            first = False
        else:
            work.seconds[step.kind] += seconds
            work.images[step.kind] += step.images
            done += 1
    work.seconds, work.images = dict(work.seconds), dict(work.images)
    return work


def serve(connection: Connection, side: SideName, plan: Plan) -> None:
    """Run a side: load the libraries, report that, then run as many steps as the connection asks for, until it asks for
    none."""
    busapp.paths.user_data_dir = lambda: plan.studies  # no speed measured here is kept for the user
    import torch

    for name in _LIBRARIES:
        importlib.import_module(name)
    connection.send({"threads": torch.get_num_threads(), "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY")})
    steps = reference_steps(plan) if side == "reference" else job_steps(plan, side)
    first = True
    with contextlib.suppress(EOFError, BrokenPipeError):  # the benchmark has ended
        while count := connection.recv():
            _signal_children("SIGCONT")
            work = advance(steps, count, first=first)
            _signal_children("SIGSTOP")
            connection.send(work)
            first = False
        connection.send(peak_mib())
    _signal_children("SIGCONT")


def _signal_children(name: str) -> None:
    """Send a signal to the processes that load images, which must not work ahead during another side's turn."""
    for child in multiprocessing.active_children():
        if child.pid is not None:
            os.kill(child.pid, getattr(signal, name))


def peak_mib() -> float:
    """Peak memory of this process in MiB. Not from getrusage, whose peak is at least that of the parent process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


class Side:
    """A side, as the benchmark controls it. It runs in a process of its own, with the code of `checkout` if that is
    given."""

    def __init__(self, name: SideName, plan: Plan, checkout: Path | None = None) -> None:
        self.name, self.total = name, Work()
        self._connection, theirs = multiprocessing.Pipe()
        places = [str(checkout), str(checkout / "benchmarks")] if checkout else sys.path
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(theirs.fileno())],  # -P: not from the current folder
            env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self._connection.send(plan.as_data(name, checkout))

    def ready(self) -> dict[str, Any]:
        """Wait until its libraries are loaded. Returns the number of its threads, and how they wait."""
        circumstances: dict[str, Any] = self._answer()
        return circumstances

    def advance(self, steps: int) -> Work:
        """Let it run some steps, or fewer if its epoch ends."""
        self._connection.send(steps)
        work: Work = self._answer()
        self.total.add(work)
        return work

    def end(self) -> float:
        """End it, and return its peak of memory in MiB."""
        self._connection.send(0)
        peak: float = self._answer()
        self._process.wait()
        return peak

    def close(self) -> None:
        """Let its process end after its current steps."""
        self._connection.close()
        self._process.wait()

    def _answer(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise SystemExit(f"The side {self.name} has failed. Its error is printed above.") from None
