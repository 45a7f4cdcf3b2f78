"""The view of what leaks are worth, as a user meets it: start, waterfall, each leak alone."""

import csv
from pathlib import Path
from typing import Any

import pytest
from live_runs import watch
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from recorded_runs import validation_run

from busapp.engine.events import CheckpointSaved, Finished, Job, Note
from busapp.engine.settings import LeaksSettings, ValidateSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.gui.theme import apply
from busapp.gui.validation.leaks_view import LeaksPanel
from busapp.gui.validation.tab import ValidationTab
from busapp.gui.validation.waterfall import Waterfall, bars_of


def _entry(leak: str, label: str, accuracy: float, difference: float | None, **other: Any) -> dict[str, Any]:
    tested: dict[str, Any] = {
        "paired_difference": difference,
        "paired_ci95": None if difference is None else [difference - 0.02, difference + 0.02],
        "p_value": None if difference is None else 0.0004,
        "n_common": None if difference is None else 24,
        "n_groups_common": None if difference is None else 23,
        "same_folds": None if difference is None else True,
    }
    interval = [accuracy - 0.03, accuracy + 0.03]
    known = {"leak": leak, "label": label, "run": f"run-{leak}", "accuracy": accuracy, "accuracy_ci95": interval}
    return {**known, "n_images": 24, "n_groups": 23, "difference": difference, **tested, **other}


STEPS = [
    _entry("", "published", 0.90, None),
    _entry("carry_weights", "weights carried over", 0.70, -0.20),
    _entry("split_duplicates", "near-duplicates split", 0.71, 0.01, same_folds=False),
    _entry(
        "keep_conflicts",
        "conflicting duplicates kept",
        0.70,
        -0.01,
        paired_difference=-0.03,
        paired_ci95=[-0.05, -0.01],
        n_common=20,
    ),
]
RESULT = {
    "system": "system1",
    "recipe": "paper",
    "folds": 2,
    "epochs": 3,
    "seed": 0,
    "published": "run-",
    "strict": "run-keep_conflicts",
    "steps": STEPS,
    "alone": [
        _entry("carry_weights", "weights carried over", 0.88, 0.18),
        _entry("split_duplicates", "near-duplicates split", 0.72, 0.02, same_folds=False),
    ],
    "picked_epoch": {"run-keep_conflicts": 0.025},
    "devices": ["CPU"],
}


def _measured(study: Workspace, *, finished: bool = True) -> Run:
    run = study.new_run("leaks", LeaksSettings(folds=2, epochs=3).model_dump(mode="json"), "system1")

    def job() -> Job:
        run.checkpoint.write_bytes(b"kept")
        yield CheckpointSaved(0)
        yield Finished(RESULT)

    recorded = record(run, job())
    for event in recorded:
        if isinstance(event, CheckpointSaved) and not finished:
            recorded.close()
            break
    return run


def _open(qtbot: QtBot, tab: ValidationTab) -> None:
    tab.measurements_button.entries["leaks"].trigger()
    qtbot.waitUntil(lambda: "Estimating" not in tab.leaks_view.plan.text())


def test_without_a_measurement_it_says_how_to_make_one_and_how_long_it_takes(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    tab.form.set_values({"folds": 3, "epochs": 2, "recipe": "careful", "protocol": "published"})
    _open(qtbot, tab)
    view = tab.leaks_view
    assert view.empty.isVisible() and "with each leak alone" in view.empty.text()
    assert "system1, careful recipe, 3 folds, 2 epochs" in view.plan.text()
    assert "6 cross-validations" in view.plan.text() and "roughly" in view.plan.text()
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(view.start_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == LeaksSettings(folds=3, epochs=2, recipe="careful")


def test_the_plan_follows_the_form(qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    _open(qtbot, tab)
    tab.form.set_values({"system": "existing"})
    qtbot.waitUntil(lambda: "existing, paper recipe, one hold-out" in tab.leaks_view.plan.text())
    tab.form.set_values({"folds": 1})
    assert not tab.leaks_view.start_button.isEnabled()
    tab.form.set_values({"folds": 2})
    assert tab.leaks_view.start_button.isEnabled()


def test_a_study_without_images_cannot_be_measured(qtbot: QtBot, tab: ValidationTab, empty_study: Workspace) -> None:
    tab.open_study(empty_study)
    _open(qtbot, tab)
    assert not tab.leaks_view.start_button.isEnabled()
    assert "Import" in tab.leaks_view.plan.text()


def test_the_measurement_is_told_in_words_and_numbers(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    _measured(phantom_study)
    tab.open_study(phantom_study)
    _open(qtbot, tab)
    shown = tab.leaks_view.result
    assert shown.isVisible() and not tab.result.isVisible()
    assert "Published 90.0 % (87.0 to 93.0), strict 70.0 % (67.0 to 73.0)" in shown.sentence.text()
    assert "+20.0 points" in shown.sentence.text()
    assert "24 images in 23 groups; all simulated phantoms" in shown.circumstances.text()
    assert "2 folds, 3 epochs" in shown.circumstances.text()
    assert [bar.words for bar in shown.waterfall.bars] == [
        "90.0 % (87.0 to 93.0)",
        "−20.0 points (−22.0 to −18.0)",
        "+1.0 points (−1.0 to +3.0)",
        "−1.0 points;\non shared images −3.0 (−5.0 to −1.0)",
        "70.0 % (67.0 to 73.0)",
    ]
    alone = [line.split("\t") for line in shown.alone.as_text().splitlines()]
    assert alone[1][:4] == [
        "weights carried over",
        "⚠ 88.0 (85.0 to 91.0)",
        "+18.0 points (+16.0 to +20.0)",
        "< 0.001",
    ]
    notes = shown.notes.label.text()
    assert "Leaks overlap" in notes and "luck of the split" in notes and "2.5 points higher" in notes


def test_the_result_is_reached_from_the_job_bar_and_left_with_esc(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    older, newer = _measured(phantom_study), _measured(phantom_study)
    tab.open_study(phantom_study)
    tab.open_run(older.id)
    assert tab.leaks_view.isVisible() and tab.leaks_view.run_box.currentData() == older.id
    assert tab.leaks_view.run_box.itemData(0) == newer.id
    qtbot.keyClick(tab.leaks_view.result.waterfall, Qt.Key.Key_Escape)
    assert tab.result.isVisible() and not tab.leaks_view.isVisible()


def test_a_measurement_that_stopped_can_be_gone_on_with(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = _measured(phantom_study, finished=False)
    tab.open_study(phantom_study)
    _open(qtbot, tab)
    assert "did not finish" in tab.leaks_view.state.text() and tab.leaks_view.empty.isVisible()
    with qtbot.waitSignal(tab.resume_requested) as resumed:
        qtbot.mouseClick(tab.leaks_view.resume_button, Qt.MouseButton.LeftButton)
    assert resumed.args == [run.id]


def test_a_measurement_that_begins_is_told_of_and_its_end_is_shown(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    _open(qtbot, tab)
    run = phantom_study.new_run("leaks", LeaksSettings().model_dump(mode="json"), "system1")

    def ending() -> Job:
        yield Finished(RESULT)

    job = record(run, ending())
    tab.job_event("leaks", next(job))
    assert "is running" in tab.leaks_view.state.text() and not tab.leaks_view.resume_button.isVisible()
    assert tab.run is None
    validation = validation_run(phantom_study, ValidateSettings(folds=2, epochs=3))
    tab.job_event("leaks", Note(f"system1, strict: {validation.id}, run 1 of 6."))
    assert tab.runs_list.tree.topLevelItemCount() == 1, "its runs are listed as they begin"
    list(job)
    tab.refresh()
    assert tab.leaks_view.result.isVisible() and not tab.leaks_view.state.isVisible()


def test_picking_the_epoch_is_spoken_of_only_where_it_is_worth_something(qtbot: QtBot) -> None:
    shown = LeaksPanel()
    qtbot.addWidget(shown)
    shown.show_result(RESULT, phantoms=False)
    assert "2.5 points higher" in shown.notes.label.text()
    shown.show_result({**RESULT, "picked_epoch": {"run-keep_conflicts": 0.0}}, phantoms=False)
    assert "no switch" not in shown.notes.label.text()


@pytest.fixture
def waterfall(qtbot: QtBot) -> Waterfall:
    waterfall = Waterfall()
    qtbot.addWidget(waterfall)
    waterfall.show_steps(STEPS)
    waterfall.resize(800, waterfall.sizeHint().height())
    waterfall.show()
    qtbot.waitExposed(waterfall)
    return waterfall


def test_arrow_keys_read_the_bars(qtbot: QtBot, waterfall: Waterfall) -> None:
    for _ in range(4):
        qtbot.keyClick(waterfall, Qt.Key.Key_Down)
    words = waterfall.accessibleDescription()
    assert "Without “conflicting duplicates kept” the accuracy is 70.0 % (67.0 to 73.0)" in words
    assert "20 images in 23 groups that both runs tested, in the same folds; p < 0.001" in words
    qtbot.keyClick(waterfall, Qt.Key.Key_Up)
    assert "different folds" in waterfall.accessibleDescription()


def test_falls_and_rises_are_drawn_where_the_numbers_say(qtbot: QtBot, waterfall: Waterfall) -> None:
    """Amber pixels of the first step lie between 70 and 90 per cent; blue ones of the second begin at its left end."""
    image = waterfall.grab().toImage()
    ratio = image.width() / waterfall.width()

    def span(row: int, colour: str) -> tuple[int, int]:
        y = int((row * 44 + 22) * ratio)
        found = [x for x in range(image.width()) if image.pixelColor(x, y).name().upper() == colour]
        return found[0], found[-1]

    fall, rise = span(1, "#E69F00"), span(2, "#56B4E9")
    points = (fall[1] - fall[0]) / 20
    assert fall[0] == pytest.approx(rise[0], abs=4 * ratio)
    assert rise[1] - rise[0] == pytest.approx(points, abs=3 * ratio)


def test_the_waterfall_is_exported_as_picture_and_table(
    waterfall: Waterfall, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for suffix in ("png", "svg", "csv"):
        target = tmp_path / f"leaks.{suffix}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, target=target: (str(target), ""))
        menu = waterfall.export_menu()
        next(action for action in menu.actions() if suffix.upper() in action.text()).trigger()
    assert QImage(str(tmp_path / "leaks.png")).width() == 2 * waterfall.width()
    assert "weights carried over" in (tmp_path / "leaks.svg").read_text(encoding="utf-8")
    with (tmp_path / "leaks.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][0] == "Leak that is closed" and len(rows) == 5
    assert rows[2][0] == "weights carried over" and float(rows[2][7]) == -0.2


def test_it_is_read_in_the_dark_too(qtbot: QtBot, qapp: Any, waterfall: Waterfall) -> None:
    apply(qapp, "dark")
    dark = waterfall.grab().toImage()
    apply(qapp, "light")
    light = waterfall.grab().toImage()
    assert dark.pixelColor(2, 2).lightness() < 60 and light.pixelColor(2, 2).lightness() > 200


def test_runs_that_share_no_image_have_no_interval() -> None:
    nothing = dict.fromkeys(["paired_difference", "paired_ci95", "p_value", "n_groups_common", "same_folds"])
    bars = bars_of([STEPS[0], _entry("carry_weights", "weights carried over", 0.7, -0.2, **nothing, n_common=0)])
    assert bars[1].words == "−20.0 points" and "no tested image in common" in bars[1].tip


def test_where_nothing_can_be_told_apart_the_axis_has_a_width(waterfall: Waterfall) -> None:
    perfect = {"accuracy": 1.0, "accuracy_ci95": [1.0, 1.0]}
    waterfall.show_steps([{**STEPS[0], **perfect}, {**STEPS[1], **perfect, "difference": 0.0}])
    assert not waterfall.grab().isNull()
    assert [bar.words for bar in waterfall.bars][::2] == ["100.0 % (100.0 to 100.0)"] * 2


def test_a_real_measurement_is_started_watched_and_shown(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    tab.form.set_values(
        {
            "system": "existing",
            "epochs": 1,
            "image_size": 32,
            "width": 0.25,
            "pretrained": False,
            "frozen_stages": 0,
            "batch_size": 8,
        }
    )
    _open(qtbot, tab)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.leaks_view.start_button, Qt.MouseButton.LeftButton)
    watch(qtbot, tab, phantom_study, asked.args[0])
    shown = tab.leaks_view.result
    assert shown.isVisible()
    assert [bar.label for bar in shown.waterfall.bars] == [
        "published: everything leaks",
        "without: near-duplicates split",
        "without: conflicting duplicates kept",
        "strict: nothing leaks",
    ]
    assert shown.alone.rowCount() == 2 and "existing, paper recipe, one hold-out" in shown.circumstances.text()
    qtbot.waitUntil(lambda: "has all 4 cross-validations" in tab.leaks_view.plan.text())
