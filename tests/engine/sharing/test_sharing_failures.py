"""Exports that fail or are cancelled leave nothing behind; unreadable images are skipped."""

import errno
import shutil
import zipfile
from pathlib import Path

import pytest
from shared_images import rows_of, shared

from busapp.engine import jobs
from busapp.engine.events import Progress, Skipped
from busapp.engine.settings import ShareSettings
from busapp.engine.sharing import bytes_per_pixel
from busapp.engine.study.workspace import Workspace
from busapp.errors import NoSpace, NotEnoughImages


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(phantom_study: Workspace, tmp_path: Path) -> None:
    images = phantom_study.catalog.images()
    torn = phantom_study.image_path(images[2])
    torn.write_bytes(torn.read_bytes()[:100])
    assert images[4].mask is not None
    phantom_study.mask_path(images[4].mask).unlink()
    events = shared(phantom_study, tmp_path / "out")
    skipped = [event for event in events if isinstance(event, Skipped)]
    assert [event.file for event in skipped] == [images[2].file, images[4].file]
    assert "mask" in skipped[1].reason
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 23 and next(row for row in rows if row["file"] == images[4].file)["mask"] == ""
    assert [int(row["group"]) for row in rows] == list(range(1, 24))
    assert "2 not readable" in (tmp_path / "out/README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", ["folders", "coco", "zip"])
def test_a_cancelled_export_leaves_nothing(phantom_study: Workspace, tmp_path: Path, layout: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    job = jobs.start(phantom_study, ShareSettings(out=place / "deep/out.zip", format=layout))
    for event in job:
        if isinstance(event, Progress) and event.done == 12:
            break
    assert len(list(place.iterdir())) == 1
    job.close()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("layout", ["folders", "zip"])
def test_a_full_disk_is_told_and_nothing_is_left(
    phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    written = []

    def write(_where: object, *content: object) -> None:
        written.append(content)
        if len(written) == 9:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(
        zipfile.ZipFile if layout == "zip" else Path, "writestr" if layout == "zip" else "write_bytes", write
    )
    with pytest.raises(NoSpace, match="nothing was left behind"):
        shared(phantom_study, place / "out.zip", format=layout)
    assert list(place.iterdir()) == []


def test_a_study_without_a_readable_image_gives_nothing(
    empty_study: Workspace, phantom_study: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(NotEnoughImages, match="no image to export"):
        shared(empty_study, tmp_path / "out")
    shutil.rmtree(phantom_study.root / "images")
    with pytest.raises(NotEnoughImages, match="None of the images"):
        shared(phantom_study, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
    assert bytes_per_pixel(phantom_study, phantom_study.catalog.images()) == 0
