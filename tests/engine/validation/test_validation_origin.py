"""A cross-validation reports odd patients before its training begins, and names site and device of tested images."""

import pytest
from pulling import pull

from busapp.cli import main
from busapp.engine import jobs
from busapp.engine.catalog import Statement
from busapp.engine.events import EpochEnded, Event, Note
from busapp.engine.results.predictions import FILE, read_predictions
from busapp.engine.settings import CurateSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace

TINY = {"folds": 2, "epochs": 1, "image_size": 32, "width": 0.25, "pretrained": False}


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """24 phantoms: one patient has ten images of two classes, another has two."""
    pull(jobs.start(phantom_study, CurateSettings()))
    images = phantom_study.catalog.images()
    patients = {"k:1": [*images[:5], *images[8:13]], "k:2": images[5:7]}
    said = [
        Statement(image.file, image.sha256, image.class_name, patient=patient)
        for patient, some in patients.items()
        for image in some
    ]
    phantom_study.catalog.addition(lambda n: f"{n} images imported").add([], said)
    return phantom_study


def test_odd_patients_are_told_before_the_training(study: Workspace) -> None:
    before_training: list[Event] = []
    for event in jobs.start(study, ValidateSettings.model_validate(TINY)):
        if isinstance(event, EpochEnded):
            break
        before_training.append(event)
    assert [event.text for event in before_training if isinstance(event, Note) and event.level == "warning"] == [
        "One patient has 10 of 24 images (41.7 %). Check that the number in their place names a single person.",
        "1 patient has images in several classes.",
    ]


def test_the_command_line_tells_them_too(study: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--folds", "2", "--epochs", "1", "--image-size", "32", "--width", "0.25", "--no-pretrained"]
    assert main(["validate", *options, "--workspace", str(study.root)]) == 0
    assert "One patient has 10 of 24 images" in capsys.readouterr().err


def test_the_predictions_name_site_and_device_if_any_are_known(study: Workspace) -> None:
    settings = ValidateSettings.model_validate(TINY)
    pull(jobs.start(study, settings))
    study.catalog.set_site([1, 2], "UKE, Hamburg")
    pull(jobs.start(study, settings))
    newer, older = study.runs("validate")
    header, other = ((run.folder / FILE).read_text(encoding="utf-8").split("\n")[0] for run in (older, newer))
    assert header.startswith("image_id,file,sha256,group,fold,true,predicted,logit:benign,")
    assert other.startswith("image_id,file,sha256,group,fold,true,predicted,site,logit:benign,")
    assert {row.image_id: row.site for row in read_predictions(newer) if row.site} == dict.fromkeys(
        (1, 2), "UKE, Hamburg"
    )
    assert [row.logits for row in read_predictions(newer)] == [row.logits for row in read_predictions(older)]
