"""Both networks and their training step, in TensorFlow and in torch, with and without additions to the paper."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from busapp.engine.gan import dcgan, keras_setup
from busapp.engine.gan.alterations import Alterations, alter, draw_alterations
from busapp.engine.gan.keras_setup import choose_framework, keras_on, tensorflow
from busapp.engine.gan.networks import Networks
from busapp.engine.gan.trainer import Trainer
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import Framework, SynthesizeSettings

EFFICIENT = {"alterations": True, "spectral": True, "weight_averaging": 0.9, "d_learning_rate": 0.002}
FRAMEWORKS: list[Framework] = ["tensorflow", "torch"]


def settings_of(**given: object) -> SynthesizeSettings:
    small = {"class_name": "normal", "image_size": 16, "noise": 8, "batch_size": 4, "epochs": 4, "preset": "quick"}
    return SynthesizeSettings.model_validate({**small, **given})


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 255, (10, 16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    "given",
    [{"preset": "published", "batch_size": 4, "epochs": 4}, EFFICIENT],
    ids=["published: a kernel whose edges the two cut off otherwise", "efficient and what goes beyond it"],
)
def test_tensorflow_and_torch_train_alike(pixels: Pixels, given: dict[str, object]) -> None:
    """From the same weights and batch the losses agree to 1e-5 of their size, and after three steps to 1e-3: in Adam's
    first steps a gradient of mere rounding errors moves a weight as far as any other."""
    settings = settings_of(**given)
    ours = Trainer(Networks(settings, "tensorflow"))
    start = ours.networks.arrays()
    ours_losses = [ours.step(pixels, 1, number) for number in range(3)]
    vectors = dcgan.noise(settings, 4, dcgan.Stream.GRID)
    ours_drawn = ours.networks.draw(vectors).astype(int)
    theirs = Trainer(Networks(settings, "torch"))
    theirs.networks.restore(start)
    for number, losses in enumerate(ours_losses):
        np.testing.assert_allclose(theirs.step(pixels, 1, number), losses, rtol=1e-3 if number else 1e-5)
    assert np.abs(theirs.networks.draw(vectors).astype(int) - ours_drawn).max() <= 1
    assert ours_drawn.std() > 0
    ours_arrays, theirs_arrays = ours.networks.arrays(), theirs.networks.arrays()
    assert ours_arrays.keys() == theirs_arrays.keys()
    for name in ours_arrays:
        if not name.startswith(("g_adam", "d_adam")):  # moments of gradients that are nothing but rounding
            np.testing.assert_allclose(theirs_arrays[name], ours_arrays[name], atol=2e-3, err_msg=name)


def test_defaults_of_a_later_keras_change_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def constants() -> list[object]:
        networks = Networks(settings_of(), "torch")
        normalisations = [layer for layer in networks.generator.layers if hasattr(layer, "momentum")]
        assert normalisations
        return [
            *((adam.beta_1, adam.beta_2, adam.epsilon) for adam in (networks.g_adam, networks.d_adam)),
            *((layer.momentum, layer.epsilon) for layer in normalisations),
        ]

    as_now, keras = constants(), keras_on("torch")
    for function in (keras.optimizers.Adam.__init__, keras.layers.BatchNormalization.__init__):
        names = function.__code__.co_varnames[1 : 1 + len(function.__defaults__)]
        other = {"beta_2": 0.5, "epsilon": 0.1, "momentum": 0.5}
        changed = tuple(other.get(name, value) for name, value in zip(names, function.__defaults__, strict=True))
        assert changed != function.__defaults__
        monkeypatch.setattr(function, "__defaults__", changed)
    assert constants() == as_now


def test_the_generator_that_one_framework_saved_is_drawn_from_by_the_other(pixels: Pixels, tmp_path: Any) -> None:
    settings = settings_of()
    trainer = Trainer(Networks(settings, "torch"))
    trainer.step(pixels, 1, 0)
    trainer.networks.drawing_network().save(tmp_path / "generator.keras")
    vectors = dcgan.noise(settings, 3, 0)
    drawn = trainer.networks.draw(vectors).astype(int)
    keras = keras_on("tensorflow")
    network = dcgan.load_generator(keras, tmp_path / "generator.keras", settings)
    assert np.abs(dcgan.draw_from(keras, network, vectors).astype(int) - drawn).max() <= 1


def test_losses_are_the_binary_cross_entropies_of_the_published_sigmoid(pixels: Pixels) -> None:
    trainer = Trainer(Networks(settings_of(), "tensorflow"))
    vectors = dcgan.noise(trainer.networks.settings, 10, dcgan.Stream.TRAINING, 1, 0)
    real = pixels.astype(np.float32) / 127.5 - 1
    on_real, on_drawn = (
        tensorflow().sigmoid(trainer.networks.discriminator(images, training=True)).numpy()
        for images in (real, trainer.networks.generator(vectors, training=True))
    )
    entropy = trainer.networks.keras.losses.BinaryCrossentropy()
    expected = [
        entropy(np.ones((10, 1)), on_drawn),
        entropy(np.ones((10, 1)), on_real) + entropy(np.zeros((10, 1)), on_drawn),
        on_real.mean(),
        on_drawn.mean(),
    ]
    np.testing.assert_allclose(trainer.step(pixels, 1, 0), [float(value) for value in expected], rtol=1e-4)


def test_smaller_batches_run_through_the_same_graph_which_is_let_go_in_the_end(pixels: Pixels) -> None:
    trainer = Trainer(Networks(settings_of(**EFFICIENT), "tensorflow"))
    for number, images in enumerate((pixels[:4], pixels[:2])):
        assert np.isfinite(trainer.step(images, 1, number)).all()
    graph = weakref.ref(trainer._update._compiled.graph)  # type: ignore[attr-defined]
    assert graph() is not None
    del trainer
    gc.collect()
    assert graph() is None, "a validation that trains twenty generators would keep them all in memory"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_mixed_precision_trains_and_keeps_weights_in_full(pixels: Pixels, framework: Framework) -> None:
    """GPUs compute in mixed precision; a CPU can do it too, slowly."""
    full = Trainer(Networks(settings_of(), framework))
    mixed = Trainer(Networks(settings_of(), framework, dtype_policy="mixed_bfloat16"))
    assert {array.dtype for name, array in mixed.networks.arrays().items() if "adam" not in name} == {
        np.dtype(np.float32)
    }
    np.testing.assert_allclose(mixed.step(pixels, 1, 0), full.step(pixels, 1, 0), rtol=0.05)


def test_two_learning_rates_are_each_networks_own(pixels: Pixels) -> None:
    """Adam's first step moves every weight by its learning rate."""
    trainer = Trainer(Networks(settings_of(learning_rate=0.001, d_learning_rate=0.004), "tensorflow"))
    before = trainer.networks.arrays()
    trainer.step(pixels, 1, 0)
    after = trainer.networks.arrays()
    moved = {name: np.abs(after[name] - before[name]).max() for name in ("generator/000", "discriminator/000")}
    assert moved["generator/000"] == pytest.approx(0.001, rel=0.01)
    assert moved["discriminator/000"] == pytest.approx(0.004, rel=0.01)


# -- alterations -----------------------------------------------------------------------------------------------


def test_alterations_mirror_shift_and_change_intensity_and_nothing_else() -> None:
    keras = keras_on("tensorflow")
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 3)).astype(np.float32)
    there = np.arange(8)
    columns = np.stack([there, there[::-1], np.clip(there + 2, 0, 7)]).astype(np.int32)
    rows = np.stack([there, there, np.clip(there - 1, 0, 7)]).astype(np.int32)
    gain, offset = np.array([1, 1, 1.2], np.float32), np.array([0, 0, 0.1], np.float32)
    altered = np.asarray(alter(keras, images, Alterations(columns, rows, gain, offset)))
    np.testing.assert_allclose(altered[0], images[0], atol=1e-6)
    np.testing.assert_allclose(altered[1], images[1][:, ::-1], atol=1e-6)
    moved = images[2][rows[2]][:, columns[2]]
    np.testing.assert_allclose(altered[2], (moved - moved.mean()) * 1.2 + moved.mean() + 0.1, atol=1e-5)


def test_alterations_stay_within_what_is_fit_for_ultrasound() -> None:
    drawn = draw_alterations(np.random.default_rng(0), 400, 64)
    assert (np.diff(drawn.rows, axis=1) >= 0).all(), "nothing is turned upside down"
    mirrored = drawn.columns[:, -1] < drawn.columns[:, 0]
    assert 0.4 < mirrored.mean() < 0.6
    middle = np.where(mirrored, 63 - drawn.columns[:, 32], drawn.columns[:, 32])
    assert set(np.unique(middle - 32)) == set(range(-8, 9))
    assert 0.8 <= drawn.gain.min() < 0.85 < 1.15 < drawn.gain.max() <= 1.2
    assert -0.1 <= drawn.offset.min() < -0.08 < 0.08 < drawn.offset.max() <= 0.1


def test_real_and_drawn_images_are_altered_each_in_its_own_way_and_anew_at_every_step(
    pixels: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(Networks(settings_of(**EFFICIENT), "tensorflow"))
    seen: list[Alterations] = []
    monkeypatch.setattr(trainer, "_update", lambda _pixels, _vectors, alterations: seen.extend(alterations))
    for epoch, number in ((1, 0), (1, 1), (2, 0), (1, 0)):
        trainer.step(pixels, epoch, number)
    gains = [tuple(each.gain) for each in seen]
    assert len(set(gains)) == 6
    assert gains[:2] == gains[-2:], "a resumed training alters as the one that was not stopped"


# -- which framework -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "tensorflow_has_it", "chosen"),
    [("cpu", False, "tensorflow"), ("cuda", True, "tensorflow"), ("cuda", False, "torch"), ("mps", False, "torch")],
)
def test_auto_takes_what_can_use_the_hardware(
    monkeypatch: pytest.MonkeyPatch, device: str, tensorflow_has_it: bool, chosen: str
) -> None:
    import torch

    monkeypatch.setattr(keras_setup, "find_device", lambda: torch.device(device))
    gpus = ["GPU:0"] if tensorflow_has_it else []
    monkeypatch.setattr(tensorflow().config, "list_physical_devices", lambda _kind: gpus)
    assert choose_framework("auto") == chosen
    assert choose_framework("torch") == "torch"


def test_keras_is_brought_back_when_the_framework_is_asked_for_again() -> None:
    first, other, again = (keras_on(framework) for framework in ("tensorflow", "torch", "tensorflow"))
    assert first is again
    assert first is not other
    assert (first.backend.backend(), other.backend.backend()) == ("tensorflow", "torch")
