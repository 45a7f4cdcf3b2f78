"""Fixtures of the tests of imports."""

from pathlib import Path

import pytest
from image_folders import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of three and two images, in a folder with other files."""
    for number in (1, 2, 10):
        picture(tmp_path / "data" / "benign" / f"benign ({number}).png", number)
    for number in (1, 2):
        picture(tmp_path / "data" / "Malignant " / f"m{number}.JPG", 100 + number)
    return tmp_path / "data"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eight pictures in two folders of classes."""
    for number in range(8):
        picture(tmp_path / "data" / ("benign", "malignant")[number // 4] / f"{number % 4}.png", number)
    return tmp_path / "data"
