"""The Diagnosis tab as a user meets it, with a real tiny ONNX model: one image, many images, the clipboard."""

from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from tiny_model import CLASSES, PROVENANCE, write_model

from busapp import paths
from busapp.engine import jobs
from busapp.engine.events import Finished, Job
from busapp.engine.settings import DiagnoseSettings, ExportSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.diagnosis.models_dialog import ModelsDialog
from busapp.gui.diagnosis.report_dialog import ReportDialog
from busapp.gui.diagnosis.similar_images import SimilarDialog
from busapp.gui.diagnosis.tab import DiagnosisTab

LEAKY = {"protocol": "published", "leaks": {"groups_split": 3}}


def picture(folder: Path, channel: int, name: str) -> Path:
    """An image with a bright right half in one channel: benign, malignant or normal to the tiny network."""
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = 220
    Image.fromarray(values).save(folder / name)
    return folder / name


@pytest.fixture
def study(phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """A study with one model; no model ships with the program."""
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "nothing ships")
    write_model(phantom_study.models_dir / "r1.onnx")
    return phantom_study


def drop(tab: DiagnosisTab, *files: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    tab.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, none))


def test_without_a_model_the_way_to_one_is_told(
    tab: DiagnosisTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "nothing ships")
    tab.open_study(phantom_study)
    assert "Use for diagnosis" in tab.empty.label.text()
    assert not tab.open_button.isEnabled()


def test_a_dropped_image_is_diagnosed_in_a_thread(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    assert tab.empty.isVisible()
    drop(tab, picture(tmp_path, 1, "bright.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert "malignant" in tab.result.answer.text()
    assert set(tab.result.bars.values()) == set(CLASSES)
    assert tab.view.heat_map_is_visible
    card = tab.result.card.text()
    assert "75.0%" in card and "55.0%" in card and "strict" in card and "24 images" in card
    assert "phantoms" in tab.result.cautions.label.text()
    with qtbot.waitSignal(tab.result.evidence_changed):
        tab.result.evidence.setCurrentText("normal")


def test_a_model_whose_accuracy_leaks_is_marked(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(picture(tmp_path, 0, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    leaky = write_model(study.models_dir / "leaky.onnx", provenance={**PROVENANCE, **LEAKY})
    tab.open_model(leaky)
    assert tab.model_path == leaky
    qtbot.waitUntil(lambda: "leaks" in tab.result.cautions.label.text())


def test_a_blank_image_gets_no_answer_but_a_reason(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    Image.new("RGB", (40, 40), (90, 90, 90)).save(tmp_path / "blank.png")
    tab.diagnose(tmp_path / "blank.png")
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert tab.result.answer.text() == "No answer"
    assert "blank" in tab.result.reasons.text()


def test_an_image_is_pasted(qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path) -> None:
    tab.open_study(study)
    QGuiApplication.clipboard().setImage(QImage(str(picture(tmp_path, 2, "green.png"))))
    qtbot.keyClick(tab, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert "normal" in tab.result.answer.text()
    assert tab.result.file.text() == "pasted image"
    QGuiApplication.clipboard().clear()


def test_what_cannot_be_read_is_told_and_the_next_works(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    with qtbot.waitSignal(tab.problem) as told:
        tab.diagnose(tmp_path / "torn.png")
    assert "torn.png" in told.args[0]
    assert told.args[1] == ""
    tab.diagnose(picture(tmp_path, 0, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())


def test_only_the_newest_of_hasty_questions_is_answered(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    for channel, name in enumerate(("a.png", "b.png", "c.png")):
        tab.diagnose(picture(tmp_path, channel, name))
    qtbot.waitUntil(lambda: tab.result.file.text() == "c.png")
    assert "normal" in tab.result.answer.text()


def test_several_images_fill_the_table(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(study)
    files = [picture(tmp_path, channel, f"{channel}.png") for channel in (2, 0, 1)]
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    with qtbot.waitSignal(tab.start_requested) as asked:
        drop(tab, *files, tmp_path / "torn.png")
    settings = asked.args[0]
    assert isinstance(settings, DiagnoseSettings) and settings.model == study.models_dir / "r1.onnx"
    for event in jobs.start(study, settings):
        tab.job_event("diagnose", event)
    assert tab.batch.isVisible()
    assert len(tab.batch.entries()) == 4

    tab.batch.filter.setCurrentText("malignant")
    assert [Path(entry["file"]).name for entry in tab.batch.entries()] == ["1.png"]
    target = tmp_path / "table.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    tab.batch.csv_button.click()
    assert len(target.read_text(encoding="utf-8").splitlines()) == 2
    tab.batch.filter.setCurrentText("without an answer")
    assert [Path(entry["file"]).name for entry in tab.batch.entries()] == ["torn.png"]
    tab.batch.csv_button.click()
    assert "torn.png,,,True," in target.read_text(encoding="utf-8")

    tab.batch.filter.setCurrentIndex(0)
    tab.batch.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [entry["predicted"] for entry in tab.batch.entries()] == ["benign", "malignant", "normal", None]
    tab.batch.table.setFocus()
    tab.batch.table.selectRow(0)
    qtbot.keyClick(tab.batch.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert "benign" in tab.result.answer.text()

    again = DiagnosisTab()
    qtbot.addWidget(again)
    again.open_study(study)
    assert len(again.batch.entries()) == 4


def test_a_report_of_the_image_is_asked_for(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(study)
    image = picture(tmp_path, 1, "a.png")
    tab.diagnose(image)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "report"), ""))
    with qtbot.waitSignal(tab.start_requested) as asked:
        tab.result.report_button.click()
        save_report(qtbot, tab)
    assert asked.args[0].images == (image,)
    assert asked.args[0].pdf == tmp_path / "report.pdf"


def test_closing_waits_for_the_image_at_hand(tab: DiagnosisTab, study: Workspace, tmp_path: Path) -> None:
    tab.open_study(study)
    tab.diagnose(picture(tmp_path, 1, "a.png"))
    tab.close()
    assert tab.single._thread is None


def test_a_failed_run_does_not_hide_the_table_before_it(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    model = study.models_dir / "r1.onnx"
    images = tuple(picture(tmp_path, channel, f"{channel}.png") for channel in (0, 1))
    for _ in jobs.start(study, DiagnoseSettings(images=images, model=model)):
        pass
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(b"no model")
    with pytest.raises(UserError):
        for _ in jobs.start(study, DiagnoseSettings(images=images, model=torn)):
            pass
    tab.open_study(study)
    assert len(tab.batch.entries()) == 2
    qtbot.mouseClick(tab.table_button, Qt.MouseButton.LeftButton)
    assert tab.batch.isVisible()


def test_the_models_name_is_not_cut(tab: DiagnosisTab, study: Workspace) -> None:
    tab.open_study(study)
    long = "a model with a rather long name, as people give them to their studies"
    write_model(study.models_dir / f"{long}.onnx")
    tab.refresh()
    tab.open_model(study.models_dir / f"{long}.onnx")
    assert tab.model_box.sizeHint().width() > tab.model_box.fontMetrics().horizontalAdvance(long)


def test_the_run_of_an_export_shows_its_model(tab: DiagnosisTab, study: Workspace) -> None:
    older = write_model(study.models_dir / "r0.onnx")
    run = study.new_run("export", ExportSettings(run="r0").model_dump(mode="json"))

    def exported() -> Job:
        yield Finished({"model": str(older)})

    list(record(run, exported()))
    tab.open_study(study)
    tab._select_model(study.models_dir / "r1.onnx")
    tab.open_run(run.id)
    assert tab.model_path == older


def loop(folder: Path, n_frames: int) -> Path:
    """A DICOM loop of three frames (benign, malignant, normal) whose file name has no suffix."""
    frames = np.full((n_frames, 48, 64, 3), 20, np.uint8)
    for number in range(n_frames):
        frames[number, :, 32:, number % 3] = 220
    (folder / "IM_0001").write_bytes(dicom_bytes(frames))
    return folder / "IM_0001"


def test_a_dropped_dicom_loop_has_a_slider_and_every_frame_its_answer(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    drop(tab, loop(tmp_path, 3))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert tab.view.frames.words.text() == "frame 2 of 3"
    assert "malignant" in tab.result.answer.text()
    qtbot.keyClick(tab.view.view, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: "normal" in tab.result.answer.text())
    assert tab.result.file.text() == "IM_0001, frame 3 of 3"
    tab.diagnose(picture(tmp_path, 0, "still.png"))
    qtbot.waitUntil(lambda: "benign" in tab.result.answer.text())
    assert not tab.view.frames.isVisible()


def test_dragging_the_slider_queues_nothing_up(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(loop(tmp_path, 40))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    answered: list[int] = []
    tab.single.answered.connect(lambda event: answered.append(event.frame))
    for number in range(1, 41):
        tab.view.frames.slider.setValue(number)
    qtbot.waitUntil(lambda: bool(answered) and answered[-1] == 40)
    assert len(answered) == 2  # the one that was running, and the newest
    assert tab.view.frames.words.text() == "frame 40 of 40"


def test_a_loop_that_is_cut_short_shows_the_frames_that_are_there(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    whole = loop(tmp_path, 3)
    whole.write_bytes(whole.read_bytes()[:-500])
    tab.diagnose(whole)
    qtbot.waitUntil(lambda: tab.single.isVisible())
    with qtbot.waitSignal(tab.problem) as told:
        tab.view.frames.slider.setValue(3)
    assert "cut short" in told.args[0]
    assert tab.view.frames.words.text() == "frame 2 of 3"


def crop(qtbot: QtBot, tab: DiagnosisTab, start: tuple[int, int], end: tuple[int, int]) -> None:
    qtbot.mouseClick(tab.view.crop_button, Qt.MouseButton.LeftButton)
    canvas = tab.view.view
    first, last = canvas.mapFromScene(*start), canvas.mapFromScene(*end)
    qtbot.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(canvas.viewport(), last)
    qtbot.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton, pos=last)


def test_a_crop_is_diagnosed_reported_and_undone(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.full((60, 90, 3), 20, np.uint8)
    values[:, :20, 0] = 255  # benign, on the left
    values[:, 20:, 2] = 200  # normal, most of it
    Image.fromarray(values).save(tmp_path / "both.png")
    tab.open_study(study)
    tab.diagnose(tmp_path / "both.png")
    qtbot.waitUntil(lambda: "normal" in tab.result.answer.text())
    assert not tab.view.whole_button.isVisible()

    crop(qtbot, tab, (0, 0), (40, 60))
    qtbot.waitUntil(lambda: "cropped" in tab.result.file.text())
    shown = tab.view.view.picture.size()
    assert abs(shown.width() - 40) <= 1 and shown.height() == 60
    crop(qtbot, tab, (0, 10), (30, 50))  # in the pixels of the shown image
    qtbot.waitUntil(lambda: tab.view.view.picture.width() < 35)
    assert "benign" in tab.result.answer.text()
    assert tab.single.shown is not None
    assert tab.single.shown.request.crop == pytest.approx((0, 10, 30, 50), abs=1)
    assert tab.view.heat_map_is_visible

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "report.pdf"), ""))
    with qtbot.waitSignal(tab.start_requested) as asked:
        tab.result.report_button.click()
        save_report(qtbot, tab)
    (reported,) = asked.args[0].images
    assert reported.is_relative_to(study.root / "cache")
    assert np.array_equal(np.asarray(Image.open(reported).convert("RGB")), np.asarray(tab.single.shown.image))

    qtbot.mouseClick(tab.view.whole_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.result.file.text() == "both.png")
    assert tab.view.view.picture.width() == 90


def test_a_crop_stays_from_frame_to_frame_and_goes_with_the_file(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(loop(tmp_path, 3))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    crop(qtbot, tab, (30, 0), (64, 48))
    qtbot.waitUntil(lambda: "cropped" in tab.result.file.text())
    qtbot.keyClick(tab.view.view, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: tab.result.file.text() == "IM_0001, frame 1 of 3, cropped")
    assert abs(tab.view.view.picture.width() - 34) <= 1
    tab.diagnose(picture(tmp_path, 2, "next.png"))
    qtbot.waitUntil(lambda: tab.result.file.text() == "next.png")
    assert tab.view.view.picture.width() == 64


def test_window_and_level_change_nothing_that_the_model_sees(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(loop(tmp_path, 3))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    with qtbot.assertNotEmitted(tab.single.answered, wait=50):
        tab.view.window_menu.width_slider.setValue(30)
    qtbot.keyClick(tab.view.view, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: "benign" in tab.result.answer.text())
    assert tab.single.shown is not None
    assert tab.single.shown.image.getpixel((60, 5)) == (220, 20, 20)
    assert tab.view.window_shown.width == 30  # kept for the loop
    tab.diagnose(picture(tmp_path, 2, "next.png"))
    qtbot.waitUntil(lambda: tab.result.file.text() == "next.png")
    assert tab.view.window_shown.is_plain


def test_similar_images_of_the_study_are_shown_and_opened(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    records = study.catalog.images(class_name="malignant")
    known = [(records[0].sha256, "malignant"), ("f" * 64, "malignant"), (records[1].sha256, "malignant")]
    model = write_model(study.models_dir / "knows.onnx", known=known)
    tab.open_study(study)
    tab.open_model(model)
    tab.diagnose(picture(tmp_path, 1, "a.png"))
    qtbot.waitUntil(lambda: len(tab.result.similar.tiles) == 3)
    first, absent, last = tab.result.similar.tiles
    assert [tile.text() for tile in tab.result.similar.tiles] == ["malignant"] * 3
    assert first.isEnabled() and not first.similar.small.isNull()
    assert records[0].file in first.toolTip() and "distance 0.00" in first.toolTip()
    assert not absent.isEnabled() and "not in this study" in absent.toolTip()
    last.setFocus()
    qtbot.keyClick(last, Qt.Key.Key_Space)
    dialog = tab.result.findChild(SimilarDialog)
    assert dialog is not None and dialog.isVisible()
    assert "malignant" in dialog.answer.text() and records[1].file in dialog.words.text()
    qtbot.waitUntil(lambda: dialog.canvas.picture.width() == 64)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    tab.open_model(study.models_dir / "r1.onnx")  # an older model, which does not list its training images
    qtbot.waitUntil(lambda: not tab.result.similar.isVisible())


def test_what_is_not_decided_is_said_in_the_place_of_the_class(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    unsure = {"coverage": 0.9, "least_probability": {"benign": 0.05, "malignant": 0.05, "normal": 0.9}}
    model = write_model(study.models_dir / "unsure.onnx", conformal=unsure)
    tab.open_study(study)
    tab.open_model(model)
    tab.diagnose(picture(tmp_path, 1, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert tab.result.answer.text() == "malignant or benign: not decided"
    assert "90%" in tab.result.reasons.text()


def test_an_image_unlike_the_known_ones_gets_no_class_and_the_bars_are_not_to_be_relied_on(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    novel = {"limit": 0.5}
    model = write_model(study.models_dir / "novel.onnx", known=[("f" * 64, "benign")], novelty=novel)
    tab.open_study(study)
    tab.open_model(model)
    tab.diagnose(picture(tmp_path, 1, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert tab.result.answer.text() == "No answer"
    assert "does not look like" in tab.result.reasons.text()
    assert "Do not rely" in tab.result.time.text()


def test_more_about_the_model_is_asked_for(qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path) -> None:
    tab.open_study(study)
    tab.diagnose(picture(tmp_path, 1, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    more = tab.result.more
    qtbot.mouseClick(more, Qt.MouseButton.LeftButton, pos=more.rect().topLeft() + QPoint(20, more.height() // 2))
    qtbot.waitUntil(lambda: tab.findChild(ModelsDialog) is not None)
    dialog = tab.findChild(ModelsDialog)
    assert dialog.isVisible()
    dialog.close()


def save_report(qtbot: QtBot, tab: DiagnosisTab) -> None:
    """Accept the dialog after its preview is drawn."""
    dialog = tab.findChild(ReportDialog)
    qtbot.waitUntil(lambda: not dialog.page.pixmap().isNull(), timeout=20_000)
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)


def feed(tab: DiagnosisTab, study: Workspace, settings: object) -> None:
    """Run a job that the tab asks for, as the window does."""
    assert isinstance(settings, DiagnoseSettings)
    for event in jobs.start(study, settings):
        tab.job_event("diagnose", event)


def test_images_in_folders_of_classes_are_an_external_validation(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    for index, name in enumerate(CLASSES):
        (tmp_path / "hospital" / name).mkdir(parents=True)
        picture(tmp_path / "hospital" / name, index, "right.png")
    picture(tmp_path / "hospital" / "malignant", 0, "again.png")
    tab.open_study(study)
    feed(tab, study, DiagnoseSettings(images=(tmp_path / "hospital",), model=tab.model_path))
    external = tab.batch.external
    assert external.isVisible()
    # Two of the files are the same picture: it counts once.
    assert "3 images" in external.circumstances.text() and "same file" in external.left_out.label.text()
    assert tab.batch.table.model().headerData(2, Qt.Orientation.Horizontal) == "True class"
    matrix = external.matrix
    qtbot.mouseClick(
        matrix.viewport(), Qt.MouseButton.LeftButton, pos=matrix.visualItemRect(matrix.item(2, 2)).center()
    )
    assert [Path(entry["file"]).parent.name for entry in tab.batch.entries()] == ["normal"]
    qtbot.mouseClick(external.all_button, Qt.MouseButton.LeftButton)
    assert len(tab.batch.entries()) == 4


def test_labels_of_a_table_are_asked_for_and_the_images_diagnosed_again(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [picture(tmp_path, channel, f"{channel}.png") for channel in range(2)]
    tab.open_study(study)
    feed(tab, study, DiagnoseSettings(images=tuple(files), model=tab.model_path))
    assert not tab.batch.external.isVisible()
    table = tmp_path / "labels.csv"
    table.write_text("file,class\n0.png,normal\n1.png,malignant\n", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(table), ""))
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.batch.labels_button, Qt.MouseButton.LeftButton)
    feed(tab, study, asked.args[0])
    assert tab.batch.external.isVisible()
    assert "50.0 %" in tab.batch.external.accuracy.text()
