"""The report of a study: everything is in it, nothing from outside is executed by it, and it needs no other file."""

import re
from pathlib import Path

import pytest
from PIL import Image

from busapp.engine import jobs
from busapp.engine.catalog import NewImage
from busapp.engine.events import EpochEnded, to_line
from busapp.engine.files import write_json
from busapp.engine.report import write_report
from busapp.engine.settings import ImportSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput

CLASSES = ["benign", "malignant", "normal"]


def add_validation(workspace: Workspace, *, leaks: int) -> None:
    """A finished validation run with a curve."""
    protocol = "published" if leaks else "strict"
    run = workspace.new_run("validate", ValidateSettings(protocol=protocol).model_dump(mode="json"))
    result = {
        "system": "system1",
        "protocol": protocol,
        "switches": ValidateSettings(protocol=protocol).leaks.model_dump(),
        "classes": CLASSES,
        "n_images": 24,
        "n_groups": 20,
        "n_synthetic": 0,
        "seed": 0,
        "epochs": 2,
        "seconds": 3.2,
        "folds": [{}, {}],
        "confusion": [[6, 1, 1], [2, 6, 0], [0, 0, 8]],
        "accuracy": 20 / 24,
        "accuracy_ci95": [0.64, 0.93],
        "sensitivity": {"benign": 0.75, "malignant": 0.75, "normal": None},
        "specificity": dict.fromkeys(CLASSES, 0.9),
        "auc": {"benign": 0.8, "malignant": None, "normal": 1.0},
        "leaks": {"groups_split": leaks, "weights_carried_over": 0},
    }
    write_json(run.folder / "result.json", result)
    epochs = [EpochEnded(f, 2, e, 2, 1.0 / e, 0.5, 1.1 / e, 0.4, 10.0) for f in (1, 2) for e in (1, 2)]
    (run.folder / "events.jsonl").write_text("\n".join(to_line(epoch) for epoch in epochs), encoding="utf-8")
    run.info.state = "finished"
    run.save()


def test_an_empty_study_has_a_report(empty_study: Workspace, tmp_path: Path) -> None:
    html = write_report(empty_study, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Research use only. Not a medical device." in html
    assert "No cross-validation was finished yet." in html and "phantoms" not in html.split("</style>")[1]


def test_runs_are_shown_with_protocol_interval_and_leaks(phantom_study: Workspace, tmp_path: Path) -> None:
    add_validation(phantom_study, leaks=0)
    strict = write_report(phantom_study, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "simulated phantoms" in strict
    assert "83.3 %" in strict and "64.0 % to 93.0 %" in strict and "This number leaks" not in strict
    add_validation(phantom_study, leaks=3)
    both = write_report(phantom_study, tmp_path / "a.html").read_text(encoding="utf-8")
    assert both.count("This number leaks") == 1
    assert "near-duplicates fall on both sides" in both and "groups split 3" in both
    assert not re.search(r"""(src|href)=["'](?!data:)""", both), "the file must need no other"
    assert both.count("confusion matrix of") == both.count("accuracy and loss of") == 2


def test_generators_and_synthetic_images_are_marked(phantom_study: Workspace, tmp_path: Path) -> None:
    settings = SynthesizeSettings.model_validate({"class_name": "normal"})
    run = phantom_study.new_run("synthesize", settings.model_dump(mode="json"))
    result = {"class": "normal", "preset": "quick", "epochs": 2, "seconds": 1.0, "images": 1}
    write_json(run.folder / "result.json", {**result, "kid": 0.2, "kid_floor": 0.01})
    run.info.state = "finished"
    run.save()
    picture = tmp_path / "drawn.png"
    Image.new("RGB", (32, 32), "grey").save(picture)
    sha256 = phantom_study.store_image(picture.read_bytes(), ".png")
    drawn = NewImage("normal/drawn.png", sha256, ".png", "normal", 32, 32, kind="synthetic", run=run.id)
    phantom_study.catalog.add([drawn], "drawn")
    html = write_report(phantom_study, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "synthetic normal, example 1" in html and "Kernel inception distance 0.200" in html


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "study", name="<script>alert(1)</script>")
    folder = tmp_path / "<b>cyst"
    folder.mkdir()
    Image.effect_noise((32, 32), 40).save(folder / "a.png")
    for _ in jobs.start(workspace, ImportSettings(sources=(folder,))):
        pass
    html = write_report(workspace, tmp_path / "report.html").read_text(encoding="utf-8")
    workspace.close()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<b>" not in html and "&lt;b&gt;cyst" in html


def test_a_place_that_cannot_be_written_to_is_named(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match=r"report\.html"):
        write_report(empty_study, tmp_path / "file" / "report.html")


def test_what_changed_since_a_run_is_told(phantom_study: Workspace, tmp_path: Path) -> None:
    add_validation(phantom_study, leaks=0)
    before = write_report(phantom_study, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "the dataset has changed" not in before
    phantom_study.catalog.reclassify([phantom_study.catalog.images()[0].id], "<b>cyst")
    after = write_report(phantom_study, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Since this run began, the dataset has changed: 1 image is now &lt;b&gt;cyst." in after
