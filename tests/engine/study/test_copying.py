from pathlib import Path

import pytest

from busapp.engine.events import Finished
from busapp.engine.study.copying import copy_study
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, DamagedStudy


def test_a_copy_holds_the_same_study(phantom_study: Workspace, tmp_path: Path) -> None:
    (phantom_study.root / "cache").mkdir(exist_ok=True)
    (phantom_study.root / "cache" / "thumbnail.jpg").write_bytes(b"x")
    *_, last = copy_study(phantom_study, tmp_path / "copy")
    assert last == Finished({"study": str(tmp_path / "copy")})
    copy = Workspace.open(tmp_path / "copy")
    assert copy.catalog.fingerprint() == phantom_study.catalog.fingerprint()
    assert [run.id for run in copy.runs()] == [run.id for run in phantom_study.runs()]
    assert all(copy.image_path(image).read_bytes() for image in copy.catalog.images())
    assert not (copy.root / "cache").exists()
    copy.close()


def test_a_copy_cut_short_is_not_taken_for_a_study(phantom_study: Workspace, tmp_path: Path) -> None:
    job = copy_study(phantom_study, tmp_path / "copy")
    next(job)
    job.close()
    with pytest.raises((BadInput, DamagedStudy)):
        Workspace.open(tmp_path / "copy")


def test_a_folder_that_is_in_use_is_left_as_it_is(phantom_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        list(copy_study(phantom_study, tmp_path / "full"))
    with pytest.raises(BadInput, match="inside the study"):
        list(copy_study(phantom_study, phantom_study.root / "images" / "copy"))
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
