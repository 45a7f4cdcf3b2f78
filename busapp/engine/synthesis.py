"""The job that grows a class: train a DCGAN on its real images, draw new ones, leave out copies, score the rest."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine import estimates
from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.duplicates import THUMBNAIL
from busapp.engine.events import Event, Finished, Job, Note, Progress
from busapp.engine.gan.generators import GeneratorRecord, draw_in_parts, load_images
from busapp.engine.gan.scores import FEWEST, Score, kid, kid_floor
from busapp.engine.png import bare_png
from busapp.engine.preprocessing import Pixels
from busapp.engine.runs import Run
from busapp.engine.settings import CurateSettings, SynthesizeSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, NotEnoughImages

FEWEST_IMAGES: Final = 8
SCORED_IMAGES: Final = 200
"""So many images are scored at most; and where fewer are wanted, so many are drawn for the score alone."""
DRAWN_PER_IMAGE: Final = 3
"""At most this many are drawn for one that is kept: a generator that only copies must not draw for ever."""
_SCORED_AT_ONCE: Final = 32


def synthesize(workspace: Workspace, settings: SynthesizeSettings, run: Run) -> Job:
    """Train a DCGAN on the real images of one class, draw from it and add what it drew to the catalog.

    Images that were set aside are not trained on. Drawn images that nearly equal a training image are counted and
    left out. The result is that of `busapp synthesize --json`; `kid` is of at most 200 drawn images, `kid_spread` its
    standard deviation over subsets; both are None without ImageNet weights.

    Raises:
        NotEnoughImages: the class has fewer than 8 such images.
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
    drawn = yield from _draw_new(trained.record, pixels, max(count, to_score))
    added = yield from _add_to_catalog(workspace, settings.class_name, drawn.pixels[:count], run)
    score, floor = yield from _score(pixels, drawn.pixels[:SCORED_IMAGES], settings)
    yield Finished(
        {
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
            "kid": score.mean if score else None,
            "kid_spread": score.spread if score else None,
            "kid_floor": floor.mean if floor else None,
            "copies": drawn.copies,
        }
    )


def _images_to_learn_from(workspace: Workspace, class_name: str) -> list[ImageRecord]:
    classes = workspace.catalog.classes()
    if class_name not in classes:
        known = f"The classes are {', '.join(classes)}." if classes else "Import images first."
        raise BadInput(f"The study has no class “{class_name}”", remedy=known)
    images = workspace.catalog.images(class_name=class_name, kind="real", with_excluded=False)
    if len(images) < FEWEST_IMAGES:
        raise NotEnoughImages(
            f"The class “{class_name}” has {len(images)} real images; a generator needs at least {FEWEST_IMAGES}",
            remedy="Import more images of this class, or bring back some that were set aside.",
        )
    return images


def _explain(settings: SynthesizeSettings, n_images: int) -> Generator[Event, None, None]:
    """How long it takes, and what becomes of images that do not fill a batch."""
    units = settings.epochs * n_images
    expected = estimates.expect(estimates.gan_key(settings), units)
    yield Note(f"Training on {n_images} images for {settings.epochs} epochs takes {expected.in_words()}.")
    size, rest = settings.batch_size, n_images % settings.batch_size
    if n_images < size:
        yield Note(f"The class is smaller than a batch of {size}: each epoch is one step with all {n_images} images.")
    elif rest:
        steps = n_images // size
        batches = "a batch" if steps == 1 else f"{steps} batches"
        yield Note(f"An epoch is {batches} of {size} images and a smaller last batch with the rest of {rest}.")


def _how_many(workspace: Workspace, settings: SynthesizeSettings, run: Run) -> int:
    """As many as were asked for, else as the class lacks; what a crash left of this run counts as not yet drawn."""
    if settings.count is not None:
        return settings.count
    counts = workspace.catalog.counts(None)
    own = len(workspace.catalog.images(class_name=settings.class_name, run=run.id, with_excluded=False))
    counts[settings.class_name] -= own
    return estimates.lacking(counts).get(settings.class_name, 0)


# -- drawing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Drawn:
    pixels: Pixels
    copies: int


def _draw_new(record: GeneratorRecord, real: Pixels, count: int) -> Generator[Event, None, _Drawn]:
    """Up to `count` images that are no near-copies of real ones."""
    size = record.settings.image_size
    kept, copies = [np.empty((0, size, size, 3), np.uint8)], 0
    n_kept = 0
    for part in draw_in_parts(record, DRAWN_PER_IMAGE * count, seed=0):
        is_copy = nearest_correlation(part, real) >= CurateSettings().min_correlation
        kept.append(part[~is_copy][: count - n_kept])
        copies += int(is_copy.sum())
        n_kept += len(kept[-1])
        yield Progress(n_kept, count, f"drawing image {n_kept} of {count}")
        if n_kept == count:
            break
    else:
        if count:
            yield Note(
                f"Only {n_kept} of {count} images were kept: {copies} that were drawn nearly equal training images. "
                "The generator has learned them by heart; fewer epochs or more images help.",
                "warning",
            )
    return _Drawn(np.concatenate(kept), copies)


def nearest_correlation(drawn: Pixels, real: Pixels) -> npt.NDArray[np.float32]:
    """For each drawn image the largest correlation of its 32×32 thumbnail with a real one's, mirrored or not.

    Both uint8 (n, height, width, 3), of any sizes; float32 (n of drawn,) in [-1, 1].
    """
    ours, theirs = _thumbnails(drawn), _thumbnails(real)
    straight = ours.reshape(len(ours), -1) @ theirs.reshape(len(theirs), -1).T
    mirrored = ours.reshape(len(ours), -1) @ theirs[:, :, ::-1].reshape(len(theirs), -1).T
    nearest: npt.NDArray[np.float32] = np.maximum(straight, mirrored).max(axis=1)
    return nearest


def _thumbnails(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Grey thumbnails of mean 0 and length 1: float32 (n, 32, 32). An even picture is all 0 and resembles nothing."""
    grey = np.zeros((len(pixels), THUMBNAIL, THUMBNAIL), np.float32)
    for number, picture in enumerate(pixels):
        small = Image.fromarray(picture).convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
        grey[number] = np.asarray(small)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    lengths = np.sqrt((grey**2).sum(axis=(1, 2), keepdims=True))
    result: npt.NDArray[np.float32] = grey / np.maximum(lengths, 1e-6)
    return result


def _add_to_catalog(workspace: Workspace, class_name: str, pixels: Pixels, run: Run) -> Generator[Event, None, int]:
    """Store the images and add them in one change of the dataset; how many the run has added."""
    before = workspace.catalog.images(run=run.id)
    if before:  # a crash came between the change and the end of the run
        return len(before)
    new = []
    for number, picture in enumerate(pixels, start=1):
        sha256 = workspace.store_image(bare_png(Image.fromarray(picture)), ".png")
        height, width, _ = picture.shape
        name = f"synthetic/{class_name}/{run.id}-{number:04d}.png"
        new.append(NewImage(name, sha256, ".png", class_name, width, height, kind="synthetic", run=run.id))
        yield Progress(number, len(pixels), f"storing image {number} of {len(pixels)}")
    return workspace.catalog.add(new, f"{len(new)} synthetic {class_name} images drawn by the run “{run.info.name}”")


# -- scoring -------------------------------------------------------------------------------------------------


def _score(
    real: Pixels, drawn: Pixels, settings: SynthesizeSettings
) -> Generator[Event, None, tuple[Score | None, Score | None]]:
    """KID of drawn against real and of real against real, on ImageNet features; None without the weights."""
    if min(len(real), len(drawn)) < FEWEST:
        return None, None
    try:
        features = []
        for name, pixels in (("real", real), ("drawn", drawn)):
            features.append((yield from _embed(pixels, name, settings.weights_file)))
    except BadInput as error:  # the weights are missing, or are not those of a MobileNetV2
        yield Note(
            f"The images were not scored: {error.what}. Name the file of the weights in the settings for that.",
            "warning",
        )
        return None, None
    return kid(features[0], features[1], seed=settings.seed), kid_floor(features[0], seed=settings.seed)


def _embed(pixels: Pixels, name: str, weights_file: Path | None) -> Generator[Event, None, npt.NDArray[np.float32]]:
    from busapp.engine.classifiers.features import embed

    parts = []
    for start in range(0, len(pixels), _SCORED_AT_ONCE):
        yield Progress(start, len(pixels), f"scoring: {name} image {start + 1} of {len(pixels)}")
        parts.append(embed(pixels[start : start + _SCORED_AT_ONCE], weights_file))
    return np.concatenate(parts)
