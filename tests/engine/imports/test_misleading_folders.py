"""Folders, tables and files that would be misread in silence: the class is right, or the summary says what is odd."""

from pathlib import Path
from typing import Any

import pytest
from image_folders import imported
from public_sets import busbra, busi, masks, pictures, table

from busapp.engine.study.workspace import Workspace

BOTH = {"benign": 2, "malignant": 2}
INSIDE = (
    "STU00001/SER00001",
    "PA000001/ST000001/SE000001",
    "left",
    "GE Logiq",
    "B-mode",
    "Mueller_Annab",
    "2021",
    "US",
)


def texts(result: dict[str, Any]) -> str:
    return "\n".join(found["text"] for found in result["findings"])


@pytest.mark.parametrize("inside", INSIDE)
def test_a_folder_below_the_classes_is_no_class(empty_study: Workspace, tmp_path: Path, inside: str) -> None:
    for name in ("benign", "malignant"):
        pictures(tmp_path / "set" / name / inside, f"{name}1.png", f"{name}2.png")
    assert imported(empty_study, tmp_path / "set")["counts"] == BOTH


def test_folders_below_the_classes_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    for place in ("benign/left", "benign/right", "malignant/left"):
        pictures(tmp_path / "set" / place, f"{place[0]}{len(place)}.png")
    result = imported(empty_study, tmp_path / "set")
    assert result["counts"] == {"benign": 2, "malignant": 1}
    assert "These folders below the classes are taken for no classes: left, right." in texts(result)


def test_a_table_counts_more_than_folders_of_hospitals(empty_study: Workspace, tmp_path: Path) -> None:
    pictures(tmp_path / "set", "charite/a.png", "charite/b.png", "uke/c.png", "uke/d.png")
    rows = ("charite/a.png,benign", "charite/b.png,malignant", "uke/c.png,benign", "uke/d.png,malignant")
    table(tmp_path / "set" / "t.csv", "file,diagnosis", *rows)
    result = imported(empty_study, tmp_path / "set")
    assert result["counts"] == BOTH
    assert "The classes are those of the table" in texts(result)


def test_a_table_that_contradicts_the_folders_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    pictures(tmp_path / "set", "benign/a.png", "benign/b.png", "malignant/c.png", "malignant/d.png")
    table(tmp_path / "set" / "t.csv", "file,class", *(f"{name},malignant" for name in "abcd"))
    result = imported(empty_study, tmp_path / "set", class_column="class")
    assert result["counts"] == {"malignant": 4}
    assert "another class than the folder for 2 images. The table's class counts." in texts(result)


def test_values_are_renamed_in_known_sets_too(empty_study: Workspace, tmp_path: Path) -> None:
    busi(tmp_path / "BUSI")
    result = imported(empty_study, tmp_path / "BUSI", class_values="normal=-,benign=B9")
    assert set(result["counts"]) == {"b9", "malignant"}


def test_folders_of_masks_in_german_and_spanish(empty_study: Workspace, tmp_path: Path) -> None:
    for number, (of_pictures, of_masks) in enumerate((("Bilder", "Masken"), ("imágenes", "máscaras"))):
        for name in ("benign", "malignant"):
            pictures(tmp_path / str(number) / name / of_pictures, f"{name}{number}.png")
            masks(tmp_path / str(number) / name / of_masks, f"{name}{number}.png")
    result = imported(empty_study, tmp_path / "0", tmp_path / "1")
    assert (result["counts"], result["masks"]) == (BOTH, 4)


def test_pictures_that_look_like_masks_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    pictures(tmp_path / "set", "benign/a.png", "malignant/b.png")
    masks(tmp_path / "set" / "malignant", "c.png")
    assert "1 picture has two colours only, as masks of lesions do." in texts(imported(empty_study, tmp_path / "set"))


def test_folders_beside_the_classes_are_told(empty_study: Workspace, tmp_path: Path) -> None:
    pictures(tmp_path / "set", "benign/a.png", "malignant/b.png", "predictions/c.png")
    said = texts(imported(empty_study, tmp_path / "set"))
    assert "Some folders are called after classes, others are not: predictions." in said


def test_a_copy_under_another_name_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    pictures(tmp_path / "set", "benign/1.png", "malignant/2.png")
    (tmp_path / "set/benign/1 - Copy.png").write_bytes((tmp_path / "set/benign/1.png").read_bytes())
    said = texts(imported(empty_study, tmp_path / "set"))
    assert "1 picture came in again under another name, byte for byte." in said


def test_a_known_table_may_lack_a_column_that_is_not_needed(empty_study: Workspace, tmp_path: Path) -> None:
    busbra(tmp_path / "BUSBRA")
    path = next((tmp_path / "BUSBRA").rglob("bus_data.csv"))
    rows = [line.split(",") for line in path.read_text().splitlines()]
    at = rows[0].index("Device")
    path.write_text("\n".join(",".join(row[:at] + row[at + 1 :]) for row in rows))
    result = imported(empty_study, tmp_path / "BUSBRA")
    assert set(result["counts"]) == {"benign", "malignant"} and "This looks like BUS-BRA" in texts(result)
