"""The job that grows a class: it trains a DCGAN on the real images, draws new ones, skips copies, scores the rest."""

import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from busapp.engine import speeds
from busapp.engine.catalog import ImageRecord
from busapp.engine.catalog.counts import lacking
from busapp.engine.contract.synthesis import SynthesizeResult
from busapp.engine.events import Event, Finished, Job, Note, Progress
from busapp.engine.gan.drawing import Drawn, draw_new, store, write_drawn
from busapp.engine.gan.generators import GeneratorRecord, load_images
from busapp.engine.gan.scores import FEWEST, SUBSETS, Scores, as_result, judge, subset_size
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.progress import in_progress
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.errors import BadInput, NotEnoughImages

FEWEST_IMAGES: Final = 8
SCORED_IMAGES: Final = 200
"""Largest number of images to score. If the class needs fewer, more are drawn only to be scored."""
_SCORED_AT_ONCE: Final = 32


def synthesize(workspace: Workspace, settings: SynthesizeSettings, run: Run) -> Job:
    """Train a DCGAN on the real images of one class, draw new images and add them to the catalog.

    Images that were set aside are not used for training. Drawn images that nearly equal a training image are counted
    and skipped; the run's folder `copies` keeps them. `drawn.csv` names the most similar training image of each drawn
    image (`DrawnImage`).

    Result: `SynthesizeResult`. Its scores (`Scores`) are computed on at most 200 drawn images; all are None without
    ImageNet weights. `left_out` counts images that were drawn again after they had been set aside.

    Raises:
        NotEnoughImages: the class has fewer than 8 real images in use.
        BadInput: there is no such class.
        TrainingDiverged, CannotResume: see `train_generator`.
    """
    began = time.monotonic() - run.info.seconds
    images = _images_to_learn_from(workspace, settings.class_name)
    yield from _explain(settings, len(images))
    pixels, hashes = yield from load_images(workspace, images, settings.image_size)
    yield Progress(0, 1, "starting Keras")
    from busapp.engine.gan.training import train_generator

    trained = yield from train_generator(pixels, settings, run.folder, trained_on=hashes)

    count = _how_many(workspace, settings, run)
    to_score = min(len(pixels), SCORED_IMAGES)
    drawn = yield from draw_new(workspace, trained.record, max(count, to_score), "drawing")
    added = yield from _add_to_catalog(workspace, trained.record, drawn, count, run)
    group_of = {image.sha256: image.group for image in images}
    groups = [group_of[sha256] for sha256 in hashes]
    scores = yield from _score(pixels, groups, drawn.pixels[:SCORED_IMAGES], settings)
    if scores and not all(image.checked for image in images):
        yield Note(
            "Not all images of the class were checked for near-duplicates. Near-duplicates make the floors of the "
            "scores look better than they are. Check the images before you rely on the scores.",
            "warning",
        )
    result: SynthesizeResult = {
        "run": run.id,
        "class": settings.class_name,
        "preset": settings.preset,
        "backend": trained.framework,
        "epochs": settings.epochs,
        "steps": trained.steps,
        "seconds": round(time.monotonic() - began, 1),
        "g_loss": trained.g_loss,
        "d_loss": trained.d_loss,
        "images": added,
        **as_result(scores),
        "copies": len(drawn.copies),
        "left_out": drawn.left_out,
    }
    yield Finished(dict(result))


def _images_to_learn_from(workspace: Workspace, class_name: str) -> list[ImageRecord]:
    classes = workspace.catalog.classes()
    if class_name not in classes:
        known = f"The classes are {', '.join(classes)}." if classes else "Import images first."
        raise BadInput(f"The study has no class “{class_name}”", remedy=known)
    images = workspace.catalog.images(class_name=class_name, kind="real", with_excluded=False)
    if len(images) < FEWEST_IMAGES:
        raise NotEnoughImages(
            f"The class “{class_name}” has {len(images)} real images; a generator needs at least {FEWEST_IMAGES}",
            remedy="Import more images of this class, or restore some that were set aside.",
        )
    return images


def _explain(settings: SynthesizeSettings, n_images: int) -> Generator[Event, None, None]:
    """Report how long the training will take, and how images that do not fill a batch are used."""
    units = settings.epochs * n_images
    expected = speeds.expect(speeds.gan_key(settings), units)
    images, epochs = many(n_images, "image"), many(settings.epochs, "epoch")
    yield Note(f"Training on {images} for {epochs} takes {expected.in_words()}.")
    size, rest = settings.batch_size, n_images % settings.batch_size
    if n_images < size:
        yield Note(f"The class is smaller than a batch of {size}. Each epoch is one step with all {n_images} images.")
    elif rest:
        steps = n_images // size
        batches = "a batch" if steps == 1 else f"{steps} batches"
        yield Note(f"An epoch is {batches} of {size} images and a smaller last batch with the remaining {rest}.")


def _how_many(workspace: Workspace, settings: SynthesizeSettings, run: Run) -> int:
    """Number of images to add: the requested number, or as many as the class lacks. Images that this run added before a
    crash count as lacking."""
    if settings.count is not None:
        return settings.count
    counts = workspace.catalog.counts(None)
    own = len(workspace.catalog.images(class_name=settings.class_name, run=run.id, with_excluded=False))
    counts[settings.class_name] -= own
    return lacking(counts).get(settings.class_name, 0)


def _add_to_catalog(
    workspace: Workspace, record: GeneratorRecord, drawn: Drawn, count: int, run: Run
) -> Generator[Event, None, int]:
    """Store the images and add them in one change of the dataset. Returns the number of images that the run added."""
    before = workspace.catalog.images(run=run.id)
    if before:  # a crash came between the change and the end of the run
        return len(before)
    new, rows = yield from store(workspace, record, drawn, min(count, len(drawn.kept)))
    write_drawn(record.folder, rows)
    what = f"{len(new)} synthetic {record.class_name} images drawn by the run “{run.info.name}”"
    return workspace.catalog.add(new, what)


# -- scoring -------------------------------------------------------------------------------------------------


def _score(
    real: Pixels, groups: Sequence[int], drawn: Pixels, settings: SynthesizeSettings
) -> Generator[Event, None, Scores | None]:
    """Score drawn images against real ones, on ImageNet features. Returns None without the weights, or with too few
    images."""
    if subset_size(len(drawn), groups) < FEWEST:
        yield Note(
            f"The images were not scored: {len(real)} real and {len(drawn)} drawn images are too few for two sets of "
            f"{FEWEST} without near-duplicates.",
            "warning",
        )
        return None
    try:
        features = []
        for name, pixels in (("real", real), ("drawn", drawn)):
            features.append((yield from _embed(pixels, name, settings.weights_file)))
    except BadInput as error:  # the weights are missing, or are not those of a MobileNetV2
        yield Note(
            f"The images were not scored: {error.what}. Name the weights file in the settings to score them.",
            "warning",
        )
        return None
    judging = judge(features[0], features[1], groups, seed=settings.seed)
    return (yield from in_progress(judging, 0, SUBSETS, "scoring: comparing subsets"))


def _embed(pixels: Pixels, name: str, weights_file: Path | None) -> Generator[Event, None, npt.NDArray[np.float32]]:
    from busapp.engine.classifiers.features import embed

    parts = []
    for start in range(0, len(pixels), _SCORED_AT_ONCE):
        yield Progress(start, len(pixels), f"scoring: {name} image {start + 1} of {len(pixels)}")
        parts.append(embed(pixels[start : start + _SCORED_AT_ONCE], weights_file))
    return np.concatenate(parts)
