"""The Validation tab as a user meets it: settings, protocols and their leaks, live runs, next steps."""

from pathlib import Path

import pytest
from live_runs import watch
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from recorded_runs import SMALL, validation_events, validation_run

from busapp.engine.catalog import Statement
from busapp.engine.events import FoldEnded, Job, Progress
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.errors import NotEnoughImages
from busapp.gui.jobs.job_thread import JobOutcome
from busapp.gui.synthesis.tab import SynthesisTab
from busapp.gui.validation.tab import ValidationTab


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


def test_odd_patients_are_shown_before_the_start(tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    assert not tab.odd_patients.isVisible()
    images = phantom_study.catalog.images()[:10]
    said = [Statement(image.file, image.sha256, image.class_name, patient="k:1") for image in images]
    phantom_study.catalog.addition(lambda n: f"{n} images imported").add([], said)
    tab.refresh()
    assert tab.odd_patients.isVisible()
    assert "One patient has 10 of 24 images" in tab.odd_patients.label.text()
    assert "1 patient has images in several classes." in tab.odd_patients.label.text()
    phantom_study.catalog.exclude([image.id for image in images], "of one patient")
    tab.refresh()
    assert not tab.odd_patients.isVisible()


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
    for widget in (tab.estimate_label, tab.start_button, tab.measurements_button):
        assert widget.visibleRegion().boundingRect() == widget.rect()


def test_start_asks_for_a_job_with_the_forms_values(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    tab.form.set_values({"folds": 3, "epochs": 2, "protocol": "published"})
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.start_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == ValidateSettings(folds=3, epochs=2, protocol="published")


def test_the_recipe_is_told_in_words(tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    assert tab.recipe_label.text() == "Recipe: Adam, learning rate 0.0001."
    tab.form.set_values({"recipe": "careful", "label_smoothing": 0.2})
    assert "label smoothing 0.2" in tab.recipe_label.text() and "mirrored" in tab.recipe_label.text()


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
        tab.job_ended("export", JobOutcome("finished", own))
    assert opened.args[0] == Path("/study/models/x.onnx")


def test_an_export_for_an_app_names_the_format_and_does_not_lead_to_diagnosis(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace, tmp_path: Path
) -> None:
    run = validation_run(phantom_study, SMALL)
    tab.open_study(phantom_study)
    menu = tab.result.app_button.menu()
    assert tab.result.app_button.isVisible() and menu is not None
    for entry, file_format in zip(menu.actions(), ("tflite", "executorch", "onnx"), strict=True):
        with qtbot.waitSignal(tab.app_requested) as asked:
            entry.trigger()
        assert asked.args == [run.id, file_format]
    with qtbot.assertNotEmitted(tab.diagnosis_requested):
        elsewhere = {"model": "/study/models/x.onnx", "folder": str(tmp_path / "app")}
        tab.job_ended("export", JobOutcome("finished", elsewhere))


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
    assert "is running" in tab.result.circumstances.text()
    tab.job_ended("validate", JobOutcome("failed", error="Too few images."))
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
