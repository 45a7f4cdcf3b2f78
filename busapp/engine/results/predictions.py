"""`predictions.csv` of a validation run: one row per tested image, out of fold, with its logits."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from busapp.engine.study.runs import Run
from busapp.engine.utils.files import write_atomically
from busapp.errors import BadInput

FILE = "predictions.csv"
_FIXED = ("image_id", "file", "sha256", "group", "fold", "true", "predicted")
_PLACES = ("site", "device")
"""Columns that the table has only if they are known for any of its images."""
_LOGIT = "logit:"


@dataclass(frozen=True, slots=True)
class Prediction:
    """Prediction of a fold's network for one of its test images. `true` and `predicted` are class names; `logits` are
    by class name, in the order of the run's classes. `site` and `device` are those when the image was tested. No
    measure depends on them."""

    image_id: int
    file: str
    sha256: str
    group: int
    fold: int
    true: str
    predicted: str
    logits: dict[str, float]
    site: str | None = None
    device: str | None = None


def write_predictions(run: Run, predictions: Iterable[Prediction], classes: Iterable[str]) -> None:
    """Replace the table. If that fails, the old one stays as it is."""
    rows = list(predictions)
    named = [*_FIXED, *(name for name in _PLACES if any(getattr(row, name) for row in rows))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*named, *(f"{_LOGIT}{name}" for name in classes)])
    for prediction in rows:
        fixed = [getattr(prediction, name) for name in named]
        # With all digits: an AUC depends on the last bit if two logits are nearly equal.
        writer.writerow([*fixed, *(repr(float(logit)) for logit in prediction.logits.values())])
    write_atomically(run.folder / FILE, text.getvalue().encode())


def read_predictions(run: Run) -> list[Prediction]:
    """The table of a run, finished or not.

    Raises:
        BadInput: the run has no table, or it cannot be read.
    """
    path = run.folder / FILE
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [_from_row(row) for row in csv.DictReader(stream)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "The run has no readable predictions", file=path, remedy="Choose a validation run with a finished fold."
        ) from error


def _from_row(row: dict[str, str]) -> Prediction:
    return Prediction(
        image_id=int(row["image_id"]),
        file=row["file"],
        sha256=row["sha256"],
        group=int(row["group"]),
        fold=int(row["fold"]),
        true=row["true"],
        predicted=row["predicted"],
        logits={name.removeprefix(_LOGIT): float(v) for name, v in row.items() if name.startswith(_LOGIT)},
        site=row.get("site") or None,
        device=row.get("device") or None,
    )
