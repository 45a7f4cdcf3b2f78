"""The whole study in the real window, by mouse, on a slice of BUSI: from the import to the diagnosis and back."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.import_preview import ImportPreview
from busapp.gui.main_window import MainWindow
from busapp.gui.widgets.settings_form import SettingsForm

SLICE = {"benign": 10, "malignant": 8, "normal": 10}


@pytest.fixture
def slice_of_busi(busi_256: Path, tmp_path: Path) -> Path:
    for name, count in SLICE.items():
        folder = tmp_path / "slice" / name
        folder.mkdir(parents=True)
        for number in range(1, count + 1):
            shutil.copy(busi_256 / name / f"{name} ({number}).png", folder)
    return tmp_path / "slice"


def _click(qtbot: QtBot, button: Any) -> None:
    assert button.isVisible(), button.text()
    assert button.isEnabled(), button.text()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _open_tab(qtbot: QtBot, window: MainWindow, index: int) -> None:
    bar = window.tabs.tabBar()
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())
    assert window.pages[index].isVisible()


def _do(qtbot: QtBot, window: MainWindow, button: Any) -> dict[str, Any]:
    """Click the button that starts a job, and wait for its end."""
    with qtbot.waitSignal(window.queue.ended, timeout=120_000) as ended:
        _click(qtbot, button)
    outcome = ended.args[1]
    assert outcome.state == "finished", (outcome.error, outcome.details)
    return dict(outcome.result)


def _fill(form: SettingsForm, values: dict[str, Any]) -> None:
    form.set_values(values)
    assert form.is_valid


def test_a_study_from_import_to_diagnosis(qtbot: QtBot, tmp_path: Path, slice_of_busi: Path) -> None:
    window = MainWindow(Workspace.create(tmp_path / "BUSI"))
    window.resize(1280, 800)
    window.show()

    window.dataset.import_from([slice_of_busi])
    preview = window.dataset.findChildren(ImportPreview)[-1]
    qtbot.waitUntil(preview.import_button.isEnabled)
    _do(qtbot, window, preview.import_button)
    assert {count.name: count.real for count in window.dataset.overview.balance.counts} == SLICE
    assert _do(qtbot, window, window.dataset.sidebar.check_button)["n_images"] == 28

    _open_tab(qtbot, window, 1)
    synthesis = window.synthesis
    assert (synthesis.class_name, synthesis.form.values()["count"]) == ("malignant", 2)
    _fill(synthesis.form, {"epochs": 2, "image_size": 16, "batch_size": 4, "sample_every": 1})
    drawn = _do(qtbot, window, synthesis.start_button)
    assert synthesis.losses.values("g")[0].tolist() == [1, 2]
    assert synthesis.film.epoch == 2
    by_class = {count.name: count.synthetic for count in window.dataset.overview.balance.counts}
    assert by_class == {"benign": 0, "malignant": drawn["images"], "normal": 0}

    _open_tab(qtbot, window, 2)
    validation = window.validation
    tiny = {"folds": 2, "epochs": 2, "image_size": 32, "width": 0.25, "pretrained": False, "batch_size": 8}
    results = {}
    for system in ("existing", "system1", "system2"):
        _fill(validation.form, {**tiny, "system": system, "protocol": "published"})
        assert validation.protocol_leaks.isVisible()
        results[system] = _do(qtbot, window, validation.start_button)
        n_folds = 1 if system == "existing" else 2
        assert len(results[system]["folds"]) == n_folds
        assert validation.confusion.tabs.count() == n_folds + 1
    assert results["system2"]["n_synthetic"] == 2
    assert results["system2"]["leaks"]["generators_that_saw_test_images"] == 1
    assert validation.result.leaks.isVisible()

    with qtbot.waitSignal(window.validation.diagnosis_requested, timeout=120_000):
        _click(qtbot, validation.result.use_button)
    diagnosis = window.diagnosis
    qtbot.waitUntil(lambda: window.tabs.currentWidget() is window.pages[3])
    diagnosis.diagnose(slice_of_busi / "malignant" / "malignant (1).png")
    qtbot.waitUntil(lambda: diagnosis.single.isVisible(), timeout=30_000)
    assert diagnosis.view.heat_map_is_visible
    qtbot.waitUntil(lambda: window.queue.current is None)
    window.close()

    again = MainWindow(Workspace.open(tmp_path / "BUSI"))
    again.show()
    assert again.dataset.grid.images.rowCount() == 28 + drawn["images"]
    assert again.synthesis.losses.values("g")[0].tolist() == [1, 2]
    assert again.validation.runs_list.tree.topLevelItemCount() == 3
    assert again.validation.curves.accuracy.values("test")[0].tolist() == [1, 2]
    assert again.validation.confusion.tabs.count() == 3
    assert again.diagnosis.model_path is not None
    again.close()
