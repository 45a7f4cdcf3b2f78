"""The choice of a generator of the study for each fold, and its training if there is none."""

import inspect
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulling import gather

from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.events import Event, Note, Progress, Skipped
from busapp.engine.gan import drawing
from busapp.engine.gan.drawing import Drawn, stored_png
from busapp.engine.gan.generators import (
    GeneratorRecord,
    draw,
    draw_in_parts,
    find_generators,
    load_images,
    qualifies,
)
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation import fold_generators
from busapp.engine.validation.fold_generators import fold_images, plan
from busapp.engine.validation.training_data import Synthetic
from busapp.errors import BadModel, NotEnoughImages

SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 1, "sample_every": 1, "checkpoint_every": 1}
SETTINGS = SynthesizeSettings.model_validate({"class_name": "malignant", **SMALL})
OTHER = SETTINGS.model_copy(update={"learning_rate": 0.5})


@pytest.fixture(autouse=True)
def _own_user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path)


def made_up(folder: Path, trained_on: set[str], settings: SynthesizeSettings = SETTINGS) -> GeneratorRecord:
    """A generator whose network is never opened."""
    record = GeneratorRecord(folder, settings.class_name, frozenset(trained_on), settings)
    record.save()
    record.network_file.touch()
    return record


def new_run(study: Workspace, kind: str) -> Run:
    return study.new_run(kind, {})


def images(study: Workspace) -> list[ImageRecord]:
    return study.catalog.images(class_name="malignant")


def test_generators_of_both_kinds_of_runs_are_found_the_newest_first(empty_study: Workspace) -> None:
    first, second = new_run(empty_study, "synthesize"), new_run(empty_study, "validate")
    old = made_up(first.folder, {"a"})
    new = made_up(second.folder / "generators" / "fold-1-malignant", {"b"})
    made_up(new_run(empty_study, "synthesize").folder, {"c"}, SETTINGS.model_copy(update={"class_name": "normal"}))
    (new_run(empty_study, "synthesize").folder / "generator.json").write_text("{}")
    unfinished = made_up(new_run(empty_study, "synthesize").folder, {"d"})
    unfinished.network_file.unlink()
    assert find_generators(empty_study, "malignant") == [new, old]
    assert (new.name, old.name) == (f"{second.id}/fold-1-malignant", first.id)
    assert find_generators(empty_study, "benign") == []


def test_damaged_description_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="description cannot be read"):
        GeneratorRecord.load(tmp_path)


def add_images(study: Workspace, hashes: str, class_name: str = "malignant") -> None:
    """Images that are never opened, named by content hashes of one letter."""
    study.catalog.add([NewImage(f"{name}.png", name, ".png", class_name, 64, 64) for name in hashes], "images")


def test_generator_qualifies_if_all_it_saw_is_allowed(tmp_path: Path) -> None:
    record = made_up(tmp_path, {"a", "b"})
    assert qualifies(record, frozenset("abc"))
    assert not qualifies(record, frozenset("ac"))
    assert not qualifies(made_up(tmp_path, set()), frozenset("abc")), "nobody knows what it saw"


def test_plan_counts_what_is_missing(empty_study: Workspace) -> None:
    def to_train(*forbidden: str) -> int:
        folds = [frozenset(fold) for fold in forbidden]
        return plan(empty_study, folds, SETTINGS, 2 if forbidden[0] else 3).to_train

    add_images(empty_study, "abc")
    assert to_train("", "", "") == 1, "one generator serves all folds of `published`"
    assert to_train("a", "b", "c") == 3
    two = plan(empty_study, [frozenset("a"), frozenset("b")], SETTINGS, 100)
    one = plan(empty_study, [frozenset("a")], SETTINGS, 100)
    assert two.estimate.seconds == pytest.approx(2 * one.estimate.seconds)

    validation = new_run(empty_study, "validate").folder / "generators"
    made_up(validation / "fold-1", {"b", "c"})
    assert to_train("a", "b", "c") == 2
    assert to_train("") == 1, "it did not see the whole class"
    for folder in (validation / "fold-2", new_run(empty_study, "synthesize").folder):
        made_up(folder, {"a", "c"}, OTHER)
        assert to_train("a", "b", "c") == 2, "it was trained otherwise, by whomever"
    made_up(new_run(empty_study, "synthesize").folder, {"a", "c"})
    assert to_train("a", "b", "c") == 1, "what the user trained may serve where it saw nothing forbidden"
    made_up(new_run(empty_study, "synthesize").folder, {"a", "b", "x"})
    assert to_train("a", "b", "c") == 1, "x is no image of the study any more, and may be a copy of c"
    assert to_train("") == 1
    made_up(new_run(empty_study, "synthesize").folder, {"a", "b", "c"})
    assert to_train("") == 0
    assert plan(empty_study, [frozenset("a")], SETTINGS, 2).estimate.seconds == 0


def returned(value: Drawn) -> Generator[Event, None, Drawn]:
    yield from ()
    return value


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, and raise an error if a generator would be trained: only the choice matters."""
    nothing = np.empty((0, 16, 16, 3), np.uint8)
    monkeypatch.setattr(fold_generators, "draw_new", lambda *_: returned(Drawn(nothing, [], nothing, [], 0)))

    def never(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(fold_generators, "_train", never)


def chosen(study: Workspace, training: list[ImageRecord], forbidden: str = "") -> str | None:
    """The name of the chosen generator; None if one has to be trained."""
    run = new_run(study, "validate")
    job = fold_images(study, run, training, frozenset(forbidden), 2, SETTINGS, "fold 1, malignant")
    try:
        return gather(job)[1].generator.name
    except LookupError:
        return None


@pytest.mark.usefixtures("undrawn")
def test_generator_that_saw_an_image_that_is_gone_serves_no_strict_fold(empty_study: Workspace) -> None:
    add_images(empty_study, "abc")
    record = made_up(new_run(empty_study, "synthesize").folder, {"b", "c", "x"})
    training = [image for image in images(empty_study) if image.sha256 in "bc"]
    assert chosen(empty_study, training, "a") is None, "x may be a copy of a that was imported, seen and removed"
    add_images(empty_study, "x")
    assert chosen(empty_study, training, "a") == record.name
    empty_study.catalog.undo()
    assert chosen(empty_study, training, "a") is None
    add_images(empty_study, "x", "normal")
    assert chosen(empty_study, training, "ax") is None


@pytest.mark.usefixtures("undrawn")
def test_shared_generator_was_trained_as_asked_for_on_exactly_the_images(empty_study: Workspace) -> None:
    add_images(empty_study, "abc")
    whole = made_up(new_run(empty_study, "synthesize").folder, {"a", "b", "c"})
    made_up(new_run(empty_study, "synthesize").folder, {"a", "b", "c"}, OTHER)
    made_up(new_run(empty_study, "synthesize").folder, {"a", "b"})
    assert chosen(empty_study, images(empty_study)) == whole.name, "what the user trained, though not the newest"
    assert chosen(empty_study, images(empty_study)[:1]) is None


@pytest.mark.usefixtures("undrawn")
def test_same_content_twice_is_one_image_that_was_seen(empty_study: Workspace) -> None:
    add_images(empty_study, "abc")
    empty_study.catalog.add([NewImage("again.png", "b", ".png", "malignant", 64, 64)], "a second name")
    fold = made_up(new_run(empty_study, "validate").folder / "generators" / "fold-1", {"b", "c"})
    training = [image for image in images(empty_study) if image.sha256 in "bc"]
    assert len(training) == 3
    assert chosen(empty_study, training, "a") == fold.name
    assert plan(empty_study, [frozenset("a")], SETTINGS, 3).to_train == 0


def test_generator_is_trained_for_a_fold_and_used_again(phantom_study: Workspace) -> None:
    run, records = new_run(phantom_study, "validate"), images(phantom_study)
    training, forbidden = records[:6], frozenset(image.sha256 for image in records[6:])
    arguments = (phantom_study, run, training, forbidden, 5, SETTINGS, "fold 3, malignant")

    events, drawn = gather(fold_images(*arguments))
    assert drawn.drawn.pixels.shape == (5, 16, 16, 3)
    assert drawn.drawn.pixels.dtype == np.uint8
    assert drawn.generator.trained_on == frozenset(image.sha256 for image in training)
    assert drawn.generator.name.startswith(f"{run.id}/fold-3-malignant")
    assert all(
        isinstance(event, Progress) or (isinstance(event, Note) and event.level == "warning") for event in events
    )
    words = [event.what for event in events if isinstance(event, Progress)]
    assert any(what.startswith("generator for fold 3, malignant: epoch 1 of 1 · ") for what in words)

    events, again = gather(fold_images(*arguments))
    words = [event.what for event in events if isinstance(event, Progress)]
    assert words[-1] == "images for fold 3, malignant: image 5 of 5" and not any("epoch" in what for what in words)
    assert again.generator == drawn.generator
    np.testing.assert_array_equal(again.drawn.pixels, drawn.drawn.pixels)
    assert plan(phantom_study, [forbidden], SETTINGS, 6).to_train == 0

    record = find_generators(phantom_study, "malignant")[0]
    parts = list(draw_in_parts(record, 40))
    assert [len(part) for part in parts] == [32, 8]
    everything = np.concatenate(parts)
    np.testing.assert_array_equal(everything[:5], drawn.drawn.pixels)
    np.testing.assert_array_equal(np.concatenate(list(draw_in_parts(record, 9, start=29))), everything[29:38])
    assert draw(record, 0).shape == (0, 16, 16, 3)


def test_what_was_set_aside_and_what_is_a_copy_stays_out_of_the_training_of_a_fold(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, records = new_run(phantom_study, "validate"), images(phantom_study)
    arguments = (phantom_study, run, records, frozenset[str](), 5, SETTINGS, "fold 1, malignant")
    _, before = gather(fold_images(*arguments))
    unfit = stored_png(before.drawn.pixels[1])
    sha256 = phantom_study.store_image(unfit, ".png")
    phantom_study.catalog.add([NewImage("drawn.png", sha256, ".png", "malignant", 16, 16, kind="synthetic")], "drawn")
    [drawn] = phantom_study.catalog.images(kind="synthetic")
    assert np.array_equal(gather(fold_images(*arguments))[1].drawn.pixels, before.drawn.pixels), "it may be used"
    phantom_study.catalog.exclude([drawn.id], "unfit")

    _, (real, _) = gather(load_images(phantom_study, records, 16))  # type: ignore[misc]
    whole = drawing.draw_in_parts

    def with_a_copy(*given: Any) -> Any:
        for part in whole(*given):
            yield np.concatenate([real[3:4, :, ::-1], part[1:]])

    monkeypatch.setattr(drawing, "draw_in_parts", with_a_copy)
    events, after = gather(fold_images(*arguments))
    assert (len(after.drawn.kept), len(after.drawn.copies), after.drawn.left_out) == (5, 1, 1)
    np.testing.assert_array_equal(after.drawn.pixels[:3], before.drawn.pixels[2:])
    said = [event.text for event in events if isinstance(event, Note)]
    assert said == [
        "images for fold 1, malignant: skipped 1 drawn image that the study has set aside.",
        "images for fold 1, malignant: 1 copy of training images skipped.",
    ]


def test_stopped_training_for_a_fold_goes_on(phantom_study: Workspace) -> None:
    run = new_run(phantom_study, "validate")
    arguments = (phantom_study, run, images(phantom_study), frozenset(), 2, SETTINGS, "fold 1")
    job = fold_images(*arguments)
    for event in job:
        if isinstance(event, Progress) and event.what.startswith("generator for fold 1"):
            break
    job.close()
    assert list(run.folder.glob("generators/fold-1-*/checkpoint.safetensors"))
    events, _ = gather(fold_images(*arguments))
    steps = [e.done for e in events if isinstance(e, Progress) and e.what.startswith("generator for fold 1")]
    assert steps == [2], "the first of the two steps is not done again"


def test_unreadable_image_is_skipped(phantom_study: Workspace) -> None:
    broken, *whole = images(phantom_study)
    phantom_study.image_path(broken).write_bytes(b"not an image")
    events, (pixels, hashes) = gather(load_images(phantom_study, [broken, *whole], 16))  # type: ignore[misc]
    assert [event.file for event in events if isinstance(event, Skipped)] == [broken.file]
    assert pixels.shape == (len(whole), 16, 16, 3)
    assert hashes == [image.sha256 for image in whole]


def test_where_there_is_no_image_to_learn_from_it_is_said(phantom_study: Workspace) -> None:
    run, records = new_run(phantom_study, "validate"), images(phantom_study)
    for record in records:
        phantom_study.image_path(record).unlink()
    with pytest.raises(NotEnoughImages, match="no image to train the generator for fold 1, malignant on"):
        gather(fold_images(phantom_study, run, records, frozenset(), 2, SETTINGS, "fold 1, malignant"))


def test_every_class_has_a_folder_of_its_own(phantom_study: Workspace) -> None:
    run, records = new_run(phantom_study, "validate"), images(phantom_study)
    class_names = ["her2+", "her2-", "x" * 300]
    for class_name in class_names:
        label, settings = f"fold 1, {class_name}", SETTINGS.model_copy(update={"class_name": class_name})
        gather(fold_images(phantom_study, run, records, frozenset(), 1, settings, label))
    for class_name in class_names:
        [record] = find_generators(phantom_study, class_name)
        assert record.class_name == class_name
        assert len(record.folder.name) < 64


def test_training_for_a_fold_is_closed_with_it_and_its_warnings_are_passed_on(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from busapp.engine.gan import training

    started, train = [], training.train_generator

    def watched(*arguments: Any, **named: Any) -> Any:
        def warned() -> Any:
            yield Note("The samples look alike.", "warning")
            return (yield from train(*arguments, **named))

        started.append(warned())
        return started[-1]

    monkeypatch.setattr(training, "train_generator", watched)
    run = new_run(phantom_study, "validate")
    job = fold_images(phantom_study, run, images(phantom_study), frozenset(), 2, SETTINGS, "fold 1")
    warning = next(event for event in job if isinstance(event, Note))
    assert warning == Note("generator for fold 1: The samples look alike.", "warning")
    job.close()
    assert inspect.getgeneratorstate(started[0]) == inspect.GEN_CLOSED


def test_generator_of_which_nobody_knows_what_it_saw_counts_as_a_leak() -> None:
    nothing = np.empty((0, 16, 16, 3), np.uint8)
    trained_on = {"clean": "a", "saw a test image": "ab", "saw one that is gone": "ax", "says nothing": ""}
    seen = {name: frozenset(hashes) for name, hashes in trained_on.items()}
    synthetic = Synthetic(nothing, np.empty(0, np.intp), seen, known=frozenset("abc"))
    assert synthetic.generators_that_saw(frozenset("b")) == seen.keys() - {"clean"}
