"""Measure the import of as many patches as the IDC set has: 277,524 of 50×50 pixels, of 279 patients.

The patches are invented: pieces of coloured noise, in the folders and under the names of the set of Janowczyk and
Madabhushi (J Pathol Inform 2016, 7:29): `10253/0/10253_idx5_x1351_y1101_class0.png`. They take 2 GB, and the study as
much again. Measured are the preview, the command `busapp import`, and then, in a process that opens the study, what the
window does before it shows the images. The import's memory is reported after each quarter of the images; it grows with
the list of the names only.

    python benchmarks/import_patches.py [--images N] [--keep DIR] [--json FILE|-]

With `--keep`, patches and study stay in that folder. Patches that lie there already are used again. How such a study
scrolls is measured by `grid_scroll.py --images 277524`.
"""

import argparse
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import json_report
import numpy as np
from PIL import Image

PATCHES: Final = 277_524
PATIENTS: Final = 279
SIDE: Final = 50
_SHARE_OF_CLASS1: Final = 0.284
_RUNS_CLI: Final = "import sys; from busapp.__main__ import main; sys.argv[0] = 'busapp'; main()"


_PREVIEWS: Final = """
import sys, time
from pathlib import Path
from busapp.engine.imports.preview import preview
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
known = Workspace.create(Path(sys.argv[2])).catalog.known()
began = time.monotonic()
seen = preview(ImportSettings(sources=(Path(sys.argv[1]),)), known)
assert seen is not None and sum(seen.counts.values()) > 0
print(time.monotonic() - began)
"""
_LISTS: Final = """
import sys, time
from pathlib import Path
from busapp.engine.study.workspace import Workspace
began = time.monotonic()
workspace = Workspace.open(Path(sys.argv[1]))
assert len(workspace.catalog.images()) > 0 and workspace.catalog.counts("real")
print(time.monotonic() - began)
"""


def make_patches(folder: Path, count: int) -> None:
    """Write `count` patches, all different."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (400, 400, 3), np.uint8)).resize(
        (2000, 2000), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 6, (2000, 2000, 1))
    tissue = np.array([190, 140, 180]) + (np.asarray(noise) - 128.0) * [0.5, 0.6, 0.4] + grain
    slide = tissue.clip(0, 255).astype(np.uint8)
    starts = rng.integers(0, 2000 - SIDE, (count, 2))
    is_class1 = rng.random(count) < _SHARE_OF_CLASS1
    for number, (top, left) in enumerate(starts):
        patient, label = 8863 + number * PATIENTS // count, int(is_class1[number])
        place = folder / str(patient) / str(label)
        place.mkdir(parents=True, exist_ok=True)
        height = SIDE if number % 50 else 36  # patches at the edge of a slide are cut
        patch = Image.fromarray(slide[top : top + height, left : left + SIDE])
        patch.save(place / f"{patient}_idx5_x{1 + SIDE * (number % 60)}_y{1 + SIDE * number}_class{label}.png")


def _environment(folder: Path) -> dict[str, str]:
    """An environment whose user folder is empty, so that no patients' key of this user is used."""
    return os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "user"), "QT_QPA_PLATFORM": "offscreen"}


def _resident_mib(process: int) -> float:
    """Peak of the resident memory of a process so far, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measure_import(patches: Path, study: Path, count: int, environment: dict[str, str]) -> dict[str, Any]:
    """Run `busapp import`, and follow its memory."""
    command = [sys.executable, "-c", _RUNS_CLI, "import", str(patches), "--workspace", str(study), "--json", "-"]
    peaks: dict[str, float] = {}
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            time.sleep(0.5)
            done = _stored(study)
            for quarter in (0.25, 0.5, 0.75, 0.99):
                if done >= quarter * count and str(quarter) not in peaks:
                    with contextlib.suppress(OSError, StopIteration):
                        peaks[str(quarter)] = round(_resident_mib(process.pid), 1)
        assert process.returncode == 0
    seconds = time.monotonic() - began
    return {"seconds": round(seconds, 1), "per_second": round(count / seconds), "peak_mib_at_share": peaks}


def _stored(study: Path) -> int:
    """Number of images in the catalog so far."""
    catalog = study / "catalog.sqlite"
    if not catalog.exists():
        return 0
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(catalog)) as connection:
        found: int = connection.execute("SELECT count(*) FROM image").fetchone()[0]
        return found
    return 0


def timed(script: str, *arguments: Path, environment: dict[str, str]) -> float:
    """Seconds that a script prints."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return round(float(out.split()[-1]), 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=PATCHES)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for patches and study, which stay there")
    parser.add_argument("--json", default="-")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        patches, study = folder / "patches", folder / "study"
        if not patches.exists():
            make_patches(patches, arguments.images)
        shutil.rmtree(study, ignore_errors=True)
        environment = _environment(folder)
        result: dict[str, Any] = {"images": arguments.images, "load_before": round(os.getloadavg()[0], 1)}
        result["preview_s"] = timed(_PREVIEWS, patches, folder / "empty", environment=environment)
        result["import"] = measure_import(patches, study, arguments.images, environment)
        result["list_s"] = timed(_LISTS, study, environment=environment)
    json_report.write(result, arguments.json)


if __name__ == "__main__":
    main()
