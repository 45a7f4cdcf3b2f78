"""Runs side by side, as a user meets them: select them in the list, read, export, go back."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot
from recorded_runs import validation_run

from busapp.engine.settings import ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import signed
from busapp.gui.validation.differences import Difference, p_in_words
from busapp.gui.validation.tab import ValidationTab

STRICT = ValidateSettings(folds=2, epochs=1)
OTHER_FOLDS = ValidateSettings(folds=3, epochs=1)
PUBLISHED = ValidateSettings(folds=2, epochs=1, protocol="published")
COUNTED = {"groups_split": 3, "weights_carried_over": 1}


def _click(qtbot: QtBot, tab: ValidationTab, run: Run, key: Qt.KeyboardModifier) -> None:
    tree = tab.runs_list.tree
    for row in range(tree.topLevelItemCount()):
        item = tree.topLevelItem(row)
        if item is not None and item.data(0, Qt.ItemDataRole.UserRole) == run.id:
            place = tree.visualItemRect(item).topLeft() + QPoint(8, 4)
            qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, key, place)


def _compare(qtbot: QtBot, tab: ValidationTab, *runs: Run) -> None:
    """Select with Ctrl and clicks, press the button, and wait for the tables."""
    keys = Qt.KeyboardModifier
    for number, run in enumerate(runs):
        _click(qtbot, tab, run, keys.ControlModifier if number else keys.NoModifier)
    qtbot.mouseClick(tab.runs_list.compare_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(tab.compare_view.table.isVisible)


def _headings(tab: ValidationTab) -> list[str]:
    return tab.compare_view.table.as_text().splitlines()[0].split("\t")


def _row(tab: ValidationTab, label: str) -> list[str]:
    lines = [line.split("\t") for line in tab.compare_view.table.as_text().splitlines()]
    return next(line[1:] for line in lines if line[0] == label)


def test_only_two_or_more_finished_runs_can_be_compared(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    first, second = validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)
    unfinished = phantom_study.new_run("validate", STRICT.model_dump(mode="json"), "Begun")
    tab.open_study(phantom_study)
    button, none, ctrl = (
        tab.runs_list.compare_button,
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.ControlModifier,
    )
    _click(qtbot, tab, first, none)
    assert not button.isEnabled() and "two or more finished runs" in button.toolTip()
    _click(qtbot, tab, second, ctrl)
    assert button.isEnabled() and tab.runs_list.compare_action.isEnabled()
    _click(qtbot, tab, unfinished, ctrl)
    assert not button.isEnabled() and "“Begun” is not finished" in button.toolTip()
    assert "“Begun” is not finished" in tab.runs_list.compare_action.toolTip()


def test_numbers_stand_with_interval_protocol_images_and_groups(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    strict = validation_run(phantom_study, STRICT, name="Mine")
    published = validation_run(phantom_study, PUBLISHED, COUNTED, name="As published")
    tab.open_study(phantom_study)
    _compare(qtbot, tab, published, strict)
    assert not tab.result.isVisible() and not tab.curves.isVisible()
    assert [heading[:16] for heading in _headings(tab)[1:]] == [
        "A · Mine 20" + _headings(tab)[1][11:16],
        "⚠ B · As publish",
    ]
    assert _row(tab, "Protocol") == ["strict (leaks nothing)", "⚠ published (leaks)"]
    assert _row(tab, "Accuracy (%)") == ["90.0 (81.0 to 96.0)", "⚠ 90.0 (81.0 to 96.0)"]
    assert _row(tab, "Images tested") == ["24", "24"] and _row(tab, "Groups") == ["23", "23"]
    assert _row(tab, "Lowest and highest fold (%)") == ["91.7 to 91.7", "⚠ 91.7 to 91.7"]
    assert _row(tab, "Leaks") == [
        "none",
        "groups on both sides of a fold: 3; folds that began with the weights of the one before: 1",
    ]
    assert _row(tab, "Calibration error (ECE)")[0].count("0.") == 3


def test_the_difference_is_told_in_words_and_turns_with_the_reference(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    first, second = validation_run(phantom_study, STRICT, name="Two"), validation_run(phantom_study, OTHER_FOLDS)
    tab.open_study(phantom_study)
    _compare(qtbot, tab, first, second)
    view = tab.compare_view
    assert view.sentences.text().startswith("B (Recorded validation) is 4.2 points worse than A (Two) (95 % interval −")
    assert "no difference shown. 24 images in 24 groups tested by both." in view.sentences.text()
    assert "different folds" in view.cautions.label.text() and view.cautions.isVisible()
    accuracy = next(line for line in view.differences.as_text().splitlines() if line.startswith("B − A\tAccuracy"))
    assert accuracy.split("\t")[2].startswith("−4.2 (")
    view.reference_box.setFocus()
    qtbot.keyClick(view.reference_box, Qt.Key.Key_Down)
    assert view.sentences.text().startswith("A (Two) is 4.2 points better than B")
    accuracy = next(line for line in view.differences.as_text().splitlines() if line.startswith("A − B\tAccuracy"))
    assert accuracy.split("\t")[2].startswith("+4.2 (")


def test_a_leaking_run_beside_a_clean_one_is_said_to_measure_the_leaks(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    runs = [
        validation_run(phantom_study, STRICT),
        validation_run(phantom_study, PUBLISHED, COUNTED),
        validation_run(phantom_study, STRICT),
    ]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    view = tab.compare_view
    assert "B leaks and A does not" in view.cautions.label.text()
    assert "p-values of 2 tests" in view.cautions.label.text()
    assert view.sentences.text().count("tested by both") == 2
    view.reference_box.setCurrentIndex(view.reference_box.count() - 1)
    assert view.sentences.text().count("tested by both") == 3
    assert "is as good as" in view.sentences.text()


def test_where_the_training_differs_too_leaks_are_not_all_of_the_difference(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    longer = PUBLISHED.model_copy(update={"epochs": 2})
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, longer, COUNTED)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    said = tab.compare_view.cautions.label.text()
    assert "part of their difference is what leaks are worth" in said and "not which system" not in said
    assert "A with 2 folds, 1 epoch, seed 0, B with 2 folds, 2 epochs, seed 0" in said


def test_the_papers_column_stands_beside_real_images_alone(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    assert not tab.compare_view.paper_box.isVisible()
    real = replace(phantom_study, phantoms=False)
    tab.open_study(real)
    _compare(qtbot, tab, *runs)
    assert len(_headings(tab)) == 3
    qtbot.mouseClick(tab.compare_view.paper_box, Qt.MouseButton.LeftButton)
    assert _headings(tab)[3] == "⚠ Paper · system1 Samrin 2024, Table 1"
    assert _row(tab, "Accuracy (%)")[2] == "⚠ 93.4"
    assert _row(tab, "Sensitivity, malignant")[2] == "⚠ 0.90"
    assert _row(tab, "AUC, malignant")[2] == "–"
    said = tab.compare_view.contradictions
    assert (
        said.isVisible() and "89.45 to 90.95 %" in said.label.text() and "no share of 780 images" in said.label.text()
    )
    assert "system2" not in said.label.text()
    qtbot.mouseClick(tab.compare_view.paper_box, Qt.MouseButton.LeftButton)
    assert not said.isVisible()
    tab.shut_down()  # its threads may read the study
    real.close()


def test_the_paper_on_histology_stands_beside_its_networks(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    phantom_study.catalog.reclassify([r.id for r in phantom_study.catalog.images(class_name="normal")], "benign")
    small, plain = (
        validation_run(phantom_study, STRICT.model_copy(update={"network": name})) for name in ("resnet-small", "cnn")
    )
    published = validation_run(phantom_study, PUBLISHED)
    real = replace(phantom_study, phantoms=False)
    tab.open_study(real)
    _compare(qtbot, tab, small, published)
    qtbot.mouseClick(tab.compare_view.paper_box, Qt.MouseButton.LeftButton)
    assert _headings(tab)[4] == "⚠ Paper · GAN + ResNet Zion and Tripathy, Table 2"
    assert _row(tab, "Protocol") == [
        "strict (leaks nothing)",
        "⚠ published (leaks)",
        "⚠ published (leaks)",
        "⚠ not stated",
    ]
    assert _row(tab, "Accuracy (%)")[3] == "⚠ 98" and _row(tab, "Lowest and highest fold (%)")[3] == "⚠ 95.0 to 98.8"
    said = tab.compare_view.contradictions.label.text()
    assert "89.45 to 90.95 %" in said and "Table 2 names no protocol" in said
    tab.compare([plain.id, published.id])
    qtbot.waitUntil(lambda: len(_headings(tab)) == 4)
    assert "Zion" not in tab.compare_view.contradictions.label.text()
    tab.shut_down()  # its threads may read the study
    real.close()


def test_esc_the_button_and_another_run_lead_back(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    qtbot.keyClick(tab.compare_view.table, Qt.Key.Key_Escape)
    assert tab.result.isVisible() and tab.curves.isVisible() and not tab.compare_view.isVisible()
    _compare(qtbot, tab, *runs)
    qtbot.mouseClick(tab.compare_view.back_button, Qt.MouseButton.LeftButton)
    assert tab.result.isVisible()
    _compare(qtbot, tab, *runs)
    tab.runs_list.select(runs[0].id)
    tab.runs_list.open_action.trigger()
    assert tab.result.isVisible() and tab.run is not None and tab.run.id == runs[0].id


def test_a_run_that_begins_meanwhile_does_not_end_the_comparison(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    begun = validation_run(phantom_study, STRICT)
    tab.follow_run(begun.id)
    assert tab.compare_view.isVisible()
    tab.leave_view()
    assert tab.run is not None and tab.run.id == begun.id


def test_a_renamed_run_is_renamed_here_and_a_deleted_one_ends_the_comparison(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    phantom_study.run(runs[0].id).rename("Baseline")
    tab.refresh()
    assert "A · Baseline" in _headings(tab)[1] and "than A (Baseline)" in tab.compare_view.sentences.text()
    phantom_study.delete_run(phantom_study.run(runs[0].id))
    tab.refresh()
    assert not tab.compare_view.isVisible() and tab.result.isVisible()


def test_runs_without_readable_predictions_are_told_of(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    (runs[1].folder / "predictions.csv").unlink()
    tab.open_study(phantom_study)
    tab.compare([run.id for run in runs])
    qtbot.waitUntil(lambda: "no readable predictions" in tab.compare_view.waiting.label.text())
    assert tab.compare_view.waiting.isVisible()


def test_tables_are_copied_sorted_and_exported(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    view = tab.compare_view
    qtbot.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text().startswith("Measure (95 % interval)\tA · Recorded validation")
    view.differences.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    shown = [line.split("\t")[2] for line in view.differences.as_text().splitlines()[1:]]
    values = [float(words.split(" ")[0].replace("−", "-")) for words in shown]
    assert values == sorted(values, reverse=True) and values[0] > values[-1]
    target = tmp_path / "differences.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    menu = view.differences.export_menu()
    next(action for action in menu.actions() if "CSV" in action.text()).trigger()
    with target.open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][2:5] == [f"Difference in points (95 % interval){part}" for part in ("", ", low", ", high")]
    value, low, high = (float(number) for number in rows[1][2:5])
    assert rows[1][:2] == ["B − A", "Accuracy"] and low < value < high and value == pytest.approx(-100 / 24)


def test_a_file_that_cannot_be_written_is_told_of(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = [validation_run(phantom_study, STRICT), validation_run(phantom_study, OTHER_FOLDS)]
    tab.open_study(phantom_study)
    _compare(qtbot, tab, *runs)
    told: list[str] = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "missing" / "table.csv"), ""))
    monkeypatch.setattr("busapp.gui.widgets.exporting.QMessageBox.warning", lambda *words: told.append(words[2]))
    menu = tab.compare_view.table.export_menu()
    next(action for action in menu.actions() if "CSV" in action.text()).trigger()
    assert "could not be written" in told[0]


def test_points_and_p_values_in_words() -> None:
    assert [signed(value) for value in (1.24, -0.5, 0.04, -0.04)] == ["+1.2", "−0.5", "0.0", "0.0"]
    assert [p_in_words(value) for value in (0.21, 0.0041, 0.0004, 0.0496)] == [
        "p = 0.21",
        "p = 0.004",
        "p < 0.001",
        "p = 0.0496",
    ]
    assert Difference.of(0.012, [-0.005, 0.029], turned=True).interval == "−2.9 to +0.5"
