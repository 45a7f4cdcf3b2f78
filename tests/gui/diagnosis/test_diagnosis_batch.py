"""Many images in the Diagnosis tab: a table, and an external validation if their classes are known."""

from pathlib import Path

import pytest
from diagnosing import drop, picture
from dicom_discs import write_disc
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from tiny_model import CLASSES

from busapp.engine import jobs
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.diagnosis.tab import DiagnosisTab


def feed(tab: DiagnosisTab, study: Workspace, settings: object) -> None:
    """Run a job that the tab asks for, as the window does."""
    assert isinstance(settings, DiagnoseSettings)
    for event in jobs.start(study, settings):
        tab.job_event("diagnose", event)


def test_the_list_of_a_disc_is_diagnosed_as_a_batch(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    directory = write_disc(tmp_path, [("DICOM", "IM000001"), ("DICOM", "IM000002")])
    tab.open_study(study)
    with qtbot.waitSignal(tab.start_requested) as asked:
        tab.open_files([directory])
    assert asked.args[0].images == (directory,)


def test_several_images_fill_the_table(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(study)
    files = [picture(tmp_path, channel, f"{channel}.png") for channel in (2, 0, 1)]
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    with qtbot.waitSignal(tab.start_requested) as asked:
        drop(tab, *files, tmp_path / "torn.png")
    settings = asked.args[0]
    assert isinstance(settings, DiagnoseSettings) and settings.model == study.models_dir / "r1.onnx"
    for event in jobs.start(study, settings):
        tab.job_event("diagnose", event)
    assert tab.batch.isVisible()
    assert len(tab.batch.entries()) == 4

    tab.batch.filter.setCurrentText("malignant")
    assert [Path(entry["file"]).name for entry in tab.batch.entries()] == ["1.png"]
    target = tmp_path / "table.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    tab.batch.csv_button.click()
    assert len(target.read_text(encoding="utf-8").splitlines()) == 2
    tab.batch.filter.setCurrentText("without an answer")
    assert [Path(entry["file"]).name for entry in tab.batch.entries()] == ["torn.png"]
    tab.batch.csv_button.click()
    assert "torn.png,,,True," in target.read_text(encoding="utf-8")

    tab.batch.filter.setCurrentIndex(0)
    tab.batch.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [entry["predicted"] for entry in tab.batch.entries()] == ["benign", "malignant", "normal", None]
    tab.batch.table.setFocus()
    tab.batch.table.selectRow(0)
    qtbot.keyClick(tab.batch.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert "benign" in tab.result.answer.text()

    again = DiagnosisTab()
    qtbot.addWidget(again)
    again.open_study(study)
    assert len(again.batch.entries()) == 4


def test_a_failed_run_does_not_hide_the_table_before_it(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    model = study.models_dir / "r1.onnx"
    images = tuple(picture(tmp_path, channel, f"{channel}.png") for channel in (0, 1))
    for _ in jobs.start(study, DiagnoseSettings(images=images, model=model)):
        pass
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(b"no model")
    with pytest.raises(UserError):
        for _ in jobs.start(study, DiagnoseSettings(images=images, model=torn)):
            pass
    tab.open_study(study)
    assert len(tab.batch.entries()) == 2
    qtbot.mouseClick(tab.table_button, Qt.MouseButton.LeftButton)
    assert tab.batch.isVisible()


def test_images_in_folders_of_classes_are_an_external_validation(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    for index, name in enumerate(CLASSES):
        (tmp_path / "hospital" / name).mkdir(parents=True)
        picture(tmp_path / "hospital" / name, index, "right.png")
    picture(tmp_path / "hospital" / "malignant", 0, "again.png")
    tab.open_study(study)
    feed(tab, study, DiagnoseSettings(images=(tmp_path / "hospital",), model=tab.model_path))
    external = tab.batch.external
    assert external.isVisible()
    # Two of the files are the same picture: it counts once.
    assert "3 images" in external.circumstances.text() and "same file" in external.left_out.label.text()
    assert tab.batch.table.model().headerData(2, Qt.Orientation.Horizontal) == "True class"
    matrix = external.matrix
    qtbot.mouseClick(
        matrix.viewport(), Qt.MouseButton.LeftButton, pos=matrix.visualItemRect(matrix.item(2, 2)).center()
    )
    assert [Path(entry["file"]).parent.name for entry in tab.batch.entries()] == ["normal"]
    qtbot.mouseClick(external.all_button, Qt.MouseButton.LeftButton)
    assert len(tab.batch.entries()) == 4


def test_labels_of_a_table_are_asked_for_and_the_images_diagnosed_again(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [picture(tmp_path, channel, f"{channel}.png") for channel in range(2)]
    tab.open_study(study)
    feed(tab, study, DiagnoseSettings(images=tuple(files), model=tab.model_path))
    assert not tab.batch.external.isVisible()
    table = tmp_path / "labels.csv"
    table.write_text("file,class\n0.png,normal\n1.png,malignant\n", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(table), ""))
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.batch.labels_button, Qt.MouseButton.LeftButton)
    feed(tab, study, asked.args[0])
    assert tab.batch.external.isVisible()
    assert "50.0 %" in tab.batch.external.accuracy.text()
