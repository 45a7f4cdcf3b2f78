import json
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox
from pytestqt.qtbot import QtBot

from busapp.engine import jobs
from busapp.engine.catalog import FoundPair, NewImage
from busapp.engine.curation.covering import cover_image
from busapp.engine.events import RunStarted
from busapp.engine.settings import CoverSettings, CurateSettings, ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.import_preview import LOOKING, ImportPreview
from busapp.gui.dataset.tab import DatasetTab
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.jobs.job_thread import JobOutcome


def _preview(qtbot: QtBot, tab: DatasetTab) -> ImportPreview:
    """The newest preview, after it has looked at the files."""
    preview = tab.findChildren(ImportPreview)[-1]
    qtbot.waitUntil(lambda: preview.summary.text() != LOOKING)
    return preview


def _drop(tab: DatasetTab, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, no_button, no_key = Qt.DropAction.CopyAction, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    tab.dropEvent(QDropEvent(QPointF(100, 100), copy, data, no_button, no_key))


def test_an_empty_study_says_what_to_do(qtbot: QtBot, tab: DatasetTab, empty_study: Workspace) -> None:
    tab.open_study(empty_study)
    assert tab.empty.isVisible()
    assert "Import a folder" in tab.empty.label.text()
    with qtbot.waitSignal(tab.sample_requested):
        qtbot.mouseClick(tab.empty.second_button, Qt.MouseButton.LeftButton)


def test_a_folder_is_previewed_before_it_comes_in(
    qtbot: QtBot, tab: DatasetTab, empty_study: Workspace, phantom_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(empty_study)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(phantom_folder))
    qtbot.mouseClick(tab.empty.button, Qt.MouseButton.LeftButton)
    preview = _preview(qtbot, tab)
    assert preview.import_button.text() == "Import 24 images"
    assert preview.found.rows.rowCount() == 3
    assert "masks are joined" in preview.summary.text()
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(preview.import_button, Qt.MouseButton.LeftButton)
    assert asked.args == [ImportSettings(sources=(phantom_folder,))]
    assert empty_study.catalog.images() == []


def test_a_folder_may_be_dropped_on_the_field_for_names(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, phantom_folder: Path
) -> None:
    tab.open_study(phantom_study)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(phantom_folder))])
    data.setText(str(phantom_folder))  # file managers set the text as well
    field = tab.filters.name_edit
    copy, button, no_key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(field, QDragEnterEvent(QPoint(5, 5), copy, data, button, no_key))
    QApplication.sendEvent(field, QDropEvent(QPointF(5, 5), copy, data, button, no_key))
    assert field.text() == ""
    _preview(qtbot, tab).reject()


def test_the_grid_has_the_keys_after_a_review(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    tab.activateWindow()
    tab.open_review()
    qtbot.waitUntil(tab.review.hasFocus)
    qtbot.keyClick(tab.review, Qt.Key.Key_Escape)
    assert tab.grid.hasFocus()


def test_filters_choose_what_is_shown(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    phantom_study.catalog.exclude([images[0].id], "poor image")
    phantom_study.catalog.set_curation([image.id for image in images], [], {images[3].id: ["blank"]}, {})
    tab.open_study(phantom_study)
    assert tab.sidebar.count_label.text() == "24 of 24 images, 0 selected"
    tab.filters.class_box.setCurrentText("normal")
    assert {image.class_name for image in tab.grid.images.images} == {"normal"}
    tab.filters.class_box.setCurrentIndex(0)
    tab.filters.state_box.setCurrentText("set aside")
    assert [image.id for image in tab.grid.images.images] == [images[0].id]
    tab.filters.flag_box.setCurrentText("blank")
    assert tab.no_match.isVisible()
    qtbot.mouseClick(tab.no_match.button, Qt.MouseButton.LeftButton)
    tab.filters.flag_box.setCurrentText("any flag")
    assert [image.id for image in tab.grid.images.images] == [images[3].id]
    tab.filters.kind_box.setCurrentText("synthetic")
    assert tab.grid.images.rowCount() == 0


def test_duplicates_wait_in_a_banner_and_stand_side_by_side(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace
) -> None:
    images = phantom_study.catalog.images()
    benign = [image.id for image in images if image.class_name == "benign"]
    normal = [image.id for image in images if image.class_name == "normal"]
    pairs = [FoundPair(*ids, 0.99, "looks alike") for ids in ((benign[1], benign[4]), (benign[3], normal[5]))]
    phantom_study.catalog.set_curation([image.id for image in images], pairs, {}, {})
    tab.open_study(phantom_study)
    assert tab.banner.label.text() == "2 pairs look alike, 1 of them with different classes."
    tab.filters.alike_box.setCurrentText("near-duplicates")
    assert [image.id for image in tab.grid.images.images] == [benign[3], normal[5], benign[1], benign[4]]
    tab.filters.alike_box.setCurrentText("different classes")
    assert [image.id for image in tab.grid.images.images] == [benign[3], normal[5]]
    phantom_study.catalog.exclude([normal[5]], "contradicting labels")
    tab.refresh()
    assert tab.banner.label.text() == "1 pair looks alike."
    qtbot.mouseClick(tab.banner.action_button, Qt.MouseButton.LeftButton)
    assert tab.review.isVisible()
    pair = tab.review.pair
    assert pair is not None and (pair.first, pair.second) == (benign[1], benign[4])
    qtbot.keyClick(tab.review, Qt.Key.Key_Escape)
    assert tab.grid.isVisible()
    assert tab.banner.label.text() == "1 pair looks alike."  # it is not decided, so it still waits
    qtbot.mouseClick(tab.banner.close_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(tab.sidebar.review_button, Qt.MouseButton.LeftButton)
    assert tab.review.isVisible()


def test_images_are_joined_to_a_group_and_taken_out_by_keys(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    first, second, third = (image.id for image in tab.grid.images.images[:3])
    for row in (0, 1):
        tab.grid.selectionModel().select(tab.grid.images.index(row), QItemSelectionModel.SelectionFlag.Select)
    tab.grid.setFocus()
    qtbot.keyClick(tab.grid, Qt.Key.Key_G)
    assert [image.group for image in phantom_study.catalog.images()[:3]] == [first, first, third]
    qtbot.keyClick(tab.grid, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    assert [image.id for image in tab.grid.images.images] == [first, second]
    assert tab.filters.clear_button.text() == f"Group {first} only: show all"
    tab.grid.setCurrentIndex(tab.grid.images.index(1))
    qtbot.keyClick(tab.grid, Qt.Key.Key_T)
    assert [image.group for image in phantom_study.catalog.images()[:2]] == [first, second]
    phantom_study.catalog.undo()
    assert [image.group for image in phantom_study.catalog.images()[:2]] == [first, first]


def test_images_of_one_patient_cannot_be_taken_apart(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    known = phantom_study.catalog.images()[0]
    of_one = [NewImage(f"benign/x{n}.png", known.sha256, ".png", "benign", 64, 64, patient="p") for n in (1, 2)]
    phantom_study.catalog.add(of_one, "two of one patient")
    tab.open_study(phantom_study)
    assert "1 patient;" in tab.overview.summary.text()
    tab.filters.alike_box.setCurrentText("near-duplicates")
    assert tab.grid.images.rowCount() == 0
    tab.filters.alike_box.setCurrentText("grouped")
    assert [image.file for image in tab.grid.images.images] == ["benign/x1.png", "benign/x2.png"]
    tab.filters.clear()
    tab.filters.name_edit.setText("x1")
    assert [image.file for image in tab.grid.images.images] == ["benign/x1.png"]
    tab.grid.setFocus()
    tab.grid.setCurrentIndex(tab.grid.images.index(0))
    with qtbot.waitSignal(tab.problem) as told:
        qtbot.keyClick(tab.grid, Qt.Key.Key_T)
    assert "same patient" in told.args[0]


def test_a_study_that_did_not_change_is_not_read_again(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(phantom_study)
    read: list[int] = []
    shown = tab.overview.show_dataset
    monkeypatch.setattr(tab.overview, "show_dataset", lambda *args: (read.append(1), shown(*args)))
    tab.refresh()
    assert read == []
    phantom_study.catalog.exclude([1], "poor image")
    tab.refresh()
    assert read == [1]


def test_text_is_covered_once_the_user_agrees(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(phantom_study)
    tab.grid.setFocus()
    tab.grid.setCurrentIndex(tab.grid.images.index(2))
    shown = tab.grid.images.images[2]
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: QMessageBox.StandardButton.Cancel)
    with qtbot.assertNotEmitted(tab.start_requested):
        qtbot.keyClick(tab.grid, Qt.Key.Key_H)
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: QMessageBox.StandardButton.Ok)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.keyClick(tab.grid, Qt.Key.Key_H)
    assert asked.args == [CoverSettings(ids=(shown.id,))]


def test_what_was_covered_is_shown_afterwards(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[4]
    boxes = [(2, 2, 20, 10)]
    cover_image(phantom_study, image, boxes, "black")
    run = phantom_study.new_run("cover", {})
    tab.open_study(phantom_study)
    tab.open_run(run.id)
    assert [shown.id for shown in tab.grid.images.images] == [image.id]


def test_what_an_import_brought_is_selected_afterwards(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    known = phantom_study.catalog.images()[0]
    tab.open_study(phantom_study)
    run = phantom_study.new_run("import", {})
    tab.job_event("import", RunStarted(run.id, "import", "Import"))
    new = [NewImage(f"normal/x{n}.png", known.sha256, ".png", "normal", 64, 64) for n in (1, 2)]
    phantom_study.catalog.add(new, "two more")
    tab.refresh()
    tab.filters.class_box.setCurrentText("benign")
    tab.open_run(run.id)
    assert tab.grid.images.rowCount() == 26
    assert [image.file for image in tab.grid.selected()] == ["normal/x1.png", "normal/x2.png"]
    assert tab.grid.viewport().rect().intersects(tab.grid.visualRect(tab.grid.currentIndex()))


def test_the_folder_of_an_export_is_opened(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    tab.open_study(phantom_study)
    told = []
    tab.problem.connect(lambda sentence, _details: told.append(sentence))
    for out in (tmp_path / "images", tmp_path / "images.zip"):
        run = phantom_study.new_run("share", {})
        (run.folder / "result.json").write_text(json.dumps({"out": str(out)}))
        tab.open_run(run.id)
        assert told[-1:] == [f"The export is no longer there: {out}"]
        out.mkdir() if not out.suffix else out.write_bytes(b"")
        tab.open_run(run.id)
    assert opened == [str(tmp_path / "images"), str(tmp_path)]


def test_one_image_is_asked_about_as_one(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(phantom_study)
    asked: list[str] = []
    monkeypatch.setattr(QInputDialog, "getItem", lambda *args: (asked.append(args[2]), ("", False))[1])
    tab.grid.setFocus()
    tab.grid.setCurrentIndex(tab.grid.images.index(0))
    qtbot.keyClick(tab.grid, Qt.Key.Key_X)
    qtbot.keyClick(tab.grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(tab.grid, Qt.Key.Key_X)
    assert asked == ["Why is this image set aside?", "Why are these 24 images set aside?"]


def test_images_that_were_not_checked_are_told_with_what_to_do(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    assert tab.banner.label.text() == "24 images have not been checked for duplicates and quality yet."
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.banner.action_button, Qt.MouseButton.LeftButton)
    assert asked.args == [CurateSettings()]
    assert not tab.banner.isVisible()
    assert not tab.sidebar.review_button.isEnabled()
    tab.job_ended("curate", JobOutcome("cancelled"))
    assert tab.banner.label.text() == "24 images have not been checked for duplicates and quality yet."


def test_an_import_that_was_interrupted_can_be_completed(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, phantom_folder: Path
) -> None:
    job = jobs.start(phantom_study, ImportSettings(sources=(phantom_folder,), class_name="malignant"))
    next(job)
    job.close()
    run = phantom_study.runs("import")[0]
    run.info.state = "running"  # without a lock, as after the process was killed
    run.save()
    tab.open_study(phantom_study)
    assert "was interrupted" in tab.banner.label.text()
    qtbot.mouseClick(tab.banner.action_button, Qt.MouseButton.LeftButton)
    menu = tab.sidebar.import_button.menu()
    assert menu.isVisible()
    menu.close()
    phantom_study.new_run("validate", {})  # a newer run
    tab.open_study(phantom_study)
    assert "interrupted" not in tab.banner.label.text()


def test_find_duplicates_asks_for_the_job(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.sidebar.check_button, Qt.MouseButton.LeftButton)
    assert asked.args == [CurateSettings()]


def test_set_aside_bring_back_and_reclassify_by_keys(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(phantom_study)
    first = tab.grid.images.images[0]
    tab.grid.setFocus()
    tab.grid.setCurrentIndex(tab.grid.images.index(0))
    assert not tab.actions_on_images.bring_back.isEnabled()
    monkeypatch.setattr(QInputDialog, "getItem", lambda *args: ("poor image", True))
    qtbot.keyClick(tab.grid, Qt.Key.Key_X)
    assert phantom_study.catalog.images()[0].excluded == "poor image"
    assert tab.overview.balance.counts[0].in_words() == "7 real, lacks 1, 1 set aside"
    assert [image.id for image in tab.grid.selected()] == [first.id]
    qtbot.keyClick(tab.grid, Qt.Key.Key_B)
    assert phantom_study.catalog.images()[0].excluded is None
    monkeypatch.setattr(QInputDialog, "getItem", lambda *args: ("malignant", True))
    qtbot.keyClick(tab.grid, Qt.Key.Key_C)
    assert phantom_study.catalog.images()[0].class_name == "malignant"
    assert [count.real for count in tab.overview.balance.counts] == [7, 9, 8]
    monkeypatch.setattr(QInputDialog, "getItem", lambda *args: ("", False))
    qtbot.keyClick(tab.grid, Qt.Key.Key_X)
    assert phantom_study.catalog.images()[0].excluded is None


def test_space_shows_an_image_large_and_the_grid_walks_along(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    tab.grid.setCurrentIndex(tab.grid.images.index(0))
    qtbot.keyClick(tab.grid, Qt.Key.Key_Space)
    viewer = tab.findChild(ImageViewer)
    assert isinstance(viewer, ImageViewer)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Right)
    assert tab.grid.currentIndex().row() == 1
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_the_grid_walks_along_although_a_filter_let_go_of_an_image(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace
) -> None:
    images = phantom_study.catalog.images()
    flags = {image.id: ["text"] for image in images[:3]}
    phantom_study.catalog.set_curation([image.id for image in images], [], flags, {})
    tab.open_study(phantom_study)
    tab.filters.show_flag("text")
    tab.grid.setFocus()
    tab.grid.setCurrentIndex(tab.grid.images.index(0))
    qtbot.keyClick(tab.grid, Qt.Key.Key_Space)
    viewer = tab.findChild(ImageViewer)
    assert isinstance(viewer, ImageViewer)
    cover_image(phantom_study, viewer.image, [(0, 0, 9, 9)], "black")
    viewer.catalog_changed.emit()
    assert [image.id for image in tab.grid.images.images] == [images[1].id, images[2].id]
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Right)
    assert [image.id for image in tab.grid.selected()] == [images[1].id]
    viewer.reject()


def test_the_slider_changes_the_size(qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    qtbot.keyClick(tab.size_slider, Qt.Key.Key_End)
    assert tab.grid.side == 224
    assert tab.grid.visualRect(tab.grid.images.index(0)).width() > 224


def test_lesion_masks_are_switched_by_the_box_or_the_key(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace
) -> None:
    tab.open_study(phantom_study)
    tab.grid.setFocus()
    qtbot.keyClick(tab.grid, Qt.Key.Key_M)
    assert tab.masks_box.isChecked()
    qtbot.keyClick(tab.masks_box, Qt.Key.Key_Space)
    assert not tab.grid.masks_action.isChecked()
