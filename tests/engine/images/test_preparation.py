"""Central square, noise filter and segmentation belong to a run: training, export and diagnosis use the same pixels."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from kapur import kapur_by_hand
from PIL import Image
from pulling import pull_job, result_of
from scipy.signal import wiener
from skimage.exposure import equalize_adapthist
from tiny_model import SIZE, write_model

from busapp.engine.diagnosis.diagnosis import diagnose_one
from busapp.engine.export.phone.preparation import steps_in_numbers, steps_in_words
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.images.steps import preparation_of, steps_of
from busapp.engine.metrics import softmax
from busapp.engine.models.inspection import inspect, inspection_lines
from busapp.engine.models.library import find_model
from busapp.engine.models.model import Model
from busapp.engine.report import write_report
from busapp.engine.results.comparison import compare_runs
from busapp.engine.results.measured import Measured
from busapp.engine.settings import DiagnoseSettings, ExportSettings, ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.summaries import summary

CHOICES: dict[str, Any] = {"framing": "centre", "denoise": True, "equalise": True, "segment": True}
PREPARED = Preprocessing(32, equalise=True, framing="centre", denoise=True, segment=True)
TINY = {"network": "cnn", "folds": 2, "epochs": 1, "batch_size": 8, "image_size": 32, "pretrained": False}
WORDS = "cut to the central square, denoised (Wiener filter), adaptively equalised (CLAHE), segmented (Kapur's entropy)"


class Exported(NamedTuple):
    workspace: Workspace
    run: Run
    model: Path
    folder: Path


@pytest.fixture(scope="module")
def exported(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """A tiny run on images prepared in every way, exported as ONNX."""
    root = tmp_path_factory.mktemp("prepared")
    shutil.copytree(_phantom_template, root / "study")
    workspace = Workspace.open(root / "study")
    pull_job(workspace, ValidateSettings.model_validate(TINY | CHOICES))
    run = workspace.runs("validate")[0]
    result = result_of(pull_job(workspace, ExportSettings(run=run.id)))
    yield Exported(workspace, run, Path(result["model"]), Path(result["folder"]))
    workspace.close()


def test_a_diagnosis_answers_as_the_network_does_on_the_runs_own_pixels(exported: Exported) -> None:
    workspace, model = exported.workspace, Model.load(exported.model)
    assert model.description.preprocessing == PREPARED
    records = select(workspace, ValidateSettings.model_validate(TINY | CHOICES)).records
    paths = [workspace.image_path(record) for record in records]
    logits = model.run(PREPARED.load(paths)).logits
    diagnosed = result_of(pull_job(workspace, DiagnoseSettings(images=tuple(paths), model=exported.model)))
    expected = softmax(logits / model.description.temperature)
    found = [[image["probabilities"][name] for name in model.classes] for image in diagnosed["images"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    plain = softmax(model.run(Preprocessing(32).load(paths)).logits / model.description.temperature)
    assert np.abs(plain - expected).max() > 1e-3, "the preparation matters"
    cached = {path.parent.parent.name for path in (workspace.root / "cache" / "pixels").rglob("*") if path.is_file()}
    assert cached == {"32-central-square-denoised-equalised-segmented"}


def test_results_cards_and_reports_name_the_steps(exported: Exported, tmp_path: Path) -> None:
    workspace, run = exported.workspace, exported.run
    result: dict[str, Any] = run.result() or {}
    assert {name: result[name] for name in CHOICES} == CHOICES
    short = "Plain CNN, central square, denoised, equalised, segmented"
    assert run.info.name == f"system1, strict, {short}"
    assert Measured.of(run).title == run.info.name
    assert WORDS in summary("validate", result)[0]
    assert f"all {WORDS};" in Model.load(exported.model).card()[0]
    lines = "\n".join(inspection_lines(inspect(find_model(workspace, str(exported.model)))))
    assert f"resized to 32×32 pixels, {WORDS}" in lines
    html = write_report(workspace, tmp_path / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert html.count(f"Images {WORDS}.") == 1


def by_the_readme(picture: Image.Image, prepare: dict[str, Any]) -> np.ndarray:
    """The preparation of an image written anew from the words and numbers of an export."""
    assert prepare["order"] == ["resize", "denoise", "equalise", "segment"]
    side, short = prepare["width"], prepare["resize"]["shorter_side"]
    least = min(picture.size)
    wide, high = (short if length == least else round(length * short / least) for length in picture.size)
    left, top = (wide - side) // 2, (high - side) // 2
    picture = picture.resize((wide, high), Image.Resampling.BILINEAR).crop((left, top, left + side, top + side))
    y, cb, cr = picture.convert("YCbCr").split()
    window = prepare["denoise"]["window_pixels"]
    wide_y = np.pad(np.asarray(y, float), window // 2, mode="symmetric")
    local = np.lib.stride_tricks.sliding_window_view(wide_y, (window, window)).var(axis=(2, 3))
    levels = np.pad(np.asarray(y, float), 2, mode="symmetric")
    smooth = wiener(levels, window, local.mean())[2:-2, 2:-2]
    y = Image.fromarray(np.rint(smooth).astype(np.uint8))
    picture = Image.merge("YCbCr", (y, cb, cr)).convert("RGB")
    y, cb, cr = picture.convert("YCbCr").split()
    tile = prepare["equalise"]["tile_pixels"]
    levels = equalize_adapthist(np.asarray(y), kernel_size=(tile, tile), clip_limit=prepare["equalise"]["clip_limit"])
    y = Image.fromarray(np.rint(levels * 255).astype(np.uint8))
    pixels = np.array(Image.merge("YCbCr", (y, cb, cr)).convert("RGB"))
    luma = np.asarray(Image.fromarray(pixels).convert("YCbCr").getchannel("Y"))
    threshold = kapur_by_hand(np.bincount(luma.ravel(), minlength=256).tolist())
    assert threshold is not None
    pixels[luma <= threshold] = 0
    return pixels


def test_someone_who_has_the_folder_alone_can_prepare_an_image(exported: Exported) -> None:
    prepare = json.loads((exported.folder / "preprocessing.json").read_text())
    assert (prepare["width"], prepare["resize"]["shorter_side"], prepare["segment"]["thresholds"]) == (32, 37, 1)
    examples = exported.folder / "examples"
    for image in json.loads((examples / "expected.json").read_text())["images"]:
        mine = by_the_readme(Image.open(examples / image["image"]).convert("RGB"), prepare).astype(int)
        theirs = np.asarray(Image.open(examples / image["prepared"])).astype(int)
        assert (np.abs(mine - theirs).max(axis=2) <= 1).mean() > 0.98, "a pixel at the threshold may fall elsewhere"
    readme = (exported.folder / "README.md").read_text()
    for words in ("shorter side has 37 pixels", "Wiener", "CLAHE", "Kapur", "lay the map over that square"):
        assert words in readme, words


def test_a_plain_preparation_is_described_as_before() -> None:
    (only,) = steps_in_words(Preprocessing(224))
    assert "Resize it to 224×224, whatever its aspect ratio" in only
    numbers = steps_in_numbers(Preprocessing(224))
    assert not numbers["resize"]["keep_aspect_ratio"]
    assert [numbers[name] for name in ("denoise", "equalise", "segment")] == [None] * 3
    assert "256 pixels" in steps_in_words(Preprocessing(224, framing="centre"))[0]


def test_older_results_and_models_are_of_stretched_images(exported: Exported, tmp_path: Path) -> None:
    assert steps_of({}) == () and [step.short for step in steps_of({"equalise": True})] == ["equalised"]
    assert preparation_of({"equalise": True}) == {**Preprocessing(1).kept, "equalise": True}
    assert Model.load(write_model(tmp_path / "old.onnx")).description.preprocessing == Preprocessing(SIZE)
    workspace = exported.workspace
    old = workspace.run(exported.run.id)
    path = old.folder / "result.json"
    whole = path.read_text(encoding="utf-8")
    try:
        path.write_text(json.dumps({k: v for k, v in json.loads(whole).items() if k not in CHOICES}), encoding="utf-8")
        column, _ = compare_runs([workspace.run(old.id), workspace.run(old.id)])["runs"]
        assert {name: column[name] for name in CHOICES} == Preprocessing(32).kept  # type: ignore[literal-required]
        assert Measured.of(workspace.run(old.id)).title == "system1, strict, Plain CNN"
    finally:
        path.write_text(whole, encoding="utf-8")


def test_every_choice_gives_other_pixels_and_other_cache_folders() -> None:
    image = Image.fromarray(np.random.default_rng(0).normal(90, 25, (60, 90, 3)).clip(0, 255).astype(np.uint8))
    plain = Preprocessing(32)
    choices = [plain, *(Preprocessing(32, **{name: value}) for name, value in CHOICES.items())]
    assert len({choice.pixels(image).tobytes() for choice in choices}) == len({str(c.steps) for c in choices}) == 5
    every = PREPARED.pixels(image)
    square = Preprocessing(32, framing="centre").framed(image)
    for step in (Preprocessing(32, denoise=True), Preprocessing(32, equalise=True), Preprocessing(32, segment=True)):
        square = step.finished(square)
    np.testing.assert_array_equal(every, np.asarray(square))


def test_what_is_seen_is_drawn_where_it_lies() -> None:
    picture = np.zeros((120, 200, 3), np.uint8)
    picture[50:70, 90:110] = 250
    centre = Preprocessing(32, framing="centre")
    over = np.asarray(centre.over(Image.fromarray(picture)))[..., 0]
    assert over.shape == (120, 200)
    y, x = (places.mean() for places in np.nonzero(over > 125))
    assert (y, x) == pytest.approx((59.5, 99.5), abs=1.5)
    left, top, right, bottom = centre.region((200, 120))
    bright = np.asarray(centre.over(Image.new("RGB", (200, 120), (200, 200, 200))))[..., 0]
    rows, columns = np.nonzero(bright)
    assert (columns.min(), columns.max() + 1) == pytest.approx((left, right), abs=1)
    assert (rows.min(), rows.max() + 1) == pytest.approx((top, bottom), abs=1)
    assert np.asarray(Preprocessing(32).over(Image.new("RGB", (200, 120), (200, 200, 200)))).min() == 200


def test_a_blank_centre_is_blank_whatever_lies_around_it(tmp_path: Path) -> None:
    picture = Image.new("RGB", (300, 100), (90, 90, 90))
    picture.paste((200, 30, 30), (0, 0, 60, 100))
    assert not diagnose_one(write_model(tmp_path / "whole.onnx"), picture).abstained
    found = diagnose_one(write_model(tmp_path / "centre.onnx", framing="centre"), picture)
    assert found.abstained and "blank" in found.reasons[0]
