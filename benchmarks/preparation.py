"""Processor time to prepare an image for a network, by step, as a ratio to the plain preparation of the same run.

    python benchmarks/preparation.py --data busi-256 [--images 100] [--rounds 5] [--size 224]

Decoding is not counted, resizing is. Times are processor time, because other work on the machine stretches the clock's.
In each round every preparation takes all images in turn, in an order that changes from round to round, so that other
work meets all of them. The value of a preparation is the median over the rounds of its milliseconds per image; its
ratio is the median of the ratios of single rounds.
"""

import argparse
import os
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from busapp.engine.images.preprocessing import Preprocessing, read_image


def preparations(size: int) -> dict[str, Preprocessing]:
    """Every step alone, and all together; `stretch` is the plain one."""
    return {
        "stretch": Preprocessing(size),
        "central square": Preprocessing(size, framing="centre"),
        "noise filter": Preprocessing(size, denoise=True),
        "equalisation": Preprocessing(size, equalise=True),
        "segmentation": Preprocessing(size, segment=True),
        "all of them": Preprocessing(size, framing="centre", denoise=True, equalise=True, segment=True),
    }


def seconds(preparing: Preprocessing, pictures: list[Image.Image]) -> float:
    """Seconds of processor time to prepare all pictures."""
    begun = time.process_time()
    for picture in pictures:
        preparing.pixels(picture)
    return time.process_time() - begun


def main() -> None:
    """Print a table of milliseconds per image and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with pictures")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.data.rglob("*.png") if "_mask" not in path.name)
    chosen = files[:: max(1, len(files) // arguments.images)][: arguments.images]
    pictures = [read_image(path) for path in chosen]
    choices = preparations(arguments.size)
    for preparing in choices.values():
        seconds(preparing, pictures[:2])  # loads libraries
    found: dict[str, list[float]] = {name: [] for name in choices}
    order = np.random.default_rng(0)
    for _ in range(arguments.rounds):
        for name in order.permutation(list(choices)):
            found[name].append(seconds(choices[name], pictures) * 1000 / len(pictures))
    sides = sorted({picture.size for picture in pictures})
    print(f"{len(pictures)} images of {sides[0]} to {sides[-1]} pixels, load {os.getloadavg()[0]:.1f}")
    for name, times in found.items():
        ratios = [time / plain for time, plain in zip(times, found["stretch"], strict=True)]
        print(f"{name:16} {median(times):6.2f} ms ({min(times):.2f} to {max(times):.2f})  {median(ratios):5.1f}")


if __name__ == "__main__":
    main()
