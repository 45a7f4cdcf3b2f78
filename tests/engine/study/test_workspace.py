"""A study is a folder: created, opened, copied, refused."""

import os
import shutil
from pathlib import Path

import pytest

from busapp.engine.catalog import NewImage
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of
from busapp.errors import BadInput, DamagedStudy


def test_a_new_study_opens_again(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "a study", name="Ulm 2024", phantoms=True).close()
    opened = Workspace.open(tmp_path / "a study")
    assert (opened.name, opened.phantoms) == ("Ulm 2024", True)
    opened.close()


@pytest.mark.parametrize(
    "name", ["set%20A", "why?", "a#b", "50%", "a&b=c", "file:x?mode=memory", "käse 漢字", "it's", "a;b+c", ":memory:"]
)
def test_a_study_of_any_name_keeps_its_catalog_in_its_own_folder(tmp_path: Path, name: str) -> None:
    """Percent signs and question marks mean something in the address of a database."""
    if os.name == "nt" and set(name) & set("?:"):
        pytest.skip("Windows allows no such name")
    neighbours = [tmp_path / "set A", tmp_path / "why", tmp_path / "a"]
    for folder in neighbours:
        Workspace.create(folder).close()
    before = {folder: (folder / "catalog.sqlite").read_bytes() for folder in neighbours}
    study = Workspace.create(tmp_path / name)
    study.catalog.add([NewImage("a/1.png", "a", "0" * 64, ".png", 8, 8)], "1 image imported")
    study.close()
    assert (tmp_path / name / "catalog.sqlite").stat().st_size
    assert {path.name for path in tmp_path.iterdir()} == {*(folder.name for folder in neighbours), name}
    assert before == {folder: (folder / "catalog.sqlite").read_bytes() for folder in neighbours}
    copied = Workspace.open(shutil.copytree(tmp_path / name, tmp_path / "copies" / name))
    assert [image.file for image in copied.catalog.images()] == ["a/1.png"]
    copied.close()


def test_creating_where_a_study_is_opens_it(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "study", name="first").close()
    again = Workspace.create(tmp_path / "study", name="second")
    assert again.name == "first"
    again.close()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="not a study and not empty"):
        Workspace.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_cannot_become_a_study(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match="cannot be created"):
        Workspace.create(tmp_path / "file")


def test_opening_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no study in this folder"):
        Workspace.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 1}', b"\xff"])
def test_a_damaged_description_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    Workspace.create(tmp_path / "study").close()
    description = tmp_path / "study" / "study.json"
    description.write_bytes(content)
    with pytest.raises(DamagedStudy, match=r"study\.json"):
        Workspace.open(tmp_path / "study")
    assert description.read_bytes() == content


def test_a_damaged_catalog_is_found_when_the_study_is_opened(phantom_study: Workspace) -> None:
    phantom_study.close()
    (phantom_study.root / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    with pytest.raises(DamagedStudy):
        Workspace.open(phantom_study.root)


def test_bytes_are_kept_once_under_their_hash(empty_study: Workspace) -> None:
    sha256 = empty_study.store_image(b"bytes", ".png")
    assert sha256 == sha256_of(b"bytes")
    stored = [path for path in (empty_study.root / "images").rglob("*") if path.is_file()]
    written = stored[0].stat().st_mtime_ns
    assert empty_study.store_image(b"bytes", ".png") == sha256
    assert [path for path in (empty_study.root / "images").rglob("*") if path.is_file()] == stored
    assert stored[0].stat().st_mtime_ns == written


def test_a_copied_folder_is_the_same_study(phantom_study: Workspace, tmp_path: Path) -> None:
    phantom_study.close()
    shutil.copytree(phantom_study.root, tmp_path / "copy")
    shutil.rmtree(phantom_study.root)
    copy = Workspace.open(tmp_path / "copy")
    images = copy.catalog.images()
    assert len(images) == 24
    assert all(copy.image_path(image).exists() for image in images)
    assert [run.info.state for run in copy.runs("import")] == ["finished"]
    copy.close()


def test_runs_are_listed_newest_first_and_by_kind(empty_study: Workspace) -> None:
    first = empty_study.new_run("import", {})
    second = empty_study.new_run("curate", {}, name="Second")
    (empty_study.root / "runs" / "99999999-000000-rubbish").mkdir()
    assert {run.id for run in empty_study.runs()} == {first.id, second.id}
    assert [run.id for run in empty_study.runs("curate")] == [second.id]
    assert empty_study.run(second.id).info.name == "Second"
    with pytest.raises(BadInput, match="no such run"):
        empty_study.run("never")


def test_a_deleted_run_comes_back_from_the_trash(empty_study: Workspace) -> None:
    run = empty_study.new_run("import", {})
    empty_study.delete_run(run)
    assert empty_study.runs() == []
    assert empty_study.restore_run(run.id).info == run.info
    assert len(empty_study.runs()) == 1


def test_models_are_listed_newest_first(empty_study: Workspace) -> None:
    import os

    assert empty_study.models() == []
    empty_study.models_dir.mkdir()
    for age, name in enumerate(("new.onnx", "old.onnx")):
        (empty_study.models_dir / name).write_bytes(b"")
        os.utime(empty_study.models_dir / name, (1000 - age, 1000 - age))
    assert [path.name for path in empty_study.models()] == ["new.onnx", "old.onnx"]
