"""Tables are read as people and programs write them: separators, code pages, titles, and rows that are no rows."""

from pathlib import Path

import pytest
from image_folders import looked_at, picture
from labelled_tables import classes_of, said

from busapp.engine.imports.files.sources import FileEntry
from busapp.engine.imports.tables.tables import RawTable, read_tables
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

BOTH = {"a.png": "benign", "b.png": "malignant"}


def read(tmp_path: Path, content: str | bytes) -> RawTable:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (table,) = read_tables(FileEntry("", path.name, path), path)
    return table


@pytest.mark.parametrize(
    "text",
    [
        "file,class\na.png,benign\nb.png,malignant\n",
        "file;class\r\na.png;benign\r\nb.png;malignant\r\n",
        "file\tclass\na.png\tbenign\nb.png\tmalignant",
        "file|class\na.png|benign\nb.png|malignant\n",
        "sep=|\nfile|class\na.png|benign\nb.png|malignant\n",
        "SEP=;\r\nfile;class\r\na.png;benign\r\nb.png;malignant\r\n",
        '"sep=;"\nfile;class\na.png;benign\nb.png;malignant\n',
        "file,class\ra.png,benign\rb.png,malignant\r",
        "\n\nfile,class\n\n,\na.png,benign\n   \nb.png,malignant\n\n",
        '"file";"class";"size"\n"a.png";"benign";3,5\n"b.png";"malignant";12,25\n',
        'file,class,note\na.png,benign,"small; oval, ""soft"""\nb.png,malignant,"two\nlines; here"\n',
        "Export of the picture archive\n\nfile;class\na.png;benign\nb.png;malignant\n",
        "Export, made by hand;\nfile;class;\na.png;benign;\nb.png;malignant;\n",
        "file , class \n a.png , benign\n b.png , malignant \n",
        "note;file;class\na, b, c;a.png;benign\nd, e, f;b.png;malignant\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_every_separator_and_encoding_says_the_same(tmp_path: Path, text: str, encoding: str) -> None:
    assert classes_of(said(tmp_path, text.encode(encoding), BOTH), tmp_path) == BOTH


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "cp850"])
def test_umlauts_are_read_in_the_code_pages_of_windows(tmp_path: Path, encoding: str) -> None:
    text = "Datei;Befund\nMüller_ä.png;bösartig\nGröße.png;gutartig\n"
    found = said(tmp_path, text.encode(encoding), ["Müller_ä.png", "Größe.png"])
    assert classes_of(found, tmp_path) == {"Müller_ä.png": "bösartig", "Größe.png": "gutartig"}


def test_rows_keep_the_numbers_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    table = read(tmp_path, 'sep=;\nA title\n\nfile;class\na.png;"two\nlines"\n\nb.png;x\n')
    assert (table.header, table.header_line) == (("file", "class"), 4)
    assert [row.number for row in table.rows] == [6, 8]


def test_a_number_that_was_kept_as_text_is_that_number(tmp_path: Path) -> None:
    table = read(tmp_path, 'file,patient\na.png,"=""0042"""\nb.png,\'0043\n')
    assert [row.cells[1] for row in table.rows] == ["0042", "0043"]


def test_a_row_whose_cells_have_moved_is_skipped(tmp_path: Path) -> None:
    table = "file,note,class\na.png,small,benign\nb.png,large, oval,malignant\nc.png,,benign,,\n"
    found = said(tmp_path, table, ["a.png", "b.png", "c.png"])
    assert classes_of(found, tmp_path) == {"a.png": "benign", "c.png": "benign"}
    assert [(skipped.file, skipped.reason[:14]) for skipped in found.skipped] == [("t.csv, row 3", "It has more ce")]


@pytest.mark.parametrize("text", ["", "\n\n", "a.png,benign\nb.png,malignant\n", "a.png\nb.png\n"])
def test_a_table_without_header_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="--file-column") as caught:
        said(tmp_path, text, BOTH)
    assert caught.value.file == "t.csv"


def test_columns_of_a_table_without_header_are_given_by_number(tmp_path: Path) -> None:
    found = said(tmp_path, "a.png,benign\nb.png,malignant\n", BOTH, file_column="1", class_column="2")
    assert classes_of(found, tmp_path) == BOTH
    assert found.findings[0].text == "t.csv: files from column 1, classes from column 2."


def test_a_text_that_is_called_as_a_workbook_is_read(tmp_path: Path) -> None:
    found = said(tmp_path, "file\tclass\na.png\tbenign\nb.png\tmalignant\n", BOTH, name="export.xls")
    assert classes_of(found, tmp_path) == BOTH


def test_a_text_is_a_table_if_it_is_given_as_one(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "set" / "benign" / "a.png")
    (tmp_path / "set" / "labels.txt").write_text("file\tclass\nbenign/a.png\tmalignant\n")
    assert looked_at(empty_study, tmp_path / "set" / "labels.txt").counts == {"malignant": 1}
    seen = looked_at(empty_study, tmp_path / "set")
    assert (seen.counts, seen.skipped[0].reason) == ({"benign": 1}, "It is not an image")


def test_a_table_about_something_else_stops_no_import(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "set" / "benign" / "a.png")
    (tmp_path / "set" / "sizes.csv").write_text("file,image,label,mrn,subject,patient\nx,y,1,1,2,2,02401E+16\n")
    seen = looked_at(empty_study, tmp_path / "set")
    assert (seen.counts, [left.file for left in seen.skipped]) == ({"benign": 1}, ["set/sizes.csv"])


def test_a_first_line_that_may_be_about_a_patient_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        said(tmp_path, "Doe Jane,4711\nRoe Ann,4712\n", BOTH)
    assert "Doe" not in str(caught.value)
