"""`folds.csv` of a validation run: the fold that tests each image. Folds are made once, when a run begins.

scikit-learn 1.8 divides the same images otherwise than 1.7, with the same seed. A resumed run that made its folds again
would then test networks on images that they were trained on.
"""

import csv
import hashlib
import io
from collections.abc import Sequence

import numpy as np

from busapp.engine.settings import ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import Fold, Selection, fold_numbers, folds_numbered, groups_split, parts_of
from busapp.engine.utils.arrays import Indices
from busapp.engine.utils.files import write_atomically
from busapp.errors import CannotResume

FILE = "folds.csv"
_COLUMNS = ("image_id", "sha256", "class", "group", "fold")


def store_folds(run: Run, selection: Selection, folds: Sequence[Fold]) -> str:
    """Write the folds of a run, one row for each image of its selection, and return their digest. `fold` counts from 1;
    it is 0 for the images of a hold-out that are only trained on.

    Raises:
        NoSpace: the disk is full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for record, number in zip(selection.records, fold_numbers(folds, len(selection.records)), strict=True):
        writer.writerow([record.id, record.sha256, record.class_name, record.group, number])
    content = text.getvalue().encode()
    write_atomically(run.folder / FILE, content)
    return _digest(content)


def stored_folds(run: Run, selection: Selection) -> tuple[list[Fold], str]:
    """The folds that a run stored, and their digest.

    Raises:
        CannotResume: the file is missing or damaged, or is about other images, classes or groups than the selection.
    """
    try:
        content = (run.folder / FILE).read_bytes()
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        told = [(int(row["image_id"]), row["sha256"], row["class"], int(row["group"])) for row in rows]
        numbers = np.array([int(row["fold"]) for row in rows], dtype=np.intp)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise unusable(run, "The folds of the run cannot be read") from error
    if told != [(record.id, record.sha256, record.class_name, record.group) for record in selection.records]:
        raise unusable(run, "The stored folds of the run are about other images or groups")
    return folds_numbered(numbers), _digest(content)


def check_folds(run: Run, folds: Sequence[Fold], selection: Selection, settings: ValidateSettings) -> None:
    """Raise `CannotResume` unless the folds are a division that these settings allow: as many folds as they ask for,
    every image tested once (in a hold-out: at most once), and groups whole unless near-duplicates may be split."""
    hold_out = settings.system == "existing"
    is_whole = hold_out or bool(fold_numbers(folds, len(selection.records)).all())
    if len(folds) != (1 if hold_out else parts_of(settings)) or not is_whole or any(not len(f.test) for f in folds):
        raise unusable(run, "The stored folds of the run are not those of its settings")
    if not settings.leaks.split_duplicates and groups_split(folds, selection.groups):
        raise unusable(run, "The stored folds of the run have images of one group in both training and test")


def numbers_of(selection: Selection, by_image: dict[int, int]) -> Indices:
    """The `fold_numbers` of a selection, from the fold's number by image id."""
    return np.array([by_image.get(record.id, 0) for record in selection.records], dtype=np.intp)


def unusable(run: Run, why: str) -> CannotResume:
    """The error for a run that cannot be resumed because of its folds."""
    remedy = "Start a new run with the same settings. The results of this one are kept."
    return CannotResume(why, file=run.id, remedy=remedy)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
