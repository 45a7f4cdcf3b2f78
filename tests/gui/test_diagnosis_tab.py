"""The Diagnosis tab as a user meets it, with a real tiny ONNX model: one image, many images, the clipboard."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from tiny_model import CLASSES, PROVENANCE, write_model

from busapp import paths
from busapp.engine import jobs
from busapp.engine.events import Finished, Job
from busapp.engine.runs import record
from busapp.engine.settings import DiagnoseSettings, ExportSettings
from busapp.engine.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.diagnosis_tab import DiagnosisTab

LEAKY = {"protocol": "published", "leaks": {"groups_split": 3}}


def picture(folder: Path, channel: int, name: str) -> Path:
    """Right half bright in one channel: benign, malignant or normal to the tiny network."""
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = 220
    Image.fromarray(values).save(folder / name)
    return folder / name


@pytest.fixture
def study(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """A study with one model; none ships."""
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "nothing ships")
    write_model(phantom_study.models_dir / "r1.onnx")
    return phantom_study


@pytest.fixture
def tab(qtbot: QtBot) -> Iterator[DiagnosisTab]:
    tab = DiagnosisTab()
    qtbot.addWidget(tab)
    tab.resize(1280, 690)
    tab.show()
    qtbot.waitExposed(tab)
    yield tab


def drop(tab: DiagnosisTab, *files: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    tab.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, none))


def test_without_a_model_the_way_to_one_is_told(
    tab: DiagnosisTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "nothing ships")
    tab.open_study(phantom_study)
    assert "Use for diagnosis" in tab.empty.label.text()
    assert not tab.open_button.isEnabled()


def test_a_dropped_image_is_diagnosed_in_a_thread(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    assert tab.empty.isVisible()
    drop(tab, picture(tmp_path, 1, "bright.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert "malignant" in tab.result.answer.text()
    assert set(tab.result.bars.values()) == set(CLASSES)
    assert tab.view.heat_map_is_visible
    card = tab.result.card.text()
    assert "75.0%" in card and "55.0%" in card and "strict" in card and "24 images" in card
    assert "phantoms" in tab.result.cautions.label.text()
    with qtbot.waitSignal(tab.result.evidence_changed):
        tab.result.evidence.setCurrentText("normal")


def test_a_model_whose_accuracy_leaks_is_marked(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(picture(tmp_path, 0, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    leaky = write_model(study.models_dir / "leaky.onnx", provenance={**PROVENANCE, **LEAKY})
    tab.open_model(leaky)
    assert tab.model_path == leaky
    qtbot.waitUntil(lambda: "leaks" in tab.result.cautions.label.text())


def test_a_blank_image_gets_no_answer_but_a_reason(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    Image.new("RGB", (40, 40), (90, 90, 90)).save(tmp_path / "blank.png")
    tab.diagnose(tmp_path / "blank.png")
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert tab.result.answer.text() == "No answer"
    assert "blank" in tab.result.reasons.text()


def test_an_image_is_pasted(qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path) -> None:
    tab.open_study(study)
    QGuiApplication.clipboard().setImage(QImage(str(picture(tmp_path, 2, "green.png"))))
    qtbot.keyClick(tab, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert "normal" in tab.result.answer.text()
    assert tab.result.file.text() == "pasted image"
    QGuiApplication.clipboard().clear()


def test_what_cannot_be_read_is_told_and_the_next_works(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    with qtbot.waitSignal(tab.problem) as told:
        tab.diagnose(tmp_path / "torn.png")
    assert "torn.png" in told.args[0]
    assert told.args[1] == ""
    tab.diagnose(picture(tmp_path, 0, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())


def test_only_the_newest_of_hasty_questions_is_answered(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    for channel, name in enumerate(("a.png", "b.png", "c.png")):
        tab.diagnose(picture(tmp_path, channel, name))
    qtbot.waitUntil(lambda: tab.result.file.text() == "c.png")
    assert "normal" in tab.result.answer.text()


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


def test_a_report_of_the_image_is_asked_for(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(study)
    image = picture(tmp_path, 1, "a.png")
    tab.diagnose(image)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "report"), ""))
    with qtbot.waitSignal(tab.start_requested) as asked:
        tab.result.report_button.click()
    assert asked.args[0].images == (image,)
    assert asked.args[0].pdf == tmp_path / "report.pdf"


def test_closing_waits_for_the_image_at_hand(tab: DiagnosisTab, study: Workspace, tmp_path: Path) -> None:
    tab.open_study(study)
    tab.diagnose(picture(tmp_path, 1, "a.png"))
    tab.close()
    assert tab.single._thread is None


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


def test_the_models_name_is_not_cut(tab: DiagnosisTab, study: Workspace) -> None:
    tab.open_study(study)
    long = "a model with a rather long name, as people give them to their studies"
    write_model(study.models_dir / f"{long}.onnx")
    tab.refresh()
    tab.open_model(study.models_dir / f"{long}.onnx")
    assert tab.model_box.sizeHint().width() > tab.model_box.fontMetrics().horizontalAdvance(long)


def test_the_run_of_an_export_shows_its_model(tab: DiagnosisTab, study: Workspace) -> None:
    older = write_model(study.models_dir / "r0.onnx")
    run = study.new_run("export", ExportSettings(run="r0").model_dump(mode="json"))

    def exported() -> Job:
        yield Finished({"model": str(older)})

    list(record(run, exported()))
    tab.open_study(study)
    tab._select_model(study.models_dir / "r1.onnx")
    tab.open_run(run.id)
    assert tab.model_path == older
