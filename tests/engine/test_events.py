"""Events are restored from a line of JSON, and bad lines are no events."""

import json

import pytest

from busapp.engine.events import (
    CheckpointSaved,
    EpochEnded,
    Event,
    Finished,
    FoldEnded,
    GanEpochEnded,
    ImageDiagnosed,
    Note,
    Progress,
    RunStarted,
    SamplesDrawn,
    Skipped,
    from_line,
    to_line,
)

EXAMPLES = [
    RunStarted("20250101-000000-import", "import", "First try"),
    Progress(3, 10, "3 of 10 images"),
    Note("Fünf Bilder × 2\nand a second line", "warning"),
    Skipped("benign/benign (1).png", "It is not an image"),
    EpochEnded(1, 10, 2, 20, 0.5, 0.9, 0.6, 0.8, 12.5),
    FoldEnded(1, 10, 0.9, 0.8, [[1, 2], [3, 4]]),
    GanEpochEnded(1, 60, 0.7, 0.6, 0.5, 0.4, 33.0),
    SamplesDrawn(2, "samples/2.png"),
    CheckpointSaved(5, 1),
    ImageDiagnosed({"file": "a.png", "probabilities": [0.25, 0.75]}),
    Finished({"counts": {"benign": 3}}),
]


def test_every_event_has_an_example() -> None:
    assert {type(event).__name__ for event in EXAMPLES} == {
        cls.__name__ for cls in Event.__subclasses__() if cls.__module__ == Event.__module__
    }


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "null",
        "[1, 2]",
        to_line(EXAMPLES[4])[:40],
        json.dumps({"event": "FromTheFuture", "a": 1}),
        json.dumps({"event": "Note", "text": "a", "colour": "red"}),
        json.dumps({"text": "no type"}),
    ],
)
def test_a_line_that_is_no_event_reads_as_none(line: str) -> None:
    assert from_line(line) is None
