"""What the sources leave open is asked for in the import preview, and answered there."""

from collections.abc import Callable
from pathlib import Path

from public_sets import breakhis, pictures, table
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.import_preview import LOOKING, ImportPreview


def choose(qtbot: QtBot, box: QComboBox, text: str) -> None:
    """Choose an entry of a list with the keyboard."""
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.count()):
        if box.currentText() == text:
            return
        qtbot.keyClick(box, Qt.Key.Key_Down)
    raise AssertionError(f"{text} is not in the list")


def test_values_that_mean_nothing_are_asked_for(
    qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path
) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    table(tmp_path / "t.csv", "id;Befund;Pat", "a;0;1", "b;1;1", "c;9;2")
    dialog = show(tmp_path / "t.csv")
    fields = dialog.options.class_values.fields
    assert sorted(fields) == ["0", "1", "9"] and not dialog.import_button.isEnabled()
    assert dialog.options.columns["class_column"].currentText() == "guessed: Befund"
    for value, meaning in (("0", "benign"), ("1", "malignant"), ("9", "-")):
        qtbot.keyClicks(fields[value], meaning)
    qtbot.waitUntil(lambda: dialog.import_button.text() == "Import 2 images")
    assert dialog.settings().class_values == "0=benign, 1=malignant, 9=-"
    assert "2 new images of 1 patient" in dialog.summary.text()


def test_the_columns_of_a_table_are_chosen(qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    table(tmp_path / "t.csv", "was,wo,wer", "cyst,a.png,P1", "tumour,b.png,P2")
    dialog = show(tmp_path / "t.csv")
    columns = dialog.options.columns
    assert all(box.isVisible() for box in columns.values())
    assert "Choose on the left" in dialog.summary.text() and "--" not in dialog.summary.text()
    choose(qtbot, columns["class_column"], "was")
    choose(qtbot, columns["patient_column"], "wer")
    qtbot.waitUntil(lambda: dialog.import_button.text() == "Import 2 images")
    assert columns["file_column"].currentText() == "guessed: wo"
    assert "of 2 patients" in dialog.summary.text()
    settings = dialog.settings()
    assert (settings.class_column, settings.patient_column, settings.file_column) == ("was", "wer", None)


def test_a_pattern_shows_the_patients_that_it_finds(
    qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path
) -> None:
    pictures(tmp_path, *(f"{kind}/p{n % 3}0_{n}.png" for kind in ("benign", "malignant") for n in range(9)))
    dialog = show(tmp_path)
    assert "Nothing names the patients" in dialog.findings.toPlainText()
    pattern = dialog.options.pattern
    assert "{patient}_*" in [pattern.box.itemText(at) for at in range(pattern.box.count())]
    line = pattern.box.lineEdit()
    assert line is not None
    qtbot.keyClicks(line, "{patient}_*")
    qtbot.waitUntil(lambda: pattern.found.text() == "3 patients found, largest 6 images.")
    qtbot.waitUntil(lambda: "of 3 patients" in dialog.summary.text())
    assert "3 patients have images in several classes." in dialog.findings.toPlainText()
    line.clear()
    qtbot.keyClicks(line, "(((")
    qtbot.waitUntil(lambda: "The patient pattern (((" in pattern.found.text())
    qtbot.waitUntil(lambda: not dialog.import_button.isEnabled() and dialog.summary.text() != LOOKING)


def test_one_magnification_is_chosen(qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    breakhis(tmp_path)
    dialog = show(tmp_path)
    assert dialog.options.only.isVisible() and "“Only folders called” 40X" in dialog.findings.toPlainText()
    choose(qtbot, dialog.options.only.box, "200X")
    qtbot.waitUntil(lambda: dialog.import_button.text() == "Import 5 images")
    assert dialog.settings().only == "200X"
    choose(qtbot, dialog.options.only.box, "everything")
    qtbot.waitUntil(lambda: dialog.import_button.text() == "Import 20 images")


def test_an_update_is_offered_where_images_are_there(
    qtbot: QtBot, show: Callable[..., ImportPreview], empty_study: Workspace, tmp_path: Path
) -> None:
    from image_folders import imported

    pictures(tmp_path, "benign/a.png", "benign/b.png")
    imported(empty_study, tmp_path)
    table(tmp_path / "t.csv", "file,class,patient", "benign/a.png,cyst,1", "benign/b.png,benign,2")
    dialog = show(tmp_path / "t.csv")
    assert "2 already in the study" in dialog.summary.text()
    update = dialog.options.editors["update"]
    assert update.isVisible() and "It stays benign" in dialog.findings.toPlainText()
    focus = update.focusProxy()
    assert focus is not None
    qtbot.keyClick(focus, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: dialog.summary.text() != LOOKING and "It stays" not in dialog.findings.toPlainText())
    assert dialog.settings().update
