"""The Diagnosis tab as a user meets it, with a real tiny ONNX model: one image, the clipboard, the model."""

from pathlib import Path

import pytest
from diagnosing import drop, picture, save_report
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from tiny_model import CLASSES, PROVENANCE, write_model

from busapp import paths
from busapp.engine.events import Finished, Job
from busapp.engine.images.framing import ONLY_CENTRE
from busapp.engine.settings import ExportSettings
from busapp.engine.study.runs import record
from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.models_dialog import ModelsDialog
from busapp.gui.diagnosis.similar_images import SimilarDialog
from busapp.gui.diagnosis.tab import DiagnosisTab

LEAKY = {"protocol": "published", "leaks": {"groups_split": 3}}


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


def test_what_was_done_to_a_picture_is_told(qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path) -> None:
    tab.open_study(study)
    lying, exif = tmp_path / "lying.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.open(picture(tmp_path, 1, "a.png")).transpose(Image.Transpose.ROTATE_90).save(lying, exif=exif)
    tab.diagnose(lying)
    qtbot.waitUntil(lambda: tab.single.isVisible() and tab.single.shown is not None)
    assert tab.single.shown is not None and tab.single.shown.image.size == (64, 48)
    assert tab.result.remarks.isVisible() and "turned upright" in tab.result.remarks.text()
    tab.diagnose(tmp_path / "a.png")
    qtbot.waitUntil(lambda: tab.result.file.text() == "a.png")
    assert not tab.result.remarks.isVisible()


def test_where_a_model_does_not_look_is_said_beside_the_heat_map(
    qtbot: QtBot, tab: DiagnosisTab, study: Workspace, tmp_path: Path
) -> None:
    tab.open_study(study)
    tab.diagnose(picture(tmp_path, 0, "a.png"))
    qtbot.waitUntil(lambda: tab.single.isVisible())
    assert not tab.result.unseen.isVisible()
    tab.open_model(write_model(study.models_dir / "centre.onnx", framing="centre"))
    qtbot.waitUntil(tab.result.unseen.isVisible)
    assert tab.result.unseen.text() == ONLY_CENTRE
    assert tab.single.view.seen_box.isEnabled()


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
