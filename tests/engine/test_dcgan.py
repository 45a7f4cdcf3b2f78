"""The published architecture, layer by layer, and drawing from it."""

from pathlib import Path

import numpy as np
import pytest

from busapp.engine.gan import dcgan
from busapp.engine.gan.keras_setup import keras
from busapp.engine.settings import SynthesizeSettings
from busapp.errors import BadModel


def small(**given: object) -> SynthesizeSettings:
    return SynthesizeSettings.model_validate({"class_name": "malignant", "image_size": 16, "noise": 8, **given})


def shapes(network: keras.Sequential, kinds: tuple[type, ...]) -> list[tuple[int, ...]]:
    return [layer.output.shape[1:] for layer in network.layers if isinstance(layer, kinds)]


def kinds(network: keras.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def test_generator_is_the_published_one_at_224() -> None:
    network = dcgan.build_generator(SynthesizeSettings(class_name="malignant", preset="published"))
    assert network.input_shape == (None, 100)
    assert network.layers[0].units == 28 * 28 * 256
    assert shapes(network, (keras.layers.Reshape, keras.layers.Conv2DTranspose)) == [
        (28, 28, 256),
        (28, 28, 128),
        (56, 56, 64),
        (112, 112, 32),
        (224, 224, 3),
    ]
    block = ["BatchNormalization", "LeakyReLU", "Conv2DTranspose"]
    assert kinds(network) == ["Dense", "Reshape", *(4 * block)]
    assert network.layers[-1].activation is keras.activations.tanh


def test_discriminator_is_the_published_one_at_224() -> None:
    network = dcgan.build_discriminator(SynthesizeSettings(class_name="malignant", preset="published"))
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


def test_every_layer_starts_from_numbers_of_its_own_and_the_seed_fixes_them() -> None:
    first, again, other = (dcgan.build_generator(small(seed=seed)) for seed in (3, 3, 2**31 - 1))
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


def test_saved_generator_draws_the_same_images_and_opens_in_safe_mode(tmp_path: Path) -> None:
    settings = small()
    network = dcgan.build_generator(settings)
    vectors = dcgan.noise(settings, 3, 0)
    drawn = dcgan.draw_from(network, vectors)
    assert drawn.shape == (3, 16, 16, 3)
    assert drawn.dtype == np.uint8
    path = tmp_path / "generator.keras"
    network.save(path)
    np.testing.assert_array_equal(dcgan.draw_from(dcgan.load_generator(path, settings), vectors), drawn)
    np.testing.assert_array_equal(dcgan.draw_from(keras.saving.load_model(path, safe_mode=True), vectors), drawn)


def test_file_that_is_no_generator_is_told(tmp_path: Path) -> None:
    path = tmp_path / "generator.keras"
    path.write_bytes(b"not a network")
    with pytest.raises(BadModel, match="cannot be read"):
        dcgan.load_generator(path, small())
    dcgan.build_generator(small(image_size=32)).save(path)
    with pytest.raises(BadModel, match="cannot be read"):
        dcgan.load_generator(path, small())
