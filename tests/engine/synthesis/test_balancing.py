"""The job `balance`: every class becomes as large as the largest, and each image can be traced to its generator."""

from pathlib import Path
from typing import Any

import pytest
from pulling import result_of, texts
from unbalanced_studies import SETTINGS, SMALL, two_classes

from busapp.engine import jobs
from busapp.engine.estimates import estimate
from busapp.engine.events import CheckpointSaved, GanEpochEnded, Progress, SamplesDrawn
from busapp.engine.gan.drawing import read_drawn, write_drawn
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis import balancing
from busapp.engine.synthesis.balancing import newest_generator, plan
from busapp.summaries import summary

pytestmark = pytest.mark.usefixtures("tiny_networks_without_weights")


def test_each_class_gets_what_it_lacks_from_the_generator_that_is_there(
    unbalanced: Workspace, with_generator: Run
) -> None:
    catalog, run = unbalanced.catalog, with_generator
    catalog.reclassify([image.id for image in catalog.images(class_name="benign")[:3]], "normal")
    catalog.reclassify([image.id for image in catalog.images(class_name="normal")[:3]], "benign")
    before, drawn_before = catalog.fingerprint(), read_drawn(run.folder)
    events = list(jobs.start(unbalanced, SETTINGS))
    result = result_of(events)

    [malignant, normal] = result["classes"]
    assert (malignant["class"], malignant["lacked"], malignant["images"], malignant["trained"]) == (
        "malignant", 2, 2, False,
    )  # fmt: skip
    assert (malignant["generator"], malignant["n_trained_on"], malignant["epochs"]) == (run.id, 8, 2)
    assert (normal["class"], normal["lacked"], normal["images"], normal["generator"]) == ("normal", 6, 0, None)
    assert normal["problem"].startswith("normal gets none: it has 5 real images and no generator. A generator")
    assert result["images"] == 2
    assert result["counts"] == {"benign": 11, "malignant": 11, "normal": 5}
    said = texts(events)
    assert said[0] == (
        f"malignant gets 2 images from the generator of {run.id} (preset quick, 2 epochs, trained on 8 images)."
    )
    assert said[1] == normal["problem"].split(". Import")[0] + "."
    assert catalog.history()[0].what == "2 synthetic images drawn to balance the classes: malignant 2"

    added = catalog.images(class_name="malignant", kind="synthetic")[1:]
    drawn = read_drawn(run.folder)
    assert [image.run for image in added] == [run.id] * 2
    assert drawn[: len(drawn_before)] == drawn_before
    assert [row.number for row in drawn] == list(range(1, len(drawn_before) + 3))
    assert [(row.file, row.sha256) for row in drawn[-2:]] == [(image.file, image.sha256) for image in added]
    real = {image.sha256 for image in catalog.images(class_name="malignant", kind="real")}
    assert GeneratorRecord.load(run.folder).trained_on == real, "whom an image comes from can be followed"
    assert summary("balance", result)[1].startswith(f"malignant: 2 of 2 from the generator of {run.id} (quick, 2 ep")
    assert summary("balance", result)[2].startswith("normal: none of 6. normal gets none")

    catalog.undo()
    assert catalog.fingerprint() == before


def test_images_that_were_drawn_before_are_not_drawn_again(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    catalog = unbalanced.catalog
    list(jobs.start(unbalanced, SETTINGS))
    first = catalog.images(kind="synthetic")
    assert len(first) == 3
    catalog.exclude([first[0].id], "unfit")
    assert result_of(list(jobs.start(unbalanced, SETTINGS)))["images"] == 1
    everything = catalog.images(kind="synthetic")
    assert len({image.sha256 for image in everything}) == len({image.file for image in everything}) == 4
    numbers = [row.number for row in read_drawn(with_generator.folder)]
    assert numbers == list(range(1, 12))


def test_where_nothing_lacks_it_is_said(phantom_study: Workspace) -> None:
    events = list(jobs.start(phantom_study, SETTINGS))
    result = result_of(events)
    assert (result["images"], result["classes"]) == (0, [])
    assert texts(events) == ["No class lacks images."]
    assert summary("balance", result) == ["No class lacks images: benign 8, malignant 8, normal 8."]
    assert not phantom_study.catalog.history()[0].what.startswith("0")


def test_class_without_generator_gets_one_trained_in_a_run_of_its_own(unbalanced: Workspace) -> None:
    two_classes(unbalanced)
    expected = estimate(SETTINGS, unbalanced)
    assert expected is not None and expected.seconds > 0
    events = list(jobs.start(unbalanced, SETTINGS))
    result = result_of(events)
    [run] = unbalanced.runs("synthesize")
    assert run.info.state == "finished"
    [malignant] = result["classes"]
    assert (malignant["generator"], malignant["trained"], malignant["images"]) == (run.id, True, 3)
    assert texts(events)[0].startswith(
        "malignant gets 3 images from a generator that is trained first (preset quick, 2 epochs): roughly "
    )
    assert f"The generator of malignant is trained in the run {run.id}." in texts(events)
    assert not [event for event in events if isinstance(event, GanEpochEnded | SamplesDrawn)], "files of another run"
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert progress[-1].done == progress[-1].total
    assert {image.run for image in unbalanced.catalog.images(kind="synthetic")} == {run.id}
    expected = estimate(SETTINGS, unbalanced)
    assert expected is not None and expected.seconds == 0


def test_images_that_the_study_has_already_are_not_counted(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    monkeypatch.setattr(balancing, "drawn_so_far", lambda *_: 0)
    result = result_of(list(jobs.start(unbalanced, SETTINGS)))
    assert (result["images"], result["classes"][0]["images"]) == (1, 1), "the other one was added by its own run"
    assert result["counts"]["malignant"] == 10
    assert unbalanced.catalog.history()[0].what.startswith("1 synthetic image drawn")


def made_up(folder: Path, trained_on: frozenset[str]) -> None:
    settings = SynthesizeSettings.model_validate({"class_name": "malignant", **SMALL})
    record = GeneratorRecord(folder, "malignant", trained_on, settings)
    record.save()
    record.network_file.touch()


def test_generator_is_the_newest_finished_one_of_a_synthesis_whose_images_are_all_there(unbalanced: Workspace) -> None:
    images = unbalanced.catalog.images(class_name="malignant")
    seen = frozenset(image.sha256 for image in images)

    def run(kind: str, state: Any = "finished") -> Run:
        made = unbalanced.new_run(kind, {})
        made.info.state = state
        made.save()
        return made

    assert newest_generator(unbalanced, "malignant") is None
    old, good = run("synthesize"), run("synthesize")
    made_up(old.folder, seen)
    made_up(good.folder, seen)
    made_up(run("validate").folder / "generators" / "fold-1", seen)
    made_up(run("synthesize", "failed").folder, seen)
    made_up(run("synthesize").folder, seen | {"an image that is gone"})
    found = newest_generator(unbalanced, "malignant")
    assert found is not None and found.name == good.id

    unbalanced.catalog.exclude([images[0].id], "another organ")
    [malignant, _] = plan(unbalanced, SETTINGS)
    assert malignant.generator == found and malignant.n_outdated == 1


def test_outdated_images_of_a_generator_are_told(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    unbalanced.catalog.exclude([unbalanced.catalog.images(class_name="malignant")[0].id], "another organ")
    events = list(jobs.start(unbalanced, SETTINGS))
    assert any("trained on 1 image that the study has since set aside" in text for text in texts(events))
    assert not any(isinstance(event, CheckpointSaved) and event.epoch for event in events)


def test_copies_and_what_was_set_aside_are_counted(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from busapp.engine.gan import drawing
    from busapp.engine.images.preprocessing import Preprocessing, read_image

    two_classes(unbalanced)
    [real, *_] = unbalanced.catalog.images(class_name="malignant")
    whole = drawing.draw_in_parts

    def with_a_copy(*given: Any) -> Any:
        for part in whole(*given):
            part[1] = Preprocessing(16).pixels(read_image(unbalanced.image_path(real)))
            yield part

    monkeypatch.setattr(drawing, "draw_in_parts", with_a_copy)
    [malignant] = result_of(list(jobs.start(unbalanced, SETTINGS)))["classes"]
    assert (malignant["images"], malignant["copies"], malignant["left_out"]) == (2, 1, 0)
    [copy] = [row for row in read_drawn(with_generator.folder) if row.copy]
    assert copy.nearest_file == real.file and (with_generator.folder / copy.file).exists()
    write_drawn(with_generator.folder, [])
    assert copy in read_drawn(with_generator.folder)
