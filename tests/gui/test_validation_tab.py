"""The Validation tab as a user meets it: protocols and their leaks, curves, matrix, numbers, and the way on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from live_runs import watch
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from recorded_runs import validation_events, validation_run

from busapp.engine.events import FoldEnded, Job, Progress
from busapp.engine.runs import record
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.workspace import Workspace
from busapp.errors import NotEnoughImages
from busapp.gui.job_thread import Outcome
from busapp.gui.synthesis_tab import SynthesisTab
from busapp.gui.validation_tab import ValidationTab

SMALL = ValidateSettings(folds=2, epochs=3)


@pytest.fixture
def tab(qtbot: QtBot) -> Iterator[ValidationTab]:
    tab = ValidationTab()
    qtbot.addWidget(tab)
    tab.resize(1280, 690)
    tab.show()
    qtbot.waitExposed(tab)
    yield tab


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


def test_a_cell_shows_its_images(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    tab.confusion.matrix.setFocus()
    tab.confusion.matrix.setCurrentCell(0, 0)
    qtbot.keyClick(tab.confusion.matrix, Qt.Key.Key_Right)
    assert tab.strip.isVisible()
    assert "True benign, called malignant, all folds: 2 images" in tab.strip.heading.text()
    item = tab.strip.list.item(0)
    qtbot.waitUntil(lambda: not item.icon().pixmap(80, 80).toImage().allGray() or item.icon().cacheKey() > 0)
    tab.confusion.tabs.setCurrentIndex(2)
    tab.confusion.matrix.cell_chosen.emit(0, 1)
    assert "fold 2: 1 images" in tab.strip.heading.text()


def test_the_table_is_copied_with_its_headings(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    lines = tab.result.table.as_text().splitlines()
    assert lines[0] == "Class\tSensitivity\tSpecificity\tAUC"
    assert lines[1] == "benign\t0.925 (0.80–0.99)\t0.925 (0.80–0.99)\t0.925"


def test_use_for_diagnosis_exports_and_then_opens_the_model(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.result.use_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == ExportSettings(run=run.id)
    with qtbot.waitSignal(tab.diagnosis_requested) as opened:
        tab.job_ended("export", Outcome("finished", {"model": "/study/models/x.onnx"}))
    assert opened.args[0] == Path("/study/models/x.onnx")


def test_a_run_that_stopped_shows_what_it_had(tab: ValidationTab, phantom_study: Workspace) -> None:
    run = phantom_study.new_run("validate", SMALL.model_dump(mode="json"), "Stopped")
    job = record(run, validation_events(phantom_study, run, SMALL))
    for event in job:
        if isinstance(event, FoldEnded):
            break
    job.close()
    tab.open_study(phantom_study)
    assert "90.0 % so far" in tab.result.accuracy.text()
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
