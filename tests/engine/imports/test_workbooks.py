"""Excel workbooks are read as a person sees them, and hostile ones are refused before they are unpacked."""

import datetime
import io
import zipfile
from pathlib import Path

import pytest
from image_folders import imported, looked_at, picture
from labelled_tables import classes_of, said, workbook

from busapp.engine.imports.tables import workbooks
from busapp.engine.imports.tables.identifiers import PatientsCutOff
from busapp.engine.imports.tables.workbooks import read_workbook
from busapp.engine.study import patients
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

BOTH = {"a.png": "benign", "b.png": "malignant"}
ROWS = [["Image", "Type"], ["a.png", "Benign"], ["b.png", "Malignant"]]


def changed(content: bytes, members: dict[str, bytes]) -> bytes:
    """A workbook with some of its files replaced or added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *members}:
            new.writestr(name, members[name] if name in members else old.read(name))
    return stream.getvalue()


def sheet_of(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("xl/worksheets/sheet1.xml")


def test_a_workbook_is_imported_as_a_table(empty_study: Workspace, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        picture(tmp_path / "set" / "original" / f"{number:06}.png", number)
    rows = [["Image", "Type", "Patient No."], [1, "Benign", 4711], [2, "Malignant", 4711.0], [3, "Benign", None]]
    (tmp_path / "set" / "Lesions.xlsx").write_bytes(workbook({"Tabelle1": rows}))
    seen = looked_at(empty_study, tmp_path / "set" / "Lesions.xlsx")
    assert (seen.counts, seen.patients, seen.skipped) == ({"benign": 2, "malignant": 1}, 1, [])
    result = imported(empty_study, tmp_path / "set" / "Lesions.xlsx")
    assert result["counts"] == {"benign": 2, "malignant": 1}
    assert {image.patient for image in empty_study.catalog.images()} == {patients.pseudonym("4711"), None}
    assert result["findings"][0]["text"] == (
        "Lesions.xlsx, sheet Tabelle1: files from Image, classes from Type, patients from Patient No.."
    )


def test_cells_are_read_as_a_person_sees_them() -> None:
    rows = [
        [
            4711,
            4711.0,
            0.5,
            True,
            datetime.date(2024, 1, 15),
            datetime.datetime(2024, 1, 15, 9, 30),
            None,
            "#N/A",
        ],
        [20240115093042000, 2.0240115093042e16, 1e300, 999999999999999],
    ]
    (first, second) = read_workbook(workbook({"s": rows}), "t.xlsx")["s"]
    assert first == (1, ["4711", "4711", "0.5", "TRUE", "2024-01-15", "2024-01-15 09:30:00", "", ""])
    assert second[1][:4] == ["2.02401E+16"] * 2 + ["1.00000E+300", "999999999999999"]


def test_zeros_that_a_number_format_shows_are_kept() -> None:
    content = workbook({"s": [[4711, 7]]}, {"A": "0000000", "B": '"P-"000'})
    assert read_workbook(content, "t.xlsx")["s"] == [(1, ["0004711", "P-007"])]


def test_formulas_count_with_their_last_values() -> None:
    content = workbook({"s": [["=1+1"]]})
    cell = b"<v></v>" if b"<v></v>" in sheet_of(content) else b"<v />"
    with_value = changed(content, {"xl/worksheets/sheet1.xml": sheet_of(content).replace(cell, b"<v>2</v>")})
    assert read_workbook(with_value, "t.xlsx")["s"] == [(1, ["2"])]


def test_a_cell_that_is_merged_downwards_counts_in_each_row(tmp_path: Path) -> None:
    rows = [
        ["Patients of the hospital"],
        ["file", "patient", "class"],
        ["a.png", "P-1", "benign"],
        ["b.png", None, "benign"],
    ]
    content = workbook({"s": rows})
    merged = b'</sheetData><mergeCells count="2"><mergeCell ref="A1:C1"/><mergeCell ref="B3:B4"/></mergeCells>'
    content = changed(content, {"xl/worksheets/sheet1.xml": sheet_of(content).replace(b"</sheetData>", merged)})
    found = said(tmp_path, content, BOTH, name="t.xlsx")
    assert [given.patient for given in found.labels.values()] == ["P-1", "P-1"]


def test_the_sheet_that_names_images_is_chosen_and_told(tmp_path: Path) -> None:
    about = [["Field", "Meaning"], ["Image", "name of the file"], ["Type", "class"]]
    found = said(tmp_path, workbook({"About": about, "Data": ROWS, "Empty": []}), BOTH, name="t.xlsx")
    assert classes_of(found, tmp_path) == BOTH
    assert found.findings[0].text.startswith("t.xlsx, sheet Data: files from Image, classes from Type")


def test_two_sheets_that_name_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Several sheets name images: Train, Test"):
        said(tmp_path, workbook({"Train": ROWS, "Test": ROWS}), BOTH, name="t.xlsx")


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><sst/>'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (b"PK\x03\x04 and no more", "damaged"),
        (changed(workbook({"s": ROWS}), {"xl/worksheets/sheet1.xml": b"<worksheet"}), "damaged"),
        (changed(workbook({"s": ROWS}), {"xl/workbook.xml": b"<a/>"}), "no column that names the files"),
        (changed(workbook({"s": ROWS}), {"xl/sharedStrings.xml": ENTITIES}), "entities"),
        (changed(workbook({"s": ROWS}), {"xl/styles.xml": ENTITIES.decode().encode("utf-16")}), "entities"),
        (changed(workbook({"s": ROWS}), {"xl/workbook.bin": b""}), "no table of a kind"),
    ],
)
def test_a_workbook_that_is_not_read_is_refused_with_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        said(tmp_path, content, BOTH, name="t.xlsx")
    assert caught.value.remedy and caught.value.file == "t.xlsx"


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_XML_BYTES", 2000)
    with pytest.raises(BadInput, match="more than"):
        said(tmp_path, workbook({"s": ROWS}), BOTH, name="t.xlsx")


@pytest.mark.parametrize("place", ["A999999999", "ZZZ1"])
def test_a_cell_far_outside_takes_neither_time_nor_memory(tmp_path: Path, place: str) -> None:
    number = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    row = f'<row r="{number}"><c r="{place}"><v>1</v></c></row></sheetData>'.encode()
    content = workbook({"s": [[1]]})
    far = changed(content, {"xl/worksheets/sheet1.xml": sheet_of(content).replace(b"</sheetData>", row * 300 + b"")})
    with pytest.raises(BadInput, match=r"damaged|more than"):
        said(tmp_path, far, BOTH, name="t.xlsx")


def test_numbers_that_lost_their_digits_are_no_patients(tmp_path: Path) -> None:
    rows = [["file", "class", "patient"], ["a.png", "benign", 20240115093042017], ["b.png", "benign", 4711]]
    with pytest.raises(PatientsCutOff, match="in 1 row"):
        said(tmp_path, workbook({"s": rows}), BOTH, name="t.xlsx")
    rows[1][2] = "20240115093042017"
    found = said(tmp_path, workbook({"s": rows}), BOTH, name="t.xlsx")
    assert [given.patient for given in found.labels.values()] == ["20240115093042017", "4711"]
