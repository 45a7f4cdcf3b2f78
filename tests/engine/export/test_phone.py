"""Models for apps: the twin network, TensorFlow Lite, and a folder with all that is needed to use them."""

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from pulling import gather, pull_job
from skimage.exposure import equalize_adapthist

from busapp.engine import jobs
from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.onnx_file import logits_of
from busapp.engine.events import Event, Finished, Progress, Skipped
from busapp.engine.export.phone.agreement import ConvertedFile, Example, compare_files, evenly
from busapp.engine.export.phone.folder import choose, place_for
from busapp.engine.export.phone.keras_twin import build_twin
from busapp.engine.gan.keras_setup import keras_on, tensorflow
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.metrics import softmax
from busapp.engine.models.model import Model
from busapp.engine.networks.layers.simplifying import plan_of
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, BadModel, NotEnoughImages
from busapp.summaries import summary

TINY = ValidateSettings(
    system="existing", network="cnn", epochs=1, batch_size=8, image_size=32, pretrained=False, recipe="careful"
)
"""The network with the fewest layers, because converting takes its time for each of them."""


def lively(name: str, width: float, n_classes: int, pixels: np.ndarray) -> Staged:
    """A network with batch statistics of these images, whose answers differ between them."""
    settings = ValidateSettings(network=name, width=width, pretrained=False, image_size=pixels.shape[1])
    network = build(n_classes, settings, seed=3)
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.2)
            module.momentum = None  # the running statistics are means
    with torch.no_grad():
        network.train()(network.normalised(torch.from_numpy(pixels)))
        logits = network.eval()(network.normalised(torch.from_numpy(pixels)))
        network.classifier[1].weight.mul_(float(0.3 / logits.std(0).mean()))
    return network


@pytest.mark.parametrize(
    ("name", "width", "size", "n_classes", "mirrored"),
    [
        ("mobilenet-v2", 0.35, 32, 3, True),
        ("mobilenet-v2", 0.25, 77, 2, True),
        ("efficientnet-lite0", 1.0, 64, 3, False),
        ("resnet-18", 1.0, 50, 2, False),
        ("squeezenet", 1.0, 50, 3, True),
        ("resnet-small", 1.0, 50, 3, True),
    ],
)
def test_the_twin_answers_as_the_network(name: str, width: float, size: int, n_classes: int, mirrored: bool) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    pixels = np.stack([np.asarray(Image.fromarray(image).resize((size, size))) for image in coarse])
    network = lively(name, width, n_classes, pixels)
    plan = plan_of(network, size)
    twin = build_twin(keras_on("tensorflow"), plan, size, mirrored=mirrored, temperature=2.0)
    logits, maps = (values.numpy() for values in twin(pixels.astype(np.float32)))
    expected = logits_of(network, pixels, mirrored=mirrored)
    assert np.ptp(expected, axis=0).min() > 0.1, "the images have to be told apart"
    np.testing.assert_allclose(2 * logits, expected, atol=1e-4)
    assert maps.shape[:2] == (16, n_classes)
    np.testing.assert_allclose(maps.mean((2, 3)) + plan.bias, expected, atol=1e-4)
    if not mirrored:
        with torch.no_grad():
            features = network.features(network.normalised(torch.from_numpy(pixels))).numpy()
        np.testing.assert_allclose(maps, np.einsum("kc,nchw->nkhw", plan.weight, features), atol=1e-4)


class Exported(NamedTuple):
    workspace: Workspace
    run: str
    folder: Path
    result: dict[str, Any]
    events: list[Event]


@pytest.fixture(scope="module")
def exported(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """A tiny run on equalised images, whose recipe also uses mirror images, exported as TensorFlow Lite."""
    root = tmp_path_factory.mktemp("phone")
    shutil.copytree(_phantom_template, root / "study")
    workspace = Workspace.open(root / "study")
    pull_job(workspace, TINY.model_copy(update={"equalise": True}))
    run = workspace.runs("validate")[0].id
    events = pull_job(workspace, ExportSettings(run=run, format="tflite", out=root / "new" / "app"))
    assert isinstance(events[-1], Finished)
    yield Exported(workspace, run, root / "new" / "app", events[-1].result, events)
    workspace.close()


def test_both_files_are_compared_with_the_network_on_every_image(exported: Exported) -> None:
    result = exported.result
    assert (result["run"], result["format"], result["folder"]) == (exported.run, "tflite", str(exported.folder))
    assert "model" not in result and exported.workspace.models() == []
    float32, int8 = result["agreement"]
    assert (float32["file"], int8["file"]) == ("model-float32.tflite", "model-int8.tflite")
    assert float32["n_images"] == int8["n_images"] == 24 == float32["same_class"]
    assert float32["largest_difference"] < 1e-4 and int8["largest_difference"] < 0.1
    for entry in (float32, int8):
        assert entry["bytes"] == (exported.folder / entry["file"]).stat().st_size
    assert int8["bytes"] < 0.6 * float32["bytes"]
    said = [event.what for event in exported.events if isinstance(event, Progress)]
    assert any("converting" in what for what in said) and "comparing with the network: 16 of 24 images" in said
    lines = "\n".join(summary("export", result))
    assert "model-int8.tflite" in lines and "24 of 24 images" in lines and "trained on these images" in lines


def test_someone_who_has_the_folder_alone_gets_the_expected_answers(exported: Exported) -> None:
    """The test reads only files of the folder, as its README says."""
    folder = exported.folder
    prepare = json.loads((folder / "preprocessing.json").read_text())
    expected = json.loads((folder / "examples" / "expected.json").read_text())
    labels = (folder / "labels.txt").read_text().splitlines()
    assert labels == expected["classes"] == ["benign", "malignant", "normal"]
    assert [image["true_class"] for image in expected["images"]] == labels
    clahe, size = prepare["equalise"], (prepare["width"], prepare["height"])
    for image in expected["images"]:
        picture = (
            Image.open(folder / "examples" / image["image"]).convert("RGB").resize(size, Image.Resampling.BILINEAR)
        )
        y, cb, cr = picture.convert("YCbCr").split()
        tile = (clahe["tile_pixels"],) * 2
        levels = equalize_adapthist(np.asarray(y), kernel_size=tile, clip_limit=clahe["clip_limit"])
        y = Image.fromarray(np.rint(levels * 255).astype(np.uint8))
        mine = np.asarray(Image.merge("YCbCr", (y, cb, cr)).convert("RGB"))
        pixels = np.asarray(Image.open(folder / "examples" / image["prepared"]))
        assert pixels.dtype == np.uint8 and np.abs(mine.astype(int) - pixels).max() <= 1
        for name, answers in image["expected"].items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TensorFlow's interpreter announces its move
                interpreter = tensorflow().lite.Interpreter(model_path=str(folder / name))
            interpreter.allocate_tensors()
            (taken,) = interpreter.get_input_details()
            assert taken["dtype"] == np.uint8 and list(taken["shape"]) == [1, *size, 3]
            interpreter.set_tensor(taken["index"], pixels[None])
            interpreter.invoke()
            outputs = [interpreter.get_tensor(detail["index"])[0] for detail in interpreter.get_output_details()]
            readme = (folder / "README.md").read_text()
            for output in ("probabilities", "maps"):
                place = next(n for n in (0, 1) if f"| output | {n} | `{output}` |" in readme)
                tolerance = expected["tolerance_of_a_probability"][name]
                np.testing.assert_allclose(outputs[place], answers[output], atol=tolerance)
            assert sum(answers["probabilities"]) == pytest.approx(1, abs=0.01)


def test_the_folder_says_what_the_model_is_worth_and_names_nobody(exported: Exported) -> None:
    readme = (exported.folder / "README.md").read_text()
    report = json.loads((exported.folder / "agreement.json").read_text())
    prepare = json.loads((exported.folder / "preprocessing.json").read_text())
    validated = exported.workspace.run(exported.run).result() or {}
    assert report["files"] == exported.result["agreement"]
    assert report["cross_validation"]["accuracy"] == validated["accuracy"]
    for words in (
        "Research use only",
        f"**{validated['accuracy']:.1%}**",
        "trained on these very images",
        "CLAHE",
        "images of patients",
        "knows nothing about patients",
        "mirror image",
        "| `model-int8.tflite` |",
    ):
        assert words in readme, words
    assert prepare["normalisation"]["inside_the_model"] and prepare["temperature_inside_the_model"]
    assert prepare["temperature"] == exported.result["temperature"] and prepare["value_range"] == [0, 255]
    written = {path.relative_to(exported.folder).as_posix() for path in exported.folder.rglob("*") if path.is_file()}
    assert len(written) == 6 + 7 and "examples/1-benign-prepared.png" in written
    text = "".join(path.read_text() for path in exported.folder.rglob("*") if path.suffix in (".md", ".json", ".txt"))
    for image in exported.workspace.catalog.images():
        assert image.file not in text and image.sha256 not in text


@pytest.fixture(scope="module")
def onnx(exported: Exported) -> dict[str, Any]:
    """The result of exporting the same run as ONNX."""
    finished = pull_job(exported.workspace, ExportSettings(run=exported.run))[-1]
    assert isinstance(finished, Finished)
    return finished.result


@pytest.fixture
def quick_onnx(onnx: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the export write the same file again, without the seconds that PyTorch needs."""
    content = Path(onnx["model"]).read_bytes()
    write = lambda network, path, *_, **__: path.write_bytes(content)  # noqa: E731
    monkeypatch.setattr("busapp.engine.classifiers.onnx_file.write_onnx", write)


def test_a_cancelled_export_leaves_nothing(exported: Exported, tmp_path: Path, quick_onnx: None) -> None:
    before = exported.workspace.models()
    formats: dict[str, Literal["tflite", "onnx"]] = {"converting": "tflite", "comparing": "onnx", "writing": "onnx"}
    for stop_at, file_format in formats.items():
        job = jobs.start(exported.workspace, ExportSettings(run=exported.run, format=file_format, out=tmp_path / "app"))
        for event in job:
            if isinstance(event, Progress) and stop_at in event.what:
                break
        job.close()
        assert list(tmp_path.glob("app*")) == [], stop_at
        run = exported.workspace.runs("export")[0]
        assert run.info.state == "cancelled" and not list(run.folder.glob("*.onnx"))
    assert exported.workspace.models() == before


def test_onnx_goes_to_the_studys_models_and_into_a_folder_that_is_replaced(
    exported: Exported, onnx: dict[str, Any], quick_onnx: None
) -> None:
    workspace, folder = exported.workspace, Path(onnx["folder"])
    (folder / "labels.txt").write_text("of the earlier export")
    finished = pull_job(workspace, ExportSettings(run=exported.run))[-1]  # "Use for diagnosis" may be pressed again
    assert isinstance(finished, Finished) and finished.result == onnx
    assert (folder / "labels.txt").read_text().splitlines() == ["benign", "malignant", "normal"]
    assert folder == workspace.root / "exports" / f"{exported.run}-onnx"
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]
    model = Path(finished.result["model"])
    assert (folder / "model.onnx").read_bytes() == model.read_bytes() and model.parent == workspace.models_dir
    (entry,) = finished.result["agreement"]
    assert (entry["same_class"], entry["n_images"]) == (24, 24) and entry["largest_difference"] < 1e-4
    prepare = json.loads((folder / "preprocessing.json").read_text())
    expected = json.loads((folder / "examples" / "expected.json").read_text())
    pixels = np.asarray(Image.open(folder / "examples" / expected["images"][0]["prepared"]))
    session = Model.load(folder / "model.onnx").session
    logits = session.run(["logits"], {"pixels": pixels[None]})[0]
    answers = expected["images"][0]["expected"]["model.onnx"]
    assert not prepare["temperature_inside_the_model"]
    np.testing.assert_allclose(softmax(logits / prepare["temperature"])[0], answers["probabilities"], atol=1e-4)
    assert "softmax(logits / temperature)" in (folder / "README.md").read_text()


def test_a_place_that_is_taken_is_refused_before_any_work(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "agreement.json").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for out, words in (
        (tmp_path / "full", "is not empty.*--out"),
        (tmp_path / "file", "not a folder"),
        (tmp_path / "file" / "below", "not a folder"),
    ):
        with pytest.raises(BadInput, match=words):
            pull_job(exported.workspace, ExportSettings(run=exported.run, format="tflite", out=out))
    assert (tmp_path / "full" / "agreement.json").read_text() == "mine"
    default = tmp_path / "exports" / "run-onnx"
    assert place_for(None, default) == default
    default.mkdir(parents=True)
    (default / "notes.txt").write_text("somebody's own")
    with pytest.raises(BadInput, match="is not empty"):
        place_for(None, default)


def test_a_file_that_answers_otherwise_is_refused_and_unreadable_images_are_left_out(tmp_path: Path) -> None:
    examples = []
    for number in range(20):
        path = tmp_path / f"{number:02d}.png"
        Image.new("RGB", (8, 8), (10 * number,) * 3).save(path)
        examples.append(Example(path, number % 2))
    (tmp_path / "03.png").write_bytes(b"no picture")
    examples.append(Example(tmp_path / "gone.png", 0))

    def network(pixels: np.ndarray) -> np.ndarray:
        level = pixels[:, 0, 0, :1].astype(np.float32) / 100
        return np.concatenate([level, 1 - level], axis=1)

    def file(shift: float, rounded: bool = False) -> ConvertedFile:
        run = lambda pixels: {"logits": network(pixels) + np.array([shift, 0])}  # noqa: E731
        return ConvertedFile("a file", b"1234", run, {"logits": 0}, rounded)

    def compare(*files: ConvertedFile) -> tuple[list[Event], list[dict[str, Any]]]:
        return gather(compare_files(files, network, examples, Preprocessing(8), temperature=2.0))

    events, (same, other) = compare(file(0), file(0.5, rounded=True))
    assert [event.file for event in events if isinstance(event, Skipped)] == [
        str(tmp_path / "03.png"),
        str(tmp_path / "gone.png"),
    ]
    assert (same["n_images"], same["same_class"], same["largest_difference"]) == (19, 19, 0)
    assert other["same_class"] < 19 and 0.05 < other["mean_difference"] < other["largest_difference"] < 0.1
    with pytest.raises(BadModel, match=r"give different answers.*differs by 0\.0\d\d"):
        compare(file(0.5))
    with pytest.raises(NotEnoughImages, match="None of the run's images"):
        list(compare_files([file(0)], network, examples[-1:], Preprocessing(8), 1.0))
    levels = [int(pixels[0, 0, 0]) for pixels in evenly(examples, Preprocessing(8), 5)]
    assert levels == [0, 50, 100, 150]  # the last is gone


def test_examples_are_of_each_class_in_turn_and_rather_without_text() -> None:
    examples = [
        Example(Path("a"), 0, with_text=True),
        Example(Path("c"), 0),
        Example(Path("b"), 1),
        Example(Path("e"), 2, with_text=True),
        Example(Path("d"), 0),
    ]
    assert [example.path.name for example in choose(examples, 3)] == ["c", "b", "e"]
    assert [example.path.name for example in choose(examples[:3], 2)] == ["c", "b", "a"]
