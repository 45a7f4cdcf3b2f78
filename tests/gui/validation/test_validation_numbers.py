"""The numbers of a run in the Validation tab: intervals, folds, plots, tables, and the marks of a leak."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot
from recorded_runs import SMALL, validation_run
from tabs import numbers_are_there

from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.validation.tab import ValidationTab
from busapp.gui.validation.validation_panel import remarks


def test_the_papers_numbers_stand_beside_real_images_alone(tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    assert not tab.result.paper_heading.isVisible() and not tab.result.contradictions.isVisible()
    real = replace(phantom_study, phantoms=False)
    tab.open_study(real)
    assert tab.result.paper_heading.isVisible()
    assert "93.43" in tab.result.paper_heading.text() and "leaks" in tab.result.paper_heading.text()
    said = tab.result.contradictions.label.text()
    assert "89.45 to 90.95 %" in said and "no share of 780 images" in said and "system2" not in said
    tab.shut_down()  # its threads may read the study
    real.close()


def test_a_network_of_the_paper_on_histology_stands_beside_its_numbers(
    tab: ValidationTab, phantom_study: Workspace
) -> None:
    small = SMALL.model_copy(update={"network": "resnet-small"})
    three_classes = validation_run(phantom_study, small)
    phantom_study.catalog.reclassify([r.id for r in phantom_study.catalog.images(class_name="normal")], "benign")
    two_classes = validation_run(phantom_study, small)
    real = replace(phantom_study, phantoms=False)
    tab.open_study(real)
    tab.open_run(two_classes.id)
    assert "Zion and Tripathy, Table 2" in tab.result.paper_heading.text() and tab.result.paper_heading.isVisible()
    assert "95.0 to 98.80" in tab.result.paper_heading.text() and not tab.result.paper_table.isVisible()
    assert "80,099" in tab.result.contradictions.label.text()
    tab.open_run(three_classes.id)
    assert "93.43" in tab.result.paper_heading.text() and tab.result.paper_table.isVisible(), "three classes"
    assert "80,099" not in tab.result.contradictions.label.text()
    tab.shut_down()  # its threads may read the study
    real.close()


def test_an_old_run_is_shown_as_it_was(tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    assert tab.curves.accuracy.values("test 1")[0].tolist() == [1, 2, 3]
    assert tab.curves.accuracy.values("test")[1][0] == pytest.approx(100 * (0.48 + 0.46) / 2)
    assert tab.confusion.total() == [[6, 2, 0], [0, 8, 0], [0, 0, 8]]
    assert "90.0 %" in tab.result.accuracy.text()
    words = tab.result.circumstances.text()
    assert "81.0 to 96.0" in words and "protocol strict" in words and "24 simulated phantoms in 23 groups" in words
    assert not tab.result.leaks.isVisible()
    tab.curves.view.setCurrentIndex(1)
    assert tab.curves.accuracy.values("test")[0].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_published_number_is_marked_as_one_that_leaks(tab: ValidationTab, phantom_study: Workspace) -> None:
    settings = ValidateSettings(folds=2, epochs=1, protocol="published")
    validation_run(phantom_study, settings, {"groups_split": 3, "weights_carried_over": 1})
    tab.open_study(phantom_study)
    assert tab.result.accuracy.text().startswith("⚠")
    assert "(leaks)" in tab.result.circumstances.text()
    assert "groups on both sides of a fold: 3" in tab.result.leaks.label.text()
    assert tab.result.leaks.isVisible()


def test_measures_have_intervals_and_words(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    overall = tab.result.overall.as_text().splitlines()
    assert overall[0] == "All classes\tValue\t95 %\tFolds"
    assert overall[1] == "Accuracy (%)\t90.0\t81.0–96.0\t91.7–91.7"
    assert overall[4].startswith("Train accuracy (%)\t99.0\t–\t99.0–99.0")
    words = tab.result.remarks.text()
    assert "If an image counts as malignant from a probability of" in words and "chosen on the other folds" in words
    assert "confidence and accuracy differ by" in words
    assert tab.result.remarks.isVisible()


def test_what_picking_the_best_epoch_would_be_worth_is_said_only_where_it_is_worth_something() -> None:
    said = remarks({"accuracy": 0.80, "picked_epoch": 0.84})
    assert said == [
        "If each fold reported its best epoch on the test images, the accuracy would be 84.0 %, 4.0 points more. "
        "That would be a leak."
    ]
    assert remarks({"accuracy": 0.80, "picked_epoch": 0.80}) == []
    assert remarks({"accuracy": 0.80, "picked_epoch": None}) == []


def test_every_fold_stands_in_a_table_that_marks_lowest_and_highest(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    validation_run(phantom_study, ValidateSettings(folds=3, epochs=1))
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    qtbot.mouseClick(tab.pages.tabBar(), Qt.MouseButton.LeftButton, pos=tab.pages.tabBar().tabRect(3).center())
    assert tab.pages.folds.isVisible()
    lines = tab.pages.folds.as_text().splitlines()
    assert lines[0].startswith("Fold\tTest images\tTest accuracy")
    assert len(lines) == 4
    accuracy, benign = ([line.split("\t")[column] for line in lines[1:]] for column in (2, 4))
    assert accuracy == ["90.0 %"] * 3  # all folds are equal: none is marked
    assert benign == ["▲ 0.67", "▲ 0.67", "▼ 0.50"]


def test_the_plots_read_and_export_what_was_measured(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, tmp_path: Path
) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    tab.pages.setCurrentIndex(1)
    assert "If an image counts as benign from" in tab.pages.about_roc.text() and tab.pages.about_roc.isVisible()
    tab.pages.roc.export(tmp_path / "roc.csv")
    assert {row.split(",")[0] for row in (tmp_path / "roc.csv").read_text().splitlines()[1:]} == {
        "benign",
        "malignant",
        "normal",
    }
    tab.pages.reliability.export(tmp_path / "reliability.csv")
    rows = [row.split(",") for row in (tmp_path / "reliability.csv").read_text().splitlines()[1:]]
    assert sum(int(row[2]) for row in rows) == 24


def test_a_run_whose_predictions_are_gone_says_so(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    run = validation_run(phantom_study, SMALL)
    (run.folder / "predictions.csv").unlink()
    tab.open_study(phantom_study)
    qtbot.waitUntil(lambda: tab.result.notes.isVisible())
    assert "cannot be computed" in tab.result.notes.label.text()
    assert "90.0 %" in tab.result.accuracy.text()


def test_the_table_is_copied_with_its_headings(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    tab.result.table.setFocus()
    qtbot.keyClick(tab.result.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "Class\tSensitivity\tSpecificity\tAccuracy\tAUC"
    assert lines[1].startswith("benign\t0.925 (0.80–0.99)\t0.925 (0.80–0.99)\t0.917 (")
