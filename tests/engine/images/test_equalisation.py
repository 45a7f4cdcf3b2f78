"""Adaptive equalisation belongs to a run: training, export, diagnosis and synthetic images use the same pixels."""

import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES, SIZE, write_model

from busapp.engine import jobs
from busapp.engine.classifiers.training import Learner
from busapp.engine.diagnosis.diagnosis import diagnose_one
from busapp.engine.events import Event, Finished
from busapp.engine.gan import generators
from busapp.engine.gan.drawing import Drawn, DrawnImage
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.metrics import softmax
from busapp.engine.models.model import Model
from busapp.engine.report import write_report
from busapp.engine.results.comparison import compare_runs
from busapp.engine.settings import DiagnoseSettings, ExportSettings, JobSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.steps import run_to_end
from busapp.engine.validation import fold_generators
from busapp.engine.validation.fold_generators import FoldImages
from busapp.engine.validation.training_data import Synthetic, balance
from busapp.summaries import summary


def recipe(**changes: object) -> ValidateSettings:
    given = {"system": "existing", "epochs": 1, "batch_size": 8, "image_size": 32, "width": 0.25, "pretrained": False}
    return ValidateSettings.model_validate({**given, **changes})


def finish(workspace: Workspace, settings: JobSettings) -> dict[str, Any]:
    *_, last = jobs.start(workspace, settings)
    assert isinstance(last, Finished)
    return last.result


def speckle() -> Image.Image:
    """Dim speckle, redder on the right."""
    noise = np.random.default_rng(0).normal(60, 12, (90, 110, 3)).clip(0, 255)
    noise[:, 55:, 0] += 25
    return Image.fromarray(noise.astype(np.uint8))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Pixels]]:
    """The inputs that the networks really got: in training, and from the model file."""
    given: dict[str, list[Pixels]] = {"training": [], "model": []}
    prepare, run = Learner.prepare, Model.run

    def prepared(self: Learner, pixels: Pixels) -> Any:
        given["training"].append(pixels)
        return prepare(self, pixels)

    def ran(self: Model, pixels: Pixels) -> Any:
        given["model"].append(pixels)
        return run(self, pixels)

    monkeypatch.setattr(Learner, "prepare", prepared)
    monkeypatch.setattr(Model, "run", ran)
    return given


def test_training_export_and_diagnosis_see_the_same_pixels(
    phantom_study: Workspace, seen: dict[str, list[Pixels]]
) -> None:
    finish(phantom_study, recipe(equalise=True, network="cnn", width=1.0))  # its file takes little time to write
    run = phantom_study.runs("validate")[0]
    exported = finish(phantom_study, ExportSettings(run=run.id))
    assert exported["agreement"][0]["largest_difference"] < 1e-4
    model = Model.load(Path(exported["model"]))
    assert model.description.preprocessing == Preprocessing(32, equalise=True)
    assert "adaptively equalised" in model.card()[0]

    images = select(phantom_study, recipe()).records
    paths = [phantom_study.image_path(image) for image in images]
    expected = Preprocessing(32, equalise=True).load(paths)
    cross_validation, final_training = seen["training"]
    np.testing.assert_array_equal(cross_validation, expected)
    np.testing.assert_array_equal(final_training, expected)
    compared = np.concatenate(seen["model"])
    np.testing.assert_array_equal(compared[: len(images)], expected)
    assert len(compared) == len(images) + 3, "the examples follow the images"

    seen["model"].clear()
    diagnosed = finish(phantom_study, DiagnoseSettings(images=tuple(paths), model=model.path))
    in_any_order = sorted(pixels.tobytes() for pixels in seen["model"])  # threads share the images
    assert in_any_order == sorted(image.tobytes() for image in expected)
    assert len(diagnosed["images"]) == len(images)


def test_a_run_with_and_one_without_differ_and_say_so(
    phantom_study: Workspace, seen: dict[str, list[Pixels]], tmp_path: Path
) -> None:
    plain, equalised = (finish(phantom_study, recipe(equalise=choice)) for choice in (False, True))
    assert (plain["equalise"], equalised["equalise"]) == (False, True)
    paths = [phantom_study.image_path(image) for image in select(phantom_study, recipe()).records]
    for pixels, choice in zip(seen["training"], (False, True), strict=True):
        np.testing.assert_array_equal(pixels, Preprocessing(32, choice).load(paths))
    of_equalised, of_plain = phantom_study.runs("validate")
    assert (of_plain.info.name, of_equalised.info.name) == ("existing, strict", "existing, strict, equalised")
    assert plain["auc"] != equalised["auc"] or plain["folds"] != equalised["folds"]
    assert "equalised" in summary("validate", equalised)[0] and "equalised" not in summary("validate", plain)[0]
    compared = compare_runs([of_plain, of_equalised])
    assert [column["equalise"] for column in compared["runs"]] == [False, True]
    assert ["equalised" in line for line in summary("compare", compared)[:2]] == [False, True]
    html = write_report(phantom_study, tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("Images adaptively equalised") == 1


def test_drawn_images_are_prepared_like_the_real_ones(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = np.random.default_rng(1).integers(20, 70, (3, 16, 16, 3), dtype=np.uint8)

    def draw(*arguments: Any) -> Generator[Event, None, FoldImages]:
        yield from ()
        settings: SynthesizeSettings = arguments[5]
        kept = [DrawnImage(n, "", "", "", "", 0.0, False, False) for n in range(1, 4)]
        result = Drawn(drawn, kept, drawn[:0], [], 0)
        return FoldImages(result, GeneratorRecord(Path("made-up"), settings.class_name, frozenset(), settings))

    monkeypatch.setattr(fold_generators, "fold_images", draw)
    normal = phantom_study.catalog.images(class_name="normal")
    phantom_study.catalog.exclude([image.id for image in normal[:3]], "so that the class lacks three")
    every: dict[str, Any] = {"framing": "centre", "denoise": True, "equalise": True, "segment": True}
    for choices in ({}, {"equalise": True}, every):
        settings = recipe(system="system2", **choices)
        run = phantom_study.new_run("validate", settings.model_dump(mode="json"))
        expected = np.stack([Preprocessing(32, **choices).pixels(Image.fromarray(image)) for image in drawn])
        for _ in ("drawn", "kept by the run"):
            np.testing.assert_array_equal(balanced(phantom_study, run, settings).pixels, expected)


def balanced(workspace: Workspace, run: Run, settings: ValidateSettings) -> Synthetic:
    selection = select(workspace, settings)
    return run_to_end(balance(workspace, run, selection, selection.records, frozenset(), settings, "all images"))


def test_generators_learn_from_plain_images(phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()[:2]
    steps: Iterator[Event] = generators.load_images(phantom_study, images, 32)
    with pytest.raises(StopIteration) as ended:
        while True:
            next(steps)
    pixels, _ = ended.value.value
    np.testing.assert_array_equal(pixels, Preprocessing(32).load([phantom_study.image_path(i) for i in images]))


def test_a_model_file_says_how_it_wants_its_images(tmp_path: Path) -> None:
    image = speckle()
    old, new = write_model(tmp_path / "old.onnx"), write_model(tmp_path / "new.onnx", equalise=True)
    assert not Model.load(old).description.equalise and "equalised" not in " ".join(Model.load(old).card())
    assert Model.load(new).description.equalise
    for path, preprocessing in ((old, Preprocessing(SIZE)), (new, Preprocessing(SIZE, equalise=True))):
        answers = Model.load(path).run(preprocessing.pixels(image)[None])
        found = diagnose_one(path, image)
        assert list(found.probabilities.values()) == pytest.approx(list(softmax(answers.logits)[0]))
        assert found.heat_maps[CLASSES[0]] == pytest.approx(answers.maps[0, 0] / answers.maps[0, 0].max())
    assert diagnose_one(old, image).probabilities != diagnose_one(new, image).probabilities


def test_noise_that_was_made_visible_is_still_no_tissue(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(6, 9, (64, 64, 3), dtype=np.uint8)
    assert Preprocessing(SIZE, equalise=True).pixels(Image.fromarray(noise)).std() > 20
    found = diagnose_one(write_model(tmp_path / "model.onnx", equalise=True), Image.fromarray(noise))
    assert found.abstained and "blank" in found.reasons[0]


def test_a_diagnosis_without_it_does_not_load_scikit_image(tmp_path: Path) -> None:
    model, picture = write_model(tmp_path / "model.onnx"), tmp_path / "a.png"
    speckle().save(picture)
    code = (
        "import sys\nfrom pathlib import Path\nfrom busapp.engine.diagnosis.diagnosis import diagnose_one\n"
        f"diagnose_one(Path({str(model)!r}), Path({str(picture)!r}))\n"
        "print([name for name in ('skimage', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
