"""Measure the speed of an import, in images of 500×500 per second, against a plain loop; and that its memory does not
grow with the number of images.

For a PNG decoder, the images are like ultrasound: smoothed speckle in RGB, about 300 KB each. There are 40 different
pictures. A line of text in each file makes all files different. The reference runs only the necessary steps, in one
thread: it reads each file, decodes it with Pillow, hashes it and writes a copy. It makes no thumbnails, does not wait
for the disk and keeps no catalog. Import and reference take turns, each in a fresh folder, and the ratio of the medians
is reported. Memory is the peak of the process, as Linux counts it.

With `--other CHECKOUT`, the same import runs with the code of another checkout too, such as one of an older commit
(`git worktree add CHECKOUT COMMIT`). The order is reversed at each turn. `other` has its numbers. In `ratio`, its time
is divided by that of this checkout (above 1: this one is faster), and so is its processor time, which other work on the
machine changes less. `load` is the average load of the machine over 15 minutes at the end, and includes the benchmark.

    python benchmarks/import_speed.py [--quick] [--turns N] [--other CHECKOUT] [--json FILE|-]
"""

import argparse
import hashlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import json_report
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

THIS: Final = Path(__file__).resolve().parents[1]
_IMPORT = """
import sys, time
from pathlib import Path
import busapp.paths
if not Path(busapp.__file__).is_relative_to(sys.argv[3]):
    sys.exit(f"{sys.argv[3]} is no checkout of busapp: {busapp.__file__} was imported instead.")
busapp.paths.user_data_dir = lambda: Path(sys.argv[2]).parent
from busapp.engine import jobs
from busapp.engine.events import Finished
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
import busapp.engine.imports.job  # a running program has loaded it already
workspace = Workspace.create(Path(sys.argv[2]))
began, last, longest, worked = time.monotonic(), time.monotonic(), 0.0, time.process_time()
for event in jobs.start(workspace, ImportSettings(sources=(Path(sys.argv[1]),))):
    now = time.monotonic()
    last, longest = now, max(longest, now - last)
assert isinstance(event, Finished) and not event.result["skipped"], event
seconds, worked = time.monotonic() - began, time.process_time() - worked
# Not getrusage: its peak is at least that of the parent process.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(event.result["imported"], seconds, longest, int(peak.split()[1]) / 1024, worked)
"""


def make_images(folder: Path, count: int, side: int = 500) -> None:
    """Write `count` PNG files into two folders of classes."""
    rng = np.random.default_rng(0)
    speckle = rng.rayleigh(40, (side + 40, side + 40))
    smooth = (speckle[:-1, :-1] + speckle[1:, :-1] + speckle[:-1, 1:] + speckle[1:, 1:]) / 4
    pictures = []
    for shift in range(40):
        grey = smooth[shift : shift + side, shift : shift + side].clip(0, 255).astype(np.uint8)
        pictures.append(Image.fromarray(np.stack([grey, grey, grey], axis=2)))
    encoded = [_png(picture, "picture") for picture in pictures]
    for name in ("benign", "malignant"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        # The text stands between the header and the pixels, so the pixels need not be compressed again.
        content = _with_text(encoded[number % len(encoded)], f"image {number}")
        (folder / ("benign", "malignant")[number % 2] / f"{number}.png").write_bytes(content)


def _png(picture: Image.Image, text: str) -> bytes:
    stream = io.BytesIO()
    info = PngInfo()
    info.add_text("Comment", text)
    picture.save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def _with_text(png: bytes, text: str) -> bytes:
    chunk = _png(Image.new("L", (1, 1)), text)
    start = chunk.index(b"tEXt") - 4
    end = chunk.index(b"IDAT") - 4
    header = png.index(b"IHDR") + 4 + 13 + 4
    return png[:header] + chunk[start:end] + png[header:]


def reference_seconds(images: Path, copies: Path) -> float:
    """Run the plain loop, and return its time in seconds."""
    began = time.monotonic()
    copies.mkdir()
    for path in sorted(images.rglob("*.png")):
        content = path.read_bytes()
        Image.open(io.BytesIO(content)).load()
        (copies / f"{hashlib.sha256(content).hexdigest()}.png").write_bytes(content)
    return time.monotonic() - began


class Import(NamedTuple):
    """One import in a process of its own. `longest_step` is the longest time between two of its events, in seconds."""

    images: int
    seconds: float
    longest_step: float
    peak_mib: float
    processor_seconds: float


def import_in_process(images: Path, study: Path, checkout: Path = THIS) -> Import:
    """Import a folder into a new study, with the code of a checkout."""
    command = [sys.executable, "-P", "-c", _IMPORT, str(images), str(study), str(checkout)]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.split()
    return Import(int(out[0]), *map(float, out[1:]))


def numbers(imports: Sequence[Import]) -> dict[str, float]:
    """The medians of some imports."""
    n = imports[0].images
    return {
        "images_per_second": round(n / statistics.median(one.seconds for one in imports), 1),
        "processor_ms_per_image": round(1000 * statistics.median(one.processor_seconds for one in imports) / n, 2),
        "longest_step_s": round(max(one.longest_step for one in imports), 3),
        "peak_mib": round(max(one.peak_mib for one in imports), 1),
    }


def ratio(other: Sequence[Import], this: Sequence[Import]) -> dict[str, float]:
    """The medians of another checkout's times, divided by those of this one."""

    def of(time_of: Callable[[Import], float]) -> float:
        return round(statistics.median(map(time_of, other)) / statistics.median(map(time_of, this)), 3)

    return {"seconds": of(lambda one: one.seconds), "processor_seconds": of(lambda one: one.processor_seconds)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer images and turns; saves a minute")
    parser.add_argument("--turns", type=int, help="number of imports of each side")
    parser.add_argument("--other", type=Path, metavar="CHECKOUT", help="also measure another checkout of busapp")
    parser.add_argument("--json", default="-")
    arguments = parser.parse_args()
    few, many, turns = (200, 800, 2) if arguments.quick else (1000, 4000, 3)
    checkouts = [THIS, *([arguments.other.resolve()] if arguments.other else [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_images(folder / "few", few)
        make_images(folder / "many", many)
        imports: dict[Path, list[Import]] = {checkout: [] for checkout in checkouts}
        references = []
        for turn in range(arguments.turns or turns):
            for checkout in checkouts if turn % 2 == 0 else reversed(checkouts):
                study = folder / f"study {turn} {checkouts.index(checkout)}"
                imports[checkout].append(import_in_process(folder / "few", study, checkout))
            references.append(reference_seconds(folder / "few", folder / f"copies {turn}"))
        of_many = import_in_process(folder / "many", folder / "study of many")
        kib = statistics.mean(path.stat().st_size for path in (folder / "few").rglob("*.png")) / 1024
    result = {
        "images": few,
        "turns": len(references),
        "kib_per_image": round(kib),
        "this": numbers(imports[THIS]),
        "reference_images_per_second": round(few / statistics.median(references), 1),
        "reference_ratio": round(
            statistics.median(references) / statistics.median(one.seconds for one in imports[THIS]), 3
        ),
        "of_many": {"images": many, **numbers([of_many])},
        "load": round(os.getloadavg()[2], 1),
    }
    if arguments.other:
        other = imports[checkouts[1]]
        result |= {"other": numbers(other), "ratio": ratio(other, imports[THIS])}
    json_report.write(result, arguments.json)


if __name__ == "__main__":
    main()
