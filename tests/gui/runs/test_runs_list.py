import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QInputDialog
from pytestqt.qtbot import QtBot

from busapp.engine.events import CheckpointSaved, Finished, Job
from busapp.engine.settings import SynthesizeSettings, ValidateSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.gui.runs.runs_list import RunsList

RESULT = {"accuracy": 0.8, "accuracy_ci95": [0.7, 0.9], "leaks": {"groups_split": 0}}


def _run(study: Workspace, *, finished: bool = True, **settings: object) -> Run:
    """A validation run, finished, or cancelled after a checkpoint."""
    run = study.new_run("validate", ValidateSettings.model_validate(settings).model_dump(mode="json"))

    def job() -> Job:
        run.checkpoint.write_bytes(b"kept")
        yield CheckpointSaved(1)
        yield Finished({**RESULT, "protocol": run.info.settings["protocol"]})

    recorded = record(run, job())
    for event in recorded:
        if isinstance(event, CheckpointSaved) and not finished:
            recorded.close()
            break
    return run


@pytest.fixture
def runs_list(qtbot: QtBot, empty_study: Workspace) -> RunsList:
    runs_list = RunsList("validate")
    qtbot.addWidget(runs_list)
    runs_list.show()
    runs_list.open_study(empty_study)
    return runs_list


def _row(runs_list: RunsList, row: int) -> list[str]:
    item = runs_list.tree.topLevelItem(row)
    assert item is not None
    return [item.text(column) for column in range(runs_list.tree.columnCount())]


def test_without_runs_it_says_what_to_do(runs_list: RunsList) -> None:
    assert not runs_list.tree.isVisible()


def test_runs_are_told_in_words(runs_list: RunsList, empty_study: Workspace) -> None:
    _run(empty_study, folds=3, width=0.5)
    _run(empty_study, protocol="published")
    _run(empty_study, finished=False)
    _run(empty_study, network="hybrid", feature_networks=("cnn", "squeezenet"))
    synthesis = SynthesizeSettings.model_validate({"class_name": "benign"})
    empty_study.new_run("synthesize", synthesis.model_dump(mode="json"))
    runs_list.refresh()
    rows = [_row(runs_list, row) for row in range(runs_list.tree.topLevelItemCount())]
    assert len(rows) == 4
    by_settings = {row[2]: row for row in rows}
    assert by_settings["system1 · strict · paper · 3 folds · 20 epochs · 0.5 width"][4] == "80.0 % (70.0–90.0)"
    assert by_settings["system1 · published · paper · 10 folds · 20 epochs"][4] == "⚠ 80.0 % (70.0–90.0)"
    assert "system1 · strict · paper · hybrid · 10 folds · 20 epochs · cnn, squeezenet" in by_settings
    assert by_settings["system1 · strict · paper · 10 folds · 20 epochs"][3] == "cancelled, can be resumed"


def test_a_double_click_opens_and_only_what_stopped_can_be_resumed(
    qtbot: QtBot, runs_list: RunsList, empty_study: Workspace
) -> None:
    finished = _run(empty_study)
    stopped = _run(empty_study, finished=False)
    runs_list.refresh()
    runs_list.select(finished.id)
    assert not runs_list.resume_action.isEnabled()
    place = runs_list.tree.visualItemRect(runs_list.tree.currentItem()).topLeft() + QPoint(8, 8)
    qtbot.mouseClick(runs_list.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(runs_list.opened) as opened:
        qtbot.mouseDClick(runs_list.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened.args == [finished.id]
    runs_list.select(stopped.id)
    with qtbot.waitSignal(runs_list.resume_requested) as resumed:
        runs_list.resume_action.trigger()
    assert resumed.args == [stopped.id]


def test_rename_note_delete_and_undo(
    qtbot: QtBot, runs_list: RunsList, empty_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(empty_study)
    runs_list.refresh()
    runs_list.select(run.id)
    monkeypatch.setattr(QInputDialog, "getText", lambda *args, **more: ("Baseline", True))
    runs_list.rename_action.trigger()
    monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *args, **more: ("For the paper", True))
    runs_list.note_action.trigger()
    info = empty_study.run(run.id).info
    assert (info.name, info.note) == ("Baseline", "For the paper")
    assert _row(runs_list, 0)[0] == "Baseline"
    assert runs_list.selected_ids() == [run.id]
    runs_list.tree.setFocus()
    with qtbot.waitSignal(runs_list.changed):
        qtbot.keyClick(runs_list.tree, Qt.Key.Key_Delete)
    assert empty_study.runs() == []
    qtbot.mouseClick(runs_list.strip.action_button, Qt.MouseButton.LeftButton)
    assert [run.id for run in empty_study.runs()] == [run.id]
    assert _row(runs_list, 0)[0] == "Baseline"


def test_results_are_seen_beside_long_names_and_only_cross_validations_are_compared(
    qtbot: QtBot, runs_list: RunsList, empty_study: Workspace
) -> None:
    run = _run(empty_study)
    empty_study.run(run.id).rename("A name that says at length what was tried, and with which leaks it was tried")
    runs_list.resize(300, 200)
    runs_list.refresh()
    item = runs_list.tree.topLevelItem(0)
    assert item is not None
    result = runs_list.tree.visualRect(runs_list.tree.indexFromItem(item, 4))
    assert result.left() + runs_list.tree.sizeHintForColumn(4) <= runs_list.tree.viewport().width()
    synthesis = RunsList("synthesize")
    qtbot.addWidget(synthesis)
    synthesis.show()
    assert runs_list.compare_button.isVisible() and not synthesis.compare_button.isVisible()
