"""Patients' numbers that a spreadsheet spelt anew are matched where that is certain, told, or refused."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from image_folders import imported, looked_at, picture
from labelled_tables import said

from busapp.engine.imports.sorting.patients import Pattern
from busapp.engine.imports.tables.identifiers import PatientsCutOff
from busapp.engine.study import patients
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def patients_said(tmp_path: Path, numbers: Sequence[str], **settings: str) -> tuple[list[str | None], list[str]]:
    """The patients that a table with these numbers gives, and what was assumed about them."""
    rows = [f"{at:03}.png;benign;{number}" for at, number in enumerate(numbers)]
    files = [f"{at:03}.png" for at in range(len(numbers))]
    found = said(tmp_path, "\n".join(["file;class;patient", *rows]), files, **settings)
    return [given.patient for given in found.labels.values()], [finding.text for finding in found.findings[1:]]


@pytest.mark.parametrize(
    "numbers",
    [
        ["2,02401E+16"] * 8,
        ["2.02401E+16", "4711"],
        ["2E+16", "4711"],
        ["2.5e15", "4711"],
        ["20240115093042000000", "20240115093042100000"],
        ["2024011509304200", "2024011509304210", "2024011509304220"],
        ["002024011509304200000"],
    ],
)
def test_numbers_that_were_cut_off_are_refused(tmp_path: Path, numbers: list[str]) -> None:
    with pytest.raises(PatientsCutOff, match="--patient-column") as caught:
        patients_said(tmp_path, numbers)
    assert not any(number in str(caught.value) for number in numbers)
    assert patients_said(tmp_path, numbers, patient_column="-") == ([None] * len(numbers), [])
    assert patients_said(tmp_path, numbers, patient_pattern="{patient}*")[0] == [None] * len(numbers)


@pytest.mark.parametrize(
    "numbers", [["20240115093042017", "20240115093042000"], ["2024011509304200"], ["12E4", "12E5"], ["P-2.5"], ["1e5f"]]
)
def test_long_numbers_and_others_are_taken_as_they_are(tmp_path: Path, numbers: list[str]) -> None:
    assert patients_said(tmp_path, numbers) == (numbers, [])


def test_a_zero_behind_the_point_is_a_spreadsheets(tmp_path: Path) -> None:
    found, told = patients_said(tmp_path, ["4711", "4711.0", "4712,0", ""])
    assert found == ["4711", "4711", "4712", None]
    assert told == [
        "t.csv: patients' numbers end in .0 in 2 rows, as spreadsheets write them. They are read without it."
    ]
    assert patients_said(tmp_path, ["12.0", "12.1"])[0] == ["12.0", "12.1"]


def test_zeros_in_front_make_no_second_patient(tmp_path: Path) -> None:
    found, told = patients_said(tmp_path, ["0004711", "4711", "4712", "P-4711"])
    assert found == ["0004711", "0004711", "4712", "P-4711"]
    assert told == [
        "t.csv writes the numbers of 1 patient with and without zeros in front. Each is taken for one patient."
    ]


@pytest.mark.parametrize("word", ["unknown", "NaN", "n/a", "none", "anonymous", "-", "0", "unbekannt", "XXXX"])
def test_words_that_mean_nobody_are_no_patient_and_told(tmp_path: Path, word: str) -> None:
    found, told = patients_said(tmp_path, [word, word, "4711", ""])
    assert found == [None, None, "4711", None]
    assert told == [f"t.csv: 2 rows name no patient: {word}."]
    assert patients_said(tmp_path, [word] * 3) == ([None] * 3, [f"t.csv: 3 rows name no patient: {word}."])


def test_a_table_that_counts_from_zero_has_a_patient_0(tmp_path: Path) -> None:
    found, told = patients_said(tmp_path, ["0", "0", "1", "2", "2", "unknown"])
    assert found == ["0", "0", "1", "2", "2", None]
    assert told[0] == "t.csv counts its patients from 0 up, so 0 is taken for a patient."
    assert patients_said(tmp_path, ["0.0", "1.0", "2.0"])[0] == ["0", "1", "2"]
    assert patients_said(tmp_path, ["0"] * 20 + ["1", "2", "3"])[0] == [None] * 20 + ["1", "2", "3"]
    assert patients_said(tmp_path, ["0", "4711", "4712"])[0] == [None, "4711", "4712"]


def test_a_name_is_one_patient_in_every_unicode_form(tmp_path: Path) -> None:
    forms = [unicodedata.normalize(form, "Müller, Ä") for form in ("NFC", "NFD")]
    assert patients_said(tmp_path, forms)[0] == [forms[0]] * 2
    assert Pattern("{patient}_*").patient_in(unicodedata.normalize("NFD", "Müller1_0.png")) == "Müller1"


# -- patients that the study knows -----------------------------------------------------------------------------


def scan(path: Path, patient: str, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (1, 16, 20), np.uint8)
    path.write_bytes(dicom_bytes(pixels, PatientID=patient, SOPInstanceUID=f"1.2.3.{seed}"))


def listed(folder: Path, numbers: Sequence[str]) -> Path:
    """A table of images with these patients."""
    for at in range(len(numbers)):
        picture(folder / f"{at}.png", 50 + at)
    rows = [f"{at}.png,benign,{number}" for at, number in enumerate(numbers)]
    (folder / "labels.csv").write_text("\n".join(["file,class,patient", *rows]))
    return folder / "labels.csv"


def findings(result: dict) -> list[str]:
    return [finding["text"] for finding in result["findings"] if finding["kind"] in ("joined", "odd")]


def test_a_table_that_lost_its_zeros_meets_the_patients_of_dicom_files(empty_study: Workspace, tmp_path: Path) -> None:
    numbers = ["00047110", "00047111", "00000012"]
    for at, number in enumerate(numbers):
        scan(tmp_path / "dicom" / "benign" / f"{at}.dcm", number, at + 1)
    imported(empty_study, tmp_path / "dicom")
    before = empty_study.catalog.images()
    result = imported(empty_study, listed(tmp_path / "png", ["47110", "47111", "12", "4799"]))
    assert result["patients"] == 4
    assert findings(result) == [
        "3 patients: the number equals a known one but for zeros in front. Each is taken for the known patient."
    ]
    images = empty_study.catalog.images()
    assert {image.patient for image in images} == {patients.pseudonym(number) for number in [*numbers, "4799"]}
    assert [image._replace(group_id=0, checked=False) for image in images[:3]] == [
        image._replace(group_id=0, checked=False) for image in before
    ]


def test_dicom_files_meet_the_patients_of_a_table_that_lost_its_zeros(empty_study: Workspace, tmp_path: Path) -> None:
    imported(empty_study, listed(tmp_path / "png", ["47110", "12"]))
    scan(tmp_path / "dicom" / "benign" / "a.dcm", "00047110", 1)
    scan(tmp_path / "dicom" / "benign" / "b.dcm", "00000012", 2)
    result = imported(empty_study, tmp_path / "dicom")
    assert [text[:10] for text in findings(result)] == ["1 patient:"]
    counted = [image.patient for image in empty_study.catalog.images()]
    assert counted.count(patients.pseudonym("47110")) == 2
    assert counted.count(patients.pseudonym("00000012")) == 1  # as 12, a counter of any other set


def test_a_number_that_fits_two_known_patients_stays_apart(empty_study: Workspace, tmp_path: Path) -> None:
    scan(tmp_path / "dicom" / "benign" / "a.dcm", "0004711", 1)
    scan(tmp_path / "dicom" / "benign" / "b.dcm", "00004711", 2)
    first = imported(empty_study, tmp_path / "dicom")
    assert (first["patients"], findings(first)) == (2, [])
    result = imported(empty_study, listed(tmp_path / "png", ["4711"]))
    assert [text[:10] for text in findings(result)] == ["1 patient:"]
    assert len({image.patient for image in empty_study.catalog.images()}) == 3


def test_a_known_number_is_taken_as_it_is(empty_study: Workspace, tmp_path: Path) -> None:
    imported(empty_study, listed(tmp_path / "one", ["4711", "P-1"]))
    assert findings(imported(empty_study, listed(tmp_path / "two", ["4711", "p-1"]))) == []
    known = patients.KnownPatients([patients.pseudonym("4711")], ["4711", "04711", "471", "Ann"])
    assert known.pseudonym("04711") == known.pseudonym("4711") == patients.pseudonym("4711")
    assert (known.joined, known.unclear) == (1, 0)
    assert known.pseudonym("Ann") == patients.pseudonym("Ann")


# -- patients that look wrong ----------------------------------------------------------------------------------


def test_one_patient_with_many_images_is_told_before_the_import(empty_study: Workspace, tmp_path: Path) -> None:
    table = listed(tmp_path / "set", ["ward 3"] * 12 + [f"P-{at}" for at in range(20)])
    text = "One patient has 12 of 32 images (37.5 %). Check that the number in their place names a single person."
    assert [finding.text for finding in looked_at(empty_study, table).findings if finding.kind == "odd"] == [text]
    assert text in findings(imported(empty_study, table))


def test_a_patient_in_dicom_files_with_many_images_is_told(empty_study: Workspace, tmp_path: Path) -> None:
    for at in range(12):
        scan(tmp_path / "dicom" / ("benign" if at % 2 else "malignant") / f"{at}.dcm", "P-1", at + 1)
    odd = ["One patient has 12 of 12 images (100.0 %). Check that the number in their place names a single person."]
    odd.append("1 patient has images in several classes.")
    assert [finding.text for finding in looked_at(empty_study, tmp_path / "dicom").findings] == odd
    assert set(odd) <= set(findings(imported(empty_study, tmp_path / "dicom")))


def test_remarkable_patients_are_counted_without_their_names() -> None:
    few = [("A", "benign")] * 9 + [(None, "benign")] * 80
    assert patients.remarkable(few) == []
    assert patients.remarkable([*few, ("a ", "benign")])[0].startswith("One patient has 10 of 90 images (11.1 %).")
    assert patients.remarkable([*few, ("a ", "benign"), *[(None, "x")] * 20]) == []
    three = [(name, "benign") for name in "ABC" for _ in range(20)]
    assert patients.remarkable(three)[0].startswith(
        "3 patients have more than a tenth of all images each, the largest "
    )
    assert patients.remarkable([("A", "x"), ("A", "y"), ("B", "x"), ("B", "y")]) == [
        "2 patients have images in several classes."
    ]
    assert patients.remarkable([(None, "x"), (None, "y")]) == patients.remarkable([]) == []


def test_a_few_patients_with_nearly_all_images_are_named_by_number() -> None:
    many_images = [(name, "benign") for name in "ABC" for _ in range(32)]
    few_images = [(str(number), "benign") for number in range(9)]
    sentences = patients.remarkable([*many_images, *few_images[:4], *[(None, "benign")] * 900])
    assert sentences == [], "three of seven are not few"
    sentences = patients.remarkable([*many_images, *few_images])
    assert sentences[1].startswith(
        "3 of 12 patients have 91.4 % of all images of patients. What is measured here holds"
    )


def test_cut_off_numbers_stop_the_import_of_a_folder_too(empty_study: Workspace, tmp_path: Path) -> None:
    for at in range(3):
        picture(tmp_path / "set" / "benign" / f"{at}.png", at)
    rows = [f"benign/{at}.png;2,02401E+16" for at in range(3)]
    (tmp_path / "set" / "patients.csv").write_text("\n".join(["file;patient", *rows]))
    with pytest.raises(BadInput, match="cut off"):
        imported(empty_study, tmp_path / "set")
    assert imported(empty_study, tmp_path / "set", patient_column="-")["counts"] == {"benign": 3}
