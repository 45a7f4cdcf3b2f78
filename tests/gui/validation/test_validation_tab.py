"""The Validation tab as a user meets it: protocols and their leaks, curves, matrix, numbers, and the way on."""

from dataclasses import replace
from pathlib import Path

import pytest
from live_runs import watch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from pytestqt.qtbot import QtBot
from recorded_runs import validation_events, validation_run
from tiny_model import write_model

from busapp.engine.events import FoldEnded, Job, Progress
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.errors import NotEnoughImages
from busapp.gui.jobs.job_thread import Outcome
from busapp.gui.synthesis.tab import SynthesisTab
from busapp.gui.validation.case_viewer import CaseViewer
from busapp.gui.validation.tab import ValidationTab
from busapp.gui.validation.validation_result import remarks

SMALL = ValidateSettings(folds=2, epochs=3)


def test_an_empty_study_says_what_to_do(tab: ValidationTab, empty_study: Workspace) -> None:
    tab.open_study(empty_study)
    assert tab.empty.isVisible() and "Import" in tab.empty.label.text()
    assert not tab.start_button.isEnabled()


def test_strict_is_the_default_and_published_lists_its_leaks(tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    assert tab.form.values()["protocol"] == "strict"
    assert not tab.protocol_leaks.isVisible()
    assert "Estimate: " in tab.estimate_label.text()
    tab.form.set_values({"protocol": "published", "system": "system2"})
    assert "⚠" in tab.protocol_leaks.label.text()
    assert tab.protocol_leaks.label.text().count("•") == 4
    tab.form.set_values({"carry_weights": False})
    assert tab.protocol_leaks.label.text().count("•") == 3
    assert "generator" in tab.protocol_leaks.label.text()
    tab.form.set_values({"system": "system1"})
    assert "generator" not in tab.protocol_leaks.label.text()


def test_system2_says_which_generators_it_trains(tab: ValidationTab, phantom_study: Workspace) -> None:
    catalog = phantom_study.catalog
    catalog.exclude([image.id for image in catalog.images(class_name="normal")][:3], "test")
    tab.open_study(phantom_study)
    assert not tab.generators_label.isVisible()
    tab.form.set_values({"system": "system2", "folds": 4})
    assert tab.generators_label.isVisible()
    assert "normal, one for each of 4 folds" in tab.generators_label.text()


def test_start_is_in_sight_however_much_the_settings_say(tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    tab.form.set_values({"system": "system2", "protocol": "published", "recipe": "careful"})
    tab.form.more_button.setChecked(True)
    for widget in (tab.estimate_label, tab.start_button, tab.leaks_button):
        assert widget.visibleRegion().boundingRect() == widget.rect()


def test_start_asks_for_a_job_with_the_forms_values(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    tab.form.set_values({"folds": 3, "epochs": 2, "protocol": "published"})
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.start_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == ValidateSettings(folds=3, epochs=2, protocol="published")


def test_the_papers_numbers_stand_beside_real_images_alone(tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    assert not tab.result.paper_heading.isVisible()
    real = replace(phantom_study, phantoms=False)
    tab.open_study(real)
    assert tab.result.paper_heading.isVisible()
    assert "93.43" in tab.result.paper_heading.text() and "leaks" in tab.result.paper_heading.text()
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


def numbers_are_there(qtbot: QtBot, tab: ValidationTab) -> None:
    qtbot.waitUntil(lambda: tab.numbers is not None)


def test_the_recipe_is_told_in_words(tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    assert tab.recipe_label.text() == "Recipe: Adam, learning rate 0.0001."
    tab.form.set_values({"recipe": "careful", "label_smoothing": 0.2})
    assert "label smoothing 0.2" in tab.recipe_label.text() and "mirrored" in tab.recipe_label.text()


def test_measures_have_intervals_and_words(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    overall = tab.result.overall.as_text().splitlines()
    assert overall[0] == "All classes\tValue\t95 %\tFolds"
    assert overall[1] == "Accuracy (%)\t90.0\t81.0–96.0\t91.7–91.7"
    assert overall[4].startswith("Train accuracy (%)\t99.0\t–\t99.0–99.0")
    words = tab.result.remarks.text()
    assert "Where malignant is called from a probability of" in words and "chosen on the other folds" in words
    assert "confidence and accuracy differ by" in words
    assert tab.result.remarks.isVisible()


def test_what_picking_the_best_epoch_would_be_worth_is_said_only_where_it_is_worth_something() -> None:
    said = remarks({"accuracy": 0.80, "picked_epoch": 0.84})
    assert said == [
        "Had each fold reported its best epoch on the test images, the accuracy would be 84.0 %, 4.0 points more. "
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
    assert accuracy == ["90.0 %"] * 3  # all folds alike: there is nothing to mark
    assert benign == ["▲ 0.67", "▲ 0.67", "▼ 0.50"]


def test_the_plots_read_and_export_what_was_measured(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, tmp_path: Path
) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    tab.pages.setCurrentIndex(1)
    assert "Where benign is called from" in tab.pages.about_roc.text() and tab.pages.about_roc.isVisible()
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


def choose_cell(qtbot: QtBot, tab: ValidationTab) -> None:
    """Benign called malignant, by keyboard."""
    numbers_are_there(qtbot, tab)
    tab.confusion.matrix.setFocus()
    tab.confusion.matrix.setCurrentCell(0, 0)
    qtbot.keyClick(tab.confusion.matrix, Qt.Key.Key_Right)


def icon(tab: ValidationTab, row: int) -> QImage | None:
    return tab.strip.picture(row)


def test_a_cell_shows_its_images(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    assert tab.strip.isVisible()
    assert "True benign, called malignant, all folds: 2 images" in tab.strip.heading.text()
    qtbot.waitUntil(lambda: (picture := icon(tab, 0)) is not None and not picture.isNull())
    assert "Called: malignant (fold" in tab.strip.list.item(0).toolTip()
    tab.confusion.tabs.setCurrentIndex(2)
    tab.confusion.matrix.cell_chosen.emit(0, 1)
    assert "fold 2: 1 image" in tab.strip.heading.text()
    tab.strip.list.setFocus()
    qtbot.keyClick(tab.strip.list, Qt.Key.Key_Escape)
    assert not tab.strip.isVisible()


def test_a_fold_that_is_finished_meanwhile_does_not_lead_away_from_the_image(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    cases = list(tab.strip.cases)
    tab.strip.show_cases("one", cases[1:], "malignant")
    tab.strip.list.setCurrentRow(0)
    tab.strip.show_cases("both", cases, "malignant")
    assert tab.strip.list.currentRow() == 1


def test_an_image_that_left_the_study_is_counted(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    run = validation_run(phantom_study, SMALL)
    path = run.folder / "predictions.csv"
    header, *rows = path.read_text().splitlines()
    wrong = next(row for row in rows if ",benign,malignant," in row)
    others = [row for row in rows if row != wrong]
    path.write_text("\n".join([header, "99999" + wrong[wrong.index(",") :], *others, ""]))
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    assert "1 image; 1 image more, not in the study any more" in tab.strip.heading.text()


def test_heat_maps_need_a_model_and_say_whose_they_are(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    assert not tab.strip.maps_box.isEnabled()
    assert "Use for diagnosis" in tab.strip.about_maps.text()
    write_model(phantom_study.models_dir / f"{run.id}.onnx")
    tab.refresh()
    assert tab.strip.maps_box.isEnabled() and not tab.strip.about_maps.isVisible()
    qtbot.waitUntil(lambda: (picture := icon(tab, 0)) is not None and not picture.isNull())
    plain = icon(tab, 0)
    tab.strip.list.setFocus()
    qtbot.keyClick(tab.strip.list, Qt.Key.Key_H)
    assert "Evidence for “malignant”" in tab.strip.about_maps.text()
    assert "not by the network of the fold" in tab.strip.about_maps.text()
    qtbot.waitUntil(lambda: icon(tab, 0) != plain)
    qtbot.keyClick(tab.strip.list, Qt.Key.Key_H)
    assert icon(tab, 0) == plain


def test_a_damaged_model_is_told_and_gives_no_heat_maps(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = validation_run(phantom_study, SMALL)
    phantom_study.models_dir.mkdir(exist_ok=True)
    (phantom_study.models_dir / f"{run.id}.onnx").write_bytes(b"not a model")
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    qtbot.waitUntil(lambda: icon(tab, 0) is not None)
    qtbot.mouseClick(tab.strip.maps_box, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "No heat maps." in tab.strip.about_maps.text())
    assert not tab.strip.maps_box.isChecked()


def test_an_image_of_a_cell_is_opened_large_with_what_it_was_called(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = validation_run(phantom_study, SMALL)
    write_model(phantom_study.models_dir / f"{run.id}.onnx")
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    tab.strip.list.setFocus()
    tab.strip.list.setCurrentRow(0)
    qtbot.keyClick(tab.strip.list, Qt.Key.Key_Return)
    viewer = tab.findChild(CaseViewer)
    assert viewer is not None
    qtbot.waitUntil(viewer.isActiveWindow)
    assert "True: benign" in viewer.about.text() and "Probabilities: malignant 0.79" in viewer.about.text()
    assert not viewer.cover_button.isVisible()
    assert viewer.canvas.overlay.isNull()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: not viewer.canvas.overlay.isNull())
    assert viewer.evidence.currentText() == "malignant" and viewer.about_map.isVisible()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Right)
    assert tab.strip.list.currentRow() == 1
    qtbot.waitUntil(lambda: not viewer.canvas.overlay.isNull())
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_H)
    assert viewer.canvas.overlay.isNull()
    qtbot.keyClick(viewer, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_the_table_is_copied_with_its_headings(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    numbers_are_there(qtbot, tab)
    tab.result.table.setFocus()
    qtbot.keyClick(tab.result.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "Class\tSensitivity\tSpecificity\tAccuracy\tAUC"
    assert lines[1].startswith("benign\t0.925 (0.80–0.99)\t0.925 (0.80–0.99)\t0.917 (")


def test_use_for_diagnosis_exports_and_then_opens_the_model(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.result.use_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == ExportSettings(run=run.id)
    with qtbot.waitSignal(tab.diagnosis_requested) as opened:
        own = {"model": "/study/models/x.onnx", "folder": str(phantom_study.root / "exports" / "x")}
        tab.job_ended("export", Outcome("finished", own))
    assert opened.args[0] == Path("/study/models/x.onnx")


def test_an_export_for_an_app_names_the_format_and_does_not_lead_to_diagnosis(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, tmp_path: Path
) -> None:
    run = validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    menu = tab.result.app_button.menu()
    assert tab.result.app_button.isVisible() and menu is not None
    for entry, file_format in zip(menu.actions(), ("tflite", "onnx"), strict=True):
        with qtbot.waitSignal(tab.app_requested) as asked:
            entry.trigger()
        assert asked.args == [run.id, file_format]
    with qtbot.assertNotEmitted(tab.diagnosis_requested):
        elsewhere = {"model": "/study/models/x.onnx", "folder": str(tmp_path / "app")}
        tab.job_ended("export", Outcome("finished", elsewhere))


@pytest.mark.parametrize(("protocol", "said"), [("strict", "91.7 % so far"), ("published", "⚠ 91.7 % so far")])
def test_a_run_that_stopped_shows_what_it_had(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, protocol: str, said: str
) -> None:
    settings = ValidateSettings.model_validate({**SMALL.model_dump(), "protocol": protocol})
    run = phantom_study.new_run("validate", settings.model_dump(mode="json"), "Stopped")
    job = record(run, validation_events(phantom_study, run, settings))
    for event in job:
        if isinstance(event, FoldEnded):
            break
    job.close()
    tab.open_study(phantom_study)
    qtbot.waitUntil(lambda: tab.result.accuracy.text() == said)
    assert tab.result.table.isVisible() and tab.result.overall.isVisible()
    assert "cancelled" in tab.result.circumstances.text()
    assert tab.confusion.tabs.count() == 2
    assert not tab.result.use_button.isVisible()


def test_a_run_that_fails_says_so_at_once(tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    run = phantom_study.new_run("validate", SMALL.model_dump(mode="json"), "Fails")

    def failing() -> Job:
        yield Progress(0, 1, "loading")
        raise NotEnoughImages("Too few images", remedy="Import more.")

    job = record(run, failing())
    with pytest.raises(NotEnoughImages):
        for event in job:
            tab.job_event("validate", event)
    assert "at work" in tab.result.circumstances.text()
    tab.job_ended("validate", Outcome("failed", error="Too few images."))
    assert "It failed: Too few images" in tab.result.circumstances.text()


def test_a_real_cross_validation_is_watched_live(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    settings = ValidateSettings(
        folds=2, epochs=1, image_size=32, width=0.25, pretrained=False, frozen_stages=0, batch_size=8
    )
    watch(qtbot, tab, phantom_study, settings)
    assert sum(map(sum, tab.confusion.total())) == 24
    assert tab.curves.loss.values("train 2")[0].tolist() == [1]
    assert "24 simulated phantoms" in tab.result.circumstances.text()
    qtbot.waitUntil(lambda: tab.numbers is not None and len(tab.numbers.tested) == 24)
    qtbot.waitUntil(lambda: tab.result.remarks.isVisible())


def test_the_weights_file_is_asked_for_once(qtbot: QtBot, phantom_study: Workspace, tmp_path: Path) -> None:
    weights = tmp_path / "mobilenet_v2.pth"
    weights.touch()
    first = ValidationTab()
    qtbot.addWidget(first)
    first.open_study(phantom_study)
    first.form.set_values({"weights_file": weights})
    first._start()
    for tab in (ValidationTab(), SynthesisTab()):
        qtbot.addWidget(tab)
        tab.open_study(phantom_study)
        assert tab.form.settings().weights_file == weights
