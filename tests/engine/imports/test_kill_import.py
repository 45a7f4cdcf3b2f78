"""A short version of `tests/helpers/kill_import.py`."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_import import kill_once, make_images, seconds_of_whole_import


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], float]]:
    """A folder with images, their content hashes, and the time that their import takes."""
    folder = tmp_path_factory.mktemp("kill")
    hashes = make_images(folder / "images", 100)
    yield folder, hashes, seconds_of_whole_import(folder / "images", folder)


@pytest.mark.parametrize("number", range(3))
def test_a_killed_import_leaves_whole_images_and_importing_again_completes_it(
    prepared: tuple[Path, dict[str, str], float], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, hashes, whole = prepared
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: folder)  # the patient key that the child process used
    after = (number + random.random()) / 3 * whole
    assert kill_once(folder / "images", folder, hashes, after).findings == []
