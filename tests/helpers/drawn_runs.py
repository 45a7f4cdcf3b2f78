"""Finished runs of synthesis whose images are in the study, made without training anything."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.events import Finished, Job
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.png import bare_png

COLUMNS = ("number", "file", "sha256", "nearest_file", "nearest_sha256", "correlation", "mirrored", "copy")


def noise_png(number: int, size: int = 16) -> bytes:
    """A grey picture, different for each number."""
    grey = np.random.default_rng(number).normal(110, 40, (size, size)).clip(0, 255).astype(np.uint8)
    return bare_png(Image.fromarray(np.stack([grey] * 3, axis=-1)))


def drawn_run(workspace: Workspace, n_images: int = 6, *, class_name: str = "malignant", size: int = 16) -> Run:
    """A finished run that added this number of images to the study."""
    settings = SynthesizeSettings.model_validate({"class_name": class_name, "image_size": size})
    run = workspace.new_run("synthesize", settings.model_dump(mode="json"), f"Drawn {class_name}")
    new = []
    for number in range(1, n_images + 1):
        sha256 = workspace.store_image(noise_png(len(workspace.runs()) * 10_000 + number, size), ".png")
        name = f"synthetic/{class_name}/{run.id}-{number:04d}.png"
        new.append(NewImage(name, sha256, ".png", class_name, size, size, kind="synthetic", run=run.id))
    workspace.catalog.add(new, f"{n_images} synthetic images")
    result = {"run": run.id, "class": class_name, "preset": "quick", "epochs": 1, "steps": 4, "images": n_images}

    def job() -> Job:
        yield Finished(result | {"kid": 0.2, "kid_spread": 0.02, "kid_floor": 0.01, "copies": 0})

    list(record(run, job()))
    return run


def drawn_images(workspace: Workspace, run: Run) -> list[ImageRecord]:
    """The images of a run in the study."""
    return workspace.catalog.images(kind="synthetic", run=run.id)


def write_drawn(run: Run, rows: Sequence[Sequence[object]]) -> Path:
    """Write `drawn.csv` of a run, with values in the order of `COLUMNS`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    path = run.folder / "drawn.csv"
    path.write_text(stream.getvalue(), encoding="utf-8")
    return path
