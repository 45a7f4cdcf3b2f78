"""Sites, devices and patients that images get after they came in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from busapp.engine.catalog import Catalog, NewImage, Statement


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Four images without patient and site."""
    catalog = Catalog(tmp_path / "catalog.sqlite")
    catalog.add([new_image(number) for number in range(1, 5)], "4 images imported")
    yield catalog
    catalog.close()


def new_image(number: int, **more: object) -> NewImage:
    return NewImage(f"benign/{number}.png", f"{number:064x}", ".png", "benign", 8, 8, **more)  # type: ignore[arg-type]


def said(number: int, class_name: str = "benign", **more: str) -> Statement:
    return Statement(f"benign/{number}.png", f"{number:064x}", class_name, **more)


def groups(catalog: Catalog) -> list[int]:
    return [image.group for image in catalog.images()]


def test_sites_are_set_by_hand_and_undone(catalog: Catalog) -> None:
    before = catalog.fingerprint(), catalog.state()
    catalog.set_site([1, 2], " UKE ")
    catalog.set_device([1], "GE LOGIQ E9")
    assert [(image.site, image.device) for image in catalog.images()[:3]] == [
        ("UKE", "GE LOGIQ E9"),
        ("UKE", None),
        (None, None),
    ]
    assert catalog.fingerprint() == before[0] and catalog.state() != before[1]
    assert (catalog.places("site"), catalog.places("device")) == (["UKE"], ["GE LOGIQ E9"])
    assert [change.what for change in catalog.history()[:2]] == ["1 image: device GE LOGIQ E9", "2 images: site UKE"]
    catalog.set_site([1, 2, 3], None)
    assert catalog.history()[0].what == "2 images: site not known"
    catalog.undo()
    assert catalog.places("site") == ["UKE"]


def test_one_site_has_one_spelling_and_may_be_spelt_anew_for_all_its_images(catalog: Catalog) -> None:
    catalog.set_site([1, 2], "uke")
    catalog.set_site([3], "UKE")
    assert catalog.places("site") == ["uke"]
    catalog.set_site([1, 2, 3], "UKE")
    assert catalog.places("site") == ["UKE"]


def test_patients_that_come_later_join_groups_with_new_images_in_one_change(catalog: Catalog) -> None:
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([new_image(9, patient="k:1")], [said(2, patient="k:1"), said(4, patient="k:1")])
    addition.add([], [said(1, patient="k:2"), said(3, patient="k:2")])
    assert groups(catalog) == [1, 2, 1, 2, 2]
    assert catalog.history()[0].what == "1 images imported, 4 images got a patient"
    catalog.undo()
    assert groups(catalog) == [1, 2, 3, 4]
    catalog.redo()
    assert groups(catalog) == [1, 2, 1, 2, 2]


def test_a_cancelled_addition_separates_the_groups_again(catalog: Catalog) -> None:
    before = catalog.fingerprint()
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([], [said(1, patient="k:1"), said(2, patient="k:1")])
    assert groups(catalog) == [1, 1, 3, 4]
    addition.take_back()
    assert groups(catalog) == [1, 2, 3, 4] and catalog.fingerprint() == before
    assert len(catalog.history()) == 1


def test_two_steps_about_one_image_are_undone_to_the_first_value(catalog: Catalog) -> None:
    addition = catalog.addition(lambda n: f"{n} images imported", update=True)
    addition.add([], [said(1, patient="k:1")])
    addition.add([], [said(1, patient="k:2", site="UKE")])
    addition.add([], [said(1, "malignant", patient="k:3")])
    catalog.undo()
    image = catalog.images()[0]
    assert (image.patient, image.site, image.class_name) == (None, None, "benign")
    catalog.redo()
    image = catalog.images()[0]
    assert (image.patient, image.site, image.class_name) == ("k:3", "UKE", "malignant")


def test_statements_about_images_that_are_gone_or_synthetic_change_nothing(catalog: Catalog) -> None:
    catalog.add([NewImage("benign/s.png", "5" * 64, ".png", "benign", 8, 8, kind="synthetic")], "drawn")
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([], [Statement("benign/s.png", "5" * 64, "benign", patient="k:1"), said(7, patient="k:1")])
    assert all(image.patient is None for image in catalog.images())
    assert len(catalog.history()) == 2


def test_images_are_known_by_name_and_content_under_any_class(catalog: Catalog) -> None:
    catalog.add([NewImage("malignant/1.png", f"{1:064x}", ".png", "malignant", 8, 8)], "the same under another class")
    known = catalog.known()
    assert len(known) == 5
    for file, found in (("benign/1.png", "benign"), ("malignant/1.png", "malignant"), ("cyst/1.png", "benign")):
        there = known.find(file, f"{1:064x}")
        assert there is not None and there.class_name == found
    assert known.find("benign/1.png", f"{2:064x}") is None
    assert set(known) == {(image.file, image.sha256) for image in catalog.images()}
    assert ("cyst/1.png", f"{1:064x}") not in known


def test_patients_are_counted_by_class_without_images_set_aside(catalog: Catalog) -> None:
    addition = catalog.addition(lambda n: f"{n} images imported")
    addition.add([], [said(1, patient="k:1"), said(2, patient="k:1"), said(3, patient="k:1")])
    catalog.reclassify([2], "malignant")
    catalog.exclude([3], "blurred")
    assert catalog.patient_counts() == {("k:1", "benign"): 1, ("k:1", "malignant"): 1, (None, "benign"): 1}
