"""The agreement of converted files with their network, on all images of its run."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from busapp.engine.contract.diagnosis import FileAgreement
from busapp.engine.events import Event, Progress, Skipped
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.metrics import softmax
from busapp.errors import BadModel, NotEnoughImages, UnreadableImage

BATCH: Final = 16
"""Number of images in memory at a time; about 0.3 s of work."""
LARGEST_DIFFERENCE: Final = 1e-3
"""Largest difference of a probability between a float32 file and the network. Rounding does not explain more."""
LOST_POINTS: Final = 1.0
"""Percentage points of accuracy that an int8 file may lose without a warning."""

Answers = dict[str, npt.NDArray[np.float32]]
"""Outputs of a file by name: `maps` (n, classes, h, w), and `logits` or `probabilities`."""


@dataclass(frozen=True)
class ConvertedFile:
    """A file converted from the network. `run` computes its answers for uint8 (n, size, size, 3). `places` are the
    indices of its outputs by name, for programs that know outputs only by index. `rounded`: it computes in 8 bits."""

    name: str
    content: bytes
    run: Callable[[Pixels], Answers]
    places: dict[str, int]
    rounded: bool = False

    def probabilities(self, answers: Answers, temperature: float) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities (n, classes): the file's own, or computed from its logits."""
        if "probabilities" in answers:
            return answers["probabilities"].astype(np.float64)
        return softmax(answers["logits"] / temperature)


@dataclass(frozen=True)
class Example:
    """A training image of the network: its path, its label, and whether it may have burned-in text."""

    path: Path
    label: int
    with_text: bool = False


class _Comparison:
    def __init__(self, file: ConvertedFile) -> None:
        self.file = file
        self._n = self._same = self._right = self._right_original = 0
        self._largest = self._sum = 0.0

    def add(self, own: npt.NDArray[np.float64], original: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> None:
        difference = np.abs(own - original)
        self._n += len(own)
        self._same += int((own.argmax(1) == original.argmax(1)).sum())
        self._right += int((own.argmax(1) == labels).sum())
        self._right_original += int((original.argmax(1) == labels).sum())
        self._largest = max(self._largest, float(difference.max(initial=0.0)))
        self._sum += float(difference.mean(axis=1).sum())

    def as_json(self) -> FileAgreement:
        return {
            "file": self.file.name,
            "bytes": len(self.file.content),
            "n_images": self._n,
            "same_class": self._same,
            "largest_difference": self._largest,
            "mean_difference": self._sum / self._n,
            "accuracy": self._right / self._n,
            "original_accuracy": self._right_original / self._n,
        }


def compare_files(
    files: Sequence[ConvertedFile],
    original: Callable[[Pixels], npt.NDArray[np.float32]],
    examples: Sequence[Example],
    preprocessing: Preprocessing,
    temperature: float,
) -> Generator[Event, None, list[FileAgreement]]:
    """Compare every file with the network (`original`: pixels to logits) on every image that can be read.

    Returns one entry for each file. The accuracies are those on training images.

    Raises:
        BadModel: a file that is not `rounded` differs by more than `LARGEST_DIFFERENCE`.
        NotEnoughImages: none of the images can be read.
    """
    found = [_Comparison(file) for file in files]
    n_read = 0
    for begin in range(0, len(examples), BATCH):
        yield Progress(begin, len(examples), f"comparing with the network: {begin:,} of {len(examples):,} images")
        batch, unreadable = [], []
        for example in examples[begin : begin + BATCH]:
            try:
                batch.append((preprocessing.load([example.path])[0], example.label))
            except UnreadableImage as error:
                unreadable.append(Skipped(str(example.path), error.what))
        yield from unreadable
        if not batch:
            continue
        n_read += len(batch)
        pixels, labels = np.stack([image for image, _ in batch]), np.array([label for _, label in batch])
        expected = softmax(original(pixels) / temperature)
        for each in found:
            each.add(each.file.probabilities(each.file.run(pixels), temperature), expected, labels)
    if not n_read:
        raise NotEnoughImages(
            "None of the run's images is left to compare the model on",
            remedy="Undo the changes that removed them, then export again.",
        )
    return [_check(each) for each in found]


def _check(found: _Comparison) -> FileAgreement:
    entry = found.as_json()
    if not found.file.rounded and entry["largest_difference"] > LARGEST_DIFFERENCE:
        raise BadModel(
            f"The model and the network that it was made from give different answers: a probability differs by "
            f"{entry['largest_difference']:.3f}",
            file=found.file.name,
            remedy="Export it again.",
        )
    return entry


def evenly(examples: Sequence[Example], preprocessing: Preprocessing, count: int) -> Iterator[Pixels]:
    """Yield the pixels (size, size, 3) of up to `count` evenly spaced images. Images that cannot be read are
    skipped."""
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(count, len(examples))).round().astype(int))
    for position in chosen:
        try:
            yield preprocessing.load([examples[position].path])[0]
        except UnreadableImage:
            continue
