"""The pixel cache: optional, ignored if damaged, and limited in size."""

import hashlib
import io
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pulling import gather

from busapp.engine.catalog import ImageRecord
from busapp.engine.curation.covering import cover_image
from busapp.engine.events import Event, Progress, Skipped
from busapp.engine.images.preprocessing import Pixels, Preprocessing, decode, read_image
from busapp.engine.study import pixel_cache
from busapp.engine.study.pixel_cache import load_pixels
from busapp.engine.study.workspace import Workspace

SMALL = Preprocessing(32)


def loaded(workspace: Workspace, preparing: Preprocessing = SMALL) -> tuple[list[ImageRecord], Pixels, list[Event]]:
    events, found = gather(load_pixels(workspace, workspace.catalog.images(), preparing))
    return (*found, events)


def plain(workspace: Workspace, preparing: Preprocessing = SMALL) -> Pixels:
    return preparing.load(workspace.image_path(record) for record in workspace.catalog.images())


def entries(workspace: Workspace) -> list[Path]:
    return sorted(path for path in (workspace.root / "cache" / "pixels").rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def _enough_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "RESERVE", 0)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List that collects the names of the files decoded from now on."""
    names: list[str] = []

    def read(path: Path) -> Image.Image:
        names.append(path.name)
        return read_image(path)

    monkeypatch.setattr(pixel_cache, "read_image", read)
    return names


@pytest.mark.parametrize("preparing", [SMALL, Preprocessing(48, equalise=True, framing="centre")])
def test_every_image_is_decoded_once(phantom_study: Workspace, preparing: Preprocessing, decoded: list[str]) -> None:
    expected = plain(phantom_study, preparing)
    records, first, events = loaded(phantom_study, preparing)
    assert records == phantom_study.catalog.images()
    assert any(isinstance(event, Progress) and event.total == 24 for event in events)
    assert len(decoded) == 24
    _, second, _ = loaded(phantom_study, preparing)
    assert len(decoded) == 24
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, expected)


def test_another_preprocessing_is_another_entry(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(phantom_study)
    for other in (Preprocessing(64), Preprocessing(32, equalise=True)):
        np.testing.assert_array_equal(loaded(phantom_study, other)[1], plain(phantom_study, other))
    assert len(entries(phantom_study)) == 72


def test_pixels_of_another_version_are_made_anew(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    loaded(phantom_study)
    monkeypatch.setattr("busapp.engine.images.preprocessing.VERSION", 99)
    loaded(phantom_study)
    monkeypatch.setattr("PIL.__version__", "99.0")
    loaded(phantom_study)
    assert len(decoded) == 3 * 24
    assert len(entries(phantom_study)) == 24


def test_the_pixels_are_those_of_the_version() -> None:
    """A change of the preprocessing changes these numbers, and must raise `preprocessing.VERSION`."""
    ramp = np.arange(50 * 70 * 3, dtype=np.uint32).reshape(50, 70, 3) * 7919 % 256
    stream = io.BytesIO()
    Image.fromarray(ramp.astype(np.uint8)).save(stream, "PNG")
    image = decode(stream.getvalue(), file="ramp")
    assert hashlib.sha256(SMALL.pixels(image)).hexdigest()[:16] == "09db267424af6942"


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"0")


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 4
    path.write_bytes(content)


def _of_another_image(path: Path) -> None:
    other = next(each for each in path.parents[1].rglob("*") if each.is_file() and each != path)
    shutil.copyfile(other, path)


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [_truncated, _emptied, _longer, _flipped, _of_another_image, _a_folder, Path.unlink])
def test_a_damaged_entry_is_noticed_and_made_anew(phantom_study: Workspace, damage: Any, decoded: list[str]) -> None:
    expected = loaded(phantom_study)[1]
    decoded.clear()
    damage(entries(phantom_study)[5])
    np.testing.assert_array_equal(loaded(phantom_study)[1], expected)
    assert len(decoded) == 1
    np.testing.assert_array_equal(loaded(phantom_study)[1], expected)
    assert len(decoded) == (2 if damage is _a_folder else 1)


def test_a_covered_image_is_never_served_as_it_was(phantom_study: Workspace) -> None:
    loaded(phantom_study)
    record = phantom_study.catalog.images()[3]
    cover_image(phantom_study, record, [(0, 0, 40, 40)], "black")
    after = loaded(phantom_study)[1]
    np.testing.assert_array_equal(after, plain(phantom_study))
    assert (after[3, :18, :18] == 0).all()


@pytest.mark.parametrize("damage", [Path.unlink, _truncated, _emptied])
def test_what_a_run_uses_does_not_depend_on_the_cache(phantom_study: Workspace, damage: Any) -> None:
    loaded(phantom_study)
    record = phantom_study.catalog.images()[3]
    damage(phantom_study.image_path(record))
    records, pixels, events = loaded(phantom_study)
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert skipped.file == record.file
    assert record not in records
    assert len(records) == len(pixels) == 23


def test_a_full_disk_or_a_read_only_study_means_no_cache(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    np.testing.assert_array_equal(loaded(phantom_study)[1], plain(phantom_study))
    monkeypatch.undo()
    assert entries(phantom_study) == []
    shutil.rmtree(phantom_study.root / "cache" / "pixels")
    (phantom_study.root / "cache" / "pixels").write_text("a file where the folder should be")
    np.testing.assert_array_equal(loaded(phantom_study)[1], plain(phantom_study))


def test_the_last_space_on_the_disk_is_not_taken(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")(10**9 + 24 * 32 * 32 * 3 - 1)
    monkeypatch.setattr(pixel_cache, "RESERVE", 10**9)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    np.testing.assert_array_equal(loaded(phantom_study)[1], plain(phantom_study))
    assert entries(phantom_study) == []
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=usage.free + 1))
    loaded(phantom_study)
    assert len(entries(phantom_study)) == 24


def test_what_was_used_longest_ago_goes_first(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(phantom_study, Preprocessing(40))
    loaded(phantom_study)
    for path in entries(phantom_study):
        os.utime(path, (0, 0))
    loaded(phantom_study)  # used again
    needed = sum(path.stat().st_size for path in entries(phantom_study) if "32" in path.parts)
    monkeypatch.setattr(pixel_cache, "MAX_BYTES", needed)
    loaded(phantom_study)
    assert len(entries(phantom_study)) == 24
    assert all("32" in path.parts for path in entries(phantom_study))


def test_what_would_not_fit_is_not_kept_at_all(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "MAX_BYTES", 20 * 32 * 32 * 3)
    np.testing.assert_array_equal(loaded(phantom_study)[1], plain(phantom_study))
    assert entries(phantom_study) == []


def test_no_images_give_no_pixels(empty_study: Workspace) -> None:
    records, pixels, _ = loaded(empty_study)
    assert records == []
    assert pixels.shape == (0, 32, 32, 3)
