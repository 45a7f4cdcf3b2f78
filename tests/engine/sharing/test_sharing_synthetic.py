"""Exports leave out synthetic images and those set aside, or keep them apart with their provenance."""

from pathlib import Path

import pytest
from pulling import result_of
from shared_images import added, encoded, imported, rows_of, shared, speckle

from busapp.engine.catalog import Cover
from busapp.engine.events import Note
from busapp.engine.gan.drawing import DrawnImage, write_drawn
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import NotEnoughImages


def test_synthetic_images_and_those_set_aside_stay_out_or_lie_apart(phantom_study: Workspace, tmp_path: Path) -> None:
    run = phantom_study.new_run("synthesize", {"preset": "quick", "class_name": "normal"})
    added(phantom_study, "synthetic/normal/1.png", "normal", encoded(speckle(1)), kind="synthetic", run=run.id)
    gone = added(phantom_study, "synthetic/normal/2.png", "normal", encoded(speckle(2)), kind="synthetic", run="lost")
    images = phantom_study.catalog.images()
    phantom_study.catalog.exclude([images[0].id, gone], "poor, blurred")

    result = result_of(shared(phantom_study, tmp_path / "plain"))
    assert (result["images"], result["left_set_aside"], result["left_synthetic"]) == (23, 1, 2)
    assert result["counts"] == phantom_study.catalog.counts()
    readme = (tmp_path / "plain/README.txt").read_text(encoding="utf-8")
    assert "Left out: 1 set aside, 2 synthetic." in readme and "SYNTHETIC" not in readme
    assert {path.name for path in (tmp_path / "plain").iterdir() if path.is_dir()} == {"benign", "malignant", "normal"}

    result = result_of(shared(phantom_study, tmp_path / "all", synthetic=True, set_aside=True))
    assert (result["images"], result["synthetic"], result["set_aside"]) == (26, 2, 2)
    assert result["counts"] == phantom_study.catalog.counts()
    rows = {row["file"]: row for row in rows_of(tmp_path / "all")}
    drawn = rows["synthetic/normal (synthetic)/1.png"]
    assert (drawn["kind"], drawn["run"], drawn["preset"], drawn["set_aside"]) == ("synthetic", run.id, "quick", "")
    lost = rows["set-aside/synthetic/normal (set-aside, synthetic)/2.png"]
    assert (lost["run"], lost["preset"], lost["set_aside"]) == ("lost", "", "poor, blurred")
    assert rows[f"set-aside/benign (set-aside)/{Path(images[0].file).name}"]["kind"] == "real"
    readme = (tmp_path / "all/README.txt").read_text(encoding="utf-8")
    assert "SYNTHETIC IMAGES: 2." in readme and "Set aside: 2." in readme and "simulated phantoms" in readme

    again = imported(tmp_path / "all", tmp_path / "again")
    own = {name: count for name, count in again.catalog.counts().items() if "(" not in name}
    assert own == phantom_study.catalog.counts()  # no synthetic image comes back as a real one of its class
    again.close()


@pytest.fixture
def drawn(phantom_study: Workspace) -> Run:
    """A generator's run that drew two images, the first near benign (1), the second near malignant (1)."""
    settings = {"preset": "quick", "class_name": "normal", "epochs": 150}
    run = phantom_study.new_run("synthesize", settings)
    trained = SynthesizeSettings.model_validate(settings)
    GeneratorRecord(run.folder, "normal", frozenset("abcde"), trained).save()
    rows = []
    for number, near in enumerate((0, 8), start=1):
        name = f"synthetic/normal/{run.id}-{number:04d}.png"
        added(phantom_study, name, "normal", encoded(speckle(number)), kind="synthetic", run=run.id)
        image, real = phantom_study.catalog.images()[-1], phantom_study.catalog.images()[near]
        rows.append(DrawnImage(number, name, image.sha256, real.file, real.sha256, 0.61849, False, False))
    write_drawn(run.folder, rows)
    return run


def test_images_of_one_run_go_out_alone_with_their_provenance(
    phantom_study: Workspace, drawn: Run, tmp_path: Path
) -> None:
    added(phantom_study, "synthetic/normal/other.png", "normal", encoded(speckle(9)), kind="synthetic", run="other")
    result = result_of(shared(phantom_study, tmp_path / "out", run=drawn.id))
    assert (result["images"], result["synthetic"], result["counts"]) == (2, 2, {})
    rows = rows_of(tmp_path / "out")
    names = ("run", "class", "preset", "epochs", "n_trained_on", "correlation", "set_aside")
    assert [[row[name] for name in names] for row in rows] == [
        [drawn.id, "normal", "quick", "150", "5", "0.618", ""]
    ] * 2
    assert [row["nearest"] for row in rows] == [
        "not exported: phantom benign (1)",
        "not exported: phantom malignant (1)",
    ]

    shared(phantom_study, tmp_path / "anew", run=drawn.id, new_names=True)
    assert [row["nearest"] for row in rows_of(tmp_path / "anew")] == ["not exported 1", "not exported 2"]

    unfit = phantom_study.catalog.images(run=drawn.id)
    phantom_study.catalog.exclude([image.id for image in unfit], "unfit")
    with pytest.raises(NotEnoughImages, match="No image that this run drew is in use"):
        shared(phantom_study, tmp_path / "none", run=drawn.id)
    shared(phantom_study, tmp_path / "unfit", run=drawn.id, set_aside=True)
    assert [row["set_aside"] for row in rows_of(tmp_path / "unfit")] == ["unfit"] * 2


def test_the_nearest_image_is_named_as_the_export_names_it(
    phantom_study: Workspace, drawn: Run, tmp_path: Path
) -> None:
    for new_names in (False, True):
        out = tmp_path / str(new_names)
        shared(phantom_study, out, synthetic=True, new_names=new_names)
        rows = rows_of(out)
        by_run = [row for row in rows if row["run"] == drawn.id]
        assert [row["nearest"] for row in by_run] == [rows[0]["file"], rows[8]["file"]]
        assert all((out / row["nearest"]).exists() for row in by_run)
        assert {row["nearest"] for row in rows if row["kind"] == "real"} == {""}


def test_where_it_is_not_known_which_image_is_nearest_the_export_says_nothing(
    phantom_study: Workspace, drawn: Run, tmp_path: Path
) -> None:
    (drawn.folder / "drawn.csv").write_text("number\nmany\n", encoding="utf-8")
    events = shared(phantom_study, tmp_path / "damaged", run=drawn.id)
    assert [(row["nearest"], row["correlation"]) for row in rows_of(tmp_path / "damaged")] == [("", "")] * 2
    [said] = [event.text for event in events if isinstance(event, Note) and "nearest" in event.text]
    assert "The list of drawn images cannot be read" in said and "drawn.csv" in said

    (drawn.folder / "drawn.csv").unlink()
    events = shared(phantom_study, tmp_path / "older", run=drawn.id)
    assert [row["nearest"] for row in rows_of(tmp_path / "older")] == [""] * 2
    assert not [event for event in events if isinstance(event, Note) and "nearest" in event.text]


def test_the_nearest_image_of_a_covered_one_is_named(phantom_study: Workspace, drawn: Run, tmp_path: Path) -> None:
    image = phantom_study.catalog.images(run=drawn.id)[0]
    sha256 = phantom_study.store_image(encoded(speckle(77)), ".png")
    phantom_study.catalog.cover([Cover(image, sha256, ".png", [])], str)
    shared(phantom_study, tmp_path / "out", run=drawn.id)
    assert rows_of(tmp_path / "out")[0]["nearest"] == "not exported: phantom benign (1)"


def test_synthetic_images_do_not_come_back_as_real_ones_by_the_table(phantom_study: Workspace, tmp_path: Path) -> None:
    added(phantom_study, "benign/drawn.png", "benign", encoded(speckle(1)), kind="synthetic", run="r")
    phantom_study.catalog.exclude([phantom_study.catalog.images()[0].id], "poor image")
    shared(phantom_study, tmp_path / "out", synthetic=True, set_aside=True)
    back = imported(tmp_path / "out" / "images.csv", tmp_path / "back")
    assert back.catalog.counts("real", with_excluded=True) == {"benign": 7, "malignant": 8, "normal": 8}
    back.close()
