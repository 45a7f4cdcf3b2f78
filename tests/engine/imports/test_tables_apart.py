"""A table in a place of its own completes images of the study by their names, and never guesses."""

from pathlib import Path

import pytest
from image_folders import imported, looked_at, picture
from later_tables import PATIENTS, images, table, told

from busapp.engine.study.patients import pseudonym
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def elsewhere(tmp_path: Path, text: str) -> Path:
    (tmp_path / "letters").mkdir(parents=True, exist_ok=True)
    return table(tmp_path / "letters", text)


def test_a_table_far_from_the_pictures_completes_images_of_the_study_by_their_names(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    later = elsewhere(tmp_path, PATIENTS)
    seen = looked_at(empty_study, later)
    assert (seen.counts, seen.already_present, seen.patients, seen.skipped) == ({}, 8, 4, [])
    by_name = "later.csv: 8 images do not lie beside the table and were found in the study, by their names alone."
    gets = "8 images that are already there get a patient."
    assert {by_name, gets} <= {finding.text for finding in seen.findings}
    result = imported(empty_study, later)
    assert (result["imported"], result["already_present"], result["completed"]) == (0, 8, {"patient": 8})
    assert {by_name, gets} <= {finding["text"] for finding in result["findings"]}
    assert [image.group for image in empty_study.catalog.images()] == [1, 1, 3, 3, 5, 5, 7, 7]
    empty_study.catalog.undo()
    assert {image.patient for image in empty_study.catalog.images()} == {None}


def test_a_table_far_from_the_pictures_needs_no_classes_and_guesses_no_name(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    rows = "benign/0,C1,UKE\nmalignant/0,C2,\n1,C3,\nP7/benign/2.png,C4,\nP7/3.png,C5,\nbenign/9,C6,\n"
    result = imported(empty_study, elsewhere(tmp_path, f"Image,Case,Hospital\n{rows}"))
    assert (result["already_present"], result["completed"]) == (3, {"patient": 3, "site": 1})
    found = images(empty_study)
    patients = {file: image.patient for file, image in found.items() if image.patient}
    assert patients == {
        "benign/0.png": pseudonym("C1"),
        "malignant/0.png": pseudonym("C2"),
        "benign/2.png": pseudonym("C4"),
    }
    assert found["benign/0.png"].site == "UKE"
    assert [left["reason"] for left in result["skipped"]] == [
        "1 fits 2 images. Give its folder and its ending",
        "There is no image P7/3.png",
        "There is no image benign/9",
    ]


def test_a_table_far_from_the_pictures_changes_classes_only_if_it_is_to_update(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    later = elsewhere(tmp_path, "file,class\nbenign/0.png,malignant\nbenign/1.png,benign\n")
    assert told(imported(empty_study, later))[0].startswith("1 image is already there as benign; the import says mali")
    assert images(empty_study)["benign/0.png"].class_name == "benign"
    assert imported(empty_study, later, update=True)["completed"] == {"class": 1}
    assert images(empty_study)["benign/0.png"].class_name == "malignant"


def test_pictures_beside_a_table_count_before_those_of_the_study(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    later = elsewhere(tmp_path, "file,class,patient\nbenign/0.png,benign,P-1\nbenign/1.png,benign,P-2\n")
    picture(later.parent / "benign" / "0.png", 77)
    result = imported(empty_study, later)
    assert (result["imported"], result["already_present"]) == (1, 1)
    by_content = {(image.file, image.sha256): image.patient for image in empty_study.catalog.images()}
    assert sorted(patient for (file, _), patient in by_content.items() if file == "benign/0.png" and patient) == [
        pseudonym("P-1")
    ]
    assert images(empty_study)["benign/1.png"].patient == pseudonym("P-2")


def test_images_that_share_a_name_are_not_told_apart_by_a_table(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    picture(tmp_path / "more" / "benign" / "0.png", 55)
    imported(empty_study, tmp_path / "more" / "benign")
    result = imported(empty_study, elsewhere(tmp_path, "file,patient\nbenign/0.png,P-1\nbenign/1.png,P-2\n"))
    assert result["completed"] == {"patient": 1}
    assert [left["reason"] for left in result["skipped"]] == [
        "benign/0.png fits 2 images. Give its folder and its ending"
    ]


def test_a_table_that_names_nothing_of_the_study_is_refused(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    before = empty_study.catalog.history()
    with pytest.raises(BadInput):
        imported(empty_study, elsewhere(tmp_path, "file,patient\nx1.png,P-1\nx2.png,P-2\n"))
    assert empty_study.catalog.history() == before


def test_rows_of_one_image_with_and_without_ending_contradict_each_other(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    result = imported(empty_study, elsewhere(tmp_path, "file,patient\nbenign/0.png,P1\nbenign/0,P2\nbenign/1,P3\n"))
    assert result["completed"] == {"patient": 1} and images(empty_study)["benign/0.png"].patient is None
    assert {left["reason"].partition(" has ")[2] for left in result["skipped"]} == {
        "another class or patient in another row"
    }


def test_a_table_of_which_nothing_can_be_joined_says_why(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    with pytest.raises(BadInput, match=r"No row .* 2 rows cannot be joined\. The first: 1 fits 2 images") as raised:
        imported(empty_study, elsewhere(tmp_path, "file,patient\n1,P-1\n2,P-2\n"))
    assert "class" not in str(raised.value)


def test_of_two_tables_that_disagree_the_first_counts_and_it_is_told(
    empty_study: Workspace, pictures: Path, tmp_path: Path
) -> None:
    imported(empty_study, pictures)
    one = elsewhere(tmp_path / "a", "file,patient\nbenign/0.png,P1\nbenign/1.png,P2\n")
    other = elsewhere(tmp_path / "b", "file,patient,site\nbenign/0.png,P9,UKE\nbenign/1.png,p2,UKE\n")
    sentence = "A later table gives 1 image of the study another patient than an earlier one, which counts."
    assert sentence in [finding.text for finding in looked_at(empty_study, one, other).findings]
    result = imported(empty_study, one, other)
    assert (result["already_present"], result["completed"]) == (2, {"patient": 2, "site": 2})
    assert sentence in [finding["text"] for finding in result["findings"]]
    assert images(empty_study)["benign/0.png"].patient == pseudonym("P1")


def test_classes_that_stay_make_no_patient_odd(empty_study: Workspace, pictures: Path, tmp_path: Path) -> None:
    imported(empty_study, pictures)
    later = elsewhere(tmp_path, "file,patient,class\nbenign/0.png,P1,malignant\nbenign/1.png,P1,benign\n")
    odd = "1 patient has images in several classes."
    for update in (False, True):
        seen = [finding.text for finding in looked_at(empty_study, later, update=update).findings]
        found = [finding["text"] for finding in imported(empty_study, later, update=update)["findings"]]
        assert (odd in seen, odd in found) == (update, update)


@pytest.mark.parametrize("cell", ["", "unknown", "n/a"])
def test_a_row_without_a_class_completes_an_image_that_has_one(
    empty_study: Workspace, pictures: Path, tmp_path: Path, cell: str
) -> None:
    imported(empty_study, pictures)
    later = elsewhere(tmp_path, f"file,class,patient\nbenign/0.png,{cell},P1\nbenign/1.png,benign,P2\n")
    result = imported(empty_study, later, update=True)
    assert result["completed"] == {"patient": 2} and not result["skipped"]
    assert images(empty_study)["benign/0.png"].class_name == "benign"


def test_a_column_that_is_no_class_can_be_declined(empty_study: Workspace, pictures: Path, tmp_path: Path) -> None:
    imported(empty_study, pictures)
    later = elsewhere(tmp_path, "file,patient,birads\nbenign/0.png,P1,3\nbenign/1.png,P2,5\n")
    with pytest.raises(BadInput, match="write --class-column -"):
        imported(empty_study, later)
    assert imported(empty_study, later, class_column="-")["completed"] == {"patient": 2}
