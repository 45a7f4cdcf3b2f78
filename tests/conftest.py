"""Fixtures for all tests: the folders of real images, and a small study of phantoms."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from busapp.engine import jobs
from busapp.engine.settings import ImportSettings, SynthesizeSettings
from busapp.engine.study.workspace import Workspace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or dozens of processes would each compile the program again
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny networks lose time when the threads of torch wait for each other

# TensorFlow takes seconds to prepare a network that is then trained for a few steps. Tests about it name it.
SynthesizeSettings.model_fields["backend"].default = "torch"
SynthesizeSettings.model_rebuild(force=True)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _own_user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes what this machine's user keeps: studies, settings, measured speeds."""
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path)


def _shared_folder(name: str) -> Path:
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A folder of shared/data by its name; the test is skipped where it is missing."""
    return _shared_folder


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The folder of real ImageNet weights; the test is skipped where it is missing."""
    folder = SHARED / "weights"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    return folder


@pytest.fixture(scope="session")
def busi_256() -> Path:
    """BUSI, 780 images of 256×256 in three folders of classes; the test is skipped where it is missing."""
    return _shared_folder("busi-256")


@pytest.fixture(scope="session")
def busi_original() -> Path:
    """59 BUSI images as downloaded, with their masks; the test is skipped where it is missing."""
    return _shared_folder("busi-original-sample")


@pytest.fixture(scope="session")
def idc_patches() -> Path:
    """1,052 patches of 12 patients in two folders, with a table; the test is skipped where they are missing."""
    return _shared_folder("idc-patches")


@pytest.fixture(scope="session")
def us_dicom() -> Path:
    """Five ultrasound DICOM files: RGB, JPEG 2000, palettes, run lengths; skipped where they are missing."""
    return _shared_folder("us-dicom")


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantom images in folders of classes, 64×64, with masks: benign 8, malignant 8, normal 8. Not to be changed."""
    from busapp.engine.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms") / "images"
    write_phantoms(folder, {"benign": 8, "malignant": 8, "normal": 8}, size=64, seed=1)
    return folder


@pytest.fixture(scope="session")
def _phantom_template(phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "study"
    workspace = Workspace.create(root, name="Phantoms", phantoms=True)
    for _ in jobs.start(workspace, ImportSettings(sources=(phantom_folder,))):
        pass
    workspace.close()
    return root


@pytest.fixture
def phantom_study(_phantom_template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A study of 24 phantoms (8 of each class, 64×64) that the test may change: its own copy."""
    shutil.copytree(_phantom_template, tmp_path / "study")
    workspace = Workspace.open(tmp_path / "study")
    yield workspace
    workspace.close()


@pytest.fixture
def empty_study(tmp_path: Path) -> Iterator[Workspace]:
    """A study without images."""
    workspace = Workspace.create(tmp_path / "empty study")
    yield workspace
    workspace.close()
