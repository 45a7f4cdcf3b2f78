"""A cell of the confusion matrix shows its images, their heat maps, and each image large."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot
from recorded_runs import SMALL, validation_run
from tabs import numbers_are_there
from tiny_model import write_model

from busapp.engine.images.framing import ONLY_CENTRE
from busapp.engine.study.workspace import Workspace
from busapp.gui.validation.case_viewer import CaseViewer
from busapp.gui.validation.tab import ValidationTab


def choose_cell(qtbot: QtBot, tab: ValidationTab) -> None:
    """Choose the cell benign called malignant, by keyboard."""
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


def test_where_a_model_does_not_look_is_said_below_its_heat_maps(
    qtbot: QtBot, tab: ValidationTab, phantom_study: Workspace
) -> None:
    run = validation_run(phantom_study, SMALL)
    write_model(phantom_study.models_dir / f"{run.id}.onnx", framing="centre")
    tab.open_study(phantom_study)
    choose_cell(qtbot, tab)
    qtbot.waitUntil(lambda: icon(tab, 0) is not None)
    qtbot.mouseClick(tab.strip.maps_box, Qt.MouseButton.LeftButton)
    icon(tab, 0)
    qtbot.waitUntil(lambda: tab.strip.about_maps.text().endswith(ONLY_CENTRE))


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
