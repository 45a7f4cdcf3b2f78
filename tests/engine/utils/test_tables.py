"""CSV tables as a spreadsheet opens them, in every place that writes one for people."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from measured_runs import add_validation
from PIL import Image
from pulling import pull_job
from tiny_model import write_model

from busapp import cli, paths
from busapp.engine.events import Job
from busapp.engine.paper.paper_figures import draw_figures
from busapp.engine.settings import DiagnoseSettings, ImportSettings, ShareSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.tables import TableStyle, choose_table_style, csv_bytes, table_style

GERMAN = TableStyle("semicolon", mark=True)
ROWS = [
    ["Datei", "Größe"], ["王;ü.png", 0.5], ["a,b", Decimal("0.950")], ["1.10", None], [np.float64(1e-7), 3],
    [True, -2.25],
]  # fmt: skip


def as_excel_reads_it(content: bytes) -> list[list[str]]:
    """The cells as Excel sees them in German: it needs the mark to recognise UTF-8."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def pulled(job: Job) -> None:
    for _ in job:
        pass


def test_without_a_choice_tables_are_as_they_were() -> None:
    assert table_style() == TableStyle("comma", mark=False)
    assert csv_bytes(ROWS).decode().splitlines() == [
        "Datei,Größe", "王;ü.png,0.5", '"a,b",0.950', "1.10,", "1e-07,3", "True,-2.25"
    ]  # fmt: skip


def test_numbers_have_decimal_commas_and_words_stay() -> None:
    read = as_excel_reads_it(csv_bytes(ROWS, GERMAN))
    assert read == [
        ["Datei", "Größe"], ["王;ü.png", "0,5"], ["a,b", "0,950"], ["1.10", ""], ["1e-07", "3"], ["True", "-2,25"]
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", "{", '{"separator": ["a"], "mark": true}', '{"separator": "comma"}'])
def test_a_damaged_choice_is_no_choice(content: str) -> None:
    (paths.user_data_dir() / "tables.json").write_text(content)
    assert table_style() == TableStyle()


def test_every_table_of_a_job_follows_the_choice(phantom_study: Workspace, tmp_path: Path) -> None:
    choose_table_style(GERMAN)
    image, model = tmp_path / "müller.png", write_model(tmp_path / "tiny.onnx")
    Image.linear_gradient("L").save(image)
    pull_job(phantom_study, DiagnoseSettings(images=(image,), model=model, csv=tmp_path / "table.csv"))
    head, row = as_excel_reads_it((tmp_path / "table.csv").read_bytes())
    assert row[0].endswith("müller.png") and "," in row[head.index("probability:malignant")]
    add_validation(phantom_study)
    pulled(draw_figures(phantom_study, tmp_path / "figures"))
    head, row = as_excel_reads_it((tmp_path / "figures" / "table1.csv").read_bytes())
    assert 0 < float(row[head.index("accuracy")].replace(",", ".")) <= 1
    pull_job(phantom_study, ShareSettings(out=tmp_path / "shared"))
    assert as_excel_reads_it((tmp_path / "shared" / "images.csv").read_bytes())[0][:2] == ["file", "class"]
    said = " ".join((tmp_path / "shared" / "README.txt").read_text(encoding="utf-8").split())
    assert "separated by semicolons, with decimal commas, in UTF-8 with a byte-order mark." in said
    internal = next(phantom_study.root.rglob("predictions.csv"))
    assert internal.read_bytes().startswith(b"image_id,file,")  # read by the program alone


@pytest.mark.parametrize("style", [TableStyle(), TableStyle("comma", mark=True), TableStyle("semicolon"), GERMAN])
def test_the_import_reads_what_was_exported(phantom_study: Workspace, tmp_path: Path, style: TableStyle) -> None:
    choose_table_style(style)
    pull_job(phantom_study, ShareSettings(out=tmp_path / "shared"))
    with Workspace.create(tmp_path / "again") as again:
        pull_job(again, ImportSettings(sources=(tmp_path / "shared" / "images.csv",)))
        assert again.catalog.counts() == phantom_study.catalog.counts()


def test_the_command_shows_and_keeps_the_choice(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tables"]) == 0
    assert capsys.readouterr().out == "CSV tables are separated by commas, with decimal points, in UTF-8.\n"
    assert cli.main(["tables", "--separator", "semicolon"]) == cli.main(["tables", "--mark"]) == 0
    assert "semicolons, with decimal commas, in UTF-8 with a byte-order mark." in capsys.readouterr().out
    assert table_style() == GERMAN
    assert cli.main(["tables", "--no-mark", "--separator", "comma"]) == 0
    assert table_style() == TableStyle()
    assert cli.main(["tables", "--separator", "tab"]) == 2
