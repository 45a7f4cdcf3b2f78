"""The job `balance`: every class becomes as large as the largest, and each image can be traced to its generator."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulling import result_of

from busapp.engine import jobs
from busapp.engine.catalog import Catalog, NewImage
from busapp.engine.estimates import estimate
from busapp.engine.events import CheckpointSaved, Event, GanEpochEnded, Job, Note, Progress, SamplesDrawn
from busapp.engine.gan.drawing import read_drawn, stored_png, write_drawn
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.settings import BalanceSettings, SynthesizeSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis import balancing
from busapp.engine.synthesis.balancing import newest_generator, plan
from busapp.errors import BadModel, MissingWeights, NoSpace, NotEnoughImages
from busapp.summaries import summary

SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 2, "sample_every": 1, "checkpoint_every": 1}
SETTINGS = BalanceSettings(epochs=2)


def no_weights(*_: object) -> None:
    raise MissingWeights("No ImageNet weights")


@pytest.fixture(autouse=True)
def _tiny_networks_and_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(_: BalanceSettings, class_name: str) -> SynthesizeSettings:
        return SynthesizeSettings.model_validate({"class_name": class_name, "count": 0, **SMALL})

    monkeypatch.setattr(BalanceSettings, "generator", tiny)
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", no_weights)


def make_unbalanced(study: Workspace) -> None:
    extra = study.catalog.images(class_name="normal")[:3]
    study.catalog.reclassify([image.id for image in extra], "benign")


@pytest.fixture
def unbalanced(phantom_study: Workspace) -> Workspace:
    """A study with 11 benign, 8 malignant and 5 normal images."""
    make_unbalanced(phantom_study)
    return phantom_study


@pytest.fixture(scope="module")
def _template_with_generator(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a generator, trained once for all tests."""
    root = tmp_path_factory.mktemp("with generator") / "study"
    shutil.copytree(_phantom_template, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("busapp.paths.user_data_dir", lambda: root.parent)
        patch.setattr("busapp.engine.classifiers.features.embed", no_weights)
        study = Workspace.open(root)
        make_unbalanced(study)
        list(jobs.start(study, SynthesizeSettings.model_validate({"class_name": "malignant", "count": 1, **SMALL})))
        study.close()
    return root


@pytest.fixture
def with_generator(unbalanced: Workspace, _template_with_generator: Path) -> Run:
    """The run of a generator of malignant images; one of its images is in use."""
    unbalanced.close()
    shutil.rmtree(unbalanced.root)
    shutil.copytree(_template_with_generator, unbalanced.root)
    return unbalanced.runs("synthesize")[0]


def two_classes(study: Workspace) -> None:
    """Set all images of the class of five aside."""
    ids = [image.id for image in study.catalog.images(class_name="normal")]
    study.catalog.exclude(ids, "test")


def more_images(study: Workspace, class_name: str, count: int) -> None:
    """Add real images of noise to a class."""
    for number in range(count):
        picture = np.asarray(np.random.default_rng(number).integers(0, 255, (16, 16, 3)), np.uint8)
        sha256 = study.store_image(stored_png(picture), ".png")
        study.catalog.add([NewImage(f"n{number}.png", sha256, ".png", class_name, 16, 16)], "more")


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


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


def stop_at(job: Job, words: str) -> None:
    for event in job:
        if isinstance(event, Progress) and words in event.what:
            break
    else:
        raise AssertionError(words)
    job.close()


def test_cancelled_job_leaves_the_catalog_as_it_was_and_goes_on(unbalanced: Workspace) -> None:
    two_classes(unbalanced)
    before = unbalanced.catalog.fingerprint()
    stop_at(jobs.start(unbalanced, SETTINGS), "epoch 1 of 2")
    [balancing], [training] = unbalanced.runs("balance"), unbalanced.runs("synthesize")
    assert balancing.can_resume and training.can_resume
    stop_at(jobs.resume(unbalanced, balancing.id), "storing image 1")
    assert unbalanced.catalog.fingerprint() == before
    numbers = len(read_drawn(training.folder))
    result = result_of(list(jobs.resume(unbalanced, balancing.id)))
    assert result["images"] == 3
    assert result["classes"][0]["trained"] is True, "for this, before it was stopped"
    assert [run.id for run in unbalanced.runs("synthesize")] == [training.id], "it was gone on with"
    assert len(read_drawn(training.folder)) == numbers + 3, "what was not added does not count as drawn"


def test_crash_between_the_change_and_the_end_adds_nothing_twice(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    add = Catalog.add

    def added_and_killed(*given: Any) -> int:
        add(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalog, "add", added_and_killed)
    with pytest.raises(KeyboardInterrupt):
        list(jobs.start(unbalanced, SETTINGS))
    monkeypatch.undo()
    after = unbalanced.catalog.fingerprint()
    result = result_of(list(jobs.resume(unbalanced, unbalanced.runs("balance")[0].id)))
    assert result["images"] == 2 and result["counts"]["malignant"] == 11
    assert unbalanced.catalog.fingerprint() == after


def test_crash_before_the_change_leaves_no_rows_without_their_images(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    before, rows = unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(balancing, "save_checkpoint", killed)
        list(jobs.start(unbalanced, SETTINGS))
    assert (unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)) == (before, rows)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Catalog, "add", killed)
        list(jobs.start(unbalanced, SETTINGS))
    result = result_of(list(jobs.resume(unbalanced, unbalanced.runs("balance")[0].id)))
    assert result["images"] == 2 and result["counts"]["malignant"] == 11
    added = [(image.file, image.sha256) for image in unbalanced.catalog.images(kind="synthetic")[1:]]
    assert [(row.file, row.sha256) for row in read_drawn(with_generator.folder)[len(rows) :]] == added


def stop_when_all_is_drawn(study: Workspace) -> Run:
    job = jobs.start(study, SETTINGS)
    next(event for event in job if isinstance(event, CheckpointSaved))
    job.close()
    return study.runs("balance")[0]


def test_old_balance_adds_nothing_where_a_newer_one_did(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    rows = read_drawn(with_generator.folder)
    assert result_of(list(jobs.start(unbalanced, SETTINGS)))["images"] == 2
    after, more_rows = unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)
    assert len(more_rows) == len(rows) + 2
    events = list(jobs.resume(unbalanced, old.id))
    assert (result_of(events)["images"], result_of(events)["classes"]) == (0, [])
    assert any("are drawn anew" in text for text in texts(events))
    assert (unbalanced.catalog.fingerprint(), read_drawn(with_generator.folder)) == (after, more_rows)


def test_old_balance_draws_anew_where_a_newer_one_has_drawn_the_same(
    unbalanced: Workspace, with_generator: Run
) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    list(jobs.start(unbalanced, SETTINGS))
    newer = unbalanced.catalog.images(kind="synthetic")[1:]
    unbalanced.catalog.exclude([image.id for image in newer], "unfit")
    result = result_of(list(jobs.resume(unbalanced, old.id)))
    assert (result["images"], result["counts"]["malignant"]) == (2, 11)


def test_old_balance_asks_whether_its_generator_is_still_there(unbalanced: Workspace, with_generator: Run) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    unbalanced.delete_run(with_generator)
    [malignant] = result_of(list(jobs.resume(unbalanced, old.id)))["classes"]
    [other] = unbalanced.runs("synthesize")
    assert (malignant["generator"], malignant["trained"], malignant["images"]) == (other.id, True, 2)
    assert unbalanced.catalog.counts(None)["malignant"] == 11


def test_old_balance_of_which_nothing_has_changed_adds_what_it_drew(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    old = stop_when_all_is_drawn(unbalanced)
    monkeypatch.setattr(balancing, "draw_new", None)
    result = result_of(list(jobs.resume(unbalanced, old.id)))
    assert (result["images"], result["counts"]["malignant"]) == (2, 11)
    assert [row.file for row in read_drawn(with_generator.folder)[-2:]] == [
        image.file for image in unbalanced.catalog.images(kind="synthetic")[1:]
    ]


def test_damaged_list_of_drawn_images_is_the_problem_of_its_class(unbalanced: Workspace, with_generator: Run) -> None:
    table = with_generator.folder / "drawn.csv"
    table.write_text("number\nmany\n", encoding="utf-8")
    more_images(unbalanced, "normal", 4)
    events = list(jobs.start(unbalanced, SETTINGS))
    malignant, normal = result_of(events)["classes"]
    assert "The list of drawn images cannot be read" in malignant["problem"] and malignant["images"] == 0
    assert normal["images"] == 2 and not normal["problem"]
    assert table.read_text(encoding="utf-8") == "number\nmany\n"


def test_images_that_the_study_has_already_are_not_counted(
    unbalanced: Workspace, with_generator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_classes(unbalanced)
    monkeypatch.setattr(balancing, "drawn_so_far", lambda *_: 0)
    result = result_of(list(jobs.start(unbalanced, SETTINGS)))
    assert (result["images"], result["classes"][0]["images"]) == (1, 1), "the other one was added by its own run"
    assert result["counts"]["malignant"] == 10
    assert unbalanced.catalog.history()[0].what.startswith("1 synthetic image drawn")


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
