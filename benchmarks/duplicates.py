"""Measure the recall and the speed of the search for near-duplicates.

    python benchmarks/duplicates.py [--quick] [--data DIR] [--json FILE|-] [--sheets DIR]

`DIR` contains BUSI in folders of classes, 256×256 or as downloaded. There are three measurements:

- `busi`: the share of pairs found among those of a brute-force comparison (grey 32×32 thumbnails, bicubic, correlation
  > 0.97, mirrored or not), and the pairs found beyond those. `--sheets` writes pictures of the latter for a check by
  eye.
- `altered`: copies of BUSI images, each altered in one way, are put among the originals. Measured are the share of
  copies found, and the number of pairs between images of different origins. Originals share an origin if the search or
  brute force finds that they are near-duplicates.
- `speed`: the time and the memory of the job on 10,000 different images with two threads.

All of it takes about five minutes on two cores, `--quick` one minute.
"""

import argparse
import io
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import json_report
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from busapp.engine import jobs
from busapp.engine.catalog import NewImage
from busapp.engine.curation.duplicates import DuplicatePair, Signatures, find_pairs
from busapp.engine.events import Finished
from busapp.engine.images.preprocessing import read_image
from busapp.engine.settings import CurateSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.steps import run_to_end

Picture = Image.Image
Alteration = Callable[[Picture, np.random.Generator], Picture]
SPEED_COUNT = 10_000


# -- alterations -------------------------------------------------------------------------------------------


def resized(picture: Picture, rng: np.random.Generator) -> Picture:
    """Each side resized to 35 to 200 % on its own, so that the aspect changes, too."""
    factor, aspect = rng.choice([0.5, 0.7, 1.5]), rng.uniform(0.75, 1.33)
    size = round(picture.width * factor * aspect), round(picture.height * factor / aspect)
    return picture.resize(size, Image.Resampling.BICUBIC)


def cropped(share: float) -> Alteration:
    """A window of this share of both sides, at a random place."""

    def crop(picture: Picture, rng: np.random.Generator) -> Picture:
        width, height = round(picture.width * share), round(picture.height * share)
        left, top = int(rng.integers(picture.width - width + 1)), int(rng.integers(picture.height - height + 1))
        return picture.crop((left, top, left + width, top + height))

    return crop


def sides_cut(picture: Picture, rng: np.random.Generator) -> Picture:
    """Up to 16 % cut off at each edge on its own. At least 67 % of a side remain, and the aspect changes."""
    left, right, top, bottom = rng.uniform(0, 0.165, 4)
    width, height = picture.size
    return picture.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def gamma(exponent: float) -> Alteration:
    table = [round(255 * (value / 255) ** exponent) for value in range(256)] * 3
    return lambda picture, rng: picture.point(table)


def stretched(picture: Picture, rng: np.random.Generator) -> Picture:
    """The darkest and brightest 5 % become black and white."""
    values = np.asarray(picture, np.float32)
    low, high = np.percentile(values, [5, 95])
    return Image.fromarray(((values - low) / max(high - low, 1) * 255).clip(0, 255).astype(np.uint8))


def equalised(picture: Picture, rng: np.random.Generator) -> Picture:
    from skimage.exposure import equalize_adapthist

    grey = equalize_adapthist(np.asarray(picture.convert("L")), clip_limit=0.02)
    return Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB")


def jpeg(picture: Picture, rng: np.random.Generator) -> Picture:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=50)
    return Image.open(stream).convert("RGB")


def marked(picture: Picture, rng: np.random.Generator) -> Picture:
    """Two pairs of callipers with their lines, two lines of text, and an arrow drawn over the picture."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    side = max(picture.size)
    for _ in range(2):
        (x1, x2), (y1, y2) = rng.uniform(0.2, 0.8, (2, 2))
        ends = [(x1 * width, y1 * height), (x2 * width, y2 * height)]
        draw.line(ends, fill="white")
        for x, y in ends:
            draw.line([(x - 4, y), (x + 4, y)], fill="white")
            draw.line([(x, y - 4), (x, y + 4)], fill="white")
    font = ImageFont.load_default(size=side / 14)
    draw.text((0.03 * width, rng.uniform(0.02, 0.2) * height), "LT BREAST 2:00", fill="white", font=font)
    draw.text((0.55 * width, 0.85 * height), "D1 12.4 mm", fill="yellow", font=font)
    x, y = rng.uniform(0.2, 0.7, 2) * (width, height)
    draw.polygon([(x, y), (x + 0.08 * side, y + 0.03 * side), (x + 0.03 * side, y + 0.08 * side)], fill="white")
    return picture


def chained(*alterations: Alteration) -> Alteration:
    def alter(picture: Picture, rng: np.random.Generator) -> Picture:
        for alteration in alterations:
            picture = alteration(picture, rng)
        return picture

    return alter


def mirrored(picture: Picture, rng: np.random.Generator) -> Picture:
    return ImageOps.mirror(picture)


ALTERATIONS: dict[str, Alteration] = {
    "resized": resized,
    "mirrored": mirrored,
    "cropped to 95 %": cropped(0.95),
    "cropped to 90 %": cropped(0.9),
    "cropped to 80 %": cropped(0.8),
    "cropped to 70 %": cropped(0.7),
    "sides cut by 0 to 16 % each": sides_cut,
    "gamma 0.6": gamma(0.6),
    "gamma 1.6": gamma(1.6),
    "contrast stretched": stretched,
    "equalised (CLAHE)": equalised,
    "JPEG 50": jpeg,
    "callipers, text, arrow": marked,
    "mirrored, cropped to 80 %": chained(mirrored, cropped(0.8)),
    "cropped to 80 %, gamma 0.6, JPEG 50": chained(cropped(0.8), gamma(0.6), jpeg),
    "marked, gamma 1.6, resized": chained(marked, gamma(1.6), resized),
    "cropped to 90 %, equalised, marked": chained(cropped(0.9), equalised, marked),
    "mirrored, cropped to 80 %, gamma 1.4, marked, resized, JPEG 50": chained(
        mirrored, cropped(0.8), gamma(1.4), marked, resized, jpeg
    ),
}


# -- measuring ---------------------------------------------------------------------------------------------


def pairs_among(pictures: Sequence[Picture]) -> list[DuplicatePair]:
    """The pairs that the search finds, if every picture is a file of its own."""
    signatures = Signatures(len(pictures))
    for number, picture in enumerate(pictures):
        signatures.put(number, picture)
    return run_to_end(find_pairs(signatures, [str(number) for number in range(len(pictures))], CurateSettings()))


def brute_force(pictures: Sequence[Picture]) -> set[tuple[int, int]]:
    """The reference: every thumbnail is compared with every other one and its mirror image."""
    grey = [picture.convert("L").resize((32, 32), Image.Resampling.BICUBIC) for picture in pictures]
    thumbnails = np.stack([np.asarray(picture, np.float32) for picture in grey])
    thumbnails -= thumbnails.mean((1, 2), keepdims=True)
    thumbnails /= np.linalg.norm(thumbnails, axis=(1, 2), keepdims=True)
    straight, turned = (views.reshape(len(pictures), -1) for views in (thumbnails, thumbnails[:, :, ::-1]))
    alike = np.maximum(straight @ straight.T, straight @ turned.T) > 0.97
    first, second = np.nonzero(np.triu(alike, 1))
    return set(zip(first.tolist(), second.tolist(), strict=True))


def origins(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each picture, the smallest number in the group that the pairs connect it with."""
    root = list(range(count))
    for first, second in pairs:
        one, other = sorted((root[first], root[second]))
        root = [one if value == other else value for value in root]
    return root


def measure_busi(pictures: Sequence[Picture], files: Sequence[Path]) -> tuple[dict[str, Any], list[DuplicatePair]]:
    """The recall of the brute-force pairs and groups, with the resulting groups; and all pairs found."""
    reference = brute_force(pictures)
    found = pairs_among(pictures)
    pairs = {(pair.first, pair.second) for pair in found}
    classes = [file.parent.name for file in files]
    before, after = origins(len(pictures), sorted(reference)), origins(len(pictures), sorted(pairs))
    sizes = Counter(after)
    whole = [number for number, size in Counter(before).items() if size > 1]
    kept = [number for number in whole if len({after[i] for i, root in enumerate(before) if root == number}) == 1]
    return {
        "images": len(pictures),
        "reference": {
            "pairs": len(reference),
            "groups": len(set(before)),
            "conflicts": sum(classes[a] != classes[b] for a, b in reference),
        },
        "pairs": len(pairs),
        "groups": len(sizes),
        "conflicts": sum(classes[a] != classes[b] for a, b in pairs),
        "recall_of_pairs": len(pairs & reference) / max(len(reference), 1),
        "recall_of_groups": len(kept) / max(len(whole), 1),
        "largest_groups": sorted(sizes.values(), reverse=True)[:5],
        "beyond_the_reference": len(pairs - reference),
    }, found


def measure_altered(pictures: Sequence[Picture], originals: Sequence[DuplicatePair], count: int) -> dict[str, Any]:
    """Recall and false pairs for each kind of alteration, with `count` copies each."""
    known = {(pair.first, pair.second) for pair in originals} | brute_force(pictures)
    root = origins(len(pictures), sorted(known))
    result = {}
    for seed, (name, alter) in enumerate(ALTERATIONS.items()):
        rng = np.random.default_rng(seed)
        sources = rng.choice(len(pictures), min(count, len(pictures)), replace=False).tolist()
        copies = [alter(pictures[source], rng) for source in sources]
        of = [*root, *(root[source] for source in sources)]
        found = pairs_among([*pictures, *copies])
        joined = {pair.second for pair in found if of[pair.first] == of[pair.second]}
        pairs = {(pair.first, pair.second): pair for pair in found}
        direct = [pairs.get((source, len(pictures) + place)) for place, source in enumerate(sources)]
        result[name] = {
            "copies": len(copies),
            "found": sum(pair is not None for pair in direct) / len(copies),
            "joined": sum(len(pictures) + place in joined for place in range(len(copies))) / len(copies),
            "false_pairs": sum(of[pair.first] != of[pair.second] for pair in found),
            "how": dict(Counter(pair.how for pair in direct if pair is not None).most_common()),
        }
    return result


def measure_speed(pictures: Sequence[Picture], count: int) -> dict[str, Any]:
    """Measure the job on `count` images that share no frame: small parts turned by a random angle, 256×256, as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder) / "study")

        def add(number: int) -> NewImage:
            rng = np.random.default_rng(number)
            turned = pictures[number % len(pictures)].convert("RGB").resize((256, 256))
            turned = turned.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC)
            side = int(rng.integers(110, 150))
            left, top = rng.integers(38, 218 - side, 2).tolist()
            stream = io.BytesIO()
            cut = turned.crop((left, top, left + side, top + side)).resize((256, 256), Image.Resampling.BICUBIC)
            cut.save(stream, "PNG", compress_level=1)
            sha256 = workspace.store_image(stream.getvalue(), ".png")
            return NewImage(f"made/{number}.png", sha256, ".png", "made", 256, 256)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            workspace.catalog.add(list(pool.map(add, range(count))), "made")
        began, busy = time.perf_counter(), time.process_time()
        longest, last = 0.0, began
        result: dict[str, Any] = {}
        looked = 0.0
        for event in jobs.start(workspace, CurateSettings()):
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            if "checked" in getattr(event, "what", ""):
                looked = now - began
            if isinstance(event, Finished):
                result = event.result
        seconds = time.perf_counter() - began
        busy = time.process_time() - busy
        workspace.close()
    return {
        "images": count,
        "seconds": seconds,
        "seconds_looking": looked,
        "processor_seconds": busy,
        "longest_between_events": longest,
        "pairs": result["n_pairs"],
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def write_sheets(
    folder: Path, files: Sequence[Path], found: Sequence[DuplicatePair], known: set[tuple[int, int]]
) -> None:
    """Write the pairs beyond the reference side by side, twelve per sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    new = sorted((pair for pair in found if (pair.first, pair.second) not in known), key=lambda pair: -pair.similarity)
    for start in range(0, len(new), 12):
        sheet = Image.new("RGB", (4 * 460, 3 * 260), "black")
        draw = ImageDraw.Draw(sheet)
        for place, pair in enumerate(new[start : start + 12]):
            x, y = place % 4 * 460, place // 4 * 260
            for side, number in enumerate((pair.first, pair.second)):
                sheet.paste(read_image(files[number]).resize((226, 226)), (x + side * 228, y + 30))
            names = " | ".join(files[number].stem for number in (pair.first, pair.second))
            draw.text((x, y), f"{names}\n{pair.similarity:.2f} {pair.how}", fill="white")
        sheet.save(folder / f"new {start // 12 + 1}.png")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 copies of each kind, and 1,000 images for the speed")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data/busi-256")
    parser.add_argument("--json", default="-")
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--only", choices=["busi", "altered", "speed"])
    arguments = parser.parse_args()
    files = [file for file in sorted(arguments.data.glob("*/*.png")) if "_mask" not in file.stem]
    if not files:
        sys.exit(f"{arguments.data} contains no images. Set --data to the folder of BUSI's classes.")
    pictures = [read_image(file) for file in files]
    busi, found = measure_busi(pictures, files)
    result: dict[str, Mapping[str, Any]] = {"busi": busi}
    if arguments.sheets:
        write_sheets(arguments.sheets, files, found, brute_force(pictures))
    if arguments.only in (None, "altered"):
        result["altered"] = measure_altered(pictures, found, 20 if arguments.quick else 200)
    if arguments.only in (None, "speed"):
        result["speed"] = measure_speed(pictures, SPEED_COUNT // 10 if arguments.quick else SPEED_COUNT)
    json_report.write(result, arguments.json)


if __name__ == "__main__":
    main()
