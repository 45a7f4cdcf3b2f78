"""A sound catalog is never reported as damaged just because it cannot be used right now."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from busapp.engine.catalog import Catalog, NewImage
from busapp.errors import BadInput, NoSpace

IMAGE = NewImage("benign/1.png", "a", ".png", "benign", 8, 8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "study" / "catalog.sqlite"
    path.parent.mkdir()
    catalog = Catalog(path)
    catalog.add([IMAGE], "imported")
    catalog.close()
    return path


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="whoever may do anything cannot be kept from writing")
def test_a_study_in_a_folder_that_cannot_be_written_to_is_told_as_such(path: Path) -> None:
    path.parent.chmod(0o500)
    path.chmod(0o400)
    try:
        with pytest.raises(BadInput, match="cannot be written to"):
            Catalog(path)
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("attempt to write a readonly database", "cannot be written to"),
        ("unable to open database file", "cannot be written to"),
        ("database is locked", "Another program is writing"),
    ],
)
def test_what_sqlite_complains_of_is_told(path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str) -> None:
    def complain(_connection: object, _record: object) -> None:
        raise sqlite3.OperationalError(said)

    before = path.read_bytes()
    monkeypatch.setattr("busapp.engine.catalog.reader.prepare_connection", complain)
    with pytest.raises(BadInput, match=told):
        Catalog(path)
    assert path.read_bytes() == before


def test_a_disk_too_full_to_open_a_study_is_told_as_such(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def complain(_connection: object, _record: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"  # as on a full tmpfs
        raise error

    monkeypatch.setattr("busapp.engine.catalog.reader.prepare_connection", complain)
    with pytest.raises(NoSpace, match="disk is full"):
        Catalog(path)


def test_a_study_that_another_program_writes_to_for_too_long_is_told_as_such(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("busapp.engine.catalog.schema.PATIENCE", 0.01)
    catalog, other = Catalog(path), sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BadInput, match="Another program is writing"):
        catalog.exclude([1], "blurred")
    other.close()
    catalog.exclude([1], "blurred")
    assert catalog.images()[0].excluded == "blurred"
    catalog.close()


def test_a_connection_in_use_closes_when_its_thread_returns_it(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    with catalog.writing() as session:
        used: Any = session.connection().connection.driver_connection
        catalog.close()
        used.execute("SELECT 1")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        used.execute("SELECT 1")
    assert catalog.classes() == []  # it opens again
    catalog.close()
