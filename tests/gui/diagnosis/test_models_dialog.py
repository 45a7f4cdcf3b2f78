"""The models dialog as a user meets it: real files, real threads; only the file dialogs are replaced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from tiny_model import PROVENANCE, write_model

from busapp import paths
from busapp.engine import jobs
from busapp.engine.models.inspection import Inspection
from busapp.engine.models.library import find_model, retire
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.models_dialog import ModelsDialog
from busapp.gui.diagnosis.tab import DiagnosisTab


@pytest.fixture
def study(empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two models of the study, of which the older one leaks, and one that ships with a card."""
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "shipped")
    shipped = write_model(tmp_path / "shipped" / "busi.onnx", temperature=1.5)
    shipped.with_suffix(".md").write_text("# BUSI\nFor **people**.", encoding="utf-8")
    write_model(empty_study.models_dir / "new.onnx")
    leaky = {**PROVENANCE, "protocol": "published", "leaks": {"groups_split": 3}, "created": "whenever"}
    os.utime(write_model(empty_study.models_dir / "old.onnx", provenance=leaky), (1000, 1000))
    return empty_study


@pytest.fixture
def dialog(qtbot: QtBot, study: Workspace) -> Iterator[ModelsDialog]:
    dialog = ModelsDialog(study)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 3)
    yield dialog
    dialog.reject()


def rows(dialog: ModelsDialog) -> list[list[str]]:
    items = [dialog.tree.topLevelItem(row) for row in range(dialog.tree.topLevelItemCount())]
    return [[item.text(column) for column in range(4)] for item in items if item]


def shown(dialog: ModelsDialog) -> str:
    found = dialog.current()
    return found.file.name if found else ""


def drop(widget: DiagnosisTab | ModelsDialog, *files: Path) -> bool:
    """Drag and drop files; True if they were accepted."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    none, left, copy = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    entered = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    entered.ignore()
    widget.dragEnterEvent(entered)
    if entered.isAccepted():
        widget.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, none))
    return entered.isAccepted()


def test_models_stand_with_their_accuracy_and_are_walked_by_arrow_keys(qtbot: QtBot, dialog: ModelsDialog) -> None:
    found = rows(dialog)
    assert found[0][:3] == ["new", "this study", "75.0 % (55.0–88.0)"] and found[0][3].startswith("2026-01-01")
    assert found[1] == ["old", "this study", "⚠ 75.0 % (55.0–88.0)", "whenever"]
    assert [row[0] for row in found] == ["new", "old", "busi"]
    leaky = dialog.tree.topLevelItem(1)
    assert leaky is not None and "24 images in 20 groups. This accuracy leaks." in leaky.toolTip(2)
    assert "24 images in 20 groups" in dialog.details.card.text()
    assert "leaks" not in dialog.details.cautions.label.text()
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Down)
    assert dialog.details.heading.text() == "old (this study)"
    assert "leaks" in dialog.details.cautions.label.text() and dialog.details.cautions.isVisible()
    assert not dialog.details.tabs.isTabVisible(1)
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Down)
    assert dialog.details.tabs.isTabVisible(1) and "For people" in dialog.details.written.toPlainText()
    assert not dialog.retire_button.isEnabled() and "cannot be retired" in dialog.retire_button.toolTip()


def test_facts_and_hash_are_shown_and_the_hash_copied(qtbot: QtBot, dialog: ModelsDialog, study: Workspace) -> None:
    facts = {}
    for index in range(dialog.details.facts.topLevelItemCount()):
        section = dialog.details.facts.topLevelItem(index)
        assert section is not None and section.isExpanded()
        for row in range(section.childCount()):
            facts[section.child(row).text(0)] = section.child(row).text(1)
    assert facts["Classes"] == "benign, malignant, normal" and facts["Protocol"] == "strict"
    assert facts["95 % interval"] == "55.0% to 88.0%"
    qtbot.mouseClick(dialog.details.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == find_model(study, "new").sha256
    QGuiApplication.clipboard().clear()


def test_enter_uses_a_model_and_esc_closes(qtbot: QtBot, dialog: ModelsDialog, study: Workspace) -> None:
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Down)
    with qtbot.waitSignal(dialog.used) as used:
        qtbot.keyClick(dialog.tree, Qt.Key.Key_Return)
    assert used.args == [study.models_dir / "old.onnx"] and not dialog.isVisible()
    again = ModelsDialog(study, chosen=study.models_dir / "old.onnx")
    qtbot.addWidget(again)
    again.show()
    qtbot.waitUntil(lambda: shown(again) == "old")
    qtbot.keyClick(again.tree, Qt.Key.Key_Escape)
    assert not again.isVisible()


def test_del_retires_and_undo_brings_back(qtbot: QtBot, dialog: ModelsDialog, study: Workspace) -> None:
    with qtbot.waitSignal(dialog.changed):
        qtbot.keyClick(dialog.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: rows(dialog)[-1][:2] == ["new", "this study, retired"])
    assert [path.stem for path in study.models()] == ["old"]
    assert "retired" in dialog.strip.label.text() and dialog.strip.action_button.isVisible()
    assert shown(dialog) == "new" and not dialog.use_button.isEnabled() and dialog.restore_button.isVisible()
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Return)
    assert dialog.isVisible()  # a retired model is not used
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.strip.action_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: rows(dialog)[0][:2] == ["new", "this study"])
    retire(study, find_model(study, "old"))
    dialog.refresh()
    qtbot.waitUntil(lambda: "retired" in rows(dialog)[-1][1])
    for _ in range(2):
        qtbot.keyClick(dialog.tree, Qt.Key.Key_Down)
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.restore_button, Qt.MouseButton.LeftButton)
    assert len(study.models()) == 2


def test_dropped_models_are_imported_and_what_is_none_is_told(
    qtbot: QtBot, dialog: ModelsDialog, study: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "torn.onnx").write_bytes(b"torn")
    (tmp_path / "notes.txt").write_text("no model", encoding="utf-8")
    assert not drop(dialog, tmp_path / "notes.txt")
    with qtbot.waitSignal(dialog.changed):
        assert drop(dialog, tmp_path / "torn.onnx", write_model(tmp_path / "mine.onnx", temperature=2.0))
    qtbot.waitUntil(lambda: shown(dialog) == "mine")
    assert "is now a model of this study" in dialog.strip.label.text()
    assert any("torn.onnx" in message.sentence for message in dialog.strip.messages)
    assert (study.models_dir / "mine.onnx").exists() and not (study.models_dir / "torn.onnx").exists()


def test_a_model_is_imported_and_exported_by_button(
    qtbot: QtBot, dialog: ModelsDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = write_model(tmp_path / "in" / "theirs.onnx", temperature=3.0)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(foreign)], ""))
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(dialog) == "theirs")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "out"), ""))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "out.onnx" in dialog.strip.label.text())
    assert (tmp_path / "out.onnx").read_bytes() == foreign.read_bytes()
    assert "55.0% to 88.0%" in (tmp_path / "out.md").read_text(encoding="utf-8")
    (tmp_path / "x.md").write_text("mine", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "x.onnx"), ""))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Another file has the name" in dialog.strip.label.text())
    assert dialog.import_button.isEnabled()


def test_a_damaged_model_is_listed_with_the_reason(qtbot: QtBot, dialog: ModelsDialog, study: Workspace) -> None:
    (study.models_dir / "torn.onnx").write_bytes(b"torn")
    dialog.refresh()
    qtbot.waitUntil(lambda: len(rows(dialog)) == 4)
    assert rows(dialog)[0][:3] == ["torn", "this study", "cannot be opened"]
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Up)
    assert "damaged" in dialog.details.problem.text() and dialog.details.problem.isVisible()
    assert not dialog.use_button.isEnabled() and not dialog.export_button.isEnabled()
    with qtbot.waitSignal(dialog.changed):
        qtbot.keyClick(dialog.tree, Qt.Key.Key_Delete)  # a model that cannot be opened can still be retired


def test_without_a_model_the_way_to_one_is_told(
    qtbot: QtBot, empty_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "nothing ships")
    dialog = ModelsDialog(empty_study)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "Use for diagnosis" in dialog.empty.label.text())
    assert dialog.empty.isVisible() and dialog.import_button.isEnabled() and not dialog.use_button.isEnabled()
    dialog.reject()


# -- from the Diagnosis tab --------------------------------------------------------------------------------


@pytest.fixture
def tab(tab: DiagnosisTab, study: Workspace) -> DiagnosisTab:
    tab.open_study(study)
    return tab


def opened(qtbot: QtBot, tab: DiagnosisTab) -> ModelsDialog:
    qtbot.waitUntil(lambda: tab.findChild(ModelsDialog) is not None)
    dialog = tab.findChild(ModelsDialog)
    assert isinstance(dialog, ModelsDialog)
    qtbot.waitUntil(lambda: isinstance(dialog.current(), Inspection))
    return dialog


def test_the_tab_opens_the_dialog_and_takes_what_is_chosen(qtbot: QtBot, tab: DiagnosisTab, study: Workspace) -> None:
    qtbot.mouseClick(tab.models_button, Qt.MouseButton.LeftButton)
    dialog = opened(qtbot, tab)
    assert shown(dialog) == "new"
    with qtbot.waitSignal(tab.study_changed):
        qtbot.keyClick(dialog.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: tab.model_path == study.models_dir / "old.onnx")
    qtbot.waitUntil(lambda: rows(dialog)[-1][1] == "this study, retired")
    for _ in range(2):
        qtbot.keyClick(dialog.tree, Qt.Key.Key_Up)
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Down)
    qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    assert tab.model_path == paths.models_dir() / "busi.onnx"


def test_a_model_dropped_on_the_tab_is_offered_for_import(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    assert drop(tab, write_model(tmp_path / "mine.onnx", temperature=2.0))
    dialog = opened(qtbot, tab)
    assert "Import “mine.onnx” into this study?" in dialog.strip.label.text()
    assert not (study.models_dir / "mine.onnx").exists()
    with qtbot.waitSignal(tab.study_changed):
        qtbot.mouseClick(dialog.strip.action_button, Qt.MouseButton.LeftButton)
    assert tab.model_box.findText("mine (this study)") >= 0
    dialog.reject()


def test_the_table_of_an_old_run_names_its_model_also_when_it_is_retired(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    Image.effect_noise((40, 40), 60).save(tmp_path / "a.png")
    list(jobs.start(study, DiagnoseSettings(images=(tmp_path / "a.png",))))  # with the newest model
    tab.open_study(study)
    assert tab.batch.count.text() == "1 image · new (this study)"
    retire(study, find_model(study, "new"))
    tab.refresh()
    assert tab.batch.count.text() == "1 image · new (this study, retired)"


def test_choosing_a_model_that_cannot_be_opened_is_told_before_there_is_an_image(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace
) -> None:
    (study.models_dir / "old.onnx").write_bytes(b"torn meanwhile")
    tab.model_box.setFocus()
    with qtbot.waitSignal(tab.problem) as told:
        qtbot.keyClick(tab.model_box, Qt.Key.Key_Down)
        tab.model_box.activated.emit(tab.model_box.currentIndex())
    assert "old.onnx" in told.args[0] and "damaged" in told.args[0] and told.args[1] == ""
