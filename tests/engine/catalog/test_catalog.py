"""The catalog: its content, every kind of change, and the errors for damaged files."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from busapp.engine.catalog import Catalog, Cover, FoundPair, ImageRecord, Measures, NewImage, Pair
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
    assert catalog.undo() == "1 image brought back"
    assert catalog.images()[0].excluded == "callipers"
    assert catalog.undo() == "1 image is now malignant"
    assert catalog.images()[0].class_name == "benign"
    assert catalog.undo() == "2 images set aside: callipers"
    assert catalog.undo() == "3 images imported"
    assert catalog.images() == []
    assert catalog.counts() == {}
    assert catalog.undo() is None
    assert all(change.undone for change in catalog.history())


def test_an_image_whose_import_was_undone_comes_back_by_importing(catalog: Catalog) -> None:
    catalog.undo()
    assert catalog.known() == {}
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


def alike(first: int, second: int, how: str = "looks alike") -> FoundPair:
    return FoundPair(first, second, 0.98, how)


def curate(catalog: Catalog, *pairs: FoundPair, flags: dict[int, list[str]] | None = None) -> None:
    catalog.set_curation([image.id for image in catalog.images()], pairs, flags or {}, {})


def groups(catalog: Catalog) -> list[int]:
    return [image.group for image in catalog.images()]


def test_curation_replaces_what_was_found_before(catalog: Catalog) -> None:
    measured = {1: Measures(1.0, 90.5, 40.0, 0.0, 7.5)}
    catalog.set_curation([1, 2, 3], [alike(2, 1)], {1: ["blur", "tiny"]}, measured)
    assert groups(catalog) == [1, 1, 3]
    assert catalog.pairs() == [Pair(1, 2, 0.98, "looks alike", None)]
    assert catalog.flags() == {1: ["blur", "tiny"]}
    assert catalog.measures() == measured
    assert [image.checked for image in catalog.images()] == [True, True, True]
    catalog.set_curation([1, 2], [], {2: ["blank"]}, {})
    assert groups(catalog) == [1, 2, 3]
    assert [image.checked for image in catalog.images()] == [True, True, False]
    assert (catalog.pairs(), catalog.flags(), catalog.measures()) == ([], {2: ["blank"]}, {})


def test_what_curation_found_can_be_taken_back_and_made_again(catalog: Catalog) -> None:
    curate(catalog, alike(1, 2), flags={3: ["blur"]})
    assert catalog.history()[0].what == "3 images checked"
    assert catalog.undo() == "3 images checked"
    assert (groups(catalog), catalog.pairs(), catalog.flags()) == ([1, 2, 3], [], {})
    assert not any(image.checked for image in catalog.images())
    assert catalog.redo() == "3 images checked"
    assert (groups(catalog), len(catalog.pairs()), catalog.flags()) == ([1, 1, 3], 1, {3: ["blur"]})


def test_images_that_were_taken_back_meanwhile_are_not_checked_and_can_still_be_made_again(catalog: Catalog) -> None:
    catalog.undo()
    catalog.set_curation([1, 2, 3], [alike(1, 2)], {1: ["blur"]}, {1: Measures(1.0, 90.5, 40.0, 0.0, 7.5)})
    assert (len(catalog.history()), catalog.flags(), catalog.measures()) == (1, {}, {})
    assert catalog.redo() == "3 images imported"
    assert (groups(catalog), catalog.pairs()) == ([1, 2, 3], [])


def test_finding_the_same_again_is_no_change(catalog: Catalog) -> None:
    curate(catalog, alike(1, 2), flags={3: ["blur"]})
    curate(catalog, alike(2, 1), flags={3: ["blur"]})
    assert len(catalog.history()) == 2


def test_pairs_connect_groups_until_one_is_judged_different(catalog: Catalog) -> None:
    curate(catalog, alike(1, 2), alike(2, 3))
    assert groups(catalog) == [1, 1, 1]
    catalog.judge([(3, 2)], "different")
    assert groups(catalog) == [1, 1, 3]
    assert catalog.conflicts() == []
    curate(catalog, alike(1, 2), alike(2, 3))
    assert groups(catalog) == [1, 1, 3], "what the user said holds when curation looks again"
    assert catalog.undo() == "1 pair: different pictures"
    assert groups(catalog) == [1, 1, 1]
    assert catalog.conflicts() == [(2, 3)]


def test_no_verdict_parts_images_of_the_same_bytes(catalog: Catalog) -> None:
    curate(catalog, alike(2, 3, "same file"))
    catalog.judge([(2, 3)], "different")
    assert groups(catalog) == [1, 2, 2]
    assert catalog.conflicts() == [(2, 3)], "one of the two classes is wrong, whatever was said"


def test_images_joined_by_hand_are_a_group_and_stay_one(catalog: Catalog) -> None:
    catalog.join([3, 1])
    assert groups(catalog) == [1, 2, 1]
    curate(catalog)
    assert groups(catalog) == [1, 2, 1]
    assert catalog.pairs() == [Pair(1, 3, 0.0, "joined by hand", "same")]
    catalog.undo()
    catalog.undo()
    assert (groups(catalog), catalog.pairs()) == ([1, 2, 3], [])


def test_images_are_taken_out_of_their_group_together(catalog: Catalog) -> None:
    catalog.add([new_image(4)], "one more")
    curate(catalog, alike(1, 2), alike(2, 3), alike(3, 4))
    assert catalog.split([3, 4]) == 1
    assert groups(catalog) == [1, 1, 3, 3]
    catalog.undo()
    assert groups(catalog) == [1, 1, 1, 1]


def test_images_of_a_patient_are_one_group_from_the_start(catalog: Catalog) -> None:
    catalog.add([new_image(4, patient="p"), new_image(5, patient="q")], "first")
    catalog.add([new_image(6, patient="p")], "second")
    assert groups(catalog) == [1, 2, 3, 4, 5, 4]
    assert catalog.split([4]) == 0
    curate(catalog, alike(1, 6))
    assert groups(catalog) == [1, 2, 3, 1, 5, 1]


def test_an_addition_in_many_steps_is_one_change(catalog: Catalog) -> None:
    addition = catalog.addition(lambda n: f"{n} images imported")
    assert addition.add([new_image(4), new_image(5)]) == 2
    assert addition.add([new_image(5), new_image(6)]) == 1
    assert catalog.history()[0].what == "3 images imported"
    assert catalog.undo() == "3 images imported"
    assert len(catalog.images()) == 3
    assert catalog.redo() == "3 images imported"
    assert len(catalog.images()) == 6


def test_an_addition_can_be_taken_back_as_if_it_had_never_been(catalog: Catalog) -> None:
    before = (catalog.images(), catalog.history())
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([new_image(4, mask="m"), new_image(1, mask="m")])
    assert catalog.images()[0].mask == "m"
    addition.take_back()
    assert (catalog.images(), catalog.history()) == before


def test_a_mask_that_comes_later_is_joined_to_its_image(catalog: Catalog) -> None:
    assert catalog.add([new_image(1, mask="m")], "0 images imported") == 0
    assert catalog.images()[0].mask == "m"
    assert catalog.history()[0].what == "1 mask joined to images that were there without"
    catalog.undo()
    assert catalog.images()[0].mask is None


def test_a_covered_image_is_still_known_by_what_was_imported(catalog: Catalog) -> None:
    curate(catalog, flags={1: ["text"]})
    assert catalog.cover([Cover(catalog.images()[0], "c" * 64, ".png", [])], lambda n: f"{n} covered") == {1}
    assert catalog.history()[0].what == "1 covered"
    image = catalog.images()[0]
    assert (image.sha256, image.original, catalog.flags()) == ("c" * 64, f"{1:064x}", {})
    assert catalog.add([new_image(1)], "again") == 0
    assert catalog.add([new_image(1, sha256="c" * 64)], "exported and back again") == 0
    assert {("benign/1.png", f"{1:064x}"), ("benign/1.png", "c" * 64)} < catalog.known().keys()
    catalog.undo()
    assert (catalog.images()[0].sha256, catalog.images()[0].original) == (f"{1:064x}", None)
    assert catalog.flags() == {1: ["text"]}


def test_an_image_that_was_changed_meanwhile_is_not_covered(catalog: Catalog) -> None:
    seen = catalog.images()[:2]
    catalog.cover([Cover(seen[0], "c" * 64, ".png", [])], lambda n: f"{n} covered")
    both = [Cover(seen[0], "d" * 64, ".png", []), Cover(seen[1], "e" * 64, ".png", ["blur"])]
    assert catalog.cover(both, lambda n: f"{n} covered") == {2}
    assert [image.sha256 for image in catalog.images()[:2]] == ["c" * 64, "e" * 64]
    assert catalog.flags() == {2: ["blur"]}


def test_two_images_of_one_name_never_get_one_content(catalog: Catalog) -> None:
    catalog.add([new_image(1, sha256="a" * 64)], "the same name")
    first, other = catalog.images()[0], catalog.images()[-1]
    covers = [Cover(image, "c" * 64, ".png", []) for image in (first, other)]
    assert catalog.cover(covers, lambda n: f"{n} covered") == {first.id}
    assert catalog.cover([covers[1]], lambda n: f"{n} covered") == set()
    assert catalog.image(other.id) == other
    assert len(catalog.history()) == 3


def test_one_image_is_found_by_its_id(catalog: Catalog) -> None:
    assert catalog.image(2) == catalog.images()[1]
    assert catalog.image(99) is None
    catalog.undo()
    assert catalog.image(2) is None


def test_what_was_taken_back_can_be_made_again_until_something_else_is_done(catalog: Catalog) -> None:
    catalog.exclude([1], "blurred")
    catalog.reclassify([1], "malignant")
    assert catalog.redo() is None
    catalog.undo()
    catalog.undo()
    assert catalog.redo() == "1 image set aside: blurred"
    assert catalog.redo() == "1 image is now malignant"
    assert catalog.redo() is None
    assert (catalog.images()[0].excluded, catalog.images()[0].class_name) == ("blurred", "malignant")
    catalog.undo()
    catalog.exclude([2], "callipers")
    assert catalog.redo() is None


def test_what_has_changed_since_is_told(catalog: Catalog) -> None:
    catalog.exclude([1], "blurred")
    then = catalog.revision()
    assert catalog.changes_since(then) == []
    catalog.reclassify([2], "malignant")
    assert catalog.changes_since(then) == ["1 image is now malignant"]
    catalog.undo()
    assert catalog.changes_since(then) == []
    catalog.undo()
    assert catalog.changes_since(then) == ["Undone: 1 image set aside: blurred"]
    catalog.redo()
    assert catalog.changes_since(0) == ["3 images imported", "1 image set aside: blurred"]


def test_forty_thousand_images_change_at_once(catalog: Catalog) -> None:
    catalog.add([new_image(number) for number in range(100, 40_100)], "many")
    catalog.exclude([image.id for image in catalog.images()], "a trial")
    assert all(image.excluded == "a trial" for image in catalog.images())
    catalog.undo()
    assert not any(image.excluded for image in catalog.images())


def test_a_pair_is_a_conflict_as_long_as_its_classes_differ(catalog: Catalog) -> None:
    catalog.reclassify([1, 2, 3], "benign")
    curate(catalog, alike(1, 2), alike(1, 3))
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
    curate(catalog)
    assert catalog.fingerprint() == second, "finding nothing changes nothing"
    curate(catalog, alike(1, 2))
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


def test_the_images_of_pairs_are_found_alone(catalog: Catalog) -> None:
    ids = [image.id for image in catalog.images()]
    assert catalog.images(in_pairs=True) == []
    catalog.set_curation(ids, [FoundPair(ids[2], ids[0], 0.9, "looks alike")], {}, {})
    assert [image.id for image in catalog.images(in_pairs=True)] == [ids[0], ids[2]]
