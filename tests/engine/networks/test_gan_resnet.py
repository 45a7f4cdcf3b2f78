"""Networks with a discriminator: its features are those of the GAN, and each fold has its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from discriminators import some_discriminator
from pulling import result_of

from busapp.engine import jobs
from busapp.engine.classifiers.building import build
from busapp.engine.events import EpochEnded, Note
from busapp.engine.gan.discriminator_file import read_discriminator, save_discriminator
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.gan.keras_setup import keras_on
from busapp.engine.gan.networks import Networks
from busapp.engine.gan.trainer import Trainer
from busapp.engine.networks.entry import Options
from busapp.engine.networks.layers.discriminator import Discriminator, use_discriminator
from busapp.engine.networks.layers.simplifying import plan_of
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ExportSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.settings.systems import possible_leaks
from busapp.engine.study.checkpoints import load_checkpoint
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, BadModel


def settings_of(name: str, **changes: Any) -> ValidateSettings:
    given = {"network": name, "image_size": 32, "batch_size": 8, "folds": 2, "epochs": 1, "generator_epochs": 1}
    return ValidateSettings.model_validate({**given, **changes})


@pytest.mark.parametrize("changes", [{}, {"kernel_size": 5, "leak": 0.3}, {"kernel_size": 3, "spectral": True}])
def test_the_maps_are_those_of_the_discriminator_of_the_gan(changes: dict[str, Any], tmp_path: Path) -> None:
    settings = SynthesizeSettings.model_validate(
        {"class_name": "x", "image_size": 32, "batch_size": 6, "backend": "torch", **changes}
    )
    networks = Networks(settings, "torch")
    trainer, rng = Trainer(networks), np.random.default_rng(0)
    for step in range(4):
        trainer.step(rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8), 1, step)
    save_discriminator(tmp_path, networks)
    record = GeneratorRecord(tmp_path, "x", frozenset(), settings)
    ours = Discriminator(Options(kernel_size=settings.kernel_size, leak=settings.leak))
    use_discriminator(ours, read_discriminator(record))
    images = rng.uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    values, theirs = torch.from_numpy(images), []
    with torch.no_grad():
        for layer in networks.discriminator.layers:
            values = layer(values, training=False) if "training" in layer.call.__code__.co_varnames else layer(values)
            theirs += [values.numpy()] if "leaky" in layer.name else []
        found = ours.maps(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert len(theirs) == 3
    for own, expected in zip(found, theirs, strict=True):
        assert np.ptp(expected) > 0.1
        assert own.permute(0, 2, 3, 1).numpy() == pytest.approx(expected, abs=1e-4)


def test_a_damaged_or_foreign_discriminator_is_refused(tmp_path: Path) -> None:
    settings = SynthesizeSettings.model_validate({"class_name": "x"})
    (tmp_path / "discriminator.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadModel, match="The discriminator cannot be read"):
        read_discriminator(GeneratorRecord(tmp_path, "x", frozenset(), settings))
    with pytest.raises(BadInput, match="does not fit the network"):
        use_discriminator(Discriminator(Options(kernel_size=4)), some_discriminator(kernel_size=5))


def test_every_fold_has_its_own_gan_under_strict(phantom_study: Workspace) -> None:
    run_id, events = started(phantom_study, settings_of("gan-resnet", epochs=2))
    result = result_of(events)
    run = phantom_study.run(run_id)
    assert any("GAN-ResNet uses the discriminator of a GAN: 2 of 2" in e.text for e in events if isinstance(e, Note))
    assert [one["n_trained_on"] for one in result["generators"]] == [fold["n_train"] for fold in result["folds"]]
    assert len({one["generator"] for one in result["generators"]}) == 2
    assert result["leaks"]["generators_that_saw_test_images"] == 0
    arrays, _ = load_checkpoint(run.checkpoint)
    (last,) = (path for path in (run.folder / "generators").iterdir() if path.name.startswith("fold-2"))
    kept, _ = load_checkpoint(last / "discriminator.safetensors")
    kernel = arrays["network/features.0.discriminator.blocks.0.0.weight"]
    assert np.array_equal(kernel.transpose(2, 3, 1, 0), kept["0/kernel"]), "it is not trained with the classifier"
    assert np.array_equal(arrays["network/features.0.discriminator.blocks.0.1.running_var"], kept["0/variance"])


def test_a_stopped_run_ends_with_the_same_numbers(phantom_study: Workspace) -> None:
    settings = settings_of("gan-resnet", epochs=2)
    whole = result_of(started(phantom_study, settings)[1])
    job = jobs.start(phantom_study, settings)
    for event in job:
        if isinstance(event, EpochEnded) and event.fold == 2:
            break
    job.close()
    resumed = result_of(list(jobs.resume(phantom_study, phantom_study.runs("validate")[0].id)))
    assert resumed["confusion"] == whole["confusion"] and resumed["auc"] == whole["auc"]


def test_the_published_protocol_shares_one_gan_and_counts_it(phantom_study: Workspace) -> None:
    settings = settings_of("gan-discriminator", protocol="published")
    assert settings.subject == "system1, published, GAN's discriminator"
    result = result_of(started(phantom_study, settings)[1])
    assert len(result["generators"]) == 1 and result["leaks"]["generators_that_saw_test_images"] == 1
    assert "generator_sees_test" in possible_leaks("system1", "gan-resnet")
    assert "generator_sees_test" not in possible_leaks("system1", "resnet-small")
    assert "generator_sees_test" not in possible_leaks("system1", "a network of later")


def test_the_gan_has_the_size_of_the_images_or_a_whole_part_of_it() -> None:
    sizes = {size: settings_of("gan-resnet", image_size=size) for size in (50, 16, 96, 224)}
    assert [each.gan.image_size for each in sizes.values()] == [48, 16, 48, 56]
    assert [each.options.shrunk for each in sizes.values()] == [1, 1, 2, 4]
    assert sizes[50].gan.class_name == ""
    alone = build(2, settings_of("gan-discriminator", image_size=224), seed=0)
    use_discriminator(alone, some_discriminator())
    assert alone.features(torch.zeros(1, 3, 224, 224)).shape == (1, 224, 56, 56), "the stride of the entry"


def test_its_stages_cannot_be_frozen(phantom_study: Workspace) -> None:
    with pytest.raises(BadInput, match="The stages of GAN-ResNet cannot be frozen"):
        list(jobs.start(phantom_study, settings_of("gan-resnet", frozen_stages=1)))


def test_the_model_of_a_run_answers_with_it(phantom_study: Workspace) -> None:
    run_id, _ = started(phantom_study, settings_of("gan-resnet"))
    exported = result_of(list(jobs.start(phantom_study, ExportSettings(run=run_id, format="onnx"))))
    assert exported["agreement"][0]["largest_difference"] < 1e-3
    arrays, _ = load_checkpoint(phantom_study.run(run_id).folder / "final.safetensors")
    assert np.abs(arrays["network/features.0.discriminator.blocks.0.0.weight"]).max() > 0


@pytest.mark.parametrize("size", [50, 224])
def test_keras_builds_the_same_network_from_its_numbers(size: int) -> None:
    from busapp.engine.export.phone.keras_twin import build_twin

    settings = settings_of("gan-resnet", image_size=size)
    network = build(3, settings, seed=0).eval()
    use_discriminator(network, some_discriminator())
    keras = keras_on("torch")
    twin = build_twin(keras, plan_of(network, size), size)
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    with torch.no_grad():
        logits, maps = (output.numpy() for output in twin(torch.from_numpy(pixels.astype(np.float32))))
        expected = network(network.normalised(torch.from_numpy(pixels))).numpy()
    assert np.ptp(expected) > 0.01 and logits == pytest.approx(expected, abs=1e-4)
    assert maps.shape[2] == network.features(torch.zeros(1, 3, size, size)).shape[2]
    assert NETWORKS["gan-resnet"].stride * maps.shape[2] == pytest.approx(size, abs=4)


def started(study: Workspace, settings: ValidateSettings) -> tuple[str, list[Any]]:
    """The id of a new run, and its events."""
    events = list(jobs.start(study, settings))
    return study.runs("validate")[0].id, events
