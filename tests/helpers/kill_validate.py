"""Kill cross-validations at random moments, resume them until they are finished, and compare with one left alone.

    python tests/helpers/kill_validate.py [--kills N] [--seed N] [--settings paper|careful|carried|system2]

A kill is SIGKILL: nothing can be tidied up. It falls before the training, into it, or into the writing of a
checkpoint. Afterwards the run's events must be readable; no epoch that was announced may be trained again;
and in the end the result must be that of the undisturbed run to the last bit, the seconds excepted, and predictions.csv
the same bytes. The exit code is 1 where anything else happened.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from busapp.engine import jobs
from busapp.engine.events import EpochEnded, Finished, FoldEnded
from busapp.engine.images.phantoms import write_phantoms
from busapp.engine.settings import CurateSettings, ImportSettings, JobSettings, ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace

TINY: dict[str, Any] = {
    "folds": 3,
    "epochs": 3,
    "image_size": 32,
    "width": 0.25,
    "batch_size": 4,
    "learning_rate": 0.003,
    "pretrained": False,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "paper": {"frozen_stages": 3},
    "careful": {"recipe": "careful", "weight_averaging": 0.9},
    "carried": {"protocol": "published"},
    "system2": {"system": "system2", "generator_epochs": 2, "epochs": 2, "folds": 2},
}
"""Changes of each to `TINY`: a frozen stem; altered copies, averaged weights and a schedule; weights carried from fold
to fold; generators trained during the run."""

_CHILD = """
import os, signal, sys, threading
from pathlib import Path
import busapp.paths
root, run, at_write = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
busapp.paths.user_data_dir = lambda: root.parent
if at_write:  # the death comes between the two halves of a checkpoint, or before it is moved into place
    written, replace = [0], Path.replace
    def die(self, target):
        if "checkpoint" in self.name:
            written[0] += 1
            if written[0] == at_write:
                if at_write % 2:
                    os.truncate(self, self.stat().st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)
    Path.replace = die
from busapp.engine import jobs
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
workspace = Workspace.open(root)
settings = ValidateSettings.model_validate_json(sys.argv[4])
training = False
for event in jobs.resume(workspace, run) if run else jobs.start(workspace, settings):
    if type(event).__name__ == "RunStarted":
        print("begun", flush=True)
    if not training and "epoch" in getattr(event, "what", ""):
        training = True
        print("training", flush=True)
"""


@dataclass
class Outcome:
    """Outcome of a run that was killed `kills` times: the number of epochs that it had `announced` at each kill, and
    what is wrong (should be empty)."""

    kills: int = 0
    announced: list[int] = field(default_factory=list)
    torn: int = 0
    findings: list[str] = field(default_factory=list)


def make_study(root: Path) -> Workspace:
    """A curated study of phantoms; one class is rarer, so that `system2` has something to draw."""
    write_phantoms(root.parent / "images", {"benign": 10, "malignant": 8, "normal": 10}, size=48, seed=1)
    workspace = Workspace.create(root)
    steps: list[JobSettings] = [ImportSettings(sources=(root.parent / "images",)), CurateSettings()]
    for settings in steps:
        for _ in jobs.start(workspace, settings):
            pass
    return workspace


def settings_named(name: str) -> ValidateSettings:
    return ValidateSettings.model_validate({**TINY, **SETTINGS[name]})


def begin(
    study: Path, settings: ValidateSettings, run: Run | None = None, at_write: int = 0
) -> "subprocess.Popen[str]":
    """A process that trains a new run, or resumes one. With `at_write` it dies while it writes that checkpoint, if it
    gets that far."""
    run_id = run.id if run is not None and run.can_resume else ""
    command = [sys.executable, "-c", _CHILD, str(study), run_id, str(at_write), settings.model_dump_json()]
    # All processes use the same number of threads, since sums depend on it.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _comes_to(child: "subprocess.Popen[str]", word: str) -> bool:
    """Wait until the process says so; False where it ends before."""
    assert child.stdout is not None
    return any(line == f"{word}\n" for line in child.stdout)


def numbers(result: dict[str, Any] | None) -> str:
    """A result to the last bit, without what may differ: the seconds, and the run in the names of its generators."""
    assert result is not None
    kept = {key: value for key, value in result.items() if key != "seconds"}
    kept["generators"] = [{**one, "generator": one["generator"].partition("/")[2]} for one in result["generators"]]
    return json.dumps(kept, sort_keys=True)


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed: its numbers, and the seconds before and of its training."""

    numbers: str
    predictions: bytes
    before_s: float
    training_s: float


def undisturbed(study: Path, settings: ValidateSettings) -> Undisturbed:
    """A run that nobody kills."""
    times = []
    with begin(study, settings) as child:
        for word in ("begun", "training"):
            assert _comes_to(child, word)
            times.append(time.monotonic())
        assert child.wait() == 0
        times.append(time.monotonic())
    with closing(Workspace.open(study)) as workspace:
        run = workspace.runs("validate")[0]
        predictions = (run.folder / "predictions.csv").read_bytes()
        return Undisturbed(numbers(run.result()), predictions, times[1] - times[0], times[2] - times[1])


def kill_and_resume(
    folder: Path, settings: ValidateSettings, whole: Undisturbed, chance: random.Random, kills: int
) -> Outcome:
    """In a copy of the study, a run that is killed so many times at most, and then finished."""
    study = folder / "killed"
    shutil.copytree(folder / "study", study, ignore=shutil.ignore_patterns("runs"))
    outcome, workspace, run = Outcome(), Workspace.open(study), None
    while outcome.kills < kills and _killed(study, settings, run, whole, chance):
        if workspace.runs("validate")[0].info.state == "finished":
            break  # it was killed just before it ended
        outcome.kills += 1
        run = _look(workspace, run, outcome)
    if workspace.runs("validate")[0].info.state != "finished":
        with begin(study, settings, run) as child:
            assert child.wait() == 0
    _compare(workspace, whole, outcome)
    workspace.close()
    shutil.rmtree(study)
    return outcome


def _killed(
    study: Path, settings: ValidateSettings, run: Run | None, whole: Undisturbed, chance: random.Random
) -> bool:
    """Train, and kill it before the training, in it, or while it writes; False where it was faster than its death."""
    when = chance.choice(["before", "training", "training", "writing", "writing"])
    with begin(study, settings, run, chance.randint(1, 5) if when == "writing" else 0) as child:
        if when == "before" and _comes_to(child, "begun"):
            time.sleep(chance.uniform(0, whole.before_s))
        if when == "training" and _comes_to(child, "training"):
            time.sleep(chance.uniform(0, whole.training_s * 0.6))
        if when != "writing":
            child.kill()
        return child.wait() != 0


def _look(workspace: Workspace, before: Run | None, outcome: Outcome) -> Run:
    """The files that a kill left."""
    run = workspace.runs("validate")[0]
    if run.info.state != "interrupted":
        outcome.findings.append(f"the run says that it is {run.info.state}")
    if before is not None and before.can_resume and before.id != run.id:
        outcome.findings.append("a run with a checkpoint was not gone on with")
    outcome.torn += len(list(run.folder.rglob(".*")))
    outcome.announced.append(len(_epochs(run)))
    if before is not None and before.id == run.id and outcome.announced[-1] < outcome.announced[-2]:
        outcome.findings.append("announced epochs are gone")
    return run


def _epochs(run: Run) -> list[tuple[int, int]]:
    return [(event.fold, event.epoch) for event in run.events() if isinstance(event, EpochEnded)]


def _compare(workspace: Workspace, whole: Undisturbed, outcome: Outcome) -> None:
    run = workspace.runs("validate")[0]
    twice = [where for where, count in Counter(_epochs(run)).items() if count > 1]
    if twice:
        outcome.findings.append(f"announced epochs were trained again: {twice}")
    settings = ValidateSettings.model_validate(run.info.settings)
    if len(_epochs(run)) != settings.epochs * settings.folds:
        outcome.findings.append(f"{len(_epochs(run))} epochs were announced")
    folds = [event.fold for event in run.events() if isinstance(event, FoldEnded)]
    if folds != list(range(1, settings.folds + 1)):
        outcome.findings.append(f"the folds announced are {folds}")
    if sum(isinstance(event, Finished) for event in run.events()) != 1:
        outcome.findings.append("the end was not announced once")
    if numbers(run.result()) != whole.numbers:
        outcome.findings.append("the result is another")
    if (run.folder / "predictions.csv").read_bytes() != whole.predictions:
        outcome.findings.append("predictions.csv is another")
    if list(run.folder.rglob(".*")):
        outcome.findings.append("torn files were left behind")


def main() -> int:
    """Kill, resume, compare, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", choices=SETTINGS, default="paper")
    arguments = parser.parse_args()
    chance, settings = random.Random(arguments.seed), settings_named(arguments.settings)
    kills = wrong = runs = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_study(folder / "study").close()
        whole = undisturbed(folder / "study", settings)
        print(f"Undisturbed it takes {whole.before_s:.2f} and {whole.training_s:.2f} s.", flush=True)
        while kills < arguments.kills:
            outcome = kill_and_resume(folder, settings, whole, chance, kills=4)
            kills, runs, wrong = kills + outcome.kills, runs + 1, wrong + bool(outcome.findings)
            print(
                f"{runs}: killed {outcome.kills} times with {outcome.announced} epochs announced, {outcome.torn} torn "
                f"files. {'; '.join(outcome.findings) or 'All is well.'}",
                flush=True,
            )
    print(f"{kills} kills of {runs} runs; {wrong} with something wrong.")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
