"""Images come in step by step while someone edits the same study."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from busapp.engine.catalog import Catalog, Cover, NewImage


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    yield catalog
    catalog.close()


def new_image(number: int, content: str = "", **more: object) -> NewImage:
    return NewImage(f"benign/{number}.png", content or f"{number:064x}", ".png", "benign", 8, 8, **more)  # type: ignore[arg-type]


def files(catalog: Catalog) -> list[str]:
    return [image.file for image in catalog.images()]


def changes(catalog: Catalog) -> list[tuple[str, bool]]:
    return [(change.what, change.undone) for change in catalog.history()]


def test_images_of_a_cancelled_import_never_come_back_with_the_next_one(catalog: Catalog) -> None:
    cancelled = catalog.addition(lambda n: f"{n} images imported")
    cancelled.add([new_image(1), new_image(2)])
    cancelled.take_back()
    catalog.add([new_image(3)], "1 image imported")
    catalog.undo()
    catalog.redo()
    assert files(catalog) == ["benign/3.png"]


def test_a_cancelled_import_that_brought_images_back_leaves_the_groups_as_they_were(catalog: Catalog) -> None:
    catalog.add([new_image(1, patient="p")], "earlier")
    catalog.undo()
    catalog.add([new_image(2, patient="p")], "now")
    before = catalog.fingerprint()
    cancelled = catalog.addition(lambda n: f"{n} images imported")
    cancelled.add([new_image(1, patient="p")])
    cancelled.take_back()
    assert catalog.fingerprint() == before


def test_an_image_that_comes_back_gives_its_patients_group_its_number(catalog: Catalog) -> None:
    catalog.add([new_image(1, patient="p")], "earlier")
    catalog.undo()
    catalog.add([new_image(2, patient="p"), new_image(3, patient="q")], "now")
    catalog.join([2, 3])
    catalog.add([new_image(1, patient="p"), new_image(4, patient="q")], "the first again")
    assert [image.group for image in catalog.images()] == [1, 1, 1, 1]
    catalog.undo()
    assert [image.group for image in catalog.images()] == [2, 2]


def test_many_images_of_patients_come_back_without_grouping_all_of_them_each_time(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [new_image(number, patient=f"p{number // 4}") for number in range(100)]
    catalog.add(images, "imported")
    before = catalog.fingerprint()
    catalog.undo()
    monkeypatch.delattr("busapp.engine.catalog.addition.regroup")
    addition = catalog.addition(lambda n: f"{n} images imported")
    for start in range(0, 100, 10):
        addition.add(images[start : start + 10])
    assert catalog.fingerprint() == before


def test_what_comes_in_after_an_import_was_taken_back_is_a_change_of_its_own(catalog: Catalog) -> None:
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([new_image(1), new_image(2)])
    catalog.undo()
    addition.add([new_image(3)])
    assert files(catalog) == ["benign/3.png"]
    assert changes(catalog) == [("1 images imported", False), ("2 images imported", True)]
    catalog.undo()
    assert files(catalog) == []
    catalog.redo()
    assert files(catalog) == ["benign/3.png"]
    assert catalog.redo() is None, "the first undone change cannot be redone over later changes"


@pytest.mark.parametrize("redone", [False, True])
def test_an_import_goes_on_whatever_the_history_went_through_meanwhile(catalog: Catalog, redone: bool) -> None:
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([new_image(1)])
    catalog.undo()
    if redone:
        catalog.redo()
    else:
        catalog.add([new_image(9)], "another import")  # now the first one cannot be redone any more
    addition.add([new_image(2)])
    assert files(catalog)[-1] == "benign/2.png"
    addition.take_back()
    assert files(catalog) == (["benign/1.png"] if redone else ["benign/9.png"])


def test_covering_is_taken_back_also_where_an_earlier_covered_picture_was_imported_and_undone(catalog: Catalog) -> None:
    catalog.add([new_image(1, "imported")], "imported")
    for content in ("covered once", "covered twice"):
        catalog.cover([Cover(catalog.images()[0], content, ".png", [])], lambda _: "covered")
    catalog.add([new_image(1, "covered once")], "the exported picture came in")
    contents = [[image.sha256 for image in catalog.images()]]
    while catalog.undo():
        contents.append([image.sha256 for image in catalog.images()])
    assert contents == [["covered twice", "covered once"], ["covered twice"], ["covered once"], ["imported"], []]
    for expected in contents[-2::-1]:
        catalog.redo()
        assert [image.sha256 for image in catalog.images()] == expected


_FIRST_VERSION = """
CREATE TABLE image (id INTEGER PRIMARY KEY, file VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, suffix VARCHAR NOT NULL,
  class_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, mask VARCHAR,
  source VARCHAR NOT NULL, run VARCHAR, group_id INTEGER, excluded VARCHAR, removed BOOLEAN NOT NULL,
  UNIQUE (file, sha256));
CREATE TABLE flag (image_id INTEGER NOT NULL REFERENCES image (id), flag VARCHAR NOT NULL,
  PRIMARY KEY (image_id, flag));
CREATE TABLE pair (first INTEGER NOT NULL REFERENCES image (id), second INTEGER NOT NULL REFERENCES image (id),
  PRIMARY KEY (first, second));
CREATE TABLE change (id INTEGER PRIMARY KEY, at VARCHAR NOT NULL, what VARCHAR NOT NULL, undo VARCHAR NOT NULL,
  undone BOOLEAN NOT NULL);
INSERT INTO image VALUES (1, 'benign/1.png', 'a', '.png', 'benign', 'real', 8, 8, NULL, 's', NULL, NULL, NULL, 0);
INSERT INTO change VALUES (1, '2026-01-01', '1 images imported', '[[1, "removed", true]]', 0);
INSERT INTO change VALUES (2, '2026-01-02', '1 images set aside: blurred', '[[1, "excluded", null]]', 1);
PRAGMA user_version = 1;
"""


def test_what_the_first_version_had_undone_cannot_be_redone_since_it_did_not_keep_how(tmp_path: Path) -> None:
    path = tmp_path / "first.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(_FIRST_VERSION)
    connection.close()
    catalog = Catalog(path)
    assert catalog.redo() is None
    assert changes(catalog) == [("1 images set aside: blurred", True), ("1 images imported", False)]
    catalog.close()
