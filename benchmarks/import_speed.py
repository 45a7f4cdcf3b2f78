"""Measure the speed of an import, in images of 500×500 per second, against a plain loop; and that its memory does not
grow with the number of images.

For a PNG decoder, the images are like ultrasound: smoothed speckle in RGB, about 300 KB each. There are 40 different
pictures. A line of text in each file makes all files different. The reference runs only the necessary steps, in one
thread: it reads each file, decodes it with Pillow, hashes it and writes a copy. It makes no thumbnails, does not wait
for the disk and keeps no catalog. Import and reference take turns, each in a fresh folder, and the ratio of the medians
is reported. Memory is the peak of the process, as Linux counts it.

    python benchmarks/import_speed.py [--quick] [--json FILE|-]
"""

import argparse
import hashlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import json_report
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

_IMPORT = """
import sys, time
from pathlib import Path
import busapp.paths
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


def import_in_process(images: Path, study: Path) -> Import:
    """Import a folder into a new study."""
    command = [sys.executable, "-c", _IMPORT, str(images), str(study)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Import(int(out[0]), *map(float, out[1:]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer images and runs; saves a minute")
    parser.add_argument("--json", default="-")
    arguments = parser.parse_args()
    few, many, runs = (200, 800, 2) if arguments.quick else (1000, 4000, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_images(folder / "few", few)
        make_images(folder / "many", many)
        imports, references = [], []
        for run in range(runs):
            imports.append(import_in_process(folder / "few", folder / f"study {run}"))
            references.append(reference_seconds(folder / "few", folder / f"copies {run}"))
        of_many = import_in_process(folder / "many", folder / "study of many")
        kib = statistics.mean(path.stat().st_size for path in (folder / "few").rglob("*.png")) / 1024
    seconds, reference = statistics.median(one.seconds for one in imports), statistics.median(references)
    result = {
        "images": few,
        "runs": runs,
        "kib_per_image": round(kib),
        "images_per_second": round(few / seconds, 1),
        "reference_images_per_second": round(few / reference, 1),
        "ratio": round(reference / seconds, 3),
        "processor_ms_per_image": round(1000 * statistics.median(one.processor_seconds for one in imports) / few, 2),
        "longest_step_s": round(max(one.longest_step for one in imports), 3),
        "peak_mib": {str(one.images): round(one.peak_mib, 1) for one in (imports[-1], of_many)},
        "images_per_second_of_many": round(of_many.images / of_many.seconds, 1),
    }
    json_report.write(result, arguments.json)


if __name__ == "__main__":
    main()
