"""How far model files agree with the network that they were made of, on all images of its run."""

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
"""Images whose pixels are in memory at a time; about 0.3 s of work."""
LARGEST_DIFFERENCE: Final = 1e-3
"""Of a probability, between a float32 file and the network; more is no rounding."""
LOST_POINTS: Final = 1.0
"""Of accuracy that an int8 file may lose before that is warned of."""

Answers = dict[str, npt.NDArray[np.float32]]
"""What a file gives by the names of its outputs: `maps` (n, classes, h, w), and `logits` or `probabilities`."""


@dataclass(frozen=True)
class ConvertedFile:
    """A file that was made of the network. `run` asks it, of uint8 (n, size, size, 3); `places` are those of its
    outputs, by name, where a program that runs it may know places alone; `rounded` says that it computes in 8 bits."""

    name: str
    content: bytes
    run: Callable[[Pixels], Answers]
    places: dict[str, int]
    rounded: bool = False

    def probabilities(self, answers: Answers, temperature: float) -> npt.NDArray[np.float64]:
        """Calibrated (n, classes): the file's own, or what its logits come to."""
        if "probabilities" in answers:
            return answers["probabilities"].astype(np.float64)
        return softmax(answers["logits"] / temperature)


@dataclass(frozen=True)
class Example:
    """An image that the network was trained on: where it is stored, its label, and whether text may be burned in."""

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
    """Ask every file and the network (`original`: pixels to logits) about every image that can be read.

    One entry a file: `file`, `bytes`, `n_images`, `same_class` (images), `largest_difference` and `mean_difference` of
    a probability, `accuracy` and `original_accuracy` in [0, 1]: of images that both were made with.

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
            "None of the run's images is left to compare the model with", remedy="Undo what removed them, and export."
        )
    return [_check(each) for each in found]


def _check(found: _Comparison) -> FileAgreement:
    entry = found.as_json()
    if not found.file.rounded and entry["largest_difference"] > LARGEST_DIFFERENCE:
        raise BadModel(
            f"The model does not answer as the network it came from: a probability differs by "
            f"{entry['largest_difference']:.3f}",
            file=found.file.name,
            remedy="Export it again.",
        )
    return entry


def evenly(examples: Sequence[Example], preprocessing: Preprocessing, count: int) -> Iterator[Pixels]:
    """The pixels (size, size, 3) of up to `count` of the images, evenly over them, one at a time; those that cannot be
    read are left out."""
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(count, len(examples))).round().astype(int))
    for position in chosen:
        try:
            yield preprocessing.load([examples[position].path])[0]
        except UnreadableImage:
            continue
