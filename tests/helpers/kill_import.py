"""Kill imports at random moments, as `kill -9` and power cuts do, and check the study afterwards.

    python tests/helpers/kill_import.py [--kills 50] [--seed N] [--images 240]

Each time, a new process imports a folder of images, masks and DICOM loops, and is killed after a random part of the
time that a whole import takes. Then the study must open. Every image and every mask of its catalog must exist and be
complete, with the bytes of its source file. A second import must add exactly the missing images and leave no
half-written file. The exit code is 1 if anything else happened.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dicom_samples import dicom_bytes
from PIL import Image

from busapp.engine import jobs
from busapp.engine.events import Finished
from busapp.engine.images.preprocessing import read_image
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of

_CHILD = """
import sys
from pathlib import Path
import busapp.paths
busapp.paths.user_data_dir = lambda: Path(sys.argv[2]).parent
from busapp.engine import jobs
from busapp.engine.imports import job
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
job._BATCH = 20  # so that kills often hit between two steps of the catalog
workspace = Workspace.open(Path(sys.argv[2]))
for event in jobs.start(workspace, ImportSettings(sources=(Path(sys.argv[1]),))):
    if type(event).__name__ == "RunStarted":
        print("begun", flush=True)
print("done", flush=True)
"""


@dataclass(frozen=True)
class Kill:
    """State after one kill: images in the catalog, unused half-written files, and problems (should be empty)."""

    after_s: float
    catalogued: int
    leftovers: int
    findings: list[str]


def make_images(folder: Path, count: int) -> dict[str, str]:
    """Write images with masks, and one DICOM loop per 40 images. Returns the content hashes of the images by name."""
    rng = np.random.default_rng(0)
    hashes = {}
    for number in range(count):
        path = folder / ("benign", "malignant")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8)).save(path)
        Image.fromarray(rng.integers(0, 2, (96, 96), np.uint8) * 255).save(path.with_name(f"{number}_mask.png"))
        hashes[f"{path.parent.name}/{path.name}"] = sha256_of(path.read_bytes())
        if number % 40 == 0:
            pixels = rng.integers(0, 256, (5, 64, 64), np.uint8)
            path.with_suffix(".dcm").write_bytes(dicom_bytes(pixels, SOPInstanceUID=f"1.2.{number}"))
    return hashes


def begin(images: Path, study: Path) -> "subprocess.Popen[str]":
    """Start a process that imports, and return once the import has begun."""
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(images), str(study)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    return child


def seconds_of_whole_import(images: Path, folder: Path) -> float:
    """Measure the seconds of a whole import that is not killed."""
    Workspace.create(folder / "whole").close()
    with begin(images, folder / "whole") as child:
        began = time.monotonic()
        assert child.wait() == 0
    return time.monotonic() - began


def kill_once(images: Path, folder: Path, hashes: dict[str, str], after_s: float) -> Kill:
    """Import into a new study in `folder`, kill the process, and check the study."""
    study = folder / "killed"
    Workspace.create(study).close()
    with begin(images, study) as child:
        time.sleep(after_s)
        child.kill()
    findings: list[str] = []
    workspace = Workspace.open(study)
    catalogued = _look(workspace, hashes, findings)
    leftovers = len(_hidden(workspace))
    _complete(workspace, images, hashes, findings)
    workspace.close()
    shutil.rmtree(study)
    return Kill(after_s, catalogued, leftovers, findings)


def _look(workspace: Workspace, hashes: dict[str, str], findings: list[str]) -> int:
    images = workspace.catalog.images()
    for image in images:
        for path, sha256 in ((workspace.image_path(image), image.sha256), _mask_of(workspace, image.mask)):
            if path is not None and (not path.exists() or sha256_of(path.read_bytes()) != sha256):
                findings.append(f"{image.file}: {path.name} is missing or torn")
        if read_image(workspace.image_path(image)).size != (image.width, image.height):
            findings.append(f"{image.file}: it is of another size than the catalog says")
        if hashes.get(image.file, image.sha256) != image.sha256:
            findings.append(f"{image.file}: these are not the bytes of the file")
        if image.file in hashes and image.mask is None:
            findings.append(f"{image.file}: it has lost its mask")
    if len(workspace.catalog.history()) > bool(images):
        findings.append("the history holds more than one change")
    return len(images)


def _mask_of(workspace: Workspace, mask: str | None) -> tuple[Path | None, str | None]:
    return (None, None) if mask is None else (workspace.mask_path(mask), mask)


def _hidden(workspace: Workspace) -> list[Path]:
    return [path for folder in ("images", "masks", "cache") for path in (workspace.root / folder).rglob(".*")]


def _complete(workspace: Workspace, images: Path, hashes: dict[str, str], findings: list[str]) -> None:
    """Import again, twice."""
    before = len(workspace.catalog.images())
    results = []
    for _ in range(2):
        *_, last = jobs.start(workspace, ImportSettings(sources=(images,)))
        assert isinstance(last, Finished)
        results.append(last.result)
    everything = len(hashes) + 5 * len(list(images.rglob("*.dcm")))
    if results[0]["imported"] != everything - before or results[0]["skipped"]:
        findings.append(f"importing again brought in {results[0]['imported']} of {everything - before} missing images")
    if results[1]["imported"] or len(workspace.catalog.images()) != everything:
        findings.append("the study is not complete after importing again")
    if _hidden(workspace):
        findings.append("half-written files were left behind")
    again: list[str] = []
    _look(workspace, hashes, again)
    findings.extend(what for what in again if "history" not in what)


def main() -> int:
    """Kill imports, check the studies, and print the findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=240)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    import busapp.paths

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        busapp.paths.user_data_dir = lambda: folder
        hashes = make_images(folder / "images", arguments.images)
        whole = seconds_of_whole_import(folder / "images", folder)
        kills = []
        for number in range(1, arguments.kills + 1):
            kill = kill_once(folder / "images", folder, hashes, chance.uniform(0, whole))
            kills.append(kill)
            print(
                f"{number}: killed after {kill.after_s:.2f} of {whole:.2f} s, {kill.catalogued} images in the catalog, "
                f"{kill.leftovers} torn files. {'; '.join(kill.findings) or 'All is well.'}",
                flush=True,
            )
    wrong = sum(bool(kill.findings) for kill in kills)
    partly = sum(kill.catalogued > 0 for kill in kills)
    print(f"{len(kills)} kills, {partly} of them with images in the catalog already; {wrong} with something wrong.")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
