"""The published architecture, layer by layer, and drawing from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from busapp.engine.gan import dcgan, layers
from busapp.engine.gan.keras_setup import keras_on
from busapp.engine.settings import SynthesizeSettings
from busapp.errors import BadModel


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_on("tensorflow")


def small(**given: object) -> SynthesizeSettings:
    return SynthesizeSettings.model_validate({"class_name": "malignant", "image_size": 16, "noise": 8, **given})


def shapes(network: Any, kinds: tuple[type, ...]) -> list[tuple[int, ...]]:
    return [layer.output.shape[1:] for layer in network.layers if isinstance(layer, kinds)]


def kinds(network: Any) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def test_generator_is_the_published_one_at_224(keras: Any) -> None:
    network = dcgan.build_generator(keras, SynthesizeSettings(class_name="malignant", preset="published"))
    assert network.input_shape == (None, 100)
    assert network.layers[0].units == 28 * 28 * 256
    assert shapes(network, (keras.layers.LeakyReLU, keras.layers.Activation)) == [
        (28, 28, 256),
        (28, 28, 128),
        (56, 56, 64),
        (112, 112, 32),
        (224, 224, 3),
    ]
    block = ["BatchNormalization", "LeakyReLU", "Conv2DTranspose"]
    without_edges = [kind for kind in kinds(network) if kind != "Cropping2D"]
    assert without_edges == ["Dense", "Reshape", *(4 * block), "Activation"]
    assert network.layers[-1].activation is keras.activations.tanh


@pytest.mark.parametrize("kernel_size", [3, 4, 5, 7])
@pytest.mark.parametrize("strides", [1, 2])
def test_maps_grow_as_keras_lets_them_grow(keras: Any, kernel_size: int, strides: int) -> None:
    settings = small(kernel_size=kernel_size)
    ours = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            *dcgan._upscaling(keras, settings, 3, strides, kernel_initializer="ones", dtype="float32"),
        ]
    )
    theirs = keras.layers.Conv2DTranspose(3, kernel_size, strides, padding="same", kernel_initializer="ones")
    images = np.random.default_rng(0).standard_normal((2, 4, 4, 2), np.float32)
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-5)


def test_normalisation_in_training_is_keras_own_only_faster(keras: Any) -> None:
    fast, plain = layers.normalisation(keras)(), keras.layers.BatchNormalization()
    images = np.random.default_rng(0).normal(3.0, 2.0, (5, 4, 4, 6)).astype(np.float32)
    for _ in range(3):
        np.testing.assert_allclose(fast(images, training=True), plain(images, training=True), atol=1e-5)
    for ours, theirs in zip(fast.weights, plain.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(fast(images, training=False), plain(images, training=False), atol=1e-5)


@pytest.mark.parametrize("kind", ["Conv2D", "Dense"])
def test_spectral_normalisation_finds_the_largest_singular_value(keras: Any, kind: str) -> None:
    # Unseeded kernels whose two largest singular values are close need more steps.
    seeded = {"kernel_initializer": keras.initializers.GlorotUniform(seed=0), "use_bias": False}
    if kind == "Conv2D":
        layer = layers.spectral(keras, keras.layers.Conv2D)(6, 3, seed=0, padding="same", **seeded)
        inputs = np.ones((1, 5, 5, 2), np.float32)
    else:
        layer = layers.spectral(keras, keras.layers.Dense)(6, seed=0, **seeded)
        inputs = np.ones((1, 9), np.float32)
    for _ in range(60):
        outputs = np.asarray(layer(inputs, training=True))
    largest = np.linalg.svd(np.asarray(layer.kernel).reshape(-1, 6), compute_uv=False)[0]
    plain = getattr(keras.layers, kind)
    same = plain(6, **({"kernel_size": 3, "padding": "same"} if kind == "Conv2D" else {}), use_bias=False)
    same.build(inputs.shape)
    same.kernel.assign(np.asarray(layer.kernel) / largest)
    np.testing.assert_allclose(outputs, same(inputs), rtol=1e-4)
    assert np.asarray(layer.direction).shape == (6,)


def test_discriminator_is_the_published_one_at_224(keras: Any) -> None:
    network = dcgan.build_discriminator(keras, SynthesizeSettings(class_name="malignant", preset="published"))
    assert network.input_shape == (None, 224, 224, 3)
    assert shapes(network, (keras.layers.Conv2D, keras.layers.Dense)) == [
        (112, 112, 32),
        (56, 56, 64),
        (28, 28, 128),
        (1,),
    ]
    block = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    assert kinds(network) == [*(3 * block), "Flatten", "Dense"]


def test_published_preset_has_the_papers_numbers() -> None:
    malignant = SynthesizeSettings(class_name="malignant", preset="published")
    normal = SynthesizeSettings(class_name="normal", preset="published")
    assert (malignant.batch_size, malignant.epochs) == (150, 4200)
    assert (normal.batch_size, normal.epochs) == (100, 2500)
    for settings in (malignant, normal):
        assert (settings.image_size, settings.noise, settings.learning_rate) == (224, 100, 0.001)


def test_every_layer_starts_from_numbers_of_its_own_and_the_seed_fixes_them(keras: Any) -> None:
    first, again, other = (dcgan.build_generator(keras, small(seed=seed)) for seed in (3, 3, 2**31 - 1))
    kernels = [network.layers[0].kernel.numpy() for network in (first, again, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_noise_begins_alike_however_much_is_drawn_and_differs_between_streams() -> None:
    settings = small()
    few, many = (dcgan.noise(settings, count, dcgan.Stream.DRAWING, 5) for count in (3, 40))
    assert few.dtype == np.float32
    np.testing.assert_array_equal(few, many[:3])
    assert not np.array_equal(few, dcgan.noise(settings, 3, dcgan.Stream.DRAWING, 6))
    assert not np.array_equal(few, dcgan.noise(settings, 3, dcgan.Stream.TRAINING, 5))


def test_saved_generator_draws_the_same_images_and_opens_in_safe_mode(keras: Any, tmp_path: Path) -> None:
    settings = small()
    network = dcgan.build_generator(keras, settings)
    vectors = dcgan.noise(settings, 3, 0)
    drawn = dcgan.draw_from(keras, network, vectors)
    assert drawn.shape == (3, 16, 16, 3)
    assert drawn.dtype == np.uint8
    path = tmp_path / "generator.keras"
    network.save(path)
    np.testing.assert_array_equal(dcgan.draw_from(keras, dcgan.load_generator(keras, path, settings), vectors), drawn)
    np.testing.assert_array_equal(dcgan.draw_from(keras, keras.saving.load_model(path, safe_mode=True), vectors), drawn)


def test_file_that_is_no_generator_is_told(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "generator.keras"
    path.write_bytes(b"not a network")
    with pytest.raises(BadModel, match="cannot be read"):
        dcgan.load_generator(keras, path, small())
    dcgan.build_generator(keras, small(image_size=32)).save(path)
    with pytest.raises(BadModel, match="cannot be read"):
        dcgan.load_generator(keras, path, small())
