"""The job `synthesize`: from a class of the study to new images in its catalog."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from busapp.engine import jobs
from busapp.engine import synthesis as job
from busapp.engine.events import Event, Finished, Job, Note, Progress
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.synthesis import nearest_correlation
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, MissingWeights, NotEnoughImages

SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 1, "sample_every": 1, "checkpoint_every": 1}


@pytest.fixture(autouse=True)
def _own_user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path)


def settings_of(**given: object) -> SynthesizeSettings:
    return SynthesizeSettings.model_validate({"class_name": "malignant", **SMALL, **given})


def no_weights(_pixels: object, weights_file: object = None) -> None:
    raise MissingWeights("No ImageNet weights")


def channel_means(pixels: Any, weights_file: object = None) -> Any:
    """Features that need no weights."""
    return pixels.reshape(len(pixels), -1, 3).mean(axis=1).astype(np.float32) / 255


@pytest.fixture(autouse=True)
def _embed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", channel_means)


def result_of(events: list[Event]) -> dict[str, Any]:
    assert isinstance(events[-1], Finished)
    return events[-1].result


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def exclude_some(study: Workspace, class_name: str, count: int) -> None:
    study.catalog.exclude([image.id for image in study.catalog.images(class_name=class_name)[:count]], "test")


def test_class_is_grown_to_the_largest(phantom_study: Workspace) -> None:
    extra = phantom_study.catalog.images(class_name="normal")[:3]
    phantom_study.catalog.reclassify([image.id for image in extra], "benign")
    assert phantom_study.catalog.counts()["benign"] == 11
    events = list(jobs.start(phantom_study, settings_of()))
    result = result_of(events)

    run = phantom_study.runs("synthesize")[0]
    drawn = phantom_study.catalog.images(class_name="malignant", kind="synthetic")
    assert len(drawn) == result["images"] == 3
    assert [image.file for image in drawn] == [f"synthetic/malignant/{run.id}-{n:04d}.png" for n in (1, 2, 3)]
    assert all(image.run == run.id and (image.width, image.height) == (16, 16) for image in drawn)
    with Image.open(phantom_study.image_path(drawn[0])) as picture:
        assert (picture.size, picture.mode) == ((16, 16), "RGB")
    assert phantom_study.catalog.history()[0].what == f"3 synthetic malignant images drawn by the run “{run.info.name}”"

    assert set(result) == {
        *("run", "class", "preset", "backend", "epochs", "steps", "seconds", "g_loss", "d_loss", "images"),
        *("kid", "kid_spread", "kid_floor", "copies"),
    }
    assert (result["run"], result["class"], result["preset"]) == (run.id, "malignant", "quick")
    assert (result["backend"], result["epochs"], result["steps"], result["copies"]) == ("tensorflow", 1, 2, 0)
    assert all(np.isfinite(result[name]) for name in ("kid", "kid_spread", "kid_floor"))
    assert run.info.state == "finished"
    assert run.result() == result
    assert texts(events)[0].startswith("Training on 8 images for 1 epochs takes ")

    assert phantom_study.catalog.undo() is not None
    assert phantom_study.catalog.counts("synthetic")["malignant"] == 0


def test_cancelled_run_goes_on_and_adds_its_images_once(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", no_weights)

    def stop_at(pulled: Job, words: str) -> None:
        for event in pulled:
            if isinstance(event, Progress) and event.what.startswith(words):
                pulled.close()

    stop_at(jobs.start(phantom_study, settings_of(count=2)), "epoch 1")
    run = phantom_study.runs("synthesize")[0]
    assert run.can_resume
    stop_at(jobs.resume(phantom_study, run.id), "scoring")
    assert len(phantom_study.catalog.images(run=run.id)) == 2, "the catalog was changed before the job was stopped"
    events = list(jobs.resume(phantom_study, run.id))
    assert result_of(events)["images"] == 2
    assert len(phantom_study.catalog.images(run=run.id)) == 2
    result = result_of(events)
    assert (result["kid"], result["kid_spread"], result["kid_floor"]) == (None, None, None)
    assert any(text.startswith("The images were not scored: No ImageNet weights.") for text in texts(events))


def test_class_must_be_there_and_large_enough(phantom_study: Workspace) -> None:
    with pytest.raises(BadInput, match=r"no class “cyst”.*benign, malignant, normal"):
        list(jobs.start(phantom_study, settings_of(class_name="cyst")))
    exclude_some(phantom_study, "malignant", 1)
    with pytest.raises(NotEnoughImages, match="has 7 real images; a generator needs at least 8"):
        list(jobs.start(phantom_study, settings_of()))


def explained(n_images: int, batch_size: int) -> str:
    return texts(list(job._explain(settings_of(batch_size=batch_size), n_images)))[1]


def test_what_becomes_of_the_rest_is_said() -> None:
    assert explained(210, 150) == "An epoch is a batch of 150 images and a smaller last batch with the rest of 60."
    assert explained(210, 100) == "An epoch is 2 batches of 100 images and a smaller last batch with the rest of 10."
    assert explained(90, 100).startswith("The class is smaller than a batch of 100")
    assert len(list(job._explain(settings_of(batch_size=10), 20))) == 1


def test_near_copies_are_found_mirrored_smaller_or_brighter(phantom_folder: Path) -> None:
    paths = sorted((phantom_folder / "benign").glob("*.png"))
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths if "mask" not in path.name]
    real = np.stack(pictures)
    mirrored = real[:2, :, ::-1]
    brighter = np.clip(real[2:4].astype(float) * 0.7 + 40, 0, 255).astype(np.uint8)
    smaller = np.stack([np.asarray(Image.fromarray(picture).resize((32, 32))) for picture in real[4:6]])
    for copies in (real, mirrored, brighter, smaller):
        assert (nearest_correlation(copies, real) > 0.97).all()
    noise = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), np.uint8)
    even = np.full((1, 16, 16, 3), 90, np.uint8)
    assert (nearest_correlation(np.concatenate([noise, even]), real) < 0.6).all()


def test_copies_are_left_out_and_drawing_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from busapp.engine.gan.generators import GeneratorRecord

    random = np.random.default_rng(0)
    real = random.integers(0, 255, (4, 16, 16, 3), np.uint8)
    record = GeneratorRecord(tmp_path, "malignant", frozenset(), settings_of())

    def drawn_from(parts: list[np.ndarray], count: int) -> tuple[list[Event], Any]:
        monkeypatch.setattr(job, "draw_in_parts", lambda *_, **__: iter(parts))
        events: list[Event] = []
        drawing = job._draw_new(record, real, count)
        while True:
            try:
                events.append(next(drawing))
            except StopIteration as end:
                return events, end.value

    fresh = random.integers(0, 255, (4, 16, 16, 3), np.uint8)
    events, drawn = drawn_from([np.concatenate([real[:2], fresh[:1]]), fresh[1:]], 3)
    assert drawn.copies == 2
    np.testing.assert_array_equal(drawn.pixels, fresh[:3])
    assert not texts(events)

    events, drawn = drawn_from([real, real], 3)
    assert (drawn.copies, len(drawn.pixels)) == (8, 0)
    assert texts(events)[0].startswith("Only 0 of 3 images were kept")
