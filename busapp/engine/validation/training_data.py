"""The pixels that a classifier is trained on: images of the study and, for `system2`, synthetic ones."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from PIL import Image

from busapp.engine.catalog import ImageRecord
from busapp.engine.catalog.counts import lacking
from busapp.engine.contract.validation import UsedGenerator
from busapp.engine.events import Event, Progress
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.pixel_cache import load_pixels
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import Selection
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.arrays import Indices
from busapp.engine.utils.words import many
from busapp.errors import CannotResume, NotEnoughImages


def load_selection(
    workspace: Workspace, selection: Selection, preprocessing: Preprocessing
) -> Generator[Event, None, tuple[Selection, Pixels]]:
    """The readable part of a selection, and its pixels, uint8 (n, size, size, 3). Unreadable images are reported as
    skipped.

    Raises:
        NotEnoughImages: no image of a class can be read.
    """
    loaded, pixels = yield from load_pixels(workspace, selection.records, preprocessing)
    readable = selection.without({record.id for record in selection.records} - {record.id for record in loaded})
    gone = [name for name, count in readable.counts.items() if not count]
    if gone:
        which = "images of the study" if len(gone) == len(selection.classes) else f"images of the class {gone[0]}"
        raise NotEnoughImages(
            f"None of the {which} can be read",
            file=workspace.root / "images",
            remedy="Import the same images again, which brings them back, or restore the folder from a copy.",
        )
    return readable, pixels


@dataclass(frozen=True)
class Synthetic:
    """Synthetic images for the training, prepared like the real ones."""

    pixels: Pixels
    """uint8 (n, size, size, 3)."""
    labels: Indices
    """int (n,), as in the selection."""
    trained_on: dict[str, frozenset[str]]
    """Content hashes of the images that each generator was trained on, by the generator's name."""
    known: frozenset[str]
    """Content hashes of all real images of the study."""
    generators: list[UsedGenerator] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    """Content hashes of the synthetic images, as the study stores them."""

    def generators_that_saw(self, hashes: frozenset[str]) -> set[str]:
        """Names of the generators that may have been trained on one of these images (`may_have_seen`)."""
        return {name for name, seen in self.trained_on.items() if may_have_seen(seen, hashes, self.known)}


def may_have_seen(trained_on: frozenset[str], hashes: frozenset[str], known: frozenset[str]) -> bool:
    """True if a generator was, or may have been, trained on one of these images. That is also so if its training images
    are unknown, or if the study, which has the `known` ones, no longer has one of them, since that may have been a copy
    of one of these."""
    return not (trained_on and trained_on <= known - hashes)


def balance(
    workspace: Workspace,
    run: Run,
    selection: Selection,
    trained: Sequence[ImageRecord],
    forbidden: frozenset[str],
    settings: ValidateSettings,
    label: str,
) -> Generator[Event, None, Synthetic]:
    """Draw synthetic images so that every class equals the largest one of the selection (paper, section 3.4: 227
    malignant and 304 normal images of BUSI). The generators were trained on none of the `forbidden` content hashes.
    There are fewer images if a generator draws too many copies of its training images.

    Missing generators are trained on the `trained` images. `label` says what the images are for: `fold 3`. They are
    kept in the run's folder under this `label` until the next ones are drawn, so that a resumed run continues with the
    same images.

    Raises:
        CannotResume: some of the kept images were set aside since, as unfit in a blind review.
        UserError: the errors of `fold_images`.
    """
    from busapp.engine.gan.generators import real_hashes
    from busapp.engine.validation.fold_generators import fold_images

    known = real_hashes(workspace)
    kept = _kept(run, label, known)
    if kept is not None:
        _refuse_set_aside(workspace, kept)
        return kept
    pixels, labels, trained_on, hashes = [], [], {}, []
    generators: list[UsedGenerator] = []
    for class_name, count in lacking(selection.counts).items():
        of_class = [record for record in trained if record.class_name == class_name and record.sha256 not in forbidden]
        words = f"{label}, {class_name}"
        images = yield from fold_images(
            workspace, run, of_class, forbidden, count, settings.generator(class_name), words
        )
        drawn, generator = images.drawn, images.generator
        pixels.append((yield from _prepared(drawn.pixels, settings.preprocessing, words)))
        labels.append(np.full(len(drawn.pixels), selection.classes.index(class_name), dtype=np.intp))
        trained_on[f"{class_name}: {generator.name}"] = generator.trained_on
        counted = {"drawn": len(drawn.kept), "copies": len(drawn.copies), "left_out": drawn.left_out}
        generators.append(cast(UsedGenerator, {**generator.summary(), **counted}))
        hashes += [image.sha256 for image in drawn.kept]
    all_pixels = np.concatenate([settings.preprocessing.load([]), *pixels])
    all_labels = np.concatenate([np.empty(0, np.intp), *labels])
    synthetic = Synthetic(all_pixels, all_labels, trained_on, known, generators, hashes)
    _keep(run, label, synthetic)
    return synthetic


def _prepared(drawn: Pixels, preprocessing: Preprocessing, words: str) -> Generator[Event, None, Pixels]:
    prepared = [preprocessing.load([])]
    for position, image in enumerate(drawn):
        prepared.append(preprocessing.pixels(Image.fromarray(image))[None])
        if position % 16 == 0:
            yield Progress(position, len(drawn), f"preparing images for {words}")
    return np.concatenate(prepared)


def _refuse_set_aside(workspace: Workspace, kept: Synthetic) -> None:
    """Raise `CannotResume` if kept images were set aside since: a fold must not change its training images midway."""
    drawn = workspace.catalog.images(kind="synthetic")
    refused = {image.sha256 for image in drawn if image.excluded is not None} & set(kept.hashes)
    if refused:
        raise CannotResume(
            f"The run was training on {many(len(refused), 'synthetic image')} that the study has set aside since",
            remedy="Undo that in the Dataset tab and resume the run, or start a new one.",
        )


_FILE = "synthetic.safetensors"


def _keep(run: Run, label: str, synthetic: Synthetic) -> None:
    header = {
        "label": label,
        "trained_on": {name: sorted(seen) for name, seen in synthetic.trained_on.items()},
        "generators": synthetic.generators,
        "hashes": synthetic.hashes,
    }
    save_checkpoint(run.folder / _FILE, {"pixels": synthetic.pixels, "labels": synthetic.labels}, header)


def _kept(run: Run, label: str, known: frozenset[str]) -> Synthetic | None:
    try:
        arrays, header = load_checkpoint(run.folder / _FILE)
    except CannotResume:
        return None
    if header["label"] != label:
        return None
    trained_on = {name: frozenset(seen) for name, seen in header["trained_on"].items()}
    labels = arrays["labels"].astype(np.intp)
    generators, hashes = header.get("generators", []), header.get("hashes", [])
    return Synthetic(arrays["pixels"], labels, trained_on, known, generators, hashes)
