"""The summary of an import in the window: a banner after it, and the list of all imports."""

from pathlib import Path

from image_folders import imported, picture
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.import_summaries import ImportSummaries
from busapp.gui.dataset.tab import DatasetTab
from busapp.gui.jobs.job_thread import JobOutcome


def after_an_import(tab: DatasetTab, study: Workspace, *sources: Path) -> None:
    """Import, and tell the tab as the window does."""
    tab.open_study(study)
    tab.job_ended("import", JobOutcome("finished", imported(study, *sources)))
    tab.refresh()


def test_what_an_import_left_out_stands_in_the_banner_and_its_button_shows_the_summary(
    qtbot: QtBot, tab: DatasetTab, empty_study: Workspace, tmp_path: Path
) -> None:
    picture(tmp_path / "benign" / "b.png")
    (tmp_path / "benign" / "notes <1>.txt").write_text("no picture")
    after_an_import(tab, empty_study, tmp_path / "benign")
    assert tab.banner.label.text().startswith("The import is done, but 1 file was left out.")
    qtbot.mouseClick(tab.banner.action_button, Qt.MouseButton.LeftButton)
    (dialog,) = tab.findChildren(ImportSummaries)
    assert dialog.imports.count() == 1
    shown = dialog.text.toPlainText()
    assert "1 image imported" in shown
    assert "1 × It is not an image" in shown
    assert "Nothing names the patients." in shown
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_the_newest_import_comes_first_and_the_arrow_keys_walk(
    qtbot: QtBot, empty_study: Workspace, tmp_path: Path
) -> None:
    for number, name in enumerate(("benign", "malignant")):
        picture(tmp_path / name / "a.png", number)
        imported(empty_study, tmp_path / name)
    dialog = ImportSummaries(empty_study)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "benign 1, malignant 1" in dialog.text.toPlainText()
    qtbot.keyClick(dialog.imports, Qt.Key.Key_Down)
    assert "malignant" not in dialog.text.toPlainText()


def test_without_imports_the_list_says_so(qtbot: QtBot, empty_study: Workspace) -> None:
    dialog = ImportSummaries(empty_study)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.empty.isVisible() and "No finished imports" in dialog.empty.label.text()
