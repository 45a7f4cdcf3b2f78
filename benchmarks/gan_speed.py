"""Compare the training speed of the DCGAN with a plain `tf.function` DCGAN of the same architecture
(`reference_dcgan.py`).

There are two comparisons in one process, with the same threads, phantoms and batch size:

- `step_ratio`: the step alone. The two sides take turns of one step, in an order that is reversed after each turn. The
  ratio is the reference's time divided by ours, the median over turns. Our time includes drawing the noise and
  assembling the batch.
- `live_ratio`: the job `synthesize` in the program's own window, with curves, samples and job bar on the screen
  (offscreen if there is none). It writes events, draws samples and saves checkpoints as the preset says. After each
  epoch of the job, its thread runs an epoch of the reference. The ratio is the reference's time divided by ours.

`--quick` measures the preset `quick` (64×64, batches of 16). Without it, the benchmark measures the published settings,
224×224, with batches of 16 instead of 150, which takes about ten minutes on two cores.

    python benchmarks/gan_speed.py [--quick] [--json FILE|-]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import json_report
import numpy as np
import numpy.typing as npt

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import busapp.paths
from busapp.engine import jobs
from busapp.engine.events import GanEpochEnded, Job, Progress
from busapp.engine.images.phantoms import write_phantoms
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.settings import ImportSettings, SynthesizeSettings
from busapp.engine.study.workspace import Workspace

IMAGES = 64
BATCH = 16
TURNS = {"quick": 40, "published": 8}
EPOCHS = {"quick": 12, "published": 3}
"""Epochs of the job in the window. The first one does not count, because it builds the graphs."""

ReferenceStep = Callable[[npt.NDArray[np.float32]], float]


def settings_for(preset: str) -> SynthesizeSettings:
    """The measured settings. `quick` is the shipped preset with another number of epochs."""
    given = {"class_name": "malignant", "preset": preset, "batch_size": BATCH, "epochs": EPOCHS[preset], "count": 0}
    return SynthesizeSettings.model_validate(given)


def make_reference(settings: SynthesizeSettings) -> ReferenceStep:
    """A training step of the reference with the same settings."""
    from reference_dcgan import make_step

    return make_step(settings.image_size, settings.kernel_size, settings.leak, settings.learning_rate, settings.beta_1)


def for_reference(pixels: Pixels) -> npt.NDArray[np.float32]:
    """The reference's input, prepared before the measurement: float32 in [-1, 1]."""
    return pixels.astype(np.float32) / 127.5 - 1


# -- the step alone ------------------------------------------------------------------------------------------------


def compare_steps(settings: SynthesizeSettings, pixels: Pixels, turns: int) -> dict[str, Any]:
    """Measure both sides in turns of one step. Returns milliseconds and ratios."""
    from busapp.engine.gan.networks import Networks
    from busapp.engine.gan.trainer import Trainer

    trainer, reference = Trainer(Networks(settings, "tensorflow")), make_reference(settings)
    prepared, order = for_reference(pixels), np.arange(BATCH)

    def ours(number: int) -> None:
        trainer.step(pixels[order], 1, number)

    def plain(_number: int) -> None:
        reference(prepared[order])

    sides: dict[str, Callable[[int], None]] = {"ours": ours, "plain": plain}
    for side in sides.values():
        side(0)
        side(1)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns):
        for name, side in list(sides.items())[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            side(turn)
            seconds[name].append(time.perf_counter() - began)
    ratios = [theirs / mine for mine, theirs in zip(seconds["ours"], seconds["plain"], strict=True)]
    return {
        "step_ratio": round(statistics.median(ratios), 3),
        "step_ratio_quartiles": [round(float(value), 3) for value in np.percentile(ratios, [25, 75])],
        "step_ms": {name: round(1000 * statistics.median(values), 1) for name, values in seconds.items()},
        "turns": turns,
    }


# -- in the window -------------------------------------------------------------------------------------------------


def with_reference(job: Job, epoch_of_reference: Callable[[], float], seconds: dict[str, list[float]]) -> Job:
    """The events of the job, with an epoch of the reference after each of its epochs. An epoch lasts until the first
    step of the next one, so that it includes samples and checkpoints."""
    began, plain, in_training = 0.0, 0.0, False
    for event in job:
        yield event
        if isinstance(event, Progress) and event.what.startswith("epoch ") and not in_training:
            in_training, began, plain = True, time.perf_counter(), 0.0
        if in_training and isinstance(event, GanEpochEnded):
            plain = epoch_of_reference()
            seconds["plain"].append(plain)
            seconds["ours"].append(time.perf_counter() - began - plain)
            began = time.perf_counter()


def compare_live(settings: SynthesizeSettings, study: Workspace, pixels: Pixels) -> dict[str, Any]:
    """Measure the job in the real window against epochs of the reference in the same thread."""
    from PySide6.QtWidgets import QApplication

    from busapp.gui.jobs.job_queue import QueuedJob
    from busapp.gui.main_window import MainWindow

    app = QApplication.instance() or QApplication(sys.argv)
    window = MainWindow(study)
    window.resize(1280, 800)
    window.tabs.setCurrentIndex(list(window.study_tabs).index("Synthesis"))
    window.show()
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}

    def make_job() -> Job:
        reference, prepared = make_reference(settings), for_reference(pixels)

        def epoch_of_reference() -> float:
            began = time.perf_counter()
            for start in range(0, len(prepared), BATCH):
                reference(prepared[start : start + BATCH])
            return time.perf_counter() - began

        return with_reference(jobs.start(study, settings), epoch_of_reference, seconds)

    outcomes: list[Any] = []
    window.queue.ended.connect(lambda _job, outcome: outcomes.append(outcome))
    window.queue.add(QueuedJob(settings.kind, settings.title, make_job, study.root))
    while not outcomes:
        app.processEvents()
        time.sleep(0.002)
    if outcomes[0].state != "finished":
        raise SystemExit(outcomes[0].error)
    window.close()
    # The first epoch of each side builds its graph. Only one epoch in ten saves a checkpoint, so sums are compared.
    ours, plain = (sum(seconds[name][1:]) for name in ("ours", "plain"))
    return {
        "live_ratio": round(plain / ours, 3),
        "epochs": len(seconds["ours"]) - 1,
        "live_images_per_second": round(IMAGES * (len(seconds["ours"]) - 1) / ours, 1),
    }


def measure(preset: str, folder: Path) -> dict[str, Any]:
    """Run both comparisons in a temporary folder."""
    settings = settings_for(preset)
    write_phantoms(folder / "phantoms", {"malignant": IMAGES}, size=settings.image_size, seed=0)
    study = Workspace.create(folder / "study", phantoms=True)
    for _ in jobs.start(study, ImportSettings(sources=(folder / "phantoms",))):
        pass
    pixels = Preprocessing(settings.image_size).load([study.image_path(image) for image in study.catalog.images()])
    report: dict[str, Any] = {
        "preset": preset,
        "image_size": settings.image_size,
        "batch": BATCH,
        "threads": os.cpu_count(),
    }
    report |= compare_steps(settings, pixels, TURNS[preset])
    print(f"step {report['step_ratio']}", file=sys.stderr)
    report |= compare_live(settings, study, pixels)
    study.close()
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", default="-", metavar="FILE|-")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        busapp.paths.user_data_dir = lambda: Path(name)  # no speed measured here is kept for the user
        json_report.write(measure("quick" if arguments.quick else "published", Path(name)), arguments.json)


if __name__ == "__main__":
    main()
