"""Measure how often a model abstains on images that are not breast ultrasound, because they are blank or unlike its
training images. Abstentions because the classes are too close do not count.

- `photographs`: the photographs in scikit-image, scikit-learn and matplotlib, whole and two crops of each, and those
  of `--photos DIR`; `grey` are the same without colours.
- `noise`: uniform and Gaussian noise of many strengths, in grey and colour, and smooth noise.
- `blank`: images of one grey, and gradients.
- `histology`: the images of `--histology DIR`, such as IDC patches.
- `screenshots`: pictures of this program's window from `docs/images`.
- `study`: the images that the model was measured on, out of fold, from its file. On these it should not abstain.

    python benchmarks/abstention.py [--model FILE] [--photos DIR] [--histology DIR] [--json FILE|-]
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import json_report
import matplotlib
import numpy as np
import skimage
import sklearn
from PIL import Image

from busapp import paths
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.images.preprocessing import IMAGE_SUFFIXES, read_image
from busapp.engine.models.model import Model

_IN_SKIMAGE = (
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock_motion",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "ihc",
    "moon",
    "motorcycle_left",
    "page",
    "retina",
    "rocket",
    "text",
)


def photographs(folder: Path | None) -> Iterator[Image.Image]:
    """Photographs, whole and in crops; the same ones in every run."""
    rng = np.random.default_rng(0)
    for path in _files_of_photographs(folder):
        whole = read_image(path)
        whole.thumbnail((1200, 1200))
        yield whole
        for _ in range(2):
            side = rng.uniform(0.3, 0.6)
            width, height = int(whole.width * side), int(whole.height * side)
            left, top = int(rng.integers(whole.width - width)), int(rng.integers(whole.height - height))
            yield whole.crop((left, top, left + width, top + height))


def _files_of_photographs(folder: Path | None) -> list[Path]:
    bundled = [
        path
        for path in sorted((Path(skimage.__file__).parent / "data").iterdir())
        if path.stem in _IN_SKIMAGE and path.suffix in IMAGE_SUFFIXES
    ]
    bundled += sorted((Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg"))
    bundled.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    return bundled + ([] if folder is None else images_below(folder))


def images_below(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]


def noise() -> Iterator[Image.Image]:
    rng = np.random.default_rng(0)
    for mean in (20, 60, 128, 200):
        for deviation in (3, 10, 30, 80):
            for channels in (1, 3):
                values = np.clip(rng.normal(mean, deviation, (224, 224, channels)), 0, 255).astype(np.uint8)
                yield Image.fromarray(np.broadcast_to(values, (224, 224, 3)).copy())
    for side in (4, 8, 16, 32, 64, 112, 224):
        yield Image.fromarray(rng.integers(0, 256, (side, side), dtype=np.uint8)).resize((224, 224)).convert("RGB")


def blank() -> Iterator[Image.Image]:
    for grey in (0, 30, 128, 255):
        yield Image.new("RGB", (300, 200), (grey, grey, grey))
    for brightest in (60, 255):
        across = np.tile(np.linspace(0, brightest, 224).astype(np.uint8), (224, 1))
        yield from (Image.fromarray(across).convert("RGB"), Image.fromarray(across.T.copy()).convert("RGB"))


def silent(diagnoser: Diagnoser, image: Image.Image) -> bool:
    """True if the model abstains because the image is blank or unlike its training images."""
    said = diagnoser.diagnose(image)
    limit = diagnoser.model.description.novelty
    novel = limit is not None and said.novelty is not None and said.novelty > limit.limit
    return novel or any("blank" in reason for reason in said.reasons)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="an ONNX file (default: the model that ships with busapp)")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="more photographs")
    parser.add_argument("--histology", type=Path, metavar="DIR", help="histology or other images, also in subfolders")
    parser.add_argument("--json", metavar="FILE|-", help="write the result as JSON")
    options = parser.parse_args()
    model = Model.load(options.model or next(iter(sorted(paths.models_dir().glob("*.onnx")))))
    kinds: dict[str, Callable[[], Iterator[Image.Image]]] = {
        "photographs": lambda: photographs(options.photos),
        "grey": lambda: (image.convert("L").convert("RGB") for image in photographs(options.photos)),
        "noise": noise,
        "blank": blank,
        "screenshots": lambda: map(read_image, images_below(Path(__file__).parents[1] / "docs" / "images")),
    }
    if options.histology:
        kinds["histology"] = lambda: map(read_image, images_below(options.histology))
    diagnoser, result = Diagnoser(model), {}
    for name, images in kinds.items():
        answers = [silent(diagnoser, image) for image in images()]
        result[name] = {"n": len(answers), "silent": sum(answers), "share": sum(answers) / len(answers)}
    if about := model.description.out_of_fold:
        result["study"] = {"n": about.n, "silent": about.n_novel, "share": about.n_novel / about.n}
    for name, counted in result.items():
        print(f"{name:12} {counted['silent']:5} of {counted['n']:5}  {counted['share']:.1%}", file=sys.stderr)
    if options.json:
        json_report.write(result, options.json)


if __name__ == "__main__":
    main()
