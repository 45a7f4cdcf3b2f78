"""The view of what synthetic images are worth, as a user meets it: start, verdict, plots, resume."""

import csv
from pathlib import Path
from typing import Any

import pytest
from live_runs import watch
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from busapp.engine.events import CheckpointSaved, Finished, Job
from busapp.engine.results import gain_words
from busapp.engine.settings import GainSettings
from busapp.engine.study.runs import Run, record
from busapp.engine.study.workspace import Workspace
from busapp.gui.theme import apply
from busapp.gui.validation.difference_plot import DifferencePlot, DifferenceRow
from busapp.gui.validation.differences import Difference
from busapp.gui.validation.tab import ValidationTab

CLASSES = ["benign", "malignant"]


def _measures(accuracy: float, spread: float) -> dict[str, Any]:
    def entry(value: float, p_value: float | None) -> dict[str, Any]:
        return {"difference": value, "ci95": [value - spread, value + spread], "p_value": p_value}

    p_value = 0.004 if abs(accuracy) > spread else 0.4
    return {
        "accuracy": entry(accuracy, p_value),
        "balanced_accuracy": entry(accuracy / 2, None),
        "sensitivity/benign": entry(0.0, 1.0),
        "sensitivity/malignant": entry(0.1, p_value),
    }


def _training(accuracy: float, *, n_synthetic: int = 0, variants: int = 0) -> dict[str, Any]:
    interval = [accuracy - 0.05, accuracy + 0.04]
    return {
        "run": "20260101-000000-validate",
        "variants": variants,
        "class_weighting": float(bool(variants)),
        "accuracy": accuracy,
        "accuracy_ci95": interval,
        "balanced_accuracy": accuracy,
        "balanced_accuracy_ci95": interval,
        "sensitivity": dict.fromkeys(CLASSES, accuracy),
        "sensitivity_ci95": dict.fromkeys(CLASSES, interval),
        "n_images": 24,
        "n_synthetic": n_synthetic,
    }


def _result(synthetic: float, *, spread: float = 0.02, third: bool = True) -> dict[str, Any]:
    """Result of a measurement: synthetic images added `synthetic` to an accuracy of 80 %, augmentation 0.03."""
    differences: dict[str, Any] = {
        "synthetic": _measures(synthetic, spread),
        "augmented": _measures(0.03, spread) if third else None,
        "instead": _measures(synthetic - 0.03, spread) if third else None,
    }
    instead = differences["instead"]
    return {
        "recipe": "paper",
        "folds": 2,
        "epochs": 3,
        "seed": 0,
        "classes": CLASSES,
        "n_images": 24,
        "n_groups": 23,
        "grown": {"malignant": [8, 8]},
        "generators": [{"preset": "quick", "epochs": 150, "image_size": 64}],
        "more_steps": 0.4,
        "devices": ["CPU"],
        "trainings": {
            "plain": _training(0.8),
            "synthetic": _training(0.8 + synthetic, n_synthetic=8),
            "augmented": _training(0.83, variants=4) if third else None,
        },
        "differences": differences,
        "verdict": gain_words.gain_verdict(differences["synthetic"]["accuracy"]["ci95"]),
        "against_augmented": instead and gain_words.gain_verdict(instead["accuracy"]["ci95"]),
    }


def _measured(study: Workspace, result: dict[str, Any], *, finished: bool = True) -> Run:
    settings = GainSettings(folds=2, epochs=3)
    run = study.new_run("gain", settings.model_dump(mode="json"), settings.subject)

    def job() -> Job:
        run.checkpoint.write_bytes(b"kept")
        yield CheckpointSaved(0)
        yield Finished(result)

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


def _open(qtbot: QtBot, tab: ValidationTab) -> None:
    tab.measurements_button.entries["gain"].trigger()
    qtbot.waitUntil(lambda: "Estimating" not in tab.gain_view.plan.text())


def test_without_a_measurement_it_says_how_to_make_one_and_how_long_it_takes(
    qtbot: QtBot, tab: ValidationTab, study: Workspace
) -> None:
    tab.open_study(study)
    tab.form.set_values({"folds": 3, "epochs": 2, "system": "existing", "protocol": "published", "generator_epochs": 5})
    _open(qtbot, tab)
    view = tab.gain_view
    assert view.empty.isVisible() and "need no generator" in view.empty.text() and not view.result_area.isVisible()
    assert "paper recipe, 3 folds, 2 epochs, seed 0, quick generators of 5 epochs" in view.plan.text()
    assert "3 cross-validations" in view.plan.text() and "roughly" in view.plan.text()
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(view.start_button, Qt.MouseButton.LeftButton)
    assert asked.args[0] == GainSettings(folds=3, epochs=2, generator_epochs=5)
    tab.form.set_values({"folds": 1})
    assert not view.start_button.isEnabled()


def test_where_nothing_is_grown_there_is_nothing_to_measure(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    _open(qtbot, tab)
    assert "All classes are equally large" in tab.gain_view.plan.text()
    assert not tab.gain_view.start_button.isEnabled()


def test_a_study_without_images_cannot_be_measured(qtbot: QtBot, tab: ValidationTab, empty_study: Workspace) -> None:
    tab.open_study(empty_study)
    _open(qtbot, tab)
    assert not tab.gain_view.start_button.isEnabled() and "Import" in tab.gain_view.plan.text()


def test_the_measurement_is_told_in_words_and_numbers(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    _measured(study, _result(-0.004))
    tab.open_study(study)
    _open(qtbot, tab)
    shown = tab.gain_view.result
    assert shown.isVisible() and not tab.result.isVisible()
    assert shown.sentence.text() == (
        "Synthetic images were not shown to help here: accuracy −0.4 points (−2.4 to +1.6) against the same training "
        "without them; plain augmentation and class weights: +3.0 points (+1.0 to +5.0). They did worse than plain "
        "augmentation and class weights, which needs no generator: −3.4 points (−5.4 to −1.4)."
    )
    for words in ("24 images in 23 groups", "8 images of malignant", "quick, 150 epochs, 64 px", "simulated phantoms"):
        assert words in shown.circumstances.text()
    trainings = [line.split("\t") for line in shown.trainings.as_text().splitlines()]
    assert trainings[0][3:5] == ["Sensitivity benign (%)", "Sensitivity malignant (grown) (%)"]
    assert trainings[2][:2] == ["System 2, synthetic images added", "79.6 (74.6 to 83.6)"]
    assert trainings[3][0] == "System 1, augmented and weighted; 4 altered copies, class weighting 1"
    assert [line[-1] for line in trainings[1:]] == ["0", "8", "0"]
    assert shown.headings["instead"].text() == "Synthetic images against plain augmentation and class weights"
    assert [row.label for row in shown.plots["synthetic"].rows] == [
        "Accuracy",
        "Balanced accuracy",
        "Sensitivity, benign",
        "Sensitivity, malignant (grown)",
    ]
    assert len({plot.axis_range() for plot in shown.plots.values()}) == 1, "differences can be compared by eye"
    notes = shown.notes.label.text()
    assert "does not mean no difference" in notes and "another seed (here 0)" in notes and "12 intervals" in notes


@pytest.mark.parametrize(
    ("synthetic", "words"),
    [
        (0.08, "Synthetic images helped here: accuracy +8.0 points"),
        (-0.06, "Synthetic images did harm here: accuracy −6.0 points"),
        (0.01, "Synthetic images were not shown to help here: accuracy +1.0 points"),
    ],
)
def test_the_screen_says_whether_they_help(
    qtbot: QtBot, tab: ValidationTab, study: Workspace, synthetic: float, words: str
) -> None:
    run = _measured(study, _result(synthetic))
    tab.open_study(study)
    tab.open_run(run.id)
    assert tab.gain_view.result.sentence.text().startswith(words)


def test_where_the_training_is_augmented_already_two_are_compared(
    qtbot: QtBot, tab: ValidationTab, study: Workspace
) -> None:
    _measured(study, _result(0.01, third=False))
    tab.open_study(study)
    _open(qtbot, tab)
    shown = tab.gain_view.result
    assert shown.trainings.rowCount() == 2 and "no third to compare" in shown.sentence.text()
    assert shown.plots["synthetic"].isVisible() and not shown.plots["instead"].isVisible()


def test_the_result_is_reached_from_the_job_bar_and_left_with_esc(
    qtbot: QtBot, tab: ValidationTab, study: Workspace
) -> None:
    older, newer = _measured(study, _result(0.08)), _measured(study, _result(-0.06))
    tab.open_study(study)
    tab.open_run(older.id)
    assert tab.gain_view.isVisible() and tab.gain_view.run_box.currentData() == older.id
    assert tab.gain_view.run_box.itemData(0) == newer.id and "helped" in tab.gain_view.result.sentence.text()
    tab.gain_view.run_box.setCurrentIndex(0)
    assert "harm" in tab.gain_view.result.sentence.text()
    qtbot.keyClick(tab.gain_view.result.plots["synthetic"], Qt.Key.Key_Escape)
    assert tab.result.isVisible() and not tab.gain_view.isVisible()
    tab.measurements_button.entries["leaks"].trigger()
    assert tab.leaks_view.isVisible() and tab.leaks_view.run_box.count() == 0, "each shows its own measurements"


def test_a_measurement_that_stopped_can_be_gone_on_with(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    run = _measured(study, _result(0.0), finished=False)
    tab.open_study(study)
    _open(qtbot, tab)
    assert "did not finish" in tab.gain_view.state.text() and tab.gain_view.empty.isVisible()
    with qtbot.waitSignal(tab.resume_requested) as resumed:
        qtbot.mouseClick(tab.gain_view.resume_button, Qt.MouseButton.LeftButton)
    assert resumed.args == [run.id]


# -- the plot -------------------------------------------------------------------------------------------------


class _Seen(DifferencePlot):
    """Remembers the place of the axis."""

    middle = QRectF()

    def paint_row(self, painter: QPainter, middle: QRectF, number: int, centre: float) -> None:
        self.middle = middle
        super().paint_row(painter, middle, number, centre)


@pytest.fixture
def plot(qtbot: QtBot) -> _Seen:
    plot = _Seen("Synthetic images against none")
    qtbot.addWidget(plot)
    shown = DifferenceRow("Accuracy", Difference(10.0, 5.0, 20.0), 0.004)
    plot.show_rows([shown, DifferenceRow("None", Difference(0.0))])
    plot.resize(800, plot.sizeHint().height())
    plot.show()
    qtbot.waitExposed(plot)
    return plot


def test_arrow_keys_read_the_differences(qtbot: QtBot, plot: DifferencePlot) -> None:
    assert plot.accessibleName() == "Synthetic images against none"
    qtbot.keyClick(plot, Qt.Key.Key_Down)
    assert plot.accessibleDescription() == (
        "Accuracy: +10.0 (+5.0 to +20.0) points, 95 % interval in brackets; p = 0.004 (McNemar on groups, exact)"
    )
    qtbot.keyClick(plot, Qt.Key.Key_Down)
    assert plot.accessibleDescription() == "None: 0.0 points"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_interval_is_drawn_where_its_numbers_say(qapp: Any, plot: _Seen, scheme: str) -> None:
    apply(qapp, scheme)
    image = plot.grab().toImage()
    ratio = image.width() / plot.width()
    ground = image.pixelColor(2, 2).lightness()

    def is_drawn(points: float, y: float) -> bool:
        x = plot.x_of(points, plot.middle)
        return abs(image.pixelColor(int(x * ratio), int(y * ratio)).lightness() - ground) > 70

    assert plot.axis_range() == (-1.0, 21.0)
    assert plot.x_of(10, plot.middle) == pytest.approx(plot.middle.left() + plot.middle.width() / 2)
    assert [is_drawn(points, 13) for points in (0, 2.5, 4.5, 5.5, 10, 19.5, 20.5)] == [1, 0, 0, 1, 1, 1, 0]
    assert is_drawn(0, 2) and is_drawn(0, 50) and not is_drawn(-0.5, 2), "the zero line goes through all rows"


def test_differences_are_exported_as_picture_and_table(
    plot: DifferencePlot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for suffix in ("png", "svg", "csv"):
        target = tmp_path / f"gain.{suffix}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, target=target: (str(target), ""))
        next(action for action in plot.export_menu().actions() if suffix.upper() in action.text()).trigger()
    assert (tmp_path / "gain.png").stat().st_size and "Accuracy" in (tmp_path / "gain.svg").read_text(encoding="utf-8")
    with (tmp_path / "gain.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[1] == ["Accuracy", "10.0", "5.0", "20.0", "0.004"] and len(rows) == 3


def test_a_real_measurement_is_started_watched_and_shown(qtbot: QtBot, tab: ValidationTab, study: Workspace) -> None:
    tab.open_study(study)
    tab.form.set_values(
        {
            "folds": 2,
            "epochs": 1,
            "image_size": 32,
            "width": 0.1,
            "pretrained": False,
            "frozen_stages": 0,
            "batch_size": 8,
            "generator_epochs": 1,
        }
    )
    _open(qtbot, tab)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.gain_view.start_button, Qt.MouseButton.LeftButton)
    watch(qtbot, tab, study, asked.args[0])
    shown = tab.gain_view.result
    assert shown.isVisible() and shown.sentence.text().startswith("Synthetic images ")
    assert shown.trainings.rowCount() == 3 and len(shown.plots["instead"].rows) == 5
    assert tab.runs_list.tree.topLevelItemCount() == 3, "its runs are runs of the study"
    qtbot.waitUntil(lambda: "has all 3 cross-validations" in tab.gain_view.plan.text())
