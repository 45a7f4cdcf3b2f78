"""Picture archives name folders and files after patients. Nothing that a study keeps of an import identifies them."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import PATIENT, dicom_bytes

from busapp.engine import jobs
from busapp.engine.events import Event, Finished, Skipped
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

SECRETS = (PATIENT, "DOE", "Doe", "Jane")


def bring_in(study: Workspace, source: Path, **settings: object) -> list[Event]:
    return list(jobs.start(study, ImportSettings(sources=(source,), **settings)))  # type: ignore[arg-type]


def assert_names_nobody(study: Workspace) -> None:
    for path in study.root.rglob("*"):
        said = str(path.relative_to(study.root)).encode() + (path.read_bytes() if path.is_file() else b"")
        assert not [secret for secret in SECRETS if secret.encode() in said], path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A typical export of a picture archive: everything is named after the patient, and one file is damaged."""
    folder = tmp_path / "DOE^JANE" / "benign"
    folder.mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 255, (1, 48, 64), np.uint8)
    (folder / f"DOE_{PATIENT}.dcm").write_bytes(dicom_bytes(picture))
    (folder / "DOE_damaged.dcm").write_bytes(dicom_bytes(picture)[:1500])
    (folder / "DOE_report.pdf").write_bytes(b"%PDF")
    return folder.parent


def test_neither_folders_nor_files_left_out_are_named_in_the_study(empty_study: Workspace, archive: Path) -> None:
    events = bring_in(empty_study, archive)
    told = {event.file for event in events if isinstance(event, Skipped)}
    assert told == {"benign/DOE_damaged.dcm", "benign/DOE_report.pdf"}, "whoever imports is told which files"
    assert isinstance(events[-1], Finished)
    assert {left["file"] for left in events[-1].result["skipped"]} == told
    assert_names_nobody(empty_study)
    result = empty_study.runs("import")[0].result()
    assert result is not None
    assert result["imported"] == 1
    assert sorted(left["reason"] for left in result["skipped"]) == sorted(
        left["reason"] for left in events[-1].result["skipped"]
    )


def test_an_archive_or_a_single_file_is_not_named_either(empty_study: Workspace, archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "DOE.zip", "w") as packed:
        for path in archive.rglob("*.*"):
            packed.write(path, f"Doe/benign/{path.name}")
    bring_in(empty_study, tmp_path / "DOE.zip")
    other = archive / "benign" / f"DOE_{PATIENT}_2.dcm"
    other.write_bytes(dicom_bytes(np.zeros((1, 48, 64), np.uint8), SOPInstanceUID="1.2.3"))
    bring_in(empty_study, other, class_name="cyst")
    assert len(empty_study.catalog.images()) == 2
    assert_names_nobody(empty_study)


def test_an_import_that_fails_does_not_leave_its_path_behind(empty_study: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="DOE"):
        bring_in(empty_study, tmp_path / "DOE^JANE")
    run = empty_study.runs("import")[0]
    assert (run.info.state, run.info.error) == ("failed", "There is no such file or folder.")
    assert_names_nobody(empty_study)
