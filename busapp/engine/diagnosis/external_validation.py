"""A model measured on images from elsewhere: what a second hospital needs to know first.

The model's training images and near-copies of them do not count: on these it would only show its memory.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from busapp.engine import metrics
from busapp.engine.contract.diagnosis import Counted, DiagnosedImage, ExternalResult
from busapp.engine.contract.validation import Summary
from busapp.engine.imports import names
from busapp.engine.imports.files.sources import Entry, FileEntry
from busapp.engine.imports.tables.class_values import ValuesUnknown
from busapp.engine.imports.tables.labels import label
from busapp.engine.settings import ImportSettings
from busapp.errors import BadInput

NEAR_COPY: Final = 0.5
"""Smallest distance to a training image, in multiples of the usual distance between the study's images. A nearer image
counts as the same picture, resized or compressed anew."""
FEWEST: Final = 2
"""Smallest number of images, and of classes, for a measurement."""


@dataclass(frozen=True)
class Labels:
    """The true classes of images by their paths, and the patients, if the table names them."""

    classes: Mapping[Path, str]
    patients: Mapping[Path, str]

    def of(self, path: Path) -> str | None:
        return self.classes.get(path.resolve())

    def patient_of(self, path: Path) -> str:
        """Return the patient of an image. An image without a named patient counts as a patient of its own."""
        return self.patients.get(path.resolve()) or str(path)


def read_labels(source: Path, images: Sequence[Path], classes: Sequence[str] = ()) -> Labels:
    """Read the labels of images from a table or a folder.

    A table has columns of files and classes, and of patients if known. It is read as for an import; a value that is one
    of the model's `classes` is clear, also a number. In a folder, each image's own folder has the name of its class.

    Raises:
        BadInput: the table cannot be read, or `source` has no label for any of the images.
    """
    found = _from_folders(source, images) if source.is_dir() else _from_table(source, images, classes)
    if not found.classes:
        raise BadInput(
            "The labels name none of the images",
            file=source,
            remedy="Name a CSV table with the columns file and class, or a folder with one folder for each class.",
        )
    return found


def labels_of_folders(images: Sequence[Path], classes: Sequence[str]) -> Labels | None:
    """Labels from the names of the images' folders, if these are at least two of the model's classes. Otherwise None,
    because a folder may have any name."""
    called = {path.resolve(): " ".join(path.parent.name.split()).lower() for path in images}
    found = {path: name for path, name in called.items() if name in classes}
    return Labels(found, {}) if len(set(found.values())) >= FEWEST else None


def _from_folders(source: Path, images: Sequence[Path]) -> Labels:
    inside = [path for path in images if path.resolve().is_relative_to(source.resolve()) and path.parent != source]
    return Labels({path.resolve(): names.class_called(path.parent.name) for path in inside}, {})


def _from_table(source: Path, images: Sequence[Path], classes: Sequence[str]) -> Labels:
    table = FileEntry("", source.name, source)
    folder = source.parent.resolve()
    entries: list[Entry] = []
    for path in {path.resolve(): None for path in images}:
        inside = path.parent.relative_to(folder) if path.is_relative_to(folder) else path.parent
        entries.append(FileEntry("/".join(inside.parts), path.name, path))
    try:
        kept = {name: name for name in classes}
        found = label(table, entries, ImportSettings(sources=(source,)), class_values=kept, needs_classes=True).labels
    except ValuesUnknown as error:
        remedy = f"Write the model's classes instead: {', '.join(classes)}."
        raise BadInput(error.what, file=source, remedy=remedy) from error
    labels = {Path(where): given for where, given in found.items()}
    return Labels(
        {path: given.class_name for path, given in labels.items() if given.class_name},
        {path: given.patient for path, given in labels.items() if given.patient},
    )


@dataclass(frozen=True)
class _Counted:
    true: str
    probabilities: Mapping[str, float]
    answered: bool
    patient: str


class ExternalValidation:
    """Collects diagnoses one by one, and measures them at the end."""

    def __init__(self, labels: Labels, classes: Sequence[str], known: frozenset[str]) -> None:
        """`known` are the content hashes of the model's training images."""
        self._labels, self._classes, self._known = labels, classes, known
        self._counted: list[_Counted] = []
        self._seen: set[str] = set()
        self._left_out: Counter[str] = Counter()
        self._other_classes: Counter[str] = Counter()

    def add(self, path: Path, sha256: str, entry: DiagnosedImage) -> Counted:
        """Count one image. Returns the keys to add to its entry."""
        true = self._labels.of(path)
        if true is None:
            self._left_out["without a label"] += 1
            return {"true": "", "not_counted": "The image has no label."}
        reason = self._reason_against(true, sha256, entry)
        self._seen.add(sha256)
        if reason:
            self._left_out[reason] += 1
            return {"true": true, "not_counted": f"Not counted: {reason}."}
        patient = self._labels.patient_of(path)
        self._counted.append(_Counted(true, entry["probabilities"], not entry["abstained"], patient))
        return {"true": true}

    def skip(self, path: Path) -> None:
        """Record an image that cannot be read. It does not count; if it has a label, the result lists it."""
        if self._labels.of(path) is not None:
            self._left_out["cannot be read"] += 1

    def _reason_against(self, true: str, sha256: str, entry: DiagnosedImage) -> str:
        if true not in self._classes:
            self._other_classes[true] += 1
            return "of a class that the model does not know"
        if sha256 in self._known or any(image["distance"] < NEAR_COPY for image in entry["similar"]):
            return "the model learned from this picture"
        return "the same file as one before" if sha256 in self._seen else ""

    def result(self) -> ExternalResult:
        """Return the measurement as JSON types. `measured` covers all counted images, each for its most probable class,
        whether it was answered or not."""
        images = self._counted
        counts = Counter(image.true for image in images)
        enough = len(images) >= FEWEST and len(counts) >= FEWEST
        predicted = [max(image.probabilities, key=image.probabilities.__getitem__) for image in images]
        right = [name == image.true for name, image in zip(predicted, images, strict=True) if image.answered]
        return {
            "n": len(images),
            "n_patients": len({image.patient for image in images}),
            "counts": {name: counts[name] for name in self._classes},
            "left_out": dict(self._left_out),
            "other_classes": dict(self._other_classes),
            "n_answered": len(right),
            "accuracy_of_answers": sum(right) / len(right) if right else None,
            "accuracy_of_answers_ci95": list(metrics.exact95(sum(right), len(right))),
            "classes": list(self._classes),
            "measured": self._measured() if enough else None,
        }

    def _measured(self) -> Summary:
        probabilities = np.array([[image.probabilities[name] for name in self._classes] for image in self._counted])
        true = np.array([self._classes.index(image.true) for image in self._counted], dtype=np.intp)
        _, patients = np.unique([image.patient for image in self._counted], return_inverse=True)
        logits = np.log(np.maximum(probabilities, 1e-30))  # their softmax gives the probabilities
        return metrics.summary(true, logits, patients.astype(np.int64), self._classes)
