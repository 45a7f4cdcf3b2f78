"""Measure the speed of a diagnosis: of one decoded image with its heat map, against torch with pytorch-grad-cam on the
same images in the same run, and of a whole folder from its files to the table.

- `milliseconds`: the median of `Diagnoser.diagnose` for one decoded image, from any size to class, probabilities, heat
  map of every class, conformal set, novelty and similar images.
- `reference_milliseconds`: the same image resized and normalised by torchvision's transforms, through `GradCAM` of
  pytorch-grad-cam over the last feature map of torchvision's MobileNetV2, which gives class and one heat map.
- `ratio`: the second divided by the first, the median over turns; `spread` contains its quartiles. The two sides take
  turns of ten images, so that other work on the machine affects both equally.
- `images_per_second`: the job `diagnose` over the folder, including decoding and saving the run, with a loaded model.
- `beside`: one decoded image beside 0, 1 and 2 processes that keep a core busy: the median of `Diagnoser.diagnose`, the
  same with threads that spin while they wait (ONNX Runtime's default), and their `ratio`, the median over turns.
- `cold_seconds`: `busapp diagnose IMAGE` as a whole process, the median of five (three with `--quick`).

The reference has random weights, because their accuracy does not affect its speed.

    pip install grad-cam
    python benchmarks/diagnosis_speed.py [--quick] [--only-beside] --data DIR [--model FILE] [--json FILE|-]
"""

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import json_report
import numpy as np
from PIL import Image

from busapp import paths
from busapp.engine import jobs
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.diagnosis.job import images_to_diagnose
from busapp.engine.events import ImageDiagnosed
from busapp.engine.images.preprocessing import read_image
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace

TURN = 10
"""Images that a side diagnoses in one turn."""


Diagnose = Callable[[Image.Image], Any]


def grad_cam(n_classes: int) -> Diagnose:
    """The plain way to class and heat map, as in pytorch-grad-cam's documentation."""
    import torch

    from busapp.engine.networks.layers.torchvision_setup import torchvision  # isort: skip  (makes it importable)
    from pytorch_grad_cam import GradCAM

    from busapp.engine.images.preprocessing import MEAN, STD

    network = torchvision.models.MobileNetV2(num_classes=n_classes).eval()
    explain = GradCAM(model=network, target_layers=[network.features[-1]])

    def diagnose(image: Image.Image) -> Any:
        square = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR), dtype=np.float32) / 255
        tensor = torch.from_numpy(((square - MEAN) / STD).transpose(2, 0, 1)[None])
        heat_map = explain(input_tensor=tensor, targets=None)[0]  # of the most probable class
        return explain.outputs.argmax(dim=1), heat_map

    return diagnose


def seconds_of(diagnose: Diagnose, images: list[Image.Image]) -> list[float]:
    found = []
    for image in images:
        began = time.perf_counter()
        diagnose(image)
        found.append(time.perf_counter() - began)
    return found


def spinning(path: Path) -> Model:
    """The model in a session whose threads spin while they wait, as ONNX Runtime has them by default."""
    import onnxruntime

    model = Model.load(path)
    model.session._session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return model


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many cores busy with other processes."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def beside(path: Path, images: list[Image.Image], turns: int) -> list[dict[str, Any]]:
    """Measure a model with and without spinning threads, by turns, beside other busy processes."""
    found = []
    for count in (0, 1, 2):
        sides = {"ours": Diagnoser(Model.load(path)).diagnose, "spinning": Diagnoser(spinning(path)).diagnose}
        with busy(count):
            measured = by_turns(sides, images, turns)
        found.append({"busy": count, **measured})
    return found


def one_image(model: Model, images: list[Image.Image], turns: int) -> dict[str, Any]:
    """Measure busapp and torch on the same decoded images."""
    return by_turns({"ours": Diagnoser(model).diagnose, "reference": grad_cam(len(model.classes))}, images, turns)


def by_turns(sides: Mapping[str, Diagnose], images: list[Image.Image], turns: int) -> dict[str, Any]:
    """Measure `ours` and another side on the same images, in turns whose order is reversed each time."""
    other = next(name for name in sides if name != "ours")
    for diagnose in sides.values():
        seconds_of(diagnose, images[:TURN])  # libraries set themselves up
    all_seconds: dict[str, list[float]] = {name: [] for name in sides}
    ratios = []
    for turn in range(turns):
        chosen = [images[(turn * TURN + i) % len(images)] for i in range(TURN)]
        medians = {}
        for name in sorted(sides, reverse=bool(turn % 2)):
            time.sleep(0.05)  # so that the other side's threads stop spinning
            seconds = seconds_of(sides[name], chosen)
            all_seconds[name] += seconds
            medians[name] = statistics.median(seconds)
        ratios.append(medians[other] / medians["ours"])
    quartiles = statistics.quantiles(ratios, n=4)
    return {
        "milliseconds": 1000 * statistics.median(all_seconds["ours"]),
        f"{other}_milliseconds": 1000 * statistics.median(all_seconds[other]),
        "ratio": statistics.median(ratios),
        "spread": [quartiles[0], quartiles[2]],
        "turns": turns,
    }


def folder(model: Path, data: Path, folder_of_study: Path) -> dict[str, Any]:
    """Measure the job over the folder, from the diagnosis of the first image to that of the last."""
    with_study = Workspace.create(folder_of_study)
    moments = [
        time.perf_counter()
        for event in jobs.start(with_study, DiagnoseSettings(images=(data,), model=model))
        if isinstance(event, ImageDiagnosed)
    ]
    with_study.close()
    return {"images_per_second": (len(moments) - 1) / (moments[-1] - moments[0]), "images": len(moments)}


def cold(model: Path, image: Path, study: Path, times: int) -> float:
    """Median time of the whole command in seconds."""
    command = [sys.executable, "-m", "busapp", "diagnose", str(image), "--model", str(model), "--workspace", str(study)]
    found = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="images, also in subfolders")
    parser.add_argument("--model", type=Path, help="an ONNX file (default: the model that ships with busapp)")
    parser.add_argument("--quick", action="store_true", help="fewer turns: about half a minute")
    parser.add_argument("--only-beside", action="store_true", help="measure only beside busy processes")
    parser.add_argument("--json", metavar="FILE|-", help="write the result as JSON")
    options = parser.parse_args()
    model_file = options.model or next(iter(sorted(paths.models_dir().glob("*.onnx"))))
    files = list(images_to_diagnose([options.data]))
    step = max(1, len(files) // 100)
    images = [read_image(path) for path in files[::step]]
    besides = beside(model_file, images, turns=5 if options.quick else 20)
    for found in besides:
        print(
            f"beside {found['busy']} busy: {found['milliseconds']:.1f} ms, with spinning threads "
            f"{found['spinning_milliseconds']:.1f} ms, ratio {found['ratio']:.2f} "
            f"(quartiles {found['spread'][0]:.2f} to {found['spread'][1]:.2f})",
            file=sys.stderr,
        )
    if options.only_beside:
        return
    with tempfile.TemporaryDirectory() as scratch:
        study = Path(scratch) / "study"
        result = {
            "beside": besides,
            **one_image(Model.load(model_file), images, turns=10 if options.quick else 40),
            **folder(model_file, options.data, study),
            "cold_seconds": cold(model_file, files[0], study, 3 if options.quick else 5),
        }
    libraries = ("onnxruntime", "torch", "grad-cam", "pillow")
    result |= {
        "model": model_file.name,
        "quick": options.quick,
        "cores": os.cpu_count(),
        "versions": {name: importlib.metadata.version(name) for name in libraries},
    }
    print(
        f"one image: {result['milliseconds']:.1f} ms, torch with grad-cam {result['reference_milliseconds']:.1f} ms, "
        f"ratio {result['ratio']:.2f} (quartiles {result['spread'][0]:.2f} to {result['spread'][1]:.2f})\n"
        f"folder: {result['images_per_second']:.0f} images/s over {result['images']} images\n"
        f"cold command: {result['cold_seconds']:.2f} s",
        file=sys.stderr,
    )
    if options.json:
        json_report.write(result, options.json)


if __name__ == "__main__":
    main()
