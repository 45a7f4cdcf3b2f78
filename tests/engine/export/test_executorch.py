"""Models for ExecuTorch: every network in float32 and int8, and the folder for an app's developer."""

import json
import shutil
import tomllib
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from pulling import pull_job

from busapp.engine import jobs
from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.onnx_file import logits_of
from busapp.engine.events import Event, Finished, Progress
from busapp.engine.export.job import EXECUTORCH
from busapp.engine.metrics import softmax
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, UserError


def _installed() -> bool:
    try:
        return all(metadata.version(name).startswith(version) for name, version in EXECUTORCH.items())
    except metadata.PackageNotFoundError:
        return False


needs_executorch = pytest.mark.skipif(not _installed(), reason="the extra executorch is not installed")
TINY = ValidateSettings(
    system="existing", epochs=1, batch_size=8, image_size=32, width=0.25, pretrained=False, recipe="careful"
)


def lively(name: str, size: int, pixels: np.ndarray) -> Staged:
    """A random network with batch statistics of these images, whose answers differ between them."""
    network = build(3, ValidateSettings(network=name, pretrained=False, image_size=size), seed=3)
    with torch.no_grad():
        if not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules()):
            for module in network.features.modules():  # otherwise the pixels fade away, layer by layer
                if isinstance(module, torch.nn.Conv2d):
                    torch.nn.init.kaiming_normal_(module.weight, generator=torch.Generator().manual_seed(0))
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the running statistics are means
        normal = network.normalised(torch.from_numpy(pixels))
        network.train()(normal)
        network.classifier[1].weight.mul_(float(0.5 / network.eval()(normal).std(0).mean()))
    return network


@needs_executorch
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_becomes_a_file_in_float32(name: str) -> None:
    from busapp.engine.classifiers.executorch_file import ExecuTorchModel, to_float32

    size = max(64, NETWORKS[name].least_size)
    coarse = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    pixels = np.stack([np.asarray(Image.fromarray(image).resize((size, size))) for image in coarse])
    network, mirrored = lively(name, size, pixels), name in ("mobilenet-v2", "squeezenet")
    content = to_float32(network, size, mirrored=mirrored, temperature=2.0)
    answers = ExecuTorchModel(content).run(pixels)
    logits = logits_of(network, pixels, mirrored=mirrored)
    assert np.ptp(logits, axis=0).min() > 0.05, "the images have to be told apart"
    np.testing.assert_allclose(answers["probabilities"], softmax(logits / 2.0), atol=1e-4)
    bias = network.classifier[1].bias.detach().numpy()
    np.testing.assert_allclose(answers["maps"].mean((2, 3)) + bias, logits, atol=1e-3)
    for words in (b"site-packages", b"busapp", str(Path.home()).encode()):
        assert words not in content, "the file names the folders in which it was made"


@needs_executorch
@pytest.mark.parametrize("name", ["mobilenet-v2", "resnet-small", "squeezenet", "cnn"])
def test_an_int8_file_is_a_quarter_and_answers_nearly_the_same(name: str) -> None:
    """Smooth activations, residual sums, joined branches and plain convolutions. The network is not changed."""
    from busapp.engine.classifiers.executorch_file import ExecuTorchModel, to_int8

    size = max(32, NETWORKS[name].least_size)
    coarse = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    pixels = np.stack([np.asarray(Image.fromarray(image).resize((size, size))) for image in coarse])
    network = lively(name, size, pixels)
    before = logits_of(network, pixels)
    content = to_int8(network, size, lambda: iter(pixels), temperature=2.0)
    assert len(content) < 0.35 * 4 * sum(values.numel() for values in network.parameters())
    difference = np.abs(ExecuTorchModel(content).run(pixels)["probabilities"] - softmax(before / 2.0))
    assert 0 < difference.max() < 0.1 and difference.mean() < 0.03
    np.testing.assert_array_equal(logits_of(network, pixels), before)


class Exported(NamedTuple):
    workspace: Workspace
    run: str
    folder: Path
    result: dict[str, Any]
    events: list[Event]


@pytest.fixture(scope="module")
def validated(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A study with a tiny run, whose recipe also uses mirror images."""
    root = tmp_path_factory.mktemp("executorch") / "study"
    shutil.copytree(_phantom_template, root)
    workspace = Workspace.open(root)
    pull_job(workspace, TINY)
    yield workspace, workspace.runs("validate")[0].id
    workspace.close()


@pytest.fixture(scope="module")
def exported(validated: tuple[Workspace, str], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    workspace, run = validated
    folder = tmp_path_factory.mktemp("app") / "new"
    events = pull_job(workspace, ExportSettings(run=run, format="executorch", out=folder))
    assert isinstance(events[-1], Finished)
    return Exported(workspace, run, folder, events[-1].result, events)


@needs_executorch
def test_both_files_are_compared_with_the_network_on_every_image(exported: Exported) -> None:
    result = exported.result
    assert (result["format"], result["folder"]) == ("executorch", str(exported.folder))
    assert "model" not in result and exported.workspace.models() == []
    float32, int8 = result["agreement"]
    assert (float32["file"], int8["file"]) == ("model-float32.pte", "model-int8.pte")
    assert float32["n_images"] == int8["n_images"] == 24 == float32["same_class"]
    assert float32["largest_difference"] < 1e-4 and int8["largest_difference"] < 0.1
    for entry in (float32, int8):
        assert entry["bytes"] == (exported.folder / entry["file"]).stat().st_size
    assert int8["bytes"] < 0.6 * float32["bytes"]
    said = [event.what for event in exported.events if isinstance(event, Progress)]
    assert said.count("converting for ExecuTorch") > 10, "the job was silent while it converted"


@needs_executorch
def test_someone_who_has_the_folder_alone_gets_the_expected_answers(exported: Exported) -> None:
    """The test does what the folder's README says for Python."""
    folder = exported.folder
    expected = json.loads((folder / "examples" / "expected.json").read_text())
    prepare = json.loads((folder / "preprocessing.json").read_text())
    readme = (folder / "README.md").read_text()
    for words in ("org.pytorch:executorch-android", "backend_xnnpack", "| output | 0 | `probabilities` |", "`forward`"):
        assert words in readme, words
    assert "1/256" not in readme and "| output | 1 | `maps` |" in readme
    assert prepare["temperature_inside_the_model"] and prepare["dtype"] == "uint8"
    with warnings.catch_warnings(action="ignore"):  # it says that its interface may change
        from executorch.runtime import Runtime
    for image in expected["images"]:
        pixels = torch.from_numpy(np.array(Image.open(folder / "examples" / image["prepared"]))[None])
        for name, answers in image["expected"].items():
            method = Runtime.get().load_program(folder / name).load_method("forward")
            assert method is not None
            probabilities, maps = method.execute([pixels])
            assert maps.is_contiguous() and probabilities.dtype == maps.dtype == torch.float32
            tolerance = expected["tolerance_of_a_probability"][name]
            np.testing.assert_allclose(probabilities[0].numpy(), answers["probabilities"], atol=tolerance)
            np.testing.assert_allclose(maps[0].numpy(), answers["maps"], atol=tolerance)


@needs_executorch
def test_a_cancelled_conversion_leaves_nothing(exported: Exported, tmp_path: Path) -> None:
    job = jobs.start(exported.workspace, ExportSettings(run=exported.run, format="executorch", out=tmp_path / "app"))
    for event in job:
        if isinstance(event, Progress) and "converting" in event.what:
            break
    job.close()
    assert list(tmp_path.glob("app*")) == []
    assert exported.workspace.runs("export")[0].info.state == "cancelled"


@needs_executorch
def test_a_network_that_cannot_be_converted_is_named(
    validated: tuple[Workspace, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ExecuTorch knows no complex numbers."""
    from busapp.engine.networks.layers.staged import Staged

    workspace, run = validated
    monkeypatch.setattr(Staged, "normalised", lambda self, pixels: torch.fft.fft(pixels.float().permute(0, 3, 1, 2)))
    with pytest.raises(UserError, match=r"MobileNetV2.*cannot be converted for ExecuTorch.*--format tflite"):
        pull_job(workspace, ExportSettings(run=run, format="executorch", out=tmp_path / "app"))
    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize(("missing", "found"), [("executorch", None), ("executorch", "0.6.0"), ("torchao", None)])
def test_without_the_extra_one_sentence_comes_before_any_training(
    validated: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch, missing: str, found: str | None
) -> None:
    def version(name: str) -> str:
        if name != missing:
            return f"{EXECUTORCH[name]}1"
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    workspace, run = validated
    monkeypatch.setattr("busapp.engine.export.job.metadata.version", version)
    events: list[Event] = []
    with pytest.raises(BadInput, match=rf"needs the extra executorch, with {missing} .*busapp\[executorch\]"):
        for event in jobs.start(workspace, ExportSettings(run=run, format="executorch")):
            events.append(event)
    assert not any(isinstance(event, Progress) for event in events)


def test_the_extra_installs_the_versions_that_the_export_asks_for() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    (needed,) = project["optional-dependencies"]["executorch"]
    assert needed.startswith(f"executorch>={EXECUTORCH['executorch']}")
