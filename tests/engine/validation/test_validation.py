"""The job that cross-validates: protocols, leaks, output, and resuming after it was killed at any time."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulling import pull, result_of

from busapp.engine import jobs
from busapp.engine.catalog import FoundPair, NewImage
from busapp.engine.classifiers.building import build
from busapp.engine.curation.covering import cover_image
from busapp.engine.events import CheckpointSaved, EpochEnded, Event, Finished, FoldEnded, Note, Progress, Skipped
from busapp.engine.export.final_model import train_final
from busapp.engine.gan import drawing
from busapp.engine.gan.generators import GeneratorRecord, draw, find_generators
from busapp.engine.images.preprocessing import Pixels, Preprocessing, read_image
from busapp.engine.results.predictions import read_predictions
from busapp.engine.settings import CurateSettings, ValidateSettings
from busapp.engine.settings.recipes import RECIPES
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import make_folds, select
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.steps import run_to_end
from busapp.engine.validation.evidence import read_evidence
from busapp.engine.validation.fixed_parts import Study
from busapp.errors import BadInput, CannotResume, MissingWeights, NotEnoughImages

CLASSES = ["benign", "malignant", "normal"]


def tiny(**changes: Any) -> ValidateSettings:
    given = {
        "folds": 2,
        "epochs": 2,
        "image_size": 32,
        "width": 0.25,
        "batch_size": 8,
        "learning_rate": 0.003,
        "pretrained": False,
    }
    return ValidateSettings.model_validate({**given, **changes})


def numbers(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "seconds"}


def the_run(workspace: Workspace) -> Run:
    return workspace.runs("validate")[0]


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """Phantoms, two of which are near-duplicates with different labels: a pair for strict to set aside."""
    pull(jobs.start(phantom_study, CurateSettings()))
    images = phantom_study.catalog.images()
    benign = [image for image in images if image.class_name == "benign"]
    malignant = [image for image in images if image.class_name == "malignant"]
    alike = [(benign[0], malignant[0]), *zip(benign[1:7:2], benign[2:8:2], strict=True)]
    pairs = [FoundPair(first.id, second.id, 0.99, "looks alike") for first, second in alike]
    phantom_study.catalog.set_curation([image.id for image in images], pairs, {}, {})
    return phantom_study


def test_strict_leaks_nothing(study: Workspace) -> None:
    events = pull(jobs.start(study, tiny(protocol="strict")))
    result = result_of(events)
    assert result["leaks"] == {
        "groups_split": 0,
        "weights_carried_over": 0,
        "generators_that_saw_test_images": 0,
        "conflicting_duplicates_kept": 0,
        "selections_that_saw_test_images": 0,
    }
    assert (result["n_images"], result["n_set_aside"], result["n_tested"]) == (22, 2, 22)
    assert result["classes"] == CLASSES
    assert [sum(row) for row in result["confusion"]] == [7, 7, 8]
    folds = [[fold[key] for key in ("fold", "n_train", "n_test")] for fold in result["folds"]]
    assert [number for number, _, _ in folds] == [1, 2] and all(n + m == 22 for _, n, m in folds)
    json.dumps(result, allow_nan=False)

    epochs = [(event.fold, event.epoch) for event in events if isinstance(event, EpochEnded)]
    assert epochs == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert sum(isinstance(event, FoldEnded) for event in events) == 2
    assert any(isinstance(event, Note) and "set aside" in event.text for event in events)
    trained = [event for event in events if isinstance(event, Progress) and "fold " in event.what]
    assert [event.done for event in trained] == sorted(event.done for event in trained)
    assert trained[-1].done == trained[-1].total


def test_published_leaks_and_counts_it(study: Workspace) -> None:
    result = result_of(pull(jobs.start(study, tiny(protocol="published"))))
    assert result["leaks"]["weights_carried_over"] == 1
    assert result["leaks"]["groups_split"] > 0
    assert result["leaks"]["conflicting_duplicates_kept"] == 1
    assert result["n_images"] == 24


def test_existing_is_one_hold_out(study: Workspace) -> None:
    result = result_of(pull(jobs.start(study, tiny(system="existing", protocol="published", epochs=1))))
    assert [fold["fold"] for fold in result["folds"]] == [1]
    assert result["n_tested"] == result["folds"][0]["n_test"] == 5
    assert result["leaks"]["weights_carried_over"] == 0


def test_predictions_are_out_of_fold_and_give_the_confusion_again(study: Workspace) -> None:
    result = result_of(pull(jobs.start(study, tiny(epochs=1))))
    predictions = read_predictions(the_run(study))
    by_id = {image.id: image for image in study.catalog.images()}
    assert len({row.image_id for row in predictions}) == len(predictions) == 22
    confusion = [[0] * 3 for _ in CLASSES]
    for row in predictions:
        image = by_id[row.image_id]
        assert (row.file, row.sha256, row.group, row.true) == (image.file, image.sha256, image.group, image.class_name)
        assert list(row.logits) == CLASSES
        assert row.predicted == max(row.logits, key=lambda name: row.logits[name])
        confusion[CLASSES.index(row.true)][CLASSES.index(row.predicted)] += 1
    assert confusion == result["confusion"]
    folds_of_group = {(row.group, row.fold) for row in predictions}
    assert len(folds_of_group) == len({row.group for row in predictions})
    evidence = read_evidence(the_run(study)).of([row.image_id for row in predictions])
    # An activation map's mean and the bias of its class, the same for all images of a fold, are the logit.
    means = evidence.maps.astype(np.float32).mean(axis=(2, 3))
    biases = np.array([list(row.logits.values()) for row in predictions]) - means
    for fold in {row.fold for row in predictions}:
        of_fold = biases[[row.fold == fold for row in predictions]]
        assert np.ptp(of_fold, axis=0).max() < 0.01 < np.ptp(means, axis=0).max()
    assert np.isfinite(evidence.novelty).all() and evidence.novelty.any()


def test_a_study_that_was_not_curated_is_curated_first(phantom_study: Workspace) -> None:
    first = phantom_study.catalog.images()[0]
    copy = NewImage("benign/copy.png", first.sha256, ".png", first.class_name, first.width, first.height)
    phantom_study.catalog.add([copy], "a copy")
    events = pull(jobs.start(phantom_study, tiny(epochs=1)))
    assert any(isinstance(event, Note) and "curated first" in event.text for event in events)
    assert sum(isinstance(event, Finished) for event in events) == 1
    assert "n_groups" in result_of(events)
    assert phantom_study.changed_since(the_run(phantom_study)) == [], "its own check is no change of its dataset"


def test_what_cannot_be_trained_on_is_said_at_once(empty_study: Workspace, study: Workspace) -> None:
    with pytest.raises(NotEnoughImages, match="no images"):
        pull(jobs.start(empty_study, tiny()))
    with pytest.raises(NotEnoughImages, match="fewer than the 10 parts"):
        pull(jobs.start(study, tiny(folds=10)))
    assert the_run(study).info.state == "failed"


def test_missing_weights_are_said_before_images_are_loaded(study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.paths.resources_dir", lambda: study.root)
    monkeypatch.setenv("TORCH_HOME", str(study.root / "torch"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    events: list[Event] = []
    with pytest.raises(MissingWeights, match="--no-pretrained"):
        events.extend(jobs.start(study, tiny(pretrained=True, width=1.0)))
    assert not any("image" in event.what for event in events if isinstance(event, Progress))


def test_an_image_that_cannot_be_read_is_skipped(study: Workspace) -> None:
    image = study.catalog.images(class_name="normal")[0]
    study.image_path(image).write_bytes(b"damaged")
    events = pull(jobs.start(study, tiny(epochs=1)))
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert skipped.file == image.file
    assert result_of(events)["n_images"] == 21


@pytest.mark.parametrize("protocol", ["strict", "published"])
def test_a_cancelled_run_goes_on_to_the_same_numbers(study: Workspace, protocol: str) -> None:
    settings = tiny(protocol=protocol, epochs=3)
    whole = result_of(pull(jobs.start(study, settings)))
    seen = read_evidence(the_run(study))
    stops: list[Callable[[Event], bool]] = [
        lambda e: isinstance(e, CheckpointSaved) and (e.fold, e.epoch) == (1, 0),
        lambda e: isinstance(e, Progress) and "fold 1 of 2 · epoch 3" in e.what,
        lambda e: isinstance(e, Progress) and "fold 1 of 2 · what the network sees" in e.what,
        lambda e: isinstance(e, EpochEnded) and (e.fold, e.epoch) == (1, 3),
        lambda e: isinstance(e, FoldEnded) and e.fold == 1,
        lambda e: isinstance(e, Progress) and "fold 2 of 2 · epoch 1" in e.what,
        lambda e: isinstance(e, EpochEnded) and (e.fold, e.epoch) == (2, 2),
        lambda e: isinstance(e, CheckpointSaved) and (e.fold, e.epoch) == (3, 0),
    ]
    job = jobs.start(study, settings)
    for stop in stops:
        stopped = pull(job, until=stop)
        assert stop(stopped[-1])
        assert the_run(study).info.state == "cancelled"
        job = jobs.resume(study, the_run(study).id)
    assert numbers(result_of(pull(job))) == numbers(whole)
    again = read_evidence(the_run(study))
    assert all((getattr(again, name) == value).all() for name, value in vars(seen).items())
    assert the_run(study).info.state == "finished"
    announced = list(the_run(study).events())
    epochs = [(event.fold, event.epoch) for event in announced if isinstance(event, EpochEnded)]
    assert epochs == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)], "no epoch is lost, none is trained twice"
    assert [event.fold for event in announced if isinstance(event, FoldEnded)] == [1, 2]


def test_a_run_does_not_go_on_with_another_dataset(study: Workspace) -> None:
    pull(jobs.start(study, tiny()), until=lambda event: isinstance(event, EpochEnded))
    study.catalog.exclude([study.catalog.images(class_name="normal")[0].id], "blurred")
    with pytest.raises(CannotResume, match="dataset has changed"):
        pull(jobs.resume(study, the_run(study).id))


@pytest.fixture
def unbalanced(study: Workspace) -> Workspace:
    """benign 7, malignant 3, normal 8 under strict."""
    malignant = study.catalog.images(class_name="malignant")
    study.catalog.exclude([image.id for image in malignant[4:]], "to make the class rare")
    return study


def test_system2_under_strict_trains_generators_on_training_images_alone(unbalanced: Workspace) -> None:
    settings = tiny(system="system2", epochs=1, generator_epochs=1)
    events = pull(jobs.start(unbalanced, settings))
    result = result_of(events)
    assert any(isinstance(event, Note) and "2 of 2 generators have to be trained" in event.text for event in events)
    assert result["n_synthetic"] == 6 and result["synthetic_counts"] == {"benign": 1, "malignant": 5}
    assert [fold["n_synthetic"] for fold in result["folds"]] == [6, 6]
    assert result["n_tested"] == result["n_images"] == 18
    assert result["leaks"]["generators_that_saw_test_images"] == 0
    tested = {
        fold: {row.sha256 for row in read_predictions(the_run(unbalanced)) if row.fold == fold} for fold in (1, 2)
    }
    generators = find_generators(unbalanced, "malignant")
    assert len(generators) == 2
    used = [one for one in result["generators"] if one["class"] == "malignant"]
    assert [one["generator"] for one in used] == sorted(generator.name for generator in generators)
    assert {(one["preset"], one["epochs"], one["image_size"]) for one in used} == {("quick", 1, 64)}
    assert [one["n_trained_on"] for one in used] == [len(generator.trained_on) for generator in reversed(generators)]
    for generator in generators:
        assert generator.trained_on
        assert sum(generator.trained_on.isdisjoint(hashes) for hashes in tested.values()) == 1


def test_images_that_are_copies_or_set_aside_are_missing_in_training_and_told(
    unbalanced: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawing.draw_in_parts

    def copying(record: GeneratorRecord, count: int, start: int) -> Iterator[Pixels]:
        images = [i for i in unbalanced.catalog.images(class_name=record.class_name) if i.sha256 in record.trained_on]
        real = Preprocessing(64).pixels(read_image(unbalanced.image_path(images[0])))
        for part in whole(record, count, start):
            # Only copies for one class, and one image that is no copy for the other.
            part[0 if record.class_name == "benign" else 1 :] = real
            yield part

    monkeypatch.setattr(drawing, "draw_in_parts", copying)
    settings = tiny(system="system2", epochs=1, generator_epochs=1)
    events = pull(jobs.start(unbalanced, settings))
    result = result_of(events)
    assert [fold["n_synthetic"] for fold in result["folds"]] == [1, 1] and result["n_synthetic"] == 1
    assert result["synthetic_counts"] == {"benign": 0, "malignant": 1}
    assert result["synthetic_ranges"] == {"benign": [0, 0], "malignant": [1, 1]}
    used = {(one["class"], one["drawn"], one["copies"], one["left_out"]) for one in result["generators"]}
    assert used == {("benign", 0, 3, 0), ("malignant", 1, 14, 0)}
    warnings = [event.text for event in events if isinstance(event, Note) and event.level == "warning"]
    assert any("fold 1, malignant: only 1 of 5 were kept; 14 drawn images nearly equalled" in text for text in warnings)


def test_a_run_does_not_go_on_with_drawn_images_that_were_set_aside_since(unbalanced: Workspace) -> None:
    """They are set aside as unfit, as after a blind review."""
    settings = tiny(system="system2", protocol="published", generator_epochs=1)
    pull(jobs.start(unbalanced, settings), until=lambda event: isinstance(event, EpochEnded))
    [stopped] = unbalanced.runs("validate")
    [generator] = find_generators(unbalanced, "malignant")
    sha256 = unbalanced.store_image(drawing.stored_png(draw(generator, 2)[1]), ".png")
    new = NewImage("synthetic/malignant/2.png", sha256, ".png", "malignant", 64, 64, kind="synthetic", run="another")
    unbalanced.catalog.add([new], "one drawn image")
    [unfit] = unbalanced.catalog.images(kind="synthetic")
    unbalanced.catalog.exclude([unfit.id], "unfit in a blind review")
    with pytest.raises(CannotResume, match="1 synthetic image that the study has set aside since"):
        pull(jobs.resume(unbalanced, stopped.id))
    unbalanced.catalog.undo()
    result_of(pull(jobs.resume(unbalanced, stopped.id)))


def test_system2_as_published_has_one_generator_per_class_that_saw_the_test_images(unbalanced: Workspace) -> None:
    settings = tiny(system="system2", protocol="published", epochs=1, generator_epochs=1)
    stopped = pull(jobs.start(unbalanced, settings), until=lambda e: isinstance(e, CheckpointSaved) and e.fold == 2)
    assert isinstance(stopped[-1], CheckpointSaved)
    result = result_of(pull(jobs.resume(unbalanced, the_run(unbalanced).id)))
    assert len(find_generators(unbalanced, "malignant")) == 1
    assert result["leaks"]["generators_that_saw_test_images"] == 1
    assert result["synthetic_counts"] == {"malignant": 4}
    assert [(one["class"], one["n_trained_on"]) for one in result["generators"]] == [("malignant", 4)]

    again = pull(jobs.start(unbalanced, settings))
    assert any(isinstance(event, Note) and "has the generators" in event.text for event in again)
    assert numbers(result_of(again)) == numbers(result)

    run = the_run(unbalanced)
    network = run_to_end(train_final(unbalanced, run))
    assert (run.folder / "final.safetensors").exists()
    kept = run_to_end(train_final(unbalanced, run))
    for (name, first), (_, second) in zip(network.state_dict().items(), kept.state_dict().items(), strict=True):
        assert first.equal(second), name
    assert not kept.training


def test_what_came_into_the_study_while_a_run_was_at_work_was_seen_by_no_generator_of_it(study: Workspace) -> None:
    selection = select(study, tiny())
    folds, everything = make_folds(selection, tiny()), tuple(study.catalog.images(kind="real"))
    begun = Study(study, tiny(), study.new_run("validate", {}), selection, everything, folds)
    before = begun.forbidden(folds[0])
    tested = selection.records[folds[0].test[0]]
    assert tested.sha256 in before
    cover_image(study, tested, [(0, 0, 9, 9)], "black")
    covered = study.catalog.image(tested.id)
    assert covered is not None
    assert begun.forbidden(folds[0]) == before | {covered.sha256}


def test_only_a_finished_validation_gives_a_model(study: Workspace) -> None:
    pull(jobs.start(study, tiny()), until=lambda event: isinstance(event, EpochEnded))
    with pytest.raises(BadInput, match="finished validation"):
        run_to_end(train_final(study, the_run(study)))


def test_predictions_that_are_not_there_are_said(study: Workspace, tmp_path: Path) -> None:
    pull(jobs.start(study, tiny()), until=lambda event: isinstance(event, EpochEnded))
    with pytest.raises(BadInput, match="no readable predictions"):
        read_predictions(the_run(study))


def test_a_class_that_is_set_aside_as_a_whole_takes_no_part(study: Workspace) -> None:
    study.catalog.exclude([image.id for image in study.catalog.images(class_name="normal")], "not this time")
    result = result_of(pull(jobs.start(study, tiny(epochs=1))))
    assert result["classes"] == ["benign", "malignant"]
    assert len(result["confusion"]) == 2


def test_a_run_begun_on_another_device_keeps_its_frozen_stages(
    study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny()
    whole = result_of(pull(jobs.start(study, settings)))
    pull(jobs.start(study, settings), until=lambda event: isinstance(event, CheckpointSaved) and event.epoch == 1)
    monkeypatch.setattr("busapp.engine.classifiers.training.frozen_stages", lambda *_: 7)
    resumed = result_of(pull(jobs.resume(study, the_run(study).id)))
    assert resumed["frozen_stages"] == 0
    assert numbers(resumed) == numbers(whole)


def test_a_model_is_not_made_from_other_images_than_those_it_was_measured_on(study: Workspace) -> None:
    pull(jobs.start(study, tiny(epochs=1)))
    study.catalog.exclude([study.catalog.images(class_name="normal")[0].id], "blurred")
    with pytest.raises(BadInput, match="images of the study have changed"):
        pull(train_final(study, the_run(study)))
    study.catalog.undo()
    pull(train_final(study, the_run(study)))


def test_a_model_is_trained_as_its_run_was(study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def weights() -> dict[str, Any]:
        (the_run(study).folder / "final.safetensors").unlink(missing_ok=True)
        return {
            name: value.numpy() for name, value in run_to_end(train_final(study, the_run(study))).state_dict().items()
        }

    pull(jobs.start(study, tiny(epochs=1, recipe="careful")))
    as_it_was = weights()
    other = RECIPES["careful"].model_copy(update={"variants": 0, "label_smoothing": 0.0})
    monkeypatch.setitem(RECIPES, "careful", other)
    same = weights()
    assert all((same[name] == as_it_was[name]).all() for name in as_it_was)

    path = the_run(study).folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "frozen_stages": 3}))  # as another machine would choose
    frozen, first = weights(), build(3, tiny(), seed=0).state_dict()
    assert (frozen["features.2.conv.0.0.weight"] == first["features.2.conv.0.0.weight"].numpy()).all()
    assert (frozen["features.3.conv.0.0.weight"] != first["features.3.conv.0.0.weight"].numpy()).any()


def test_new_images_are_grouped_by_the_thresholds_that_were_chosen_last(phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[0]
    smaller = io.BytesIO()
    read_image(phantom_study.image_path(image)).resize((50, 50)).save(smaller, "PNG")
    sha256 = phantom_study.store_image(smaller.getvalue(), ".png")
    phantom_study.catalog.add([NewImage("benign/smaller.png", sha256, ".png", "benign", 50, 50)], "added")
    pull(jobs.start(phantom_study, CurateSettings(min_correlation=1, min_agreement=1)))
    assert len({image.group for image in phantom_study.catalog.images()}) == 25
    phantom_study.catalog.set_curation([], [], {}, {})
    with pytest.raises(NotEnoughImages):
        pull(jobs.start(phantom_study, tiny(folds=10, epochs=1)))
    assert len({image.group for image in phantom_study.catalog.images()}) == 25
    pull(jobs.start(phantom_study, CurateSettings()))
    assert len({image.group for image in phantom_study.catalog.images()}) == 24, "the defaults were to join the two"
