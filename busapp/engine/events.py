"""Events of a long job: frozen dataclasses, each stored as one line of JSON in the run's `events.jsonl`.

A job is a generator of events. The window, the terminal and the tests all receive the same events. A screen that opens
an old run replays its file through the code that shows a live run.
"""

import json
from collections.abc import Generator
from dataclasses import dataclass, field, fields
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


Job = Generator[Event, None, None]
"""A long job. To pause it, stop pulling events. To cancel it, call `close()`; the job cleans up in its `finally`."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """First event of every recorded run."""

    run: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Progress of the job: `done` of `total` equal parts of work. `what` describes the current step, with numbers."""

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
    """A file that the job skipped, with the reason. The job continues."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    """End of one epoch of a classifier. Folds and epochs count from 1. Accuracies are fractions in [0, 1]."""

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
    """End of one fold. `confusion[true][predicted]` counts test images, in the order of the run's classes."""

    fold: int
    folds: int
    train_accuracy: float
    test_accuracy: float
    confusion: list[list[int]]


@dataclass(frozen=True, slots=True)
class GanEpochEnded(Event):
    """End of one epoch of a DCGAN: binary cross-entropies, and the means of D(x) and D(G(z)) in [0, 1]."""

    epoch: int
    epochs: int
    g_loss: float
    d_loss: float
    d_real: float
    d_fake: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class SamplesDrawn(Event):
    """A grid of samples drawn from the fixed noise, saved as PNG. `file` is relative to the run's folder."""

    epoch: int
    file: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved(Event):
    """A checkpoint was saved. The run can be resumed from here."""

    epoch: int
    fold: int = 0


@dataclass(frozen=True, slots=True)
class ImageDiagnosed(Event):
    """One diagnosed image of a batch. `diagnosis` is an entry of `images` in the JSON of `busapp diagnose`."""

    diagnosis: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Last event of a job that ran to its end. `result` holds JSON types only."""

    result: dict[str, Any] = field(default_factory=dict)


_TYPES: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}


def to_line(event: Event) -> str:
    """One line of JSON without its newline."""
    # asdict would copy every value, which takes longer than everything else here.
    kept = {each.name: getattr(event, each.name) for each in fields(event)}
    return json.dumps({"event": type(event).__name__, **kept}, ensure_ascii=False)


def from_line(line: str) -> Event | None:
    """Parse one line. Returns None for a line that was cut short by a crash or written by another version."""
    try:
        fields = json.loads(line)
        return _TYPES[fields.pop("event")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
