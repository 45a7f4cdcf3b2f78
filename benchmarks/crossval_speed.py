"""How much faster busapp cross-validates than the plain way (`reference_crossval.py`), on the same folds, turn by turn.

Three sides, each in a process of its own with the same threads and the same libraries loaded before its clock starts:

- `reference`: the plain way.
- `full`: the job `validate` with all layers trained (no frozen stages, the paper's recipe): the same work.
- `default`: the job `validate` with the default settings.

DIR, a folder of classes, is imported into a study and curated first, which gives `system1` under `strict` its folds;
the reference is given the same ones by file name. Then the sides take turns: while one does some steps (batches) the
others stand still, until all have ended their epoch, which is one turn. The order of the sides is reversed from one
round of steps to the next, so that other work on the machine hits all alike.

What a side takes for the whole job (all folds, all epochs) is: the time until its first step (decoding, and what is
computed once: frozen stages), its time per image trained times all images to train, the same for testing, and what
lies between two epochs (checkpoints) times all epochs. All of it counts; only import and curation, which the folds of
both sides come from, stand beside as `study_seconds`, and of the first step of each process, in which libraries set
themselves up, the time is left out. The ratios are the reference's whole job by that of `full` (`same_work_ratio`) and
of `default` (`default_ratio`); `spread` holds the ratios of the single turns, by the time of their steps alone.

Without `--quick` all folds and epochs are gone through, or all epochs of the first folds (`--only-folds`), which takes
hours, and accuracies are reported too. With `--quick` the study is cut down to a slice of about five batches, with one
image of each group, in five folds: its steps are as whole as those of the whole job. From the third on no turn begins
that would end later than four minutes after the start. The time until the first step is then multiplied by the number
of all images over that of the slice, and the peak of memory is the slice's.

The reference loads its images in its own process, or in others (`--workers`), which are stopped while it is not its
turn: measure both, and take the better for it where they differ. On the processor only: where there is an NVIDIA GPU,
torch is not shown it. Memory is counted as Linux does.

    python benchmarks/crossval_speed.py [--quick] --data DIR --weights FILE [--json FILE|-]
"""

import argparse
import importlib.metadata
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import json_report
from sides import SIDES, FilesOfFold, Plan, Side, SideName, Work

import busapp.paths
from busapp.engine import jobs
from busapp.engine.results.predictions import FILE, read_predictions
from busapp.engine.settings import CurateSettings, ImportSettings, ValidateSettings
from busapp.engine.study.copying import copy_study
from busapp.engine.study.splits import Selection, make_folds, select
from busapp.engine.study.workspace import Workspace

SLICE_FOLDS = 5
QUICK_SECONDS = 230.0

# -- the study, and the folds --------------------------------------------------------------------------------------


def make_study(root: Path, data: Path) -> tuple[Workspace, dict[str, float]]:
    """A curated study of a folder, and the seconds that its import and its curation took."""
    workspace, seconds = Workspace.create(root), {}
    for settings in (ImportSettings(sources=(data,)), CurateSettings()):
        began = time.monotonic()
        for _ in jobs.start(workspace, settings):
            pass
        seconds[settings.kind] = round(time.monotonic() - began, 1)
    return workspace, seconds


def cut_down(workspace: Workspace, selection: Selection, batch_size: int) -> None:
    """Set all images aside but a slice, one of each group, with the classes in their proportion: of each fold a batch
    is tested and four are trained on, or nearly so."""
    of_groups = list({record.group: record for record in selection.records}.values())
    kept = set[int]()
    for name in selection.classes:
        of_class = [record.id for record in of_groups if record.class_name == name]
        kept.update(of_class[: SLICE_FOLDS * max(1, round(batch_size * len(of_class) / len(of_groups)))])
    others = [record.id for record in workspace.catalog.images(kind="real") if record.id not in kept]
    workspace.catalog.exclude(others, "not in the slice")


def files_of_folds(workspace: Workspace, settings: ValidateSettings) -> list[FilesOfFold]:
    """The folds that the job will make."""
    selection = select(workspace, settings)
    files = [record.file for record in selection.records]
    return [
        FilesOfFold([files[at] for at in fold.train], [files[at] for at in fold.test])
        for fold in make_folds(selection, settings)
    ]


def check_folds(plan: Plan) -> int:
    """How many folds the jobs have tested, each on exactly the files that the reference was given for it.

    Raises:
        SystemExit: they were others.
    """
    compared = 0
    for side in ("full", "default"):
        workspace = Workspace.open(plan.studies / side)
        (run,) = workspace.runs("validate")
        tested = read_predictions(run) if (run.folder / FILE).exists() else []
        for number in {row.fold for row in tested}:
            if sorted(row.file for row in tested if row.fold == number) != sorted(plan.folds[number - 1].test):
                raise SystemExit(f"The side {side} has tested fold {number} on other images than the reference.")
            compared += 1
        workspace.close()
    return compared


# -- the turns -----------------------------------------------------------------------------------------------------


class Turn(NamedTuple):
    """One epoch of each side: the seconds of its steps."""

    seconds: dict[SideName, float]

    def ratio(self, side: SideName) -> float:
        """The reference's time by that of a side."""
        return self.seconds["reference"] / self.seconds[side]


def take_turns(sides: list[Side], steps: int, turns: int, deadline: float) -> list[Turn]:
    """Up to so many epochs of all sides, some steps at a time; at least two, then none that would end too late."""
    taken: list[Turn] = []
    longest = 0.0
    while len(taken) < turns and (len(taken) < 2 or time.monotonic() + longest < deadline):
        began, done = time.monotonic(), {side.name: Work() for side in sides}
        at_work = list(sides)
        while at_work:
            for side in at_work:
                done[side.name].add(side.advance(steps))
            at_work = [side for side in reversed(at_work) if not done[side.name].ended]
        taken.append(Turn({name: work.seconds["train"] + work.seconds["test"] for name, work in done.items()}))
        longest = max(longest, time.monotonic() - began)
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in taken[-1].seconds.items())
        print(f"turn {len(taken)} of {turns}: {told}", file=sys.stderr)
    return taken


# -- the report ----------------------------------------------------------------------------------------------------


class WholeJob(NamedTuple):
    """How many images are trained and tested in all, in how many epochs of all folds together, and how many times
    more images there are than in what was run."""

    trained: int
    tested: int
    epochs: int
    scale: float

    def seconds(self, work: Work) -> float:
        """What a side takes for it, by what it took for a part."""
        per_trained = work.seconds["train"] / work.images["train"]
        per_tested = work.seconds["test"] / work.images["test"]
        between = work.seconds["between"] / len(work.accuracies)
        steps = per_trained * self.trained + per_tested * self.tested
        return work.seconds["start"] * self.scale + steps + between * self.epochs


def described(work: Work, whole: WholeJob) -> dict[str, Any]:
    """What the report says of a side's work."""
    return {
        "images_per_second": round(work.images["train"] / work.seconds["train"], 2),
        "images_per_second_tested": round(work.images["test"] / work.seconds["test"], 2),
        "images": dict(work.images),
        "seconds": {kind: round(seconds, 4) for kind, seconds in work.seconds.items()},
        "whole_job_seconds": round(whole.seconds(work), 4),
    }


def spread(turns: list[Turn], side: SideName) -> dict[str, float]:
    """Of the ratios of the turns."""
    ratios = [turn.ratio(side) for turn in turns]
    return {"min": round(min(ratios), 3), "median": round(statistics.median(ratios), 3), "max": round(max(ratios), 3)}


def accuracies(side: Side, plan: Plan) -> dict[str, Any]:
    """Test accuracy after the last epoch of every fold that was gone through, and over all their images."""
    epochs = plan.settings.epochs
    tested = [test for _, test in side.total.accuracies[epochs - 1 :: epochs]]
    sizes = [len(fold.test) for fold in plan.folds[: len(tested)]]
    overall = sum(share * size for share, size in zip(tested, sizes, strict=True)) / sum(sizes)
    return {"accuracy": round(overall, 5), "by_fold": [round(share, 5) for share in tested]}


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The benchmark in a folder that is thrown away; the report."""
    began = time.monotonic()
    workspace, study_seconds = make_study(folder / "study", arguments.data)
    settings = ValidateSettings(
        system="system1",
        protocol="strict",
        folds=arguments.folds,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        image_size=arguments.image_size,
        weights_file=arguments.weights.resolve(),
    )
    selection, whole_folds = select(workspace, settings), files_of_folds(workspace, settings)
    if arguments.quick:
        cut_down(workspace, selection, settings.batch_size)
        settings = settings.model_copy(update={"folds": SLICE_FOLDS})
    plan = Plan(arguments.data.resolve(), folder, settings, files_of_folds(workspace, settings), arguments.workers)
    for name in ("full", "default"):
        for _ in copy_study(workspace, plan.studies / name):
            pass
    workspace.close()

    epochs = settings.epochs * min(arguments.only_folds, len(plan.folds))
    with ExitStack() as stack:
        sides = [stack.enter_context(closing(Side(name, plan))) for name in SIDES]
        circumstances = {side.name: side.ready() for side in sides}
        deadline = began + (QUICK_SECONDS if arguments.quick else float("inf"))
        turns = take_turns(sides, arguments.steps, epochs, deadline)
        if len(turns) == settings.epochs * len(plan.folds):
            for side in sides:
                side.advance(1)  # what comes after the last epoch
        peaks = {side.name: side.end() for side in sides}

    n_run = len(plan.folds[0].train + plan.folds[0].test)
    whole = WholeJob(
        trained=settings.epochs * sum(len(fold.train) for fold in whole_folds),
        tested=settings.epochs * sum(len(fold.test) for fold in whole_folds),
        epochs=settings.epochs * len(whole_folds),
        scale=len(selection.records) / n_run,
    )
    seconds = {side.name: whole.seconds(side.total) for side in sides}
    return {
        "mode": "quick" if arguments.quick else "whole",
        "same_work_ratio": round(seconds["reference"] / seconds["full"], 3),
        "default_ratio": round(seconds["reference"] / seconds["default"], 3),
        "turns": len(turns),
        "spread": {"same_work": spread(turns, "full"), "default": spread(turns, "default")},
        "sides": {
            side.name: {
                **described(side.total, whole),
                "peak_mib": round(peaks[side.name]),
                **circumstances[side.name],
            }
            for side in sides
        },
        "whole_job": {"images": len(selection.records), "folds": len(whole_folds), "epochs": settings.epochs},
        "was_run": {"images": n_run, "folds": [[len(fold.train), len(fold.test)] for fold in plan.folds]},
        "workers": plan.workers,
        "folds_compared": check_folds(plan),
        "accuracies": {} if arguments.quick else {side.name: accuracies(side, plan) for side in sides},
        "study_seconds": study_seconds,
        "seconds": round(time.monotonic() - began, 1),
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy", "pillow")},
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a slice of the data, under five minutes")
    parser.add_argument("--data", type=Path, required=True, help="a folder of classes with images")
    parser.add_argument("--weights", type=Path, required=True, help="torchvision's mobilenet_v2-*.pth")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only-folds", type=int, default=50, help="go through so many of the folds")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=5, help="that a side does before it is another's turn")
    parser.add_argument("--workers", type=int, default=0, help="processes that load the reference's images")
    parser.add_argument("--json", default="-", help="a file, or - for standard output")
    arguments = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # what busapp sets; for all sides the same
    with tempfile.TemporaryDirectory() as name:
        busapp.paths.user_data_dir = lambda: Path(name)
        json_report.write(measure(arguments, Path(name)), arguments.json)


if __name__ == "__main__":
    main()
