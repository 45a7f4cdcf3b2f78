"""A job `balance` reports what is damaged, full or missing, and the other classes continue."""

import pytest
from pulling import result_of
from unbalanced_studies import SETTINGS, more_images, two_classes

from busapp.engine import jobs
from busapp.engine.events import Note
from busapp.engine.gan.drawing import read_drawn
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadModel, NoSpace, NotEnoughImages

pytestmark = pytest.mark.usefixtures("tiny_networks_without_weights")


def test_damaged_list_of_drawn_images_is_the_problem_of_its_class(unbalanced: Workspace, with_generator: Run) -> None:
    table = with_generator.folder / "drawn.csv"
    table.write_text("number\nmany\n", encoding="utf-8")
    more_images(unbalanced, "normal", 4)
    events = list(jobs.start(unbalanced, SETTINGS))
    malignant, normal = result_of(events)["classes"]
    assert "The list of drawn images cannot be read" in malignant["problem"] and malignant["images"] == 0
    assert normal["images"] == 2 and not normal["problem"]
    assert table.read_text(encoding="utf-8") == "number\nmany\n"


def test_full_disk_leaves_the_catalog_as_it_was(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise NoSpace("The disk is full")

    monkeypatch.setattr(Workspace, "store_image", full)
    before, rows = unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)
    with pytest.raises(NoSpace):
        list(jobs.start(unbalanced, SETTINGS))
    assert (unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)) == (before, rows)


def test_damaged_generator_is_told_and_the_other_classes_go_on(unbalanced: Workspace, with_generator: Run) -> None:
    catalog = unbalanced.catalog
    more_images(unbalanced, "normal", 4)
    assert catalog.counts(None) == {"benign": 11, "malignant": 9, "normal": 9}
    (with_generator.folder / "generator.keras").write_bytes(b"not a network")
    events = list(jobs.start(unbalanced, SETTINGS))
    malignant, normal = result_of(events)["classes"]
    assert "cannot be read" in malignant["problem"] and "generator.keras" in malignant["problem"]
    assert (malignant["images"], malignant["generator"]) == (0, None)
    assert (normal["images"], normal["trained"]) == (2, True)
    warnings = [event.text for event in events if isinstance(event, Note) and event.level == "warning"]
    assert any(text.startswith("malignant gets no images: The generator cannot be read") for text in warnings)
    assert catalog.counts(None) == {"benign": 11, "malignant": 9, "normal": 11}


def test_where_every_class_fails_it_is_an_error(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    (with_generator.folder / "generator.keras").write_bytes(b"not a network")
    with pytest.raises(BadModel, match="cannot be read"):
        list(jobs.start(unbalanced, SETTINGS))
    unbalanced.catalog.exclude([image.id for image in unbalanced.catalog.images(class_name="malignant")[:3]], "test")
    unbalanced.delete_run(with_generator)
    with pytest.raises(NotEnoughImages, match="malignant gets none: it has 5 real images"):
        list(jobs.start(unbalanced, SETTINGS))
