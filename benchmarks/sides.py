"""The sides of `crossval_speed.py`: processes that do as many steps as they are asked for, and time them."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
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

SideName = Literal["reference", "full", "default"]
SIDES: tuple[SideName, ...] = ("reference", "full", "default")

_LIBRARIES = ("reference_crossval", "busapp.engine.classifiers.training", "busapp.engine.validation.job")


@dataclass(frozen=True)
class FilesOfFold:
    """What is trained and what is tested on, by the names of the files as they were imported."""

    train: list[str]
    test: list[str]


@dataclass(frozen=True)
class Plan:
    """What all sides are given: a folder of classes, the settings of the job, the folds that it will make, and a
    folder with a copy of the study for each of the sides that run the job."""

    data: Path
    studies: Path
    settings: ValidateSettings
    folds: list[FilesOfFold]
    workers: int
    """Processes that load images for the reference."""


def reference_steps(plan: Plan) -> "Iterator[Step]":
    """The plain way, on the files of the plan's folds."""
    from reference_crossval import cross_validate, load_images

    settings = plan.settings
    assert settings.weights_file is not None
    images = load_images(plan.data, settings.image_size)
    position = {Path(path).relative_to(plan.data).as_posix(): at for at, (path, _) in enumerate(images.samples)}
    folds = [([position[file] for file in fold.train], [position[file] for file in fold.test]) for fold in plan.folds]
    weights, epochs, batch_size = settings.weights_file, settings.epochs, settings.batch_size
    return cross_validate(images, folds, weights, epochs=epochs, batch_size=batch_size, workers=plan.workers)


def job_steps(plan: Plan, side: SideName) -> "Iterator[Step]":
    """The job `validate`, each of its events as a step."""
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
                yield Step("other")  # what is kept of the fold
            before = event.done
        elif isinstance(event, EpochEnded):
            yield Step("epoch", 0, event.train_accuracy, event.test_accuracy)
        else:
            yield Step("other")
    workspace.close()


@dataclass
class Work:
    """What was done and how long it took: `seconds` and `images` by kind, `train` and `test`; the seconds of `start`
    are those before the first step, of `between` those between the epochs. `accuracies` are those of training and
    test of every epoch. `ended` says that the last step ended an epoch, or that there is nothing more to do."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    images: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    accuracies: list[tuple[float, float]] = field(default_factory=list)
    ended: bool = False

    def add(self, other: "Work") -> None:
        """Add what was done after it."""
        for kind, seconds in other.seconds.items():
            self.seconds[kind] += seconds
        for kind, images in other.images.items():
            self.images[kind] += images
        self.accuracies += other.accuracies
        self.ended = other.ended


def advance(steps: "Iterator[Step]", count: int, *, first: bool) -> Work:
    """Do so many steps, or fewer where the epoch ends. The `first` of all is done besides, and not counted."""
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
    """A side's process: load the libraries, say so, then do as many steps as one is asked for, until that is none."""
    busapp.paths.user_data_dir = lambda: plan.studies  # no speed measured here is kept for the user
    import torch

    for name in _LIBRARIES:
        importlib.import_module(name)
    # What started this process would start the ones that load images as well; a tutorial has what is usual.
    multiprocessing.set_start_method(None, force=True)
    connection.send({"threads": torch.get_num_threads(), "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY")})
    steps = reference_steps(plan) if side == "reference" else job_steps(plan, side)
    first = True
    with contextlib.suppress(EOFError, BrokenPipeError):  # nobody is there any more to ask
        while count := connection.recv():
            _signal_children("SIGCONT")
            work = advance(steps, count, first=first)
            _signal_children("SIGSTOP")
            connection.send(work)
            first = False
        connection.send(peak_mib())
    _signal_children("SIGCONT")


def _signal_children(name: str) -> None:
    """To the processes that load images: they must not work ahead while it is another side's turn."""
    for child in multiprocessing.active_children():
        if child.pid is not None:
            os.kill(child.pid, getattr(signal, name))


def peak_mib() -> float:
    """The largest that this process ever was. Not getrusage: its peak is at least that of the process's parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


class Side:
    """A side as it is seen from outside."""

    def __init__(self, name: SideName, plan: Plan) -> None:
        self.name, self.total = name, Work()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, name, plan))
        self._process.start()
        theirs.close()

    def ready(self) -> dict[str, Any]:
        """Wait until its libraries are loaded; with how many threads it works and how they wait."""
        circumstances: dict[str, Any] = self._answer()
        return circumstances

    def advance(self, steps: int) -> Work:
        """Let it do some steps, or fewer where its epoch ends."""
        self._connection.send(steps)
        work: Work = self._answer()
        self.total.add(work)
        return work

    def end(self) -> float:
        """End it; its peak of memory in MiB."""
        self._connection.send(0)
        peak: float = self._answer()
        self._process.join()
        return peak

    def close(self) -> None:
        """Let its process end, wherever it is."""
        self._connection.close()

    def _answer(self) -> Any:
        try:
            return self._connection.recv()
        except EOFError:
            raise SystemExit(f"The side {self.name} has failed; its last words stand above.") from None
