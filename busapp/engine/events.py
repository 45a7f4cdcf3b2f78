"""What a long job tells the world: frozen dataclasses, one JSON object a line in a run's `events.jsonl`.

A job is a generator of these. The window, the terminal and the tests all listen to the same ones, and a
screen that opens an old run replays its file through the code that draws a live one.
"""

import json
from collections.abc import Generator
from dataclasses import dataclass, field, fields
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


Job = Generator[Event, None, None]
"""A long job. Pause: stop pulling. Cancel: `close()`; the job cleans up in its `finally`."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """First event of every recorded run."""

    run: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far the job is: `done` of `total` equal parts of work; `what` in words, with numbers."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class Note(Event):
    """A sentence for the user: an estimate, an assumption, a warning."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class Skipped(Event):
    """A file that was left out, and why. The batch goes on."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    """One epoch of a classifier. Folds and epochs count from 1; accuracies are fractions in [0, 1]."""

    fold: int
    folds: int
    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class FoldEnded(Event):
    """One fold. `confusion[true][predicted]` counts test images, in the order of the run's classes."""

    fold: int
    folds: int
    train_accuracy: float
    test_accuracy: float
    confusion: list[list[int]]


@dataclass(frozen=True, slots=True)
class GanEpochEnded(Event):
    """One epoch of a DCGAN: binary cross-entropies, and the means of D(x) and D(G(z)) in [0, 1]."""

    epoch: int
    epochs: int
    g_loss: float
    d_loss: float
    d_real: float
    d_fake: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class SamplesDrawn(Event):
    """A grid of samples from the fixed noise, as a PNG in the run's folder (`file` is relative to it)."""

    epoch: int
    file: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved(Event):
    """From here the run can be resumed."""

    epoch: int
    fold: int = 0


@dataclass(frozen=True, slots=True)
class ImageDiagnosed(Event):
    """One image of a batch; `diagnosis` as in the JSON contract of `busapp diagnose`."""

    diagnosis: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Last event of a job that was not cancelled and did not fail. `result` holds JSON types only."""

    result: dict[str, Any] = field(default_factory=dict)


_TYPES: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}


def to_line(event: Event) -> str:
    """One line of JSON without its newline."""
    # Not asdict: it copies what is only read here, which takes longer than all the rest.
    kept = {each.name: getattr(event, each.name) for each in fields(event)}
    return json.dumps({"event": type(event).__name__, **kept}, ensure_ascii=False)


def from_line(line: str) -> Event | None:
    """The event of one line; None for a line cut short by a crash or written by another version."""
    try:
        fields = json.loads(line)
        return _TYPES[fields.pop("event")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
