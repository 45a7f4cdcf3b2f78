"""Training: stopping and resuming, its files, its warnings."""

import errno
import json
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pulling import gather

from busapp.engine.events import CheckpointSaved, Event, GanEpochEnded, Note, Progress, SamplesDrawn
from busapp.engine.gan import dcgan, training
from busapp.engine.gan.generators import GeneratorRecord, draw
from busapp.engine.gan.networks import Networks
from busapp.engine.gan.trainer import Trainer
from busapp.engine.gan.training import CHECKPOINT, TrainedGenerator, train_generator
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.checkpoints import load_checkpoint
from busapp.errors import CannotResume, NoSpace, TrainingDiverged


@pytest.fixture(autouse=True)
def _own_user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path)


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    """10 images: with a batch of 4 the last batch of an epoch has 2."""
    random = np.random.default_rng(0)
    return random.integers(0, 255, (10, 16, 16, 3), np.uint8)


def settings_of(**given: object) -> SynthesizeSettings:
    small = {"class_name": "normal", "image_size": 16, "noise": 8, "batch_size": 4, "epochs": 4}
    return SynthesizeSettings.model_validate({**small, "sample_every": 2, "checkpoint_every": 2, **given})


Training = Generator[Event, None, TrainedGenerator]


def train(pixels: Pixels, folder: Path, **given: object) -> Training:
    return train_generator(pixels, settings_of(**given), folder, trained_on=[f"{n:064x}" for n in range(len(pixels))])


def close_after(job: Training, last: Callable[[Event], bool]) -> list[Event]:
    events = []
    for event in job:
        events.append(event)
        if last(event):
            job.close()
            return events
    raise AssertionError("the event never came")


@pytest.fixture(scope="module")
def whole(pixels: Pixels, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], TrainedGenerator]:
    """An uninterrupted training."""
    return gather(train(pixels, tmp_path_factory.mktemp("whole")))


def epochs_of(events: list[Event]) -> list[tuple[float, ...]]:
    return [(e.epoch, e.g_loss, e.d_loss, e.d_real, e.d_fake) for e in events if isinstance(e, GanEpochEnded)]


def test_events_tell_every_step_and_epoch(whole: tuple[list[Event], TrainedGenerator]) -> None:
    events, trained = whole
    steps = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in steps] == list(range(1, 13))
    assert all(event.total == 12 for event in steps)
    assert steps[0].what.startswith("epoch 1 of 4 · ")
    assert [epoch for epoch, *_ in epochs_of(events)] == [1, 2, 3, 4]
    assert all(0 <= fraction <= 1 for *_, d_real, d_fake in epochs_of(events) for fraction in (d_real, d_fake))
    assert [event.epoch for event in events if isinstance(event, CheckpointSaved)] == [2, 4]
    samples = [event for event in events if isinstance(event, SamplesDrawn)]
    assert [event.file for event in samples] == ["samples/epoch-00002.png", "samples/epoch-00004.png"]
    with Image.open(trained.record.folder / samples[0].file) as grid:
        assert grid.size == (5 * 16, 4 * 16)
    assert trained.steps == 12
    assert (trained.g_loss, trained.d_loss) == epochs_of(events)[-1][1:3]


def test_generator_is_left_with_what_it_saw(whole: tuple[list[Event], TrainedGenerator], pixels: Pixels) -> None:
    record = whole[1].record
    described = json.loads((record.folder / "generator.json").read_text())
    assert described["class_name"] == "normal"
    assert described["trained_on"] == [f"{n:064x}" for n in range(len(pixels))]
    assert described["settings"]["image_size"] == 16
    assert GeneratorRecord.load(record.folder) == record
    images = draw(record, 3)
    assert images.shape == (3, 16, 16, 3)
    assert not (record.folder / "aside.keras").exists()


@pytest.mark.parametrize("done", [6, 8], ids=["between epochs", "within an epoch"])
def test_resumed_training_ends_with_the_same_numbers(
    whole: tuple[list[Event], TrainedGenerator], pixels: Pixels, tmp_path: Path, done: int
) -> None:
    before = close_after(train(pixels, tmp_path), lambda event: isinstance(event, Progress) and event.done == done)
    after, trained = gather(train(pixels, tmp_path))
    assert epochs_of(before) + epochs_of(after) == epochs_of(whole[0])
    assert trained.steps == whole[1].steps
    ours, theirs = (load_checkpoint(folder / CHECKPOINT)[0] for folder in (tmp_path, whole[1].record.folder))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    np.testing.assert_array_equal(draw(trained.record, 4), draw(whole[1].record, 4))


def test_training_that_is_closed_while_an_epoch_is_told_tells_it_again(pixels: Pixels, tmp_path: Path) -> None:
    close_after(train(pixels, tmp_path), lambda event: isinstance(event, GanEpochEnded) and event.epoch == 4)
    assert not (tmp_path / "samples" / "epoch-00004.png").exists()
    events, trained = gather(train(pixels, tmp_path))
    assert [type(event) for event in events] == [GanEpochEnded, SamplesDrawn, CheckpointSaved]
    assert (tmp_path / "samples" / "epoch-00004.png").exists()
    assert trained.steps == 12


def test_training_that_is_done_is_not_done_again(pixels: Pixels, tmp_path: Path) -> None:
    gather(train(pixels, tmp_path, epochs=1))
    (tmp_path / "generator.json").unlink()
    events, trained = gather(train(pixels, tmp_path, epochs=1))
    assert not events
    assert trained.record.network_file.exists()


def test_checkpoint_of_other_settings_or_images_is_refused(pixels: Pixels, tmp_path: Path) -> None:
    close_after(train(pixels, tmp_path), lambda event: isinstance(event, Progress))
    with pytest.raises(CannotResume, match="other settings"):
        next(train(pixels, tmp_path, learning_rate=0.5))
    with pytest.raises(CannotResume, match="images of the class have changed"):
        next(train(pixels[:8], tmp_path))
    next(train(pixels, tmp_path, sample_every=1, count=3))
    (tmp_path / CHECKPOINT).write_bytes(b"torn")
    with pytest.raises(CannotResume, match="cannot be read"):
        next(train(pixels, tmp_path))


def test_another_device_or_other_pixels_are_told(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(images: Pixels) -> list[str]:
        events = close_after(train(images, tmp_path), lambda event: isinstance(event, Progress))
        return [event.text for event in events if isinstance(event, Note)]

    assert told(pixels) == told(pixels) == []
    monkeypatch.setattr(training, "device_of", lambda _: "NVIDIA H200")
    device, others = told(255 - pixels)
    assert device.startswith("The run was computed on CPU before, and continues on NVIDIA H200.")
    assert others.startswith("The pixels of the images are not those that the run began with")
    assert told(255 - pixels) == []


def test_class_smaller_than_a_batch_is_one_step(pixels: Pixels, tmp_path: Path) -> None:
    events, trained = gather(train(pixels, tmp_path, epochs=2, batch_size=150))
    assert trained.steps == 2
    assert len(epochs_of(events)) == 2


def test_disk_without_room_for_checkpoints_is_told_before_the_training(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    with pytest.raises(NoSpace, match="has 1 MB left, and checkpoints of this generator need"):
        next(train(pixels, tmp_path, image_size=64))
    assert not (tmp_path / CHECKPOINT).exists()


def test_disk_that_fills_up_leaves_the_last_checkpoint_to_go_on_with(
    whole: tuple[list[Event], TrainedGenerator], pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, written = Path.replace, 0

    def full(self: Path, target: Path) -> Path:
        nonlocal written
        written += target.name == CHECKPOINT
        if written > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(NoSpace, match="disk is full"):
        gather(train(pixels, tmp_path))
    monkeypatch.undo()
    events, trained = gather(train(pixels, tmp_path))
    assert epochs_of(events)[0][0] == 3, "it goes on behind the first checkpoint"
    assert (trained.g_loss, trained.d_loss) == (whole[1].g_loss, whole[1].d_loss)


def test_losses_that_are_no_numbers_end_the_training(pixels: Pixels, tmp_path: Path) -> None:
    job = train(pixels, tmp_path, learning_rate=1.0, epochs=50)
    next(job)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(TrainingDiverged, match="no longer finite numbers"):
        patch.setattr(Trainer, "step", lambda *_: np.full(4, np.nan, np.float32))
        next(job)
    assert not (tmp_path / CHECKPOINT).exists(), "a checkpoint of a broken network is of no use"


def test_sure_discriminator_and_collapse_are_warned_of_once(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "step", lambda *_: np.array([9.0, 0.01, 0.99, 0.01], np.float32))
    events, _ = gather(train(pixels, tmp_path, epochs=training.SURE_EPOCHS + 30))
    notes = [event for event in events if isinstance(event, Note)]
    assert all(note.level == "warning" for note in notes)
    assert sorted(note.text.split()[0] for note in notes) == ["For", "The"]
    assert "discriminator" in notes[1].text
    assert "look alike" in notes[0].text


def test_training_goes_on_with_the_framework_that_it_began_with(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_after(train(pixels, tmp_path, backend="torch"), lambda event: isinstance(event, Progress) and event.done == 4)
    _, trained = gather(train(pixels, tmp_path))  # which would take TensorFlow on a machine without a GPU
    assert trained.framework == "torch"
    whole, _ = gather(train(pixels, tmp_path / "whole", backend="torch")), None
    ours, theirs = (load_checkpoint(folder / CHECKPOINT)[0] for folder in (tmp_path, tmp_path / "whole"))
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert whole[1].g_loss == trained.g_loss


def test_averaged_weights_are_drawn_with_saved_and_resumed(pixels: Pixels, tmp_path: Path) -> None:
    averaged = {"weight_averaging": 0.9, "alterations": True, "spectral": True}
    close_after(train(pixels, tmp_path, **averaged), lambda event: isinstance(event, Progress) and event.done == 5)
    _, trained = gather(train(pixels, tmp_path, **averaged))
    _, whole = gather(train(pixels, tmp_path / "whole", **averaged))
    np.testing.assert_array_equal(draw(trained.record, 4), draw(whole.record, 4))
    arrays, _ = load_checkpoint(tmp_path / CHECKPOINT)
    assert not np.array_equal(arrays["averaged/000"], arrays["generator/000"])
    networks = Networks(settings_of(**averaged), "tensorflow")
    networks.restore(arrays)
    vectors = dcgan.noise(settings_of(), 4, dcgan.Stream.DRAWING)
    np.testing.assert_array_equal(draw(trained.record, 4), networks.draw(vectors))
