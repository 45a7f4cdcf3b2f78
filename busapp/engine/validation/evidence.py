"""`evidence.safetensors` of a validation run: activation maps and novelty of the test images, from the networks of
their folds.

The thresholds at which a model for diagnosis abstains, and the check of its heat maps, are measured on this evidence.
Like the accuracy, they must come from images that the network was not trained on.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from busapp.engine.classifiers.novelty import Familiar
from busapp.engine.events import Event
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.progress import in_progress
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import Fold, Selection
from busapp.errors import BadInput, CannotResume

if TYPE_CHECKING:
    from busapp.engine.classifiers.learning import AnyLearner

LARGEST_MAP: Final = float(np.finfo(np.float16).max)
"""Largest value of an activation map that is kept."""

FILE = "evidence.safetensors"


@dataclass(frozen=True)
class Evidence:
    """Evidence on n tested images: `image_id` int64 (n,); class activation `maps` float16 (n, classes, h, w), in the
    order of the run's classes; and `novelty` float32 (n,) with respect to the training images of the fold
    (`novelty.Familiar`)."""

    image_id: npt.NDArray[np.int64]
    maps: npt.NDArray[np.float16]
    novelty: npt.NDArray[np.float32]

    def of(self, image_ids: list[int]) -> Evidence:
        """The rows of these images, in their order.

        Raises:
            BadInput: one of the images has no row.
        """
        places = {image_id: place for place, image_id in enumerate(self.image_id.tolist())}
        try:
            rows = np.array([places[image_id] for image_id in image_ids], dtype=np.intp)
        except KeyError as error:
            raise _unreadable() from error
        return Evidence(self.image_id[rows], self.maps[rows], self.novelty[rows])


def read_evidence(run: Run) -> Evidence:
    """The evidence that a run kept.

    Raises:
        BadInput: the run is of an earlier version and kept none, or its file is damaged.
    """
    try:
        arrays, _ = load_checkpoint(run.folder / FILE)
        return Evidence(**arrays)
    except (CannotResume, TypeError) as error:
        raise _unreadable() from error


def _unreadable() -> BadInput:
    return BadInput(
        "The run has no readable evidence of its test images (activation maps and novelty)",
        remedy="Validate again with this version of the program, then export.",
    )


def keep_evidence(
    run: Run,
    selection: Selection,
    fold: Fold,
    learner: AnyLearner,
    pixels: Pixels,
    before: int,
    total: int,
    what: str,
) -> Generator[Event, None, None]:
    """Add the evidence on a fold's test images, from the network that was just trained, to the run's file.

    If the run was stopped before the fold was saved, the fold is repeated and replaces its former evidence. `pixels`
    are those of the selection; `before`, `total` and `what` as in `in_progress`.
    """
    from busapp.engine.classifiers.activation_maps import seen_in, texture_in

    looking = seen_in(learner.tested, pixels[fold.test], mirrored=learner.recipe.mirrored_test)
    tested = yield from in_progress(looking, before, total, what)
    feeling = texture_in(learner.tested, pixels[fold.train])
    trained = yield from in_progress(feeling, before + len(fold.test), total, what)
    new = Evidence(
        image_id=np.array([selection.records[position].id for position in fold.test], dtype=np.int64),
        # The maps of a training that has gone wrong, as with a high learning rate, may lie beyond the range of float16.
        maps=np.clip(tested.maps, -LARGEST_MAP, LARGEST_MAP).astype(np.float16),
        novelty=Familiar.of(trained).novelty(tested.texture),
    )
    former = _other_than(run, new)
    arrays = {
        "image_id": np.concatenate([former.image_id, new.image_id]),
        "maps": np.concatenate([former.maps, new.maps]),
        "novelty": np.concatenate([former.novelty, new.novelty]),
    }
    save_checkpoint(run.folder / FILE, arrays, {})


def _other_than(run: Run, new: Evidence) -> Evidence:
    try:
        kept = read_evidence(run)
    except BadInput:
        return Evidence(new.image_id[:0], new.maps[:0], new.novelty[:0])
    return kept.of([image_id for image_id in kept.image_id.tolist() if image_id not in set(new.image_id.tolist())])
