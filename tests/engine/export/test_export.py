"""Export of a real, tiny validation run, and the description in the model file."""

import json
from pathlib import Path

import numpy as np
import pytest
from pulling import pull_job

from busapp.engine.diagnosis.diagnosis import diagnose_one
from busapp.engine.events import Finished
from busapp.engine.gan.generators import GeneratorRecord, draw
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings, ExportSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, BadModel
from busapp.summaries import summary


def validated(workspace: Workspace) -> Run:
    settings = ValidateSettings(system="existing", epochs=1, batch_size=8, image_size=32, width=0.25, pretrained=False)
    pull_job(workspace, settings)
    return workspace.runs("validate")[0]


def test_a_run_becomes_a_model_that_answers_as_its_network_and_knows_where_it_comes_from(
    phantom_study: Workspace, phantom_folder: Path
) -> None:
    run = validated(phantom_study)
    finished = pull_job(phantom_study, ExportSettings(run=run.id))[-1]
    assert isinstance(finished, Finished)
    path = Path(finished.result["model"])
    assert path == phantom_study.models_dir / f"{run.id}.onnx"
    (agreement,) = finished.result["agreement"]
    assert agreement["same_class"] == agreement["n_images"] == 24 and agreement["largest_difference"] < 1e-4

    model, result = Model.load(path), run.result()
    assert result is not None
    about = model.provenance
    assert (about.run, about.system, about.protocol) == (run.id, "existing", "strict")
    assert about.phantoms and about.accuracy == result["accuracy"] and about.class_counts == result["counts"]
    assert model.classes == ("benign", "malignant", "normal") and model.description.image_size == 32
    assert 0.05 <= model.description.temperature <= 20

    image = next((phantom_folder / "malignant").glob("*).png"))
    diagnosed = pull_job(phantom_study, DiagnoseSettings(images=(image,)))[-1]
    assert isinstance(diagnosed, Finished)
    assert diagnosed.result["model"] == str(path)
    assert sum(diagnosed.result["images"][0]["probabilities"].values()) == pytest.approx(1)

    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    answers = model.run(pixels)
    assert answers.logits.shape == (4, 3) and answers.maps.shape == (4, 3, 1, 1)
    assert answers.distances.shape == (4, 24) and len(answers.novelty) == 4
    about = model.description
    assert about.conformal is not None and about.novelty is not None and about.out_of_fold is not None
    # The phantoms have masks: heat maps were compared with the lesions of benign and malignant ones.
    assert about.out_of_fold.heat_maps is not None and about.out_of_fold.heat_maps.all.n == 4  # of the hold-out
    known = {record.sha256: record for record in phantom_study.catalog.images()}
    of_image = diagnose_one(path, phantom_study.image_path(known[about.known[5].sha256]))
    assert of_image.similar[0].distance < 0.5


def test_only_finished_validation_runs_are_exported(phantom_study: Workspace) -> None:
    other = phantom_study.new_run("validate", ValidateSettings().model_dump(mode="json"))
    with pytest.raises(BadInput, match="not a finished validation run"):
        pull_job(phantom_study, ExportSettings(run=other.id))
    assert phantom_study.models() == []


SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 1, "sample_every": 1, "checkpoint_every": 1}


@pytest.fixture
def synthesis(phantom_study: Workspace) -> Run:
    pull_job(phantom_study, SynthesizeSettings.model_validate({"class_name": "malignant", "count": 0, **SMALL}))
    return phantom_study.runs("synthesize")[0]


def test_generator_is_exported_as_a_keras_file_that_says_what_it_is(
    phantom_study: Workspace, synthesis: Run, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "malignant.keras"
    finished = pull_job(phantom_study, ExportSettings(run=synthesis.id, format="keras", out=out))[-1]
    assert isinstance(finished, Finished)
    about = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert finished.result == {
        "generator": str(out),
        "description": str(out.with_suffix(".json")),
        "run": synthesis.id,
        "class": "malignant",
    }
    assert (about["class"], about["classes"]) == ("malignant", ["benign", "malignant", "normal"])
    assert about["input"] == {"noise": 8, "distribution": "standard normal", "shape": [None, 8]}
    assert about["output"]["shape"] == [None, 16, 16, 3] and about["output"]["value_range"] == [-1, 1]
    assert about["n_trained_on"] == 8 and about["phantoms"] and "Research use only" in about["notice"]
    for image in phantom_study.catalog.images(kind="real"):
        assert image.sha256 not in json.dumps(about) and image.file not in json.dumps(about)

    from busapp.engine.gan import dcgan
    from busapp.engine.gan.keras_setup import keras_on

    keras = keras_on("tensorflow")
    record = GeneratorRecord.load(synthesis.folder)
    network = keras.saving.load_model(out, compile=False)
    vectors = dcgan.noise(record.settings, 32, dcgan.Stream.DRAWING)
    np.testing.assert_array_equal(dcgan.draw_from(keras, network, vectors)[:5], draw(record, 5))
    assert summary("export", finished.result)[0] == f"Generator of malignant written to {out}."


def test_each_kind_of_run_has_its_format(phantom_study: Workspace, synthesis: Run, tmp_path: Path) -> None:
    validation = phantom_study.new_run("validate", ValidateSettings().model_dump(mode="json"))
    refused = [
        (validation.id, "keras", tmp_path / "a.keras", "Only the generator of a synthesis run.*--format onnx"),
        (synthesis.id, "onnx", None, "no model for diagnosis.*--format keras"),
        (synthesis.id, "tflite", None, "no model for diagnosis.*--format keras"),
        (synthesis.id, "keras", None, "needs a file to be written to.*--out FILE.keras"),
        (synthesis.id, "keras", tmp_path / "a.h5", "needs a file to be written to"),
        (synthesis.id, "keras", phantom_study.root / "study.json" / "a.keras", "cannot be written"),
    ]
    for run, file_format, out, words in refused:
        with pytest.raises(BadInput, match=words):
            pull_job(phantom_study, ExportSettings(run=run, format=file_format, out=out))  # type: ignore[arg-type]
    (synthesis.folder / "generator.keras").write_bytes(b"nothing")
    with pytest.raises(BadModel, match="cannot be read"):
        pull_job(phantom_study, ExportSettings(run=synthesis.id, format="keras", out=tmp_path / "a.keras"))
    assert not list(tmp_path.glob("a.*"))
