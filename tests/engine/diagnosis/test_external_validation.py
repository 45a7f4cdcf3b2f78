"""A model measured on images with labels, with the tiny network whose answer is the brightest channel."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES, write_model

from busapp.engine import jobs
from busapp.engine.diagnosis.external_validation import read_labels
from busapp.engine.events import Finished
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of
from busapp.errors import BadInput


def save(path: Path, channel: int, level: int = 220) -> Path:
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = level
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """Nine images in folders of classes. The tiny model gets two of each class right and takes the third for benign."""
    folder = tmp_path / "hospital"
    for index, name in enumerate(CLASSES):
        for number in range(2):
            save(folder / name.capitalize() / f"{number}.png", index, 150 + number)
        save(folder / name.capitalize() / "doubtful.png", 0, 180 + index)
    return folder


def external(study: Workspace, settings: DiagnoseSettings) -> dict:
    *_, last = jobs.start(study, settings)
    assert isinstance(last, Finished)
    return last.result


def test_folders_called_after_classes_are_labels(empty_study: Workspace, hospital: Path, tmp_path: Path) -> None:
    model, table = write_model(tmp_path / "m.onnx"), tmp_path / "t.csv"
    result = external(empty_study, DiagnoseSettings(images=(hospital,), model=model, labels=hospital, csv=table))
    found = result["external"]
    assert found["n"] == 9 and found["counts"] == {"benign": 3, "malignant": 3, "normal": 3}
    assert found["measured"]["confusion"] == [[3, 0, 0], [1, 2, 0], [1, 0, 2]]
    assert found["measured"]["sensitivity"]["malignant"] == pytest.approx(2 / 3)
    assert found["measured"]["specificity"]["benign"] == pytest.approx(4 / 6)
    low, high = found["measured"]["accuracy_ci95"]
    assert low < 7 / 9 < high
    assert found["n_answered"] == 9 and found["accuracy_of_answers"] == pytest.approx(7 / 9)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert rows[str(hospital / "Normal" / "0.png")]["true"] == "normal"


def test_folders_count_as_labels_without_being_named(empty_study: Workspace, hospital: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx")
    assert external(empty_study, DiagnoseSettings(images=(hospital,), model=model))["external"]["n"] == 9
    assert "external" not in external(empty_study, DiagnoseSettings(images=(hospital / "Benign",), model=model))


def test_a_table_names_classes_and_patients(empty_study: Workspace, hospital: Path, tmp_path: Path) -> None:
    lines = ["file;class;patient"]
    for index, name in enumerate(CLASSES):
        lines += [f"hospital\\{name.capitalize()}\\{n}.png;{name.upper()};{index}" for n in range(2)]
    lines += ["hospital/Benign/doubtful.png;cyst;9", "elsewhere.png;benign;1"]
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    settings = DiagnoseSettings(
        images=(hospital,), model=write_model(tmp_path / "m.onnx"), labels=tmp_path / "labels.csv"
    )
    found = external(empty_study, settings)["external"]
    assert found["n"] == 6 and found["n_patients"] == 3
    assert found["other_classes"] == {"cyst": 1}
    assert found["left_out"] == {"of a class that the model does not know": 1, "without a label": 2}


def test_pictures_that_the_model_learned_from_do_not_count(
    empty_study: Workspace, hospital: Path, tmp_path: Path
) -> None:
    learned = hospital / "Benign" / "0.png"
    (hospital / "Normal" / "again.png").write_bytes((hospital / "Normal" / "1.png").read_bytes())
    # Its second known image, to the tiny model, has 2.5 in the logit of malignant.
    save(hospital / "Malignant" / "nearly.png", 1, 219)
    known = ((sha256_of(learned.read_bytes()), "normal"), ("0" * 64, "malignant"))
    model = write_model(tmp_path / "m.onnx", known=known)
    result = external(empty_study, DiagnoseSettings(images=(hospital,), model=model, labels=hospital))
    reasons = {Path(i["file"]).name: i["not_counted"] for i in result["images"] if i.get("not_counted")}
    assert result["external"]["left_out"]["the same file as one before"] == 1
    assert "learned from this picture" in reasons["nearly.png"] and "same file" in reasons["again.png"]
    assert any(i["file"] == str(learned) and "learned" in i.get("not_counted", "") for i in result["images"])


def test_abstaining_is_counted_beside_the_forced_answers(
    empty_study: Workspace, hospital: Path, tmp_path: Path
) -> None:
    conformal = {"coverage": 0.9, "least_probability": dict.fromkeys(CLASSES, 0.16)}
    model = write_model(tmp_path / "m.onnx", conformal=conformal)
    result = external(empty_study, DiagnoseSettings(images=(hospital,), model=model, labels=hospital))
    n_abstained = sum(image["abstained"] for image in result["images"])
    assert n_abstained == 6 and result["external"]["n_answered"] == 3
    assert sum(map(sum, result["external"]["measured"]["confusion"])) == 9


def test_too_few_are_not_measured_and_labels_of_nothing_are_bad_input(
    empty_study: Workspace, hospital: Path, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "m.onnx")
    one = DiagnoseSettings(images=(hospital / "Benign",), model=model, labels=hospital)
    assert external(empty_study, one)["external"]["measured"] is None
    (tmp_path / "labels.csv").write_text("file,class\nnone.png,benign\n", encoding="utf-8")
    (tmp_path / "bare.csv").write_text("file\n0.png\n", encoding="utf-8")
    for source, words in (("labels.csv", "labels name none of the images"), ("bare.csv", "no column for the class")):
        with pytest.raises(BadInput, match=words):
            list(jobs.start(empty_study, DiagnoseSettings(images=(hospital,), model=model, labels=tmp_path / source)))


def test_a_row_of_another_folder_is_another_image(tmp_path: Path) -> None:
    image = save(tmp_path / "b" / "001.png", 0)
    table = tmp_path / "labels.csv"
    table.write_text("file,class\nb/001.png,benign\na/001.png,malignant\n", encoding="utf-8")
    assert read_labels(table, [image]).of(image) == "benign"
    table.write_text("file,class\na/001.png,malignant\n", encoding="utf-8")
    with pytest.raises(BadInput, match="labels name none of the images"):
        read_labels(table, [image])
    table.write_text("file,class\n001.png,normal\n", encoding="utf-8")
    assert read_labels(table, [image]).of(image) == "normal"


def test_labelled_images_that_cannot_be_read_are_told_of(
    empty_study: Workspace, hospital: Path, tmp_path: Path
) -> None:
    (hospital / "Normal" / "torn.png").write_bytes(b"\x89PNG torn")
    found = external(empty_study, DiagnoseSettings(images=(hospital,), model=write_model(tmp_path / "m.onnx")))
    assert found["external"]["left_out"] == {"cannot be read": 1}
