import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt, QThread
from PySide6.QtWidgets import QDialog, QTableView
from pytestqt.qtbot import QtBot

from busapp.engine.imports import preview as previews
from busapp.engine.settings import ImportSettings
from busapp.engine.workspace import Workspace
from busapp.gui.widgets.import_preview import ImportPreview


@pytest.fixture
def show(qtbot: QtBot, empty_study: Workspace) -> Iterator[Callable[..., ImportPreview]]:
    """Show the preview of these sources, and wait until it has looked at them."""
    shown: list[ImportPreview] = []

    def show(*sources: Path) -> ImportPreview:
        dialog = ImportPreview(empty_study, sources)
        qtbot.addWidget(dialog)
        dialog.show()
        shown.append(dialog)
        qtbot.waitUntil(lambda: dialog._look is None)
        return dialog

    yield show
    for dialog in shown:
        dialog.reject()


def texts(table: QTableView) -> list[tuple[str, str]]:
    """What a table shows."""
    rows = range(table.model().rowCount())
    return [(table.model().index(row, 0).data(), table.model().index(row, 1).data()) for row in rows]


def test_what_is_skipped_is_listed_with_its_reason(show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    folder = tmp_path / "benign"
    folder.mkdir()
    Image.new("L", (64, 64), 99).save(folder / "good.png")
    (folder / "torn.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("hello")
    preview = show(folder)
    assert preview.from_where.text() == "Folder benign"
    assert preview.import_button.text() == "Import 1 image"
    assert texts(preview.found) == [("benign", "1")]
    assert sorted(texts(preview.skipped)) == [
        ("benign/notes.txt", "It is not an image"),
        ("benign/torn.png", "The file is not a readable image"),
    ]
    assert not preview.frames.isVisible() and not preview.crop.isVisible()


def test_cancel_does_not_wait_for_all_files(
    qtbot: QtBot, empty_study: Workspace, phantom_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    first_is_open, go_on = threading.Event(), threading.Event()
    size_of = previews.size_of

    def slow(content: bytes, *, file: str) -> tuple[int, int]:
        opened.append(file)
        first_is_open.set()
        go_on.wait()
        return size_of(content, file=file)

    monkeypatch.setattr(previews, "size_of", slow)
    preview = ImportPreview(empty_study, [phantom_folder])
    qtbot.addWidget(preview)
    assert first_is_open.wait(10)
    look = preview._look
    assert look is not None
    monkeypatch.setattr(look, "wait", lambda: (go_on.set(), QThread.wait(look)))
    preview.reject()
    assert len(opened) == 1


def test_single_images_are_asked_for_their_class(
    qtbot: QtBot, show: Callable[..., ImportPreview], phantom_folder: Path
) -> None:
    files = sorted((phantom_folder / "benign").glob("*).png"))[:2]
    preview = show(*files)
    assert not preview.import_button.isEnabled()
    assert "Which class" in preview.summary.text()
    qtbot.keyClicks(preview.class_box.lineEdit(), "cyst")
    qtbot.waitUntil(preview.import_button.isEnabled)
    qtbot.waitUntil(lambda: preview._look is None)
    qtbot.mouseClick(preview.import_button, Qt.MouseButton.LeftButton)
    assert preview.result() == QDialog.DialogCode.Accepted
    assert preview.settings() == ImportSettings(sources=tuple(files), class_name="cyst")


def test_what_is_no_image_is_told(show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    (tmp_path / "nothing here").mkdir()
    preview = show(tmp_path / "nothing here")
    assert "There are no images in the folder" in preview.summary.text()
    assert not preview.import_button.isEnabled()
