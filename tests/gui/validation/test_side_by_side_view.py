"""The views of rivals and of optimisers, as a user meets them: the menu, the plan, the table, differences, curves."""

import csv
from pathlib import Path
from typing import Any

import pytest
from live_runs import watch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from busapp.engine.events import CheckpointSaved, Finished, Job
from busapp.engine.settings import OptimizersSettings, RivalsSettings, SideBySideSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.colours import series_colour
from busapp.gui.validation.measurement_view import MeasurementView
from busapp.gui.validation.tab import ValidationTab

CLASSES = ["benign", "malignant"]


def _column(title: str, accuracy: float, **changes: Any) -> dict[str, Any]:
    interval = [accuracy - 0.05, accuracy + 0.04]
    epochs = [
        {
            "epoch": n,
            "train_loss": 1 / n,
            "train_accuracy": accuracy - 0.02 + 0.1 * n,
            "test_loss": 2 / n,
            "test_accuracy": accuracy - 0.3 + 0.1 * n,
        }
        for n in (1, 2, 3)
    ]
    return {
        "title": title,
        "run": "20260101-000000-validate",
        "optimizer": "Adam",
        "learning_rate": 0.001,
        "leaks": [],
        "accuracy": accuracy,
        "accuracy_ci95": interval,
        "balanced_accuracy": accuracy,
        "balanced_accuracy_ci95": interval,
        "sensitivity": dict.fromkeys(CLASSES, accuracy),
        "sensitivity_ci95": dict.fromkeys(CLASSES, interval),
        "specificity": dict.fromkeys(CLASSES, accuracy),
        "specificity_ci95": dict.fromkeys(CLASSES, interval),
        "fold_range": [accuracy - 0.1, accuracy + 0.1],
        "fold_deviation": 0.1,
        "test_loss": 2 / 3,
        "train_seconds": 90.0,
        "n_images": 20,
        "n_groups": 20,
        "n_synthetic": 0,
        "epochs": epochs,
        **changes,
    }


def _result(settings: SideBySideSettings, **changes: Any) -> dict[str, Any]:
    """Result of a run with these settings: accuracies from 60 % in steps of 5, only the last difference is shown."""
    columns = [_column(title, 0.6 + 0.05 * n, **changes) for n, title in enumerate(settings.columns)]
    pairs = settings.pairs(list(settings.columns))

    def measures(is_last: bool) -> dict[str, Any]:
        interval = [0.02, 0.3] if is_last else [-0.1, 0.2]
        entry = {"difference": 0.1, "ci95": interval, "p_value": 0.01 if is_last else 0.3}
        return {"accuracy": entry, "balanced_accuracy": entry | {"p_value": None, "difference": 0.05}}

    return {
        "protocol": "strict",
        "recipe": "paper",
        "folds": 2,
        "epochs": 3,
        "seed": 0,
        "classes": CLASSES,
        "n_images": 20,
        "n_groups": 20,
        "generators": [],
        "devices": ["CPU"],
        "columns": columns,
        "skipped": [],
        "differences": [
            {"title": pair.title, "first": pair.first, "second": pair.second, "measures": measures(pair is pairs[-1])}
            for pair in pairs
        ],
    }


def _measured(study: Workspace, settings: SideBySideSettings, *, finished: bool = True, **changes: Any) -> Run:
    run = study.new_run(settings.kind, settings.model_dump(mode="json"), settings.subject)

    def job() -> Job:
        run.checkpoint.write_bytes(b"kept")
        yield CheckpointSaved(0)
        yield Finished(_result(settings, **changes))

    recorded = record(run, job())
    for event in recorded:
        if isinstance(event, CheckpointSaved) and not finished:
            recorded.close()
            break
    return run


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """A study with 8 benign, 4 malignant and 8 normal images."""
    malignant = phantom_study.catalog.images(class_name="malignant")
    phantom_study.catalog.exclude([image.id for image in malignant[4:]], "to make the class rare")
    return phantom_study


def _open(qtbot: QtBot, tab: ValidationTab, kind: str) -> MeasurementView[Any]:
    tab.measurements_button.entries[kind].trigger()
    view = tab.measurements[kind]
    qtbot.waitUntil(lambda: "Estimating" not in view.plan.text())
    assert view.isVisible()
    return view


# -- the menu -------------------------------------------------------------------------------------------------


def test_the_menu_has_all_measurements_and_a_key_for_each(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    tab.open_study(study)
    button = tab.measurements_button
    assert set(button.entries) == set(tab.measurements) < set(tab.job_kinds)
    keys = [entry.text()[entry.text().index("&") + 1].lower() for entry in button.entries.values()]
    assert len(keys) == len(set(keys)) and all(entry.toolTip() for entry in button.entries.values())
    menu = button.menu()
    menu.popup(button.mapToGlobal(button.rect().bottomLeft()))
    qtbot.keyClick(menu, Qt.Key.Key_F)
    assert tab.rivals_view.isVisible() and not menu.isVisible()
    qtbot.keyClick(tab.rivals_view, Qt.Key.Key_Escape)
    assert not tab.rivals_view.isVisible() and tab.shown_instead is None


# -- the plan -------------------------------------------------------------------------------------------------


def test_a_network_without_rivals_gives_way_to_the_fused_one(
    qtbot: QtBot, tab: ValidationTab, study: Workspace
) -> None:
    tab.open_study(study)
    tab.form.set_values({"folds": 3, "epochs": 2, "system": "existing", "protocol": "published", "image_size": 64})
    view = _open(qtbot, tab, "rivals")
    assert view.empty.isVisible() and "plain CNN" in view.empty.text() and not view.result_area.isVisible()
    assert "GAN-ResNet, since MobileNetV2 is not fused with a GAN; published, paper recipe, 3 folds" in view.plan.text()
    assert "6 cross-validations" in view.plan.text() and "roughly" in view.plan.text()
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(view.start_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == RivalsSettings(folds=3, epochs=2, protocol="published", image_size=64)
    tab.form.set_values({"network": "gan-resnet"})
    qtbot.waitUntil(lambda: "(GAN-ResNet; published" in view.plan.text())


def test_optimisers_take_all_settings_and_say_which_do_not_fit(
    qtbot: QtBot, tab: ValidationTab, study: Workspace
) -> None:
    tab.open_study(study)
    tab.form.set_values({"folds": 3, "network": "cnn", "system": "system2", "optimizer": "sgd", "learning_rate": 0.02})
    view = _open(qtbot, tab, "optimizers")
    assert "Plain CNN, system2; strict" in view.plan.text() and "4 cross-validations" in view.plan.text()
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(view.start_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == OptimizersSettings(
        folds=3, network="cnn", system="system2", optimizer="sgd", learning_rate=0.02
    )
    tab.form.set_values({"system": "existing"})
    qtbot.waitUntil(lambda: "existing; strict, paper recipe, one hold-out" in view.plan.text())
    tab.form.set_values({"optimizer": None, "learning_rate": 0.05})
    assert view.plan.text() == (
        "Learning rate does not fit this measurement: that of SGD with momentum would be 5, which is more than 1."
    )
    assert not view.start_button.isEnabled()
    tab.form.set_values({"learning_rate": 0.001})
    qtbot.waitUntil(lambda: "4 cross-validations" in view.plan.text())
    assert view.start_button.isEnabled()


def test_it_says_beforehand_that_synthetic_images_are_skipped(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    view = _open(qtbot, tab, "rivals")
    assert "4 cross-validations" in view.plan.text() and view.start_button.isEnabled()
    assert "equally large, so those with synthetic images are skipped" in view.plan.text()


def test_a_study_without_images_cannot_be_measured(qtbot: QtBot, tab: ValidationTab, empty_study: Workspace) -> None:
    tab.open_study(empty_study)
    for kind in ("rivals", "optimizers"):
        view = _open(qtbot, tab, kind)
        assert not view.start_button.isEnabled() and "Import" in view.plan.text()


# -- the result -----------------------------------------------------------------------------------------------


def test_rivals_stand_side_by_side_with_their_differences(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    _measured(study, RivalsSettings(folds=2, epochs=3), n_synthetic=4)
    tab.open_study(study)
    shown = _open(qtbot, tab, "rivals").result
    assert shown.sentence.text().startswith("Highest accuracy: GAN-ResNet + synthetic images, 85.0 %")
    assert "1 is shown: Both together, against Plain CNN +10.0 points (+2.0 to +30.0)" in shown.sentence.text()
    assert "20 images in 20 groups" in shown.circumstances.text() and "phantoms" in shown.circumstances.text()
    table = [line.split("\t") for line in shown.table.as_text().splitlines()]
    rows = {line[0]: line[1:] for line in table}
    assert table[0][1:] == [
        "Plain CNN",
        "Small ResNet",
        "GAN's discriminator",
        "Small ResNet + synthetic images",
        "GAN-ResNet",
        "GAN-ResNet + synthetic images",
    ]
    assert rows["Accuracy (%)"][-1] == "85.0 (80.0 to 89.0)" and rows["Specificity, malignant (%)"][0].startswith(
        "60.0"
    )
    assert rows["Lowest and highest fold (%)"][0] == "50.0 to 70.0"
    assert (rows["Spread over folds (points)"][0], rows["Test loss (nats)"][0]) == ("10.0", "0.667")
    assert rows["Time to train"][0] == "2 min" and rows["Synthetic images"] == ["4"] * 6
    assert "Training" not in rows, "all have one optimiser"
    assert shown.table.columnViewportPosition(5) + shown.table.columnWidth(5) <= shown.table.viewport().width(), (
        "the network itself is in sight"
    )
    assert shown.table.verticalScrollBar().maximum() == 0

    assert [row.label for row in shown.plot.rows][:2] == [
        "Synthetic images, without fusion",
        "Synthetic images, with fusion",
    ]
    assert shown.plot.rows[0].difference.value == pytest.approx(10)
    qtbot.keyClick(shown.measure_box, Qt.Key.Key_Down)
    assert shown.plot.accessibleName() == "Differences in balanced accuracy"
    assert shown.plot.rows[0].difference.value == pytest.approx(5)
    assert "does not mean that there is none" in shown.notes.label.text()


def test_curves_show_test_or_training_images(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    _measured(study, OptimizersSettings(folds=2, epochs=3))
    tab.open_study(study)
    curves = _open(qtbot, tab, "optimizers").result.curves
    epochs, accuracies = curves.accuracy.values("AdamW")
    assert list(epochs) == [1, 2, 3] and list(accuracies) == pytest.approx([50, 60, 70])
    assert list(curves.loss.values("Adam")[1]) == pytest.approx([2, 1, 2 / 3])
    qtbot.keyClick(curves.part, Qt.Key.Key_Down)
    assert curves.accuracy.accessibleName() == "Accuracy, training"
    assert list(curves.accuracy.values("AdamW")[1]) == pytest.approx([78, 88, 98])
    assert list(curves.loss.values("Adam")[1]) == pytest.approx([1, 1 / 2, 1 / 3])
    assert len({series_colour(place) for place in range(6)}) == 6


def test_learning_rates_are_named_and_leaking_numbers_marked(
    qtbot: QtBot, tab: ValidationTab, study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = OptimizersSettings(folds=2, epochs=3)
    run = _measured(study, settings, leaks=["weights are carried from fold to fold"])
    result = run.result() or {}
    for column, made in zip(result["columns"], settings.columns.values(), strict=True):
        training = made.training
        column |= {"optimizer": training.optimizer_in_words, "learning_rate": training.learning_rate}
    tab.open_study(study)
    view = _open(qtbot, tab, "optimizers")
    view.result.show_result(result, phantoms=False)
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in view.result.table.as_text().splitlines()}
    assert rows["Training"] == [
        "learning rate 0.01",
        "learning rate 0.0001",
        "learning rate 0.0001; weight decay 0.05",
        "learning rate 0.0001",
    ]
    assert all(cell.startswith("⚠ ") for cell in rows["Accuracy (%)"] + rows["Lowest and highest fold (%)"])
    assert view.result.sentence.text().startswith("⚠ ")
    assert "These numbers leak: weights are carried" in view.result.notes.label.text()

    target = tmp_path / "table.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    next(action for action in view.result.table.export_menu().actions() if "CSV" in action.text()).trigger()
    with target.open(encoding="utf-8") as stream:
        exported = {row[0]: row for row in csv.reader(stream)}
    assert [float(cell) for cell in exported["Accuracy (%)"][1:4]] == pytest.approx([60, 55, 64])
    assert exported["Time to train"][1] == "90.0"


def test_a_result_is_reached_from_the_job_bar_and_a_stopped_one_resumed(
    qtbot: QtBot, tab: ValidationTab, study: Workspace
) -> None:
    older = _measured(study, RivalsSettings(folds=2, epochs=3))
    stopped = _measured(study, RivalsSettings(folds=3, epochs=3), finished=False)
    tab.open_study(study)
    tab.open_run(older.id)
    view = tab.rivals_view
    assert view.isVisible() and view.run_box.currentData() == older.id and view.result.isVisible()
    assert "did not finish" in view.state.text()
    with qtbot.waitSignal(tab.resume_requested) as resumed:
        qtbot.mouseClick(view.resume_button, Qt.MouseButton.LeftButton)
    assert resumed.args == [stopped.id]


def test_real_optimisers_are_started_watched_and_shown(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    tab.open_study(study)
    tab.form.set_values({"folds": 2, "epochs": 1, "image_size": 16, "network": "cnn", "batch_size": 8})
    view = _open(qtbot, tab, "optimizers")
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(view.start_button, Qt.MouseButton.LeftButton)
    watch(qtbot, tab, study, asked.args[0])
    assert view.result.isVisible() and view.result.table.columnCount() == 5
    assert len(view.result.plot.rows) == 3 and len(view.result.curves.loss.values("RMSprop")[0]) == 1
    assert tab.runs_list.tree.topLevelItemCount() == 4, "its runs are runs of the study"
    qtbot.waitUntil(lambda: "has all 4 cross-validations" in view.plan.text())
