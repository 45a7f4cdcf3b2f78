"""Cross-validate networks of the registry on the same images, as published and under strict.

The images come from folders of classes; patients from their names, where a set is known (IDC patches). A network whose
ImageNet weights lie in the folder of weights starts from them, all others from scratch. Each run is a run of a study,
which is kept: called again with the same study, the benchmark trains only what is missing.

    python benchmarks/networks.py --data FOLDER [--study DIR] [--weights DIR] [--network NAME …]
        [--run SYSTEM:PROTOCOL …] [--folds N] [--epochs N] [--image-size N] [--recipe NAME] [--json FILE|-]

The peak of the memory is that of the process so far: for each network's own, start the benchmark once for each.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import json_report

from busapp.engine import jobs
from busapp.engine.events import Finished
from busapp.engine.networks.entry import NetworkEntry
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import CurateSettings, ImportSettings, JobSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.reuse import find_runs, is_done


def run_job(study: Workspace, settings: JobSettings) -> dict[str, Any]:
    """The result of a job."""
    for event in jobs.start(study, settings):
        if isinstance(event, Finished):
            return event.result
    raise AssertionError("the job did not finish")


def prepared(root: Path, data: Path) -> Workspace:
    """The study, with the images in it."""
    study = Workspace.open(root) if root.exists() else Workspace.create(root)
    if not study.catalog.counts():
        for settings in (ImportSettings(sources=(data,)), CurateSettings()):
            run_job(study, settings)
    return study


def weights_of(entry: NetworkEntry, folder: Path | None) -> Path | None:
    """The file with a network's ImageNet weights in a folder, None if it has none there."""
    if entry.weights is None or folder is None:
        return None
    return next((path for pattern in entry.weights.patterns for path in sorted(folder.glob(pattern))), None)


def validated(study: Workspace, settings: ValidateSettings) -> dict[str, Any]:
    """The result of a cross-validation, of the study's own run if it has that."""
    (found,) = find_runs(study, [settings])
    result = found.result() if is_done(found) and found is not None else None
    return result or run_job(study, settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--study", type=Path, help="kept, and used again; a temporary one by default")
    parser.add_argument("--weights", type=Path, help="a folder with files of ImageNet weights")
    parser.add_argument("--network", action="append", choices=list(NETWORKS), help="may be given repeatedly")
    parser.add_argument("--run", action="append", help="system1:published, then system1:strict by default")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--image-size", type=int, default=50)
    parser.add_argument("--recipe", default="paper")
    parser.add_argument("--json", default="-", metavar="FILE|-")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = prepared(asked.study or Path(folder) / "study", asked.data)
        report: dict[str, Any] = {"counts": study.catalog.counts(), "networks": []}
        for name in asked.network or list(NETWORKS):
            entry = NETWORKS[name]
            path = asked.weights if entry.features is not None else weights_of(entry, asked.weights)
            size = -(-max(asked.image_size, entry.least_size) // entry.size_step) * entry.size_step
            for system, protocol in (each.split(":") for each in asked.run or ("system1:published", "system1:strict")):
                settings = ValidateSettings.model_validate(
                    {
                        "network": name,
                        "system": system,
                        "protocol": protocol,
                        "pretrained": path is not None,
                        "weights_file": path,
                        "image_size": size,
                        "folds": asked.folds,
                        "epochs": asked.epochs,
                        "recipe": asked.recipe,
                    }
                )
                began = time.monotonic()
                result = validated(study, settings)
                row = {
                    "network": name,
                    "in_words": settings.network_in_words,
                    "system": system,
                    "protocol": protocol,
                    "imagenet": path is not None,
                    "image_size": size,
                    "accuracy": result["accuracy"],
                    "accuracy_ci95": result["accuracy_ci95"],
                    "folds": [fold["test_accuracy"] for fold in result["folds"]],
                    "balanced_accuracy": result["balanced_accuracy"],
                    "confusion": result["confusion"],
                    "train_accuracy": result["train_accuracy"],
                    "leaks": result["leaks"],
                    "seconds": result["seconds"],
                    "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                }
                report["networks"].append(row)
                print(
                    f"{name} {system} {protocol}: {row['accuracy']:.3f}, {time.monotonic() - began:.0f} s",
                    file=sys.stderr,
                )
        study.close()
    json_report.write(report, asked.json)


if __name__ == "__main__":
    main()
