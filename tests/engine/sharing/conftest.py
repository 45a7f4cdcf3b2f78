"""Fixtures of the tests of exported images."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_images import imported

from busapp.engine.study.workspace import Workspace


@pytest.fixture(scope="session")
def some_of_busi(busi_original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A study of 17 images at their original size with their masks, one of them from two files. Not to be changed."""
    folder = tmp_path_factory.mktemp("busi")
    names = ["benign (25)", "malignant (1)", *(path.stem for path in sorted(busi_original.glob("*/*).png"))[::4])]
    for path in busi_original.glob("*/*.png"):
        if path.stem.partition("_mask")[0] in names:
            (folder / "source" / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / "source" / path.parent.name)
    workspace = imported(folder / "source", folder / "study")
    yield workspace
    workspace.close()
