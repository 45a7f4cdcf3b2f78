"""Compare the speed of busapp's cross-validation with the plain way (`reference_crossval.py`) on the same folds.

There are three sides. Each runs in a process of its own, with the same number of threads, and loads the same libraries
before its clock starts:

- `reference`: the plain way.
- `full`: the job `validate` with all layers trained (no frozen stages, the paper's recipe): the same work.
- `default`: the job `validate` with the default settings.

With `--other CHECKOUT` there is a fourth side, `other`: the job `validate` with the default settings and the code of
another checkout, such as one of an older commit (`git worktree add CHECKOUT COMMIT`).

The benchmark first imports DIR, a folder of classes, into a study and curates it. From this study come the folds of
`system1` under `strict`. The reference gets the same folds by file name. Then the sides take turns: one side runs some
steps (batches) while the others stand still, until all sides have ended an epoch. This is one turn. The order of the
sides is reversed after each round of steps, so that other work on the machine affects all sides equally.

The time of a side for the whole job (all folds, all epochs) is the sum of four parts: the time until its first step
(decoding, and the frozen stages, which are computed once); its time per trained image times all images to train; the
same for tested images; and its time between two epochs (checkpoints) times all epochs. Two times do not count. Import
and curation are reported apart as `study_seconds`, because the folds of all sides come from them. And the first step
of each process is not timed, because libraries set themselves up in it. The ratios are the reference's whole job
divided by that of `full` (`same_work_ratio`) and of `default` (`default_ratio`), and the whole job of `other` divided
by that of `default` (`other_ratio`: above 1, this checkout is faster). `spread` contains the ratios of the single
turns, from the time of their steps alone.

Without `--quick` the benchmark runs all folds and epochs, or all epochs of the first folds (`--only-folds`). This takes
hours, and the accuracies are reported too. With `--quick` the study is reduced to a slice of about five batches, with
one image of each group, in five folds. Its steps are as large as those of the whole job. After the second turn, a turn
only begins if it will probably end within four minutes after the start. The time until the first step is then
multiplied by the number of all images divided by that of the slice. The peak of memory is the slice's.

The reference loads its images in its own process, or in others (`--workers`), which are stopped when it is not its
turn. Measure both, and take the one that is better for the reference. All sides use only the processor: an NVIDIA GPU
is hidden from torch. Memory is counted as Linux does.

    python benchmarks/crossval_speed.py [--quick] --data DIR --weights FILE [--other CHECKOUT] [--json FILE|-]
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

JOB_SIDES: tuple[SideName, ...] = ("full", "default", "other")
"""The sides that run the job, each on its own copy of the study."""
SLICE_FOLDS = 5
QUICK_SECONDS = 230.0

# -- the study and its folds ---------------------------------------------------------------------------------------


def make_study(root: Path, data: Path) -> tuple[Workspace, dict[str, float]]:
    """Import a folder into a new study and curate it. Returns the study, and the seconds of import and curation."""
    workspace, seconds = Workspace.create(root), {}
    for settings in (ImportSettings(sources=(data,)), CurateSettings()):
        began = time.monotonic()
        for _ in jobs.start(workspace, settings):
            pass
        seconds[settings.kind] = round(time.monotonic() - began, 1)
    return workspace, seconds


def cut_down(workspace: Workspace, selection: Selection, batch_size: int) -> None:
    """Keep a slice with one image of each group and the classes in their proportion, and set all other images aside.
    In each fold, about one batch is for testing and four are for training."""
    of_groups = list({record.group: record for record in selection.records}.values())
    kept = set[int]()
    for name in selection.classes:
        of_class = [record.id for record in of_groups if record.class_name == name]
        kept.update(of_class[: SLICE_FOLDS * max(1, round(batch_size * len(of_class) / len(of_groups)))])
    others = [record.id for record in workspace.catalog.images(kind="real") if record.id not in kept]
    workspace.catalog.exclude(others, "not in the slice")


def files_of_folds(workspace: Workspace, settings: ValidateSettings) -> list[FilesOfFold]:
    """The folds that the job will make, by file name."""
    selection = select(workspace, settings)
    files = [record.file for record in selection.records]
    return [
        FilesOfFold([files[at] for at in fold.train], [files[at] for at in fold.test])
        for fold in make_folds(selection, settings)
    ]


def check_folds(plan: Plan) -> int:
    """Count the folds that the jobs have tested, and check that each was tested on the reference's files.

    Raises:
        SystemExit: a fold was tested on other files.
    """
    compared = 0
    for side in JOB_SIDES:
        if not plan.study_of(side).exists():
            continue
        workspace = Workspace.open(plan.study_of(side))
        (run,) = workspace.runs("validate")
        tested = read_predictions(run) if (run.folder / FILE).exists() else []
        for number in {row.fold for row in tested}:
            if sorted(row.file for row in tested if row.fold == number) != sorted(plan.folds[number - 1].test):
                raise SystemExit(f"The side {side} has tested fold {number} on other images than the reference has.")
            compared += 1
        workspace.close()
    return compared


# -- the turns -----------------------------------------------------------------------------------------------------


class Turn(NamedTuple):
    """One epoch of each side, with the seconds of its steps."""

    seconds: dict[SideName, float]

    def ratio(self, slower: SideName, faster: SideName) -> float:
        """The time of one side divided by that of another."""
        return self.seconds[slower] / self.seconds[faster]


def take_turns(sides: list[Side], steps: int, turns: int, deadline: float) -> list[Turn]:
    """Run up to `turns` epochs of all sides, `steps` steps at a time. After two turns, none that would end too late."""
    taken: list[Turn] = []
    longest = 0.0
    while len(taken) < turns and (len(taken) < 2 or time.monotonic() + longest < deadline):
        began, done = time.monotonic(), {side.name: Work() for side in sides}
        running = list(sides)
        while running:
            for side in running:
                done[side.name].add(side.advance(steps))
            running = [side for side in reversed(running) if not done[side.name].ended]
        taken.append(Turn({name: work.seconds["train"] + work.seconds["test"] for name, work in done.items()}))
        longest = max(longest, time.monotonic() - began)
        times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in taken[-1].seconds.items())
        print(f"turn {len(taken)} of {turns}: {times}", file=sys.stderr)
    return taken


# -- the report ----------------------------------------------------------------------------------------------------


class WholeJob(NamedTuple):
    """The size of the whole job: images trained and tested in total, epochs of all folds together, and the number of
    all images divided by that of the slice."""

    trained: int
    tested: int
    epochs: int
    scale: float

    def seconds(self, work: Work) -> float:
        """The time of a side for the whole job, estimated from its time for a part of it."""
        per_trained = work.seconds["train"] / work.images["train"]
        per_tested = work.seconds["test"] / work.images["test"]
        between = work.seconds["between"] / len(work.accuracies)
        steps = per_trained * self.trained + per_tested * self.tested
        return work.seconds["start"] * self.scale + steps + between * self.epochs


def described(work: Work, whole: WholeJob) -> dict[str, Any]:
    """A side's work, for the report."""
    return {
        "images_per_second": round(work.images["train"] / work.seconds["train"], 2),
        "images_per_second_tested": round(work.images["test"] / work.seconds["test"], 2),
        "images": dict(work.images),
        "seconds": {kind: round(seconds, 4) for kind, seconds in work.seconds.items()},
        "whole_job_seconds": round(whole.seconds(work), 4),
    }


def spread(turns: list[Turn], slower: SideName, faster: SideName) -> dict[str, float]:
    """Least, median and largest ratio of the turns."""
    ratios = [turn.ratio(slower, faster) for turn in turns]
    return {"min": round(min(ratios), 3), "median": round(statistics.median(ratios), 3), "max": round(max(ratios), 3)}


def accuracies(side: Side, plan: Plan) -> dict[str, Any]:
    """Test accuracy after the last epoch of every finished fold, and over all their images."""
    epochs = plan.settings.epochs
    tested = [test for _, test in side.total.accuracies[epochs - 1 :: epochs]]
    sizes = [len(fold.test) for fold in plan.folds[: len(tested)]]
    overall = sum(share * size for share, size in zip(tested, sizes, strict=True)) / sum(sizes)
    return {"accuracy": round(overall, 5), "by_fold": [round(share, 5) for share in tested]}


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the benchmark in a temporary folder, and return the report."""
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
    names = [*SIDES, *(("other",) if arguments.other else ())]
    checkouts = {"other": arguments.other.resolve()} if arguments.other else {}
    for name in names:
        if name in JOB_SIDES:
            plan.study_of(name).parent.mkdir(exist_ok=True)
            for _ in copy_study(workspace, plan.study_of(name)):
                pass
    workspace.close()

    epochs = settings.epochs * min(arguments.only_folds, len(plan.folds))
    with ExitStack() as stack:
        sides = [stack.enter_context(closing(Side(name, plan, checkouts.get(name)))) for name in names]
        circumstances = {side.name: side.ready() for side in sides}
        deadline = began + (QUICK_SECONDS if arguments.quick else float("inf"))
        turns = take_turns(sides, arguments.steps, epochs, deadline)
        if len(turns) == settings.epochs * len(plan.folds):
            for side in sides:
                side.advance(1)  # the job's end after the last epoch
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
        **({"other_ratio": round(seconds["other"] / seconds["default"], 3)} if arguments.other else {}),
        "turns": len(turns),
        "spread": {
            "same_work": spread(turns, "reference", "full"),
            "default": spread(turns, "reference", "default"),
            **({"other": spread(turns, "other", "default")} if arguments.other else {}),
        },
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
    parser.add_argument("--quick", action="store_true", help="only a slice of the data, less than five minutes")
    parser.add_argument("--data", type=Path, required=True, help="a folder of classes with images")
    parser.add_argument("--weights", type=Path, required=True, help="torchvision's mobilenet_v2-*.pth")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only-folds", type=int, default=50, help="run only this many folds")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=5, help="steps of a side before the next side's turn")
    parser.add_argument("--workers", type=int, default=0, help="processes that load the reference's images")
    parser.add_argument("--other", type=Path, metavar="CHECKOUT", help="also measure another checkout of busapp")
    parser.add_argument("--json", default="-", help="a file, or - for standard output")
    arguments = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as busapp sets it, here for all sides
    with tempfile.TemporaryDirectory() as name:
        busapp.paths.user_data_dir = lambda: Path(name)
        json_report.write(measure(arguments, Path(name)), arguments.json)


if __name__ == "__main__":
    main()
