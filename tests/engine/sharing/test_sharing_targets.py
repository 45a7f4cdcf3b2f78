"""Places to which images are exported, and places that are refused."""

from pathlib import Path

import pytest
from shared_images import files_of, rows_of, shared

from busapp.engine import jobs
from busapp.engine.events import Progress
from busapp.engine.settings import ShareSettings
from busapp.engine.sharing import target_of
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def test_an_empty_folder_is_filled(phantom_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    shared(phantom_study, tmp_path / "out")
    assert len(rows_of(tmp_path / "out")) == 24


@pytest.mark.parametrize(
    ("name", "layout", "why"),
    [
        ("full", "folders", "not an empty folder"),
        ("full/file.txt", "coco", "not an empty folder"),
        ("full/file.txt/below", "folders", "not a folder"),
        ("full/there.zip", "zip", "there already"),
        ("out", "zip", "ends in .zip"),
        ("study/out", "folders", "inside the study"),
        ("study/out.zip", "zip", "inside the study"),
        ("/", "folders", "whole drive"),
        ("x" * 300, "folders", "cannot be"),
    ],
)
def test_places_where_nothing_is_written(
    phantom_study: Workspace, tmp_path: Path, name: str, layout: str, why: str
) -> None:
    (tmp_path / "full").mkdir()
    for file in ("file.txt", "there.zip"):
        (tmp_path / "full" / file).write_text("mine")
    before = files_of(tmp_path / "full")
    with pytest.raises(BadInput, match=why):
        shared(phantom_study, tmp_path / name, format=layout)
    assert files_of(tmp_path / "full") == before
    assert not list(phantom_study.root.rglob("*.partial-*"))


def test_a_target_that_is_taken_meanwhile_is_left_alone(phantom_study: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "place/out"
    job = jobs.start(phantom_study, ShareSettings(out=out))
    for event in job:
        if isinstance(event, Progress) and event.done == 12:
            break
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="cannot be written"):
        list(job)
    assert files_of(tmp_path / "place") == {"out/mine.txt": b"mine"}


def test_a_relative_name_is_meant_from_here(
    phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert target_of(phantom_study, ShareSettings(out=Path("out"))) == tmp_path / "out"
