"""The words for the results of jobs."""

from importlib import import_module

import pytest

from busapp.engine.settings import SETTINGS
from busapp.summaries import FAMILIES, headline, summary
from busapp.summaries.dataset import alike


def test_every_job_has_words_for_its_result() -> None:
    assert {*SETTINGS, "compare", "report", "figures", "demo"} == FAMILIES.keys()
    for kind, family in FAMILIES.items():
        assert callable(getattr(import_module(f"busapp.summaries.{family}"), f"{kind}_lines"))
    with pytest.raises(KeyError):
        summary("no such job", {})


def test_the_window_shows_the_first_line() -> None:
    result = {"files": ["table1.svg", "table1.png"], "runs": ["one"], "out": "figures"}
    assert summary("figures", result) == ["2 files of 1 run written to figures.", "  table1.svg", "  table1.png"]
    assert headline("figures", result) == "2 files of 1 run written to figures."
    assert headline("figures", {}) == headline("copy", {"out": "copy"}) == "finished."


def test_pairs_that_look_alike_are_counted_in_words() -> None:
    assert alike(0, 0) == "no images look alike"
    assert alike(1, 1) == "1 pair looks alike, with different classes"
    assert alike(2000, 0) == "2,000 pairs look alike, none of them with different classes"
