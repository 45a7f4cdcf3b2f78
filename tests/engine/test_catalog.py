"""The catalog: what is in it, every change to it, and what a damaged one gets."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from busapp.engine.catalog import Catalog, ImageRecord, NewImage
from busapp.errors import DamagedStudy, NoSpace


def new_image(number: int, class_name: str = "benign", **more: object) -> NewImage:
    defaults = {"sha256": f"{number:064x}", "suffix": ".png", "width": 64, "height": 48}
    return NewImage(file=f"{class_name}/{number}.png", class_name=class_name, **(defaults | more))  # type: ignore[arg-type]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.sqlite")
    opened.add([new_image(1), new_image(2), new_image(3, "malignant")], "3 images imported")
    yield opened
    opened.close()


def ids(images: list[ImageRecord]) -> list[int]:
    return [image.id for image in images]


def test_images_come_back_as_they_were_added(catalog: Catalog) -> None:
    catalog.add([new_image(4, "normal", kind="synthetic", mask="m", source="s", run="r")], "drawn")
    image = catalog.images()[-1]
    assert (image.file, image.kind, image.mask, image.source, image.run) == ("normal/4.png", "synthetic", "m", "s", "r")
    assert (image.width, image.height, image.group, image.excluded) == (64, 48, image.id, None)


def test_adding_the_same_again_adds_nothing_and_is_no_change(catalog: Catalog) -> None:
    assert catalog.add([new_image(1), new_image(2)], "again") == 0
    assert len(catalog.images()) == 3
    assert [change.what for change in catalog.history()] == ["3 images imported"]


def test_two_names_of_the_same_bytes_are_two_images(catalog: Catalog) -> None:
    assert catalog.add([new_image(9, sha256=f"{1:064x}")], "copy") == 1


def test_filters(catalog: Catalog) -> None:
    catalog.add([new_image(4, "normal", kind="synthetic", run="r1")], "drawn")
    catalog.exclude([1], "blurred")
    assert ids(catalog.images(class_name="benign")) == [1, 2]
    assert ids(catalog.images(class_name="benign", with_excluded=False)) == [2]
    assert ids(catalog.images(kind="synthetic")) == ids(catalog.images(run="r1")) == [4]
    assert catalog.classes() == ["benign", "malignant", "normal"]
    assert catalog.counts() == {"benign": 1, "malignant": 1, "normal": 0}
    assert catalog.counts(with_excluded=True) == {"benign": 2, "malignant": 1, "normal": 0}
    assert catalog.counts(None) == {"benign": 1, "malignant": 1, "normal": 1}


def test_every_change_can_be_taken_back_one_after_the_other(catalog: Catalog) -> None:
    catalog.exclude([1, 2], "callipers")
    catalog.reclassify([1], "malignant")
    catalog.exclude([1], None)
    assert catalog.undo() == "1 images brought back"
    assert catalog.images()[0].excluded == "callipers"
    assert catalog.undo() == "1 images are now malignant"
    assert catalog.images()[0].class_name == "benign"
    assert catalog.undo() == "2 images set aside: callipers"
    assert catalog.undo() == "3 images imported"
    assert catalog.images() == []
    assert catalog.counts() == {}
    assert catalog.undo() is None
    assert all(change.undone for change in catalog.history())


def test_an_image_whose_import_was_undone_comes_back_by_importing(catalog: Catalog) -> None:
    catalog.undo()
    assert catalog.known() == set()
    assert catalog.add([new_image(1)], "again") == 1
    assert ids(catalog.images()) == [1]


def test_a_change_of_nothing_is_not_recorded(catalog: Catalog) -> None:
    catalog.exclude([1], None)
    catalog.reclassify([], "normal")
    assert len(catalog.history()) == 1


def test_undo_gives_each_image_its_own_value_back(catalog: Catalog) -> None:
    catalog.exclude([1], "first")
    catalog.exclude([1, 2], "second")
    catalog.undo()
    assert [image.excluded for image in catalog.images()] == ["first", None, None]


def test_curation_replaces_what_was_found_before(catalog: Catalog) -> None:
    catalog.set_curation({1: 1, 2: 1, 3: 3}, [(3, 1)], {1: ["blur", "tiny"]})
    assert [image.group for image in catalog.images()] == [1, 1, 3]
    assert catalog.pairs() == [(1, 3)]
    assert catalog.flags() == {1: ["blur", "tiny"]}
    catalog.set_curation({1: 1, 2: 2}, [], {2: ["blank"]})
    assert [image.group_id for image in catalog.images()] == [1, 2, None]
    assert catalog.pairs() == []
    assert catalog.flags() == {2: ["blank"]}


def test_a_pair_is_a_conflict_as_long_as_its_classes_differ(catalog: Catalog) -> None:
    catalog.reclassify([1, 2, 3], "benign")
    catalog.set_curation({1: 1, 2: 1, 3: 1}, [(1, 2), (1, 3)], {})
    assert catalog.conflicts() == []
    catalog.reclassify([3], "malignant")
    assert catalog.conflicts() == [(1, 3)]
    catalog.undo()
    assert catalog.conflicts() == []


def test_the_fingerprint_follows_what_a_run_depends_on(catalog: Catalog) -> None:
    first = catalog.fingerprint()
    assert catalog.fingerprint() == first
    catalog.exclude([1], "callipers")
    second = catalog.fingerprint()
    catalog.set_curation({1: 1, 2: 1, 3: 3}, [], {})
    assert len({first, second, catalog.fingerprint()}) == 3


def test_threads_write_at_the_same_time_and_lose_nothing(catalog: Catalog) -> None:
    def add(start: int) -> None:
        for number in range(start, start + 10):
            catalog.add([new_image(number)], f"image {number}")

    threads = [threading.Thread(target=add, args=(start,)) for start in (100, 200, 300, 400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalog.images()) == 43
    assert len(catalog.history()) == 41


def test_a_second_opening_sees_what_the_first_wrote(catalog: Catalog, tmp_path: Path) -> None:
    other = Catalog(tmp_path / "catalog.sqlite")
    catalog.exclude([1], "callipers")
    assert other.images()[0].excluded == "callipers"
    other.close()


@pytest.mark.parametrize("damage", ["garbage", "torn page", "cut short"])
def test_a_damaged_catalog_is_refused_and_left_as_it_is(catalog: Catalog, tmp_path: Path, damage: str) -> None:
    catalog.add([new_image(number) for number in range(100, 500)], "many")
    catalog.close()
    path = tmp_path / "catalog.sqlite"
    content = path.read_bytes()
    damaged = {
        "garbage": b"these are not the images that you are looking for" * 100,
        "torn page": content[:8192] + b"\xa5" * 12288 + content[20480:],
        "cut short": content[: len(content) // 2],
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(DamagedStudy, match=r"catalog\.sqlite"):
        Catalog(path)
    assert path.read_bytes() == damaged


def test_a_catalog_of_a_newer_version_is_refused_and_left_as_it_is(catalog: Catalog, tmp_path: Path) -> None:
    catalog.close()
    path = tmp_path / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DamagedStudy, match="newer version"):
        Catalog(path)
    assert path.read_bytes() == before


def test_a_full_disk_is_told_and_changes_nothing(catalog: Catalog) -> None:
    @event.listens_for(catalog._engine, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    catalog.close()  # so that the next connection has the limit
    with pytest.raises(NoSpace, match="disk is full"):
        catalog.add([new_image(number) for number in range(100, 2000)], "too many")
    assert len(catalog.images()) == 3
    assert len(catalog.history()) == 1
