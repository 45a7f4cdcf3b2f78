"""Diagnosis with real ONNX files: a tiny network built node by node, whose answer is the brightest channel."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pulling import pull_job, result_of
from tiny_model import CLASSES, PROVENANCE, SIZE, write_model

from busapp.engine import jobs
from busapp.engine.diagnosis.diagnosis import Diagnoser, diagnose_one
from busapp.engine.diagnosis.job import images_to_diagnose
from busapp.engine.events import ImageDiagnosed, Note, Skipped
from busapp.engine.images.heat_map import COLOURS, overlay
from busapp.engine.metrics import softmax
from busapp.engine.models.library import default_model
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput, BadModel, UnreadableImage


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def picture(channel: int = 1) -> Image.Image:
    """Left half dark, right half bright in one channel: benign, malignant or normal to the tiny network."""
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = 220
    return Image.fromarray(values)


def test_the_class_the_probabilities_and_the_map_belong_together(model_file: Path) -> None:
    for channel, name in enumerate(CLASSES):
        found = diagnose_one(model_file, picture(channel), "a.png")
        assert found.predicted == name and found.file == "a.png" and not found.abstained
        assert sum(found.probabilities.values()) == pytest.approx(1)
        assert max(found.probabilities, key=found.probabilities.__getitem__) == name
        assert found.heat_map is found.heat_maps[name]
        assert found.heat_map.dtype == np.float32 and found.heat_map.shape == (4, 4)
        assert found.heat_map.max() == 1 and found.heat_map[:, 3].min() > 0.9 > 0.2 > found.heat_map[:, 0].max()


def test_temperature_softens_without_changing_the_class(model_file: Path, tmp_path: Path) -> None:
    soft = diagnose_one(write_model(tmp_path / "soft.onnx", temperature=4.0), picture())
    sharp = diagnose_one(model_file, picture())
    assert soft.predicted == sharp.predicted
    assert soft.probabilities["malignant"] < sharp.probabilities["malignant"]
    logits = np.log([sharp.probabilities[name] for name in CLASSES])
    assert list(soft.probabilities.values()) == pytest.approx(list(softmax(logits[None] / 4.0)[0]), rel=1e-5)


def test_a_blank_image_gets_no_answer(model_file: Path) -> None:
    found = diagnose_one(model_file, Image.new("RGB", (64, 64), (7, 7, 7)))
    assert found.abstained and "blank" in found.reasons[0]
    assert found.as_json()["predicted"] is None


def test_model_says_what_it_is_and_warns(model_file: Path, tmp_path: Path) -> None:
    model = Model.load(model_file)
    assert model.classes == tuple(CLASSES) and model.description.image_size == SIZE
    assert "75.0%, 95 % interval 55.0% to 88.0%" in model.card()[1]
    assert [caution for caution in model.cautions if "phantoms" in caution]
    assert [caution for caution in model.cautions if "does not detect images unlike" in caution]
    for leak in ({"leaks": {"groups_split": 3}}, {"protocol": "published"}):
        changed = {"provenance": {**PROVENANCE, "phantoms": False, **leak}, "novelty": {"limit": 1.0}}
        leaky = Model.load(write_model(tmp_path / "m.onnx", **changed))
        assert len(leaky.cautions) == 1 and "leaks" in leaky.cautions[0]


def test_files_that_are_no_model_of_ours_are_refused_with_a_sentence(model_file: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"\x08\x07not a model")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(model_file.read_bytes()[:200])
    import onnx

    foreign = tmp_path / "foreign.onnx"
    without = onnx.load(model_file)
    del without.metadata_props[:]
    onnx.save(without, foreign)
    for path in (
        garbage,
        cut,
        foreign,
        tmp_path / "missing.onnx",
        tmp_path,
        write_model(tmp_path / "new.onnx", format=2),
        write_model(tmp_path / "classes.onnx", classes=["a", "b"]),
        write_model(tmp_path / "cold.onnx", temperature=0),
        write_model(tmp_path / "list.onnx", provenance=[1]),
    ):
        with pytest.raises(BadModel) as caught:
            Model.load(path)
        assert str(path) in str(caught.value)


def test_overlay_keeps_the_image_size_and_blends(model_file: Path) -> None:
    image = picture()
    heat_map = Diagnoser(Model.load(model_file)).diagnose(image).heat_map
    assert overlay(image, heat_map).size == image.size
    assert np.array_equal(np.asarray(overlay(image, heat_map, 0.0)), np.asarray(image))
    hot = np.asarray(overlay(image, np.ones((4, 4), np.float32), 1.0))
    assert (hot == COLOURS[255]).all()


def test_colours_are_matplotlibs_magma() -> None:
    from matplotlib import colormaps

    expected = np.array(colormaps["magma"].colors) * 255  # type: ignore[attr-defined]
    assert np.abs(COLOURS - expected).max() < 4


def test_folders_are_expanded_without_masks(tmp_path: Path) -> None:
    for name in ("b (2).png", "b (2)_mask.png", "b (2)_mask_1.png", "a.JPG", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in images_to_diagnose([tmp_path, tmp_path / "named_mask.png"])] == [
        "a.JPG",
        "b (2).png",
        "named_mask.png",
    ]


def test_a_batch_goes_on_past_a_broken_file_and_writes_what_was_asked_for(
    empty_study: Workspace, model_file: Path, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        picture(0 if folder == "one" else 2).save(tmp_path / folder / "a.png")
    (tmp_path / "one" / "broken.png").write_bytes(b"no image")
    settings = DiagnoseSettings(
        images=(tmp_path / "one", tmp_path / "two"),
        model=model_file,
        csv=tmp_path / "out" / "t.csv",
        pdf=tmp_path / "out" / "t.pdf",
        heatmaps=tmp_path / "maps",
    )
    events = pull_job(empty_study, settings)
    result = result_of(events)
    assert [e.diagnosis["predicted"] for e in events if isinstance(e, ImageDiagnosed)] == ["benign", "normal"]
    assert [Path(e.file).name for e in events if isinstance(e, Skipped)] == ["broken.png"]
    assert any(isinstance(e, Note) and e.level == "warning" and "phantoms" in e.text for e in events)
    assert [Path(s["file"]).name for s in result["skipped"]] == ["broken.png"]  # type: ignore[attr-defined]
    assert [bool(i.get("error")) for i in result["images"]] == [False, True, False]  # type: ignore[attr-defined]
    with (tmp_path / "out" / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["predicted"] for row in rows] == ["benign", "", "normal"]
    assert float(rows[0]["probability:benign"]) > 0.5 and rows[0]["use"] == RESEARCH_USE
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["a-2.heatmap.png", "a.heatmap.png"]
    pdf = (tmp_path / "out" / "t.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page ") == 2


def test_a_cancelled_batch_leaves_no_torn_pdf(empty_study: Workspace, model_file: Path, tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    settings = DiagnoseSettings(images=(tmp_path / "a.png",) * 3, model=model_file, pdf=tmp_path / "t.pdf")
    job = jobs.start(empty_study, settings)
    while not isinstance(next(job), ImageDiagnosed):
        pass
    job.close()
    assert sorted(path.name for path in tmp_path.glob("*.pdf")) == []
    assert empty_study.runs("diagnose")[0].info.state == "cancelled"


def test_nothing_readable_is_bad_input(empty_study: Workspace, model_file: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(BadInput, match="None of the images"):
        pull_job(empty_study, DiagnoseSettings(images=(tmp_path / "a.png", tmp_path / "b.png"), model=model_file))
    with pytest.raises(UnreadableImage, match=r"a\.png"):
        pull_job(empty_study, DiagnoseSettings(images=(tmp_path / "a.png",), model=model_file))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no images in the folder"):
        pull_job(empty_study, DiagnoseSettings(images=(tmp_path / "empty",), model=model_file))


def test_the_newest_model_of_the_study_is_the_default(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from busapp import paths

    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(paths, "models_dir", lambda: shipped)
    with pytest.raises(BadInput, match="busapp export"):
        default_model(empty_study)
    ours = write_model(shipped / "ours.onnx")
    assert default_model(empty_study) == ours
    newest = write_model(empty_study.models_dir / "r1.onnx")
    assert default_model(empty_study) == newest


def test_a_model_that_knows_its_images_names_the_nearest_and_keeps_silent_far_from_them(tmp_path: Path) -> None:
    known = [("a" * 64, "benign"), ("b" * 64, "malignant"), ("c" * 64, "malignant")]
    model = write_model(tmp_path / "knows.onnx", known=known, novelty={"limit": 1.0})
    values = np.full((SIZE, SIZE, 3), 20, np.uint8)
    values[:, SIZE // 2 :, 1] = 220
    found = diagnose_one(model, Image.fromarray(values))
    assert [image.class_name for image in found.similar] == ["malignant", "malignant", "benign"]
    assert [image.distance for image in found.similar] == pytest.approx([0.1, 0.2, 8**0.5], abs=1e-4)
    assert found.novelty == pytest.approx(0.1, abs=1e-4) and not found.abstained

    values[:, SIZE // 2 :, :] = 255
    far = diagnose_one(model, Image.fromarray(values))
    assert far.abstained and "does not look like" in far.reasons[0]


def test_a_model_that_cannot_decide_says_between_which_classes(tmp_path: Path) -> None:
    half = {"coverage": 0.9, "least_probability": dict.fromkeys(CLASSES, 0.3)}
    values = np.zeros((SIZE, SIZE, 3), np.uint8)
    values[:, SIZE // 2 :, :2] = 220
    found = diagnose_one(write_model(tmp_path / "unsure.onnx", conformal=half), Image.fromarray(values))
    assert set(found.possible) == {"benign", "malignant"} and found.abstained
    assert found.reasons == ("Not decided: benign or malignant.",)
