"""Select the images of a run, and split them into training and test sets."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from busapp.engine.catalog import ImageRecord
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.arrays import Indices
from busapp.engine.utils.words import many
from busapp.errors import NotEnoughImages

HOLD_OUT_PARTS = 5
"""The hold-out of `existing` is one part of five: 156 of BUSI's 780 images."""


@dataclass(frozen=True)
class Selection:
    """The real images of a run, in the order of the catalog, and its fixed list of classes.

    `set_aside` counts images excluded because a near-duplicate has another class, `conflicts` the pairs of such
    near-duplicates that stayed in.
    """

    records: tuple[ImageRecord, ...]
    classes: tuple[str, ...]
    set_aside: int
    conflicts: int

    def __post_init__(self) -> None:
        if any(record.kind != "real" for record in self.records):
            raise ValueError("a synthetic image must never be tested on")

    @property
    def labels(self) -> Indices:
        """int (n,), indices into `classes`."""
        return np.array([self.classes.index(record.class_name) for record in self.records], dtype=np.intp)

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """int (n,): images with the same number must never be split between training and test."""
        return np.array([record.group for record in self.records], dtype=np.int64)

    @property
    def counts(self) -> dict[str, int]:
        """Images per class, in the order of `classes`."""
        found = Counter(record.class_name for record in self.records)
        return {name: found[name] for name in self.classes}

    def without(self, ids: set[int]) -> "Selection":
        """The same selection without the images with these ids."""
        kept = tuple(record for record in self.records if record.id not in ids)
        return Selection(kept, self.classes, self.set_aside, self.conflicts)

    def fingerprint(self) -> str:
        """A hash of everything that the folds depend on."""
        rows = [(r.id, r.sha256, r.class_name, r.group) for r in self.records]
        return hashlib.sha256(repr((self.classes, rows)).encode()).hexdigest()


@dataclass(frozen=True)
class Fold:
    """One split of a selection. Both parts are positions in the selection, in rising order."""

    train: Indices
    test: Indices


def fold_numbers(folds: Sequence[Fold], n_images: int) -> Indices:
    """int (n,): the number of the fold, from 1, that tests each image of a selection; 0 if none does."""
    numbers = np.zeros(n_images, dtype=np.intp)
    for number, fold in enumerate(folds, start=1):
        numbers[fold.test] = number
    return numbers


def folds_numbered(numbers: Indices) -> list[Fold]:
    """The folds that `fold_numbers` describes: each is trained on all images that it does not test."""
    return [
        Fold(np.flatnonzero(numbers != number), np.flatnonzero(numbers == number))
        for number in range(1, int(numbers.max(initial=0)) + 1)
    ]


def select(workspace: Workspace, settings: ValidateSettings) -> Selection:
    """Select the images for a run with these settings: real images that are not set aside."""
    records = workspace.catalog.images(kind="real", with_excluded=False)
    used = {record.id for record in records}
    conflicts = [pair for pair in workspace.catalog.conflicts() if used.issuperset(pair)]
    keeps = settings.leaks.keep_conflicts
    contradicted = set() if keeps else {image_id for pair in conflicts for image_id in pair}
    kept = tuple(record for record in records if record.id not in contradicted)
    # Not the catalog's classes: a class whose images are all set aside takes no part.
    classes = tuple(sorted({record.class_name for record in kept}))
    return Selection(kept, classes, set_aside=len(contradicted), conflicts=len(conflicts) if keeps else 0)


def parts_of(settings: ValidateSettings) -> int:
    """Number of parts of equal size that the images are split into. A hold-out tests only the first."""
    return HOLD_OUT_PARTS if settings.system == "existing" else settings.folds


def make_folds(selection: Selection, settings: ValidateSettings) -> list[Fold]:
    """Split the images into folds, stratified by class. The same seed gives the same folds, but only with the same
    version of scikit-learn: 1.8 changed them. So a run makes its folds once and stores them (`stored_folds`).

    `existing` is one hold-out of 80/20, the other systems are cross-validations. Unless near-duplicates may be split,
    groups stay whole. Paper: sections 3.3 ("20 epochs", replicated system) and 3.4 (10 folds).

    Raises:
        NotEnoughImages: there are no images, there is only one class, or a class has fewer images or groups than parts.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit

    hold_out, parts = settings.system == "existing", parts_of(settings)
    fewer_folds = "" if hold_out or parts == 2 else "Choose fewer folds, or import more images."
    _check_enough(selection, parts, fewer_folds or "Import more images.", by_group=not settings.leaks.split_duplicates)
    if not settings.leaks.split_duplicates:
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=settings.seed)
    elif hold_out:
        splitter = StratifiedShuffleSplit(1, test_size=1 / HOLD_OUT_PARTS, random_state=settings.seed)
    else:
        splitter = StratifiedKFold(parts, shuffle=True, random_state=settings.seed)
    labels = selection.labels
    groups = None if settings.leaks.split_duplicates else selection.groups
    divided = splitter.split(np.zeros(len(labels)), labels, groups)
    folds = [Fold(np.sort(train), np.sort(test)) for train, test in divided]
    folds = folds[:1] if hold_out else folds
    for fold in folds:
        if len(fold.test) == 0 or len(np.unique(labels[fold.train])) < len(selection.classes):
            raise NotEnoughImages(
                "The groups are too large: not every fold gets training images of every class and test images",
                remedy="Choose fewer folds.",
            )
    return folds


def _check_enough(selection: Selection, parts: int, remedy: str, *, by_group: bool) -> None:
    if not selection.records:
        raise NotEnoughImages("The study has no images to train on", remedy="Import images first.")
    if len(selection.classes) < 2:
        raise NotEnoughImages(
            f"The study has a single class, {selection.classes[0]}", remedy="Import images of another class."
        )
    for name in selection.classes:
        of_class = [record for record in selection.records if record.class_name == name]
        n = len({record.group for record in of_class}) if by_group else len(of_class)
        if n < parts:
            counted = f"{many(n, 'group')} of images" if by_group else many(n, "image")
            raise NotEnoughImages(
                f"The class {name} has {counted}, fewer than the {parts} parts of the split",
                remedy=remedy,
            )


def groups_split(folds: Sequence[Fold], groups: npt.NDArray[np.int64]) -> int:
    """Number of groups with images in both the training and the test part of at least one fold."""
    split = [np.intersect1d(groups[fold.train], groups[fold.test]) for fold in folds]
    return len(np.unique(np.concatenate(split)))


def fingerprint_of_groups(everything: Sequence[ImageRecord]) -> str:
    """A hash of all given images and their groups. `everything` is all real images of the study, also those set
    aside."""
    return hashlib.sha256(repr(sorted((r.sha256, r.group) for r in everything)).encode()).hexdigest()


def forbidden_hashes(selection: Selection, fold: Fold, everything: Sequence[ImageRecord]) -> frozenset[str]:
    """Content hashes of the images that a generator for this fold must not be trained on: the fold's test images and
    all images in the same groups, also those that are set aside."""
    tested = {selection.records[position].group for position in fold.test}
    return frozenset(record.sha256 for record in everything if record.group in tested)
