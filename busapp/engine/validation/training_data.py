"""The pixels that a classifier is trained on: a study's images, and for `system2` the synthetic ones."""

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
    """The pixels of a selection, uint8 (n, size, size, 3), and the selection without the images that cannot be read,
    which are reported as skipped.

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
    """Drawn images, prepared as the real ones are: `pixels` uint8 (n, size, size, 3), `labels` int (n,) as in the
    selection, and by the name of each generator the content hashes of the images it was trained on. `known` are those
    of all real images of the study, `generators` what a result says of each: `GeneratorRecord.summary`, and how many
    images it has `drawn` without `copies` and without those `left_out` as set aside. `hashes` are the content hashes of
    the drawn images as the study stores them."""

    pixels: Pixels
    labels: Indices
    trained_on: dict[str, frozenset[str]]
    known: frozenset[str]
    generators: list[UsedGenerator] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)

    def generators_that_saw(self, hashes: frozenset[str]) -> set[str]:
        """The names of the generators that were trained on one of these images, or on nobody knows which: an image
        that the study does not have any more may have been a copy of one of these."""
        allowed = self.known - hashes
        return {name for name, seen in self.trained_on.items() if not (seen and seen <= allowed)}


def balance(
    workspace: Workspace,
    run: Run,
    selection: Selection,
    trained: Sequence[ImageRecord],
    forbidden: frozenset[str],
    settings: ValidateSettings,
    label: str,
) -> Generator[Event, None, Synthetic]:
    """Draw for every class what it lacks to equal the largest of the selection (paper, section 3.4: 227 malignant
    and 304 normal of BUSI), from generators that saw none of the `forbidden` content hashes; fewer where a generator
    draws too many copies of its training images.

    A generator that has to be trained for it learns from the `trained` images. `label` says in words what the images
    are for: `fold 3`. What was drawn is kept in the run's folder under its `label` until the next is drawn, so that a
    resumed run goes on with the same images.

    Raises:
        CannotResume: some of these were set aside meanwhile, as unfit in a blind review.
        UserError: what `fold_images` raises.
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
            workspace, run, class_name, of_class, forbidden, count, settings.generator(class_name), words
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
    """A fold is not trained on other images in its second half than in its first."""
    drawn = workspace.catalog.images(kind="synthetic")
    refused = {image.sha256 for image in drawn if image.excluded is not None} & set(kept.hashes)
    if refused:
        raise CannotResume(
            f"The run was training on {many(len(refused), 'drawn image')} that the study has set aside since",
            remedy="Undo that in the Dataset tab to go on with it, or start a new run.",
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
