"""Export of a real, tiny validation run, and what the model then says of itself."""

from pathlib import Path

import numpy as np
import pytest

from busapp.engine import jobs
from busapp.engine.diagnosis import Diagnoser, Model
from busapp.engine.events import Event, Finished
from busapp.engine.export import compare
from busapp.engine.runs import Run
from busapp.engine.settings import DiagnoseSettings, ExportSettings, JobSettings, ValidateSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput


def pull(workspace: Workspace, settings: JobSettings) -> list[Event]:
    return list(jobs.start(workspace, settings))


def validated(workspace: Workspace) -> Run:
    settings = ValidateSettings(system="existing", epochs=1, batch_size=8, image_size=32, width=0.25, pretrained=False)
    pull(workspace, settings)
    return workspace.runs("validate")[0]


def test_a_run_becomes_a_model_that_answers_as_its_network_and_knows_where_it_comes_from(
    phantom_study: Workspace, phantom_folder: Path
) -> None:
    run = validated(phantom_study)
    finished = pull(phantom_study, ExportSettings(run=run.id))[-1]
    assert isinstance(finished, Finished)
    path = Path(finished.result["model"])
    assert path == phantom_study.models_dir / f"{run.id}.onnx"
    agreement = finished.result["agreement"]
    assert agreement["same_class"] == agreement["n_images"] > 0 and agreement["largest_difference"] < 1e-4

    model, result = Model.load(path), run.result()
    assert result is not None
    about = model.provenance
    assert (about.run, about.system, about.protocol) == (run.id, "existing", "strict")
    assert about.phantoms and about.accuracy == result["accuracy"] and about.class_counts == result["counts"]
    assert model.classes == ("benign", "malignant", "normal") and model.description.image_size == 32
    assert 0.05 <= model.description.temperature <= 20

    image = next((phantom_folder / "malignant").glob("*).png"))
    diagnosed = pull(phantom_study, DiagnoseSettings(images=(image,)))[-1]
    assert isinstance(diagnosed, Finished)
    assert diagnosed.result["model"] == str(path)
    assert sum(diagnosed.result["images"][0]["probabilities"].values()) == pytest.approx(1)

    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    logits, maps = Diagnoser(model).run(pixels)
    assert maps.shape == (4, 3, 1, 1)
    assert compare(path, pixels, logits)["largest_difference"] == 0
    assert compare(path, pixels, logits[:, ::-1].copy())["largest_difference"] > 0.0


def test_only_finished_validation_runs_are_exported(phantom_study: Workspace) -> None:
    other = phantom_study.new_run("validate", ValidateSettings().model_dump(mode="json"))
    with pytest.raises(BadInput, match="not a finished validation run"):
        pull(phantom_study, ExportSettings(run=other.id))
    assert phantom_study.models() == []
