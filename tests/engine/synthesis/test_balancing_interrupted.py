"""A job `balance` that was cancelled or killed continues, and adds nothing twice."""

from typing import Any

import pytest
from pulling import result_of, texts
from unbalanced_studies import SETTINGS, two_classes

from busapp.engine import jobs
from busapp.engine.catalog import Catalog
from busapp.engine.events import CheckpointSaved, Job, Progress
from busapp.engine.gan.drawing import read_drawn
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis import balancing

pytestmark = pytest.mark.usefixtures("tiny_networks_without_weights")


def stop_at(job: Job, words: str) -> None:
    for event in job:
        if isinstance(event, Progress) and words in event.what:
            break
    else:
        raise AssertionError(words)
    job.close()


def test_cancelled_job_leaves_the_catalog_as_it_was_and_goes_on(unbalanced: Workspace) -> None:
    two_classes(unbalanced)
    before = unbalanced.catalog.fingerprint()
    stop_at(jobs.start(unbalanced, SETTINGS), "epoch 1 of 2")
    [balancing], [training] = unbalanced.runs("balance"), unbalanced.runs("synthesize")
    assert balancing.can_resume and training.can_resume
    stop_at(jobs.resume(unbalanced, balancing.id), "storing image 1")
    assert unbalanced.catalog.fingerprint() == before
    numbers = len(read_drawn(training.folder))
    result = result_of(list(jobs.resume(unbalanced, balancing.id)))
    assert result["images"] == 3
    assert result["classes"][0]["trained"] is True, "for this, before it was stopped"
    assert [run.id for run in unbalanced.runs("synthesize")] == [training.id], "it was gone on with"
    assert len(read_drawn(training.folder)) == numbers + 3, "what was not added does not count as drawn"


def test_crash_between_the_change_and_the_end_adds_nothing_twice(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    add = Catalog.add

    def added_and_killed(*given: Any) -> int:
        add(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalog, "add", added_and_killed)
    with pytest.raises(KeyboardInterrupt):
        list(jobs.start(unbalanced, SETTINGS))
    monkeypatch.undo()
    after = unbalanced.catalog.fingerprint()
    result = result_of(list(jobs.resume(unbalanced, unbalanced.runs("balance")[0].id)))
    assert result["images"] == 2 and result["counts"]["malignant"] == 11
    assert unbalanced.catalog.fingerprint() == after


def test_crash_before_the_change_leaves_no_rows_without_their_images(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    before, rows = unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(balancing, "save_checkpoint", killed)
        list(jobs.start(unbalanced, SETTINGS))
    assert (unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)) == (before, rows)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Catalog, "add", killed)
        list(jobs.start(unbalanced, SETTINGS))
    result = result_of(list(jobs.resume(unbalanced, unbalanced.runs("balance")[0].id)))
    assert result["images"] == 2 and result["counts"]["malignant"] == 11
    added = [(image.file, image.sha256) for image in unbalanced.catalog.images(kind="synthetic")[1:]]
    assert [(row.file, row.sha256) for row in read_drawn(with_generator.folder)[len(rows) :]] == added


def stop_when_all_is_drawn(study: Workspace) -> Run:
    job = jobs.start(study, SETTINGS)
    next(event for event in job if isinstance(event, CheckpointSaved))
    job.close()
    return study.runs("balance")[0]


def test_old_balance_adds_nothing_where_a_newer_one_did(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    rows = read_drawn(with_generator.folder)
    assert result_of(list(jobs.start(unbalanced, SETTINGS)))["images"] == 2
    after, more_rows = unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)
    assert len(more_rows) == len(rows) + 2
    events = list(jobs.resume(unbalanced, old.id))
    assert (result_of(events)["images"], result_of(events)["classes"]) == (0, [])
    assert any("new images are drawn" in text for text in texts(events))
    assert (unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)) == (after, more_rows)


def test_old_balance_draws_anew_where_a_newer_one_has_drawn_the_same(
    unbalanced: Workspace, with_generator: Run
) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    list(jobs.start(unbalanced, SETTINGS))
    newer = unbalanced.catalog.images(kind="synthetic")[1:]
    unbalanced.catalog.exclude([image.id for image in newer], "unfit")
    result = result_of(list(jobs.resume(unbalanced, old.id)))
    assert (result["images"], result["counts"]["malignant"]) == (2, 11)


def test_old_balance_asks_whether_its_generator_is_still_there(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    unbalanced.delete_run(with_generator)
    [malignant] = result_of(list(jobs.resume(unbalanced, old.id)))["classes"]
    [other] = unbalanced.runs("synthesize")
    assert (malignant["generator"], malignant["trained"], malignant["images"]) == (other.id, True, 2)
    assert unbalanced.catalog.counts(None)["malignant"] == 11


def test_old_balance_of_which_nothing_has_changed_adds_what_it_drew(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    monkeypatch.setattr(balancing, "draw_new", None)
    result = result_of(list(jobs.resume(unbalanced, old.id)))
    assert (result["images"], result["counts"]["malignant"]) == (2, 11)
    assert [row.file for row in read_drawn(with_generator.folder)[-2:]] == [
        image.file for image in unbalanced.catalog.images(kind="synthetic")[1:]
    ]
