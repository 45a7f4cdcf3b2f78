"""Catalogs written by earlier versions."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from busapp.engine.catalog import Catalog, NewImage, Pair
from busapp.engine.catalog import reader as catalog_reader
from busapp.errors import BadInput

_VERSION_1 = """
CREATE TABLE image (id INTEGER PRIMARY KEY, file VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, suffix VARCHAR NOT NULL,
  class_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, mask VARCHAR,
  source VARCHAR NOT NULL, run VARCHAR, group_id INTEGER, excluded VARCHAR, removed BOOLEAN NOT NULL,
  UNIQUE (file, sha256));
CREATE TABLE flag (image_id INTEGER NOT NULL, flag VARCHAR NOT NULL, PRIMARY KEY (image_id, flag));
CREATE TABLE pair (first INTEGER NOT NULL, second INTEGER NOT NULL, PRIMARY KEY (first, second));
CREATE TABLE change (id INTEGER PRIMARY KEY, at VARCHAR NOT NULL, what VARCHAR NOT NULL, undo VARCHAR NOT NULL,
  undone BOOLEAN NOT NULL);
INSERT INTO image VALUES (1, 'benign/1.png', 'a', '.png', 'benign', 'real', 64, 48, NULL, 's', NULL, 1, 'blurred', 0);
INSERT INTO image VALUES (2, 'benign/2.png', 'b', '.png', 'benign', 'real', 64, 48, NULL, 's', NULL, 1, NULL, 0);
INSERT INTO flag VALUES (1, 'blur');
INSERT INTO pair VALUES (1, 2);
INSERT INTO change VALUES (1, '2026-01-01', '2 images imported', '[[1, "removed", true], [2, "removed", true]]', 0);
INSERT INTO change VALUES (2, '2026-01-02', '1 image set aside: blurred', '[[1, "excluded", null]]', 0);
PRAGMA user_version = 1;
"""


def test_a_catalog_of_the_first_version_is_read_and_keeps_its_history(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(_VERSION_1)
    connection.close()
    catalog = Catalog(path)
    assert [image.group for image in catalog.images()] == [1, 1]
    assert [image.checked for image in catalog.images()] == [False, False], "more is found now than then"
    assert catalog.pairs() == [Pair(1, 2, 1.0, "looks alike", None)]
    assert catalog.undo() == "1 image set aside: blurred"
    assert catalog.images()[0].excluded is None
    catalog.add([NewImage("benign/3.png", "c", ".png", "benign", 64, 48)], "one more")
    assert [change.what for change in catalog.history() if not change.undone] == ["one more", "2 images imported"]
    catalog.undo()
    assert catalog.undo() == "2 images imported"
    assert catalog.images() == []
    catalog.close()


_VERSION_2 = """
CREATE TABLE image (id INTEGER NOT NULL PRIMARY KEY, file VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
  suffix VARCHAR NOT NULL, class_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, width INTEGER NOT NULL,
  height INTEGER NOT NULL, mask VARCHAR, source VARCHAR NOT NULL, run VARCHAR, group_id INTEGER, excluded VARCHAR,
  removed BOOLEAN NOT NULL, original VARCHAR, patient VARCHAR, spacing_mm FLOAT, checked BOOLEAN NOT NULL,
  change INTEGER);
CREATE TABLE flag (image_id INTEGER NOT NULL, flag VARCHAR NOT NULL, PRIMARY KEY (image_id, flag));
CREATE TABLE measure (image_id INTEGER NOT NULL PRIMARY KEY, coverage FLOAT NOT NULL, brightness FLOAT NOT NULL,
  contrast FLOAT NOT NULL, colour FLOAT NOT NULL, texture FLOAT NOT NULL);
CREATE TABLE pair (first INTEGER NOT NULL, second INTEGER NOT NULL, similarity FLOAT NOT NULL, how VARCHAR NOT NULL,
  verdict VARCHAR, PRIMARY KEY (first, second));
CREATE TABLE change (id INTEGER NOT NULL PRIMARY KEY, at VARCHAR NOT NULL, what VARCHAR NOT NULL, undo VARCHAR NOT NULL,
  undone_in INTEGER);
INSERT INTO image VALUES (1, 'benign/1.png', 'a', '.png', 'benign', 'real', 64, 48, NULL, 's', NULL, 1, NULL, 0, NULL,
  'p', 0.1, 1, 1);
INSERT INTO image VALUES (2, 'benign/2.png', 'b', '.png', 'benign', 'real', 64, 48, NULL, 's', NULL, 1, NULL, 0, NULL,
  'p', NULL, 1, 1);
INSERT INTO change VALUES (1, '2026-01-01', '2 images imported', '[["added", 1, true]]', NULL);
PRAGMA user_version = 2;
"""


def written(path: Path, statements: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(statements)
    connection.close()
    return path


def everything(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    dump = list(connection.iterdump())
    connection.close()
    return dump


def test_a_catalog_of_the_second_version_keeps_its_groups_and_takes_sites(tmp_path: Path) -> None:
    catalog = Catalog(written(tmp_path / "catalog.sqlite", _VERSION_2))
    assert [(image.group, image.patient, image.site, image.device) for image in catalog.images()] == [
        (1, "p", None, None)
    ] * 2
    before = catalog.fingerprint()
    catalog.set_site([1], "UKE")
    assert catalog.fingerprint() == before, "a run does not depend on it"
    assert [catalog.undo(), catalog.undo()] == ["1 image: site UKE", "2 images imported"]
    assert catalog.images() == []
    catalog.close()


@pytest.mark.parametrize("version", [_VERSION_1, _VERSION_2])
def test_two_programs_may_open_an_old_catalog_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    path = written(tmp_path / "catalog.sqlite", version)
    both_have_seen_the_old_version = Barrier(2)
    make_tables = catalog_reader.make_tables

    def wait_first(*arguments: Any) -> None:
        both_have_seen_the_old_version.wait(timeout=60)
        make_tables(*arguments)

    monkeypatch.setattr(catalog_reader, "make_tables", wait_first)
    with ThreadPoolExecutor(2) as pool:
        for catalog in pool.map(Catalog, [path, path]):
            assert len(catalog.images()) == 2
            catalog.close()


@pytest.mark.parametrize("version", [_VERSION_1, _VERSION_2])
def test_an_upgrade_that_breaks_off_leaves_the_old_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    path = written(tmp_path / "catalog.sqlite", version)
    before = everything(path)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("busapp.engine.catalog.schema.Base.metadata.create_all", die)
        with pytest.raises(KeyboardInterrupt):
            Catalog(path)
    assert everything(path) == before
    catalog = Catalog(path)
    assert len(catalog.images()) == 2
    catalog.close()


def test_an_old_catalog_that_cannot_be_written_to_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "catalog.sqlite", _VERSION_2)
    before = everything(path)
    prepare = catalog_reader.prepare_connection

    def read_only(connection: Any, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA query_only = ON")  # SQLite then says what it says on a read-only drive

    monkeypatch.setattr(catalog_reader, "prepare_connection", read_only)
    with pytest.raises(BadInput, match="The study cannot be written to"):
        Catalog(path)
    assert everything(path) == before
