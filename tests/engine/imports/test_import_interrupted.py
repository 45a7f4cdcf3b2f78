"""An import that is cancelled, killed or watched from outside leaves the study whole."""

from pathlib import Path

import pytest
from image_folders import imported
from pulling import result_of

from busapp.engine import jobs
from busapp.engine.catalog import KnownImages
from busapp.engine.events import Progress
from busapp.engine.imports import job as importing
from busapp.engine.imports.preview import preview
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace


def test_a_cancelled_import_leaves_the_dataset_as_it_was(empty_study: Workspace, folder: Path) -> None:
    job = jobs.start(empty_study, ImportSettings(sources=(folder,)))
    for event in job:
        if isinstance(event, Progress) and event.done == 3:
            break
    job.close()
    assert empty_study.catalog.images() == []
    assert imported(empty_study, folder)["imported"] == 5


def test_a_cancelled_import_takes_back_what_the_catalog_had_already(
    phantom_study: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_BATCH", 2)
    before = phantom_study.catalog.fingerprint(), phantom_study.catalog.history()
    job = jobs.start(phantom_study, ImportSettings(sources=(folder,)))
    for event in job:
        if isinstance(event, Progress) and event.done == 5:
            break
    assert len(phantom_study.catalog.images()) > 24
    job.close()
    assert (phantom_study.catalog.fingerprint(), phantom_study.catalog.history()) == before
    assert imported(phantom_study, folder)["imported"] == 5


def test_torn_files_of_a_killed_import_are_removed_by_the_next(empty_study: Workspace, folder: Path) -> None:
    torn = empty_study.root / "images" / "ab" / f".{'ab' * 32}.png.{'0' * 32}"
    mine = empty_study.root / "images" / "ab" / ".keep"
    torn.parent.mkdir(parents=True)
    torn.touch()
    mine.touch()
    other = empty_study.new_run("synthesize", {})
    other.info.state = "running"
    other.save()
    with other.lock():
        imported(empty_study, folder)
        assert torn.exists()  # another process may be writing it
    imported(empty_study, folder)
    assert not torn.exists() and mine.exists()


def test_the_catalog_can_be_read_and_changed_during_an_import(phantom_study: Workspace, folder: Path) -> None:
    job = jobs.start(phantom_study, ImportSettings(sources=(folder,)))
    window = Workspace.open(phantom_study.root)
    for event in job:
        if isinstance(event, Progress):
            assert window.catalog.counts()["normal"] == 8
        if isinstance(event, Progress) and event.done == 2:
            window.catalog.exclude([1], "callipers")
    assert window.catalog.counts(with_excluded=True) == {"benign": 11, "malignant": 10, "normal": 8}
    assert window.catalog.images()[0].excluded == "callipers"
    window.close()


@pytest.mark.parametrize("after", [0, 1, 5, 15])
def test_a_preview_stops_when_it_is_told_to(phantom_folder: Path, after: int) -> None:
    answers = iter([False] * after + [True])
    assert preview(ImportSettings(sources=(phantom_folder,)), KnownImages(), lambda: next(answers)) is None
    assert next(answers, None) is None  # nor was it called again


@pytest.mark.parametrize("damage", ["deleted", "emptied"])
def test_importing_again_makes_a_lost_stored_file_whole(
    empty_study: Workspace, phantom_folder: Path, damage: str
) -> None:
    settings = ImportSettings(sources=(phantom_folder,))
    list(jobs.start(empty_study, settings))
    image = empty_study.catalog.images()[3]
    stored = empty_study.image_path(image)
    content = stored.read_bytes()
    if damage == "deleted":
        stored.unlink()
    else:
        stored.write_bytes(b"")
    found = result_of(list(jobs.start(empty_study, settings)))["findings"]
    assert stored.read_bytes() == content
    told = "1 image of the study had lost its stored file or a part of it. This import restored it."
    assert {"kind": "joined", "text": told} in found
    assert len(empty_study.catalog.history()) == 1
