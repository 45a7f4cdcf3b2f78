from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog
from pytestqt.qtbot import QtBot

from busapp.engine import jobs
from busapp.engine.catalog import NewImage
from busapp.engine.settings import ShareSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.share_dialog import ShareDialog
from busapp.gui.user_settings import last_folder, remember_folder

Opened = Callable[[Workspace], ShareDialog]


@pytest.fixture
def opened(qtbot: QtBot, tmp_path: Path) -> Iterator[Opened]:
    """Show the dialog for a study and wait for the size of the export. The last folder is `place`."""
    (tmp_path / "place").mkdir()
    remember_folder(tmp_path / "place")
    dialogs = []

    def show(study: Workspace) -> ShareDialog:
        dialog = ShareDialog(study)
        qtbot.addWidget(dialog)
        dialogs.append(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: dialog._bytes_per_pixel is not None)
        return dialog

    yield show
    for dialog in dialogs:
        dialog.done(0)


def _click(qtbot: QtBot, widget: QDialog | object) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def _add(study: Workspace, name: str, **fields: object) -> None:
    """Add an entry to the catalog, with the content of an existing image."""
    image = study.catalog.images()[0]
    new = NewImage(name, image.sha256, image.suffix, "normal", 64, 64, **fields)  # type: ignore[arg-type]
    study.catalog.add([new], "1 image")


def test_it_says_how_many_and_how_much_and_hands_over_what_was_chosen(
    qtbot: QtBot, opened: Opened, phantom_study: Workspace, tmp_path: Path
) -> None:
    dialog = opened(phantom_study)
    assert "24 images, about 0.1 MB: benign 8, malignant 8, normal 8." in dialog.summary.text()
    assert dialog.export_button.text() == "Export 24 images" and dialog.export_button.isEnabled()
    for hidden in (dialog.synthetic_box, dialog.set_aside_box, dialog.left_out, dialog.names_hint):
        assert not hidden.isVisible()
    assert "24 images were not checked for text" in dialog.text_warning.label.text()
    assert dialog.text_warning.isVisible() and not dialog.text_warning.button.isVisible()
    qtbot.keyClick(dialog.new_names_box, Qt.Key.Key_Space)
    _click(qtbot, dialog.export_button)
    assert dialog.result() == QDialog.DialogCode.Accepted
    settings = dialog.settings()
    assert settings == ShareSettings(out=tmp_path / "place/Phantoms images", new_names=True)
    list(jobs.start(phantom_study, settings))
    assert (tmp_path / "place/Phantoms images/benign/benign 0001.png").is_file()
    assert last_folder() == tmp_path / "place"


def test_a_card_is_chosen_wherever_it_is_clicked_and_the_name_follows(
    qtbot: QtBot, opened: Opened, phantom_study: Workspace, tmp_path: Path
) -> None:
    dialog = opened(phantom_study)
    _click(qtbot, dialog.formats["zip"].parentWidget())
    assert dialog.settings() == ShareSettings(out=tmp_path / "place/Phantoms images.zip", format="zip")
    qtbot.keyClick(dialog.formats["zip"], Qt.Key.Key_Left)
    assert dialog.settings() == ShareSettings(out=tmp_path / "place/Phantoms images", format="coco")
    assert [name for name, button in dialog.formats.items() if button.isChecked()] == ["coco"]


def test_synthetic_images_and_those_set_aside_are_counted_and_come_when_asked_for(
    qtbot: QtBot, opened: Opened, phantom_study: Workspace
) -> None:
    for number in range(3):
        _add(phantom_study, f"synthetic/normal/{number}.png", kind="synthetic", run="r")
    phantom_study.catalog.exclude([phantom_study.catalog.images()[0].id], "poor image")
    dialog = opened(phantom_study)
    assert dialog.synthetic_box.text().endswith("(3)") and dialog.set_aside_box.text().endswith("(1)")
    assert dialog.left_out.text() == "Left out: 1 set aside, 3 synthetic."
    assert dialog.export_button.text() == "Export 23 images"
    qtbot.keyClick(dialog.synthetic_box, Qt.Key.Key_Space)
    assert dialog.left_out.text() == "Left out: 1 set aside." and "normal 11" in dialog.summary.text()
    qtbot.keyClick(dialog.set_aside_box, Qt.Key.Key_Space)
    assert not dialog.left_out.isVisible() and dialog.export_button.text() == "Export 27 images"
    assert dialog.settings().synthetic and dialog.settings().set_aside


def test_images_with_text_are_told_and_can_be_shown(qtbot: QtBot, opened: Opened, phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    flags = {images[0].id: ["text"], images[1].id: ["blur"]}
    phantom_study.catalog.set_curation([image.id for image in images], [], flags, {})
    dialog = opened(phantom_study)
    assert dialog.text_warning.isVisible() and "1 image may have burned-in text" in dialog.text_warning.label.text()
    assert "not checked" not in dialog.text_warning.label.text()
    with qtbot.waitSignal(dialog.text_requested):
        _click(qtbot, dialog.text_warning.button)
    assert dialog.result() == QDialog.DialogCode.Rejected and not dialog.isVisible()


def test_names_are_asked_about_where_patients_are_known(qtbot: QtBot, opened: Opened, phantom_study: Workspace) -> None:
    _add(phantom_study, "normal/MUELLER.png", patient="ab" * 32)
    dialog = opened(phantom_study)
    assert dialog.names_hint.isVisible()
    qtbot.keyClick(dialog.new_names_box, Qt.Key.Key_Space)
    assert not dialog.names_hint.isVisible()


def test_a_place_that_is_taken_is_told_while_typing(
    qtbot: QtBot, opened: Opened, phantom_study: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "place/Phantoms images").mkdir()
    dialog = opened(phantom_study)
    assert dialog.out_box.text() == str(tmp_path / "place/Phantoms images 2")
    for place, why in ((phantom_study.root, "inside the study"), (tmp_path, "empty"), ("", "Where should")):
        dialog.out_box.clear()
        qtbot.keyClicks(dialog.out_box, str(place))
        assert dialog.problem.isVisible() and why in dialog.problem.text()
        assert not dialog.export_button.isEnabled()
    qtbot.keyClicks(dialog.out_box, str(tmp_path / "new"))
    assert not dialog.problem.isVisible() and dialog.export_button.isEnabled()
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine.txt").write_text("mine")
    _click(qtbot, dialog.export_button)
    assert dialog.isVisible() and "empty" in dialog.problem.text()


def test_the_place_is_chosen_with_a_file_dialog(
    qtbot: QtBot, opened: Opened, phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(phantom_study)
    (tmp_path / "full/empty").mkdir(parents=True)
    for chosen, out in (("full", "full/Phantoms images"), ("full/empty", "full/empty")):
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, name=chosen: str(tmp_path / name))
        _click(qtbot, dialog.browse_button)
        assert dialog.settings().out == tmp_path / out
    _click(qtbot, dialog.formats["zip"])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    _click(qtbot, dialog.browse_button)
    assert dialog.settings().out == tmp_path / "mine.zip" and dialog.export_button.isEnabled()


def test_a_study_without_images_has_nothing_to_export(opened: Opened, empty_study: Workspace) -> None:
    dialog = opened(empty_study)
    assert "nothing to export" in dialog.summary.text() and not dialog.export_button.isEnabled()
