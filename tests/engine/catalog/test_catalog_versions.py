"""Catalogs written by earlier versions."""

import sqlite3
from pathlib import Path

from busapp.engine.catalog import Catalog, NewImage, Pair

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
