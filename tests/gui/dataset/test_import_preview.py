import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from PIL import Image
from PySide6.QtCore import Qt, QThreadPool
from PySide6.QtWidgets import QDialog, QSpinBox, QTableView
from pytestqt.qtbot import QtBot

from busapp.engine.catalog import NewImage
from busapp.engine.imports import preview as previews
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.import_preview import LOOKING, ImportPreview


def texts(table: QTableView) -> list[tuple[str, str]]:
    """The texts in a table's two columns, row by row."""
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
    assert (
        not preview.options.editors["frames"].isVisible() and not preview.options.editors["crop_to_regions"].isVisible()
    )


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
    pool = preview._looking._pool
    monkeypatch.setattr(pool, "waitForDone", lambda: (go_on.set(), QThreadPool.waitForDone(pool)))
    preview.reject()
    assert len(opened) == 1


def test_single_images_are_asked_for_their_class(
    qtbot: QtBot, show: Callable[..., ImportPreview], phantom_folder: Path
) -> None:
    files = sorted((phantom_folder / "benign").glob("*).png"))[:2]
    preview = show(*files)
    assert not preview.import_button.isEnabled()
    assert "Which class" in preview.summary.text()
    qtbot.keyClicks(preview.options.class_box.lineEdit(), "cyst")
    qtbot.waitUntil(preview.import_button.isEnabled)
    qtbot.waitUntil(lambda: preview.summary.text() != LOOKING)
    qtbot.mouseClick(preview.import_button, Qt.MouseButton.LeftButton)
    assert preview.result() == QDialog.DialogCode.Accepted
    assert preview.settings() == ImportSettings(sources=tuple(files), class_name="cyst")


def test_what_is_no_image_is_told(show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    (tmp_path / "nothing here").mkdir()
    preview = show(tmp_path / "nothing here")
    assert "There are no images in the folder" in preview.summary.text()
    assert not preview.import_button.isEnabled()


def test_dicom_is_asked_for_frames_and_crop(qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    (tmp_path / "benign").mkdir()
    content = dicom_bytes(np.zeros((30, 16, 16), np.uint8), BurnedInAnnotation="YES")
    (tmp_path / "benign" / "IM_0001").write_bytes(content)
    preview = show(tmp_path / "benign")
    assert preview.summary.text() == "10 new images of 1 patient; 1 DICOM file, with 1 loop of 30 frames in all."
    assert "burned into" in preview.findings.toPlainText()
    assert preview.options.editors["frames"].isVisible() and preview.options.editors["crop_to_regions"].isVisible()
    box = preview.options.editors["frames"].focusProxy()
    assert isinstance(box, QSpinBox)
    box.selectAll()
    qtbot.keyClicks(box, "3")
    qtbot.waitUntil(lambda: preview.import_button.text() == "Import 3 images")
    box.selectAll()
    qtbot.keyClicks(box, "0")
    qtbot.waitUntil(lambda: preview.summary.text() != LOOKING)
    assert "Frames" in preview.summary.text() and not preview.import_button.isEnabled()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    qtbot.waitUntil(preview.import_button.isEnabled)
    crop = preview.options.editors["crop_to_regions"].focusProxy()
    assert crop is not None
    qtbot.keyClick(crop, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: preview.summary.text() != LOOKING)
    assert preview.settings() == ImportSettings(sources=(tmp_path / "benign",), frames=1, crop_to_regions=False)


def test_the_user_may_insist_on_a_picture_of_another_modality(
    qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path
) -> None:
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "a.dcm").write_bytes(dicom_bytes(np.zeros((1, 16, 16), np.uint8), Modality="MG"))
    preview = show(tmp_path / "benign")
    assert preview.options.editors["take_anyway"].isVisible() and not preview.import_button.isEnabled()
    box = preview.options.editors["take_anyway"].focusProxy()
    assert box is not None
    qtbot.keyClick(box, Qt.Key.Key_Space)
    qtbot.waitUntil(preview.import_button.isEnabled)
    assert preview.options.editors["take_anyway"].isVisible() and preview.settings().take_anyway


def test_an_archive_is_named_and_asked_for_a_class_only_where_it_has_none(
    qtbot: QtBot, show: Callable[..., ImportPreview], phantom_folder: Path, tmp_path: Path
) -> None:
    for name, folder in (("classes.zip", phantom_folder), ("flat.zip", phantom_folder / "normal")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path in sorted(folder.rglob("*.png")):
                archive.write(path, path.relative_to(folder))
    preview = show(tmp_path / "classes.zip")
    assert preview.from_where.text() == "ZIP archive classes.zip"
    assert texts(preview.found) == [("benign", "8"), ("malignant", "8"), ("normal", "8")]
    flat = show(tmp_path / "flat.zip")
    assert "Which class" in flat.summary.text()
    qtbot.keyClicks(flat.options.class_box.lineEdit(), "normal")
    qtbot.waitUntil(lambda: flat.import_button.text() == "Import 8 images")
    qtbot.waitUntil(lambda: flat.summary.text() != LOOKING)


def test_a_table_needs_no_class_and_one_in_a_folder_is_told_of(
    show: Callable[..., ImportPreview], phantom_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(phantom_folder, tmp_path / "data")
    names = sorted((tmp_path / "data").rglob("*).png"))
    rows = [f"{path.relative_to(tmp_path / 'data').as_posix()},cyst,P-{n % 3}" for n, path in enumerate(names)]
    (tmp_path / "data" / "t.csv").write_text("\n".join(["file,class,patient", *rows]))
    by_table = show(tmp_path / "data" / "t.csv")
    assert not by_table.options.class_box.isVisible()
    assert texts(by_table.found) == [("cyst", "24")]
    assert "24 new images of 3 patients" in by_table.summary.text()
    by_folder = show(tmp_path / "data")
    assert len(texts(by_folder.found)) == 3
    assert "data/t.csv names the patients of 24 images. It decides no class." in by_folder.findings.toPlainText()


def test_ten_thousand_skipped_rows_are_listed_and_counted_by_reason(
    show: Callable[..., ImportPreview], phantom_folder: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(next(phantom_folder.rglob("*).png")), "normal/a.png")
        for number in range(10_000):
            archive.writestr(f"normal/{number}.txt", "")
    preview = show(tmp_path / "a.zip")
    assert preview.skipped.model().rowCount() == 10_000
    assert preview.reasons.text() == "Skipped: 10,000 × It is not an image"
    assert texts(preview.skipped)[-1] == ("normal/9999.txt", "It is not an image")


def test_a_source_that_is_not_to_be_trusted_is_refused_in_words(
    show: Callable[..., ImportPreview], tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(b"no archive")
    preview = show(tmp_path / "a.zip")
    assert "not a ZIP archive" in preview.summary.text()
    assert not preview.import_button.isEnabled()


def test_a_class_that_the_study_does_not_have_is_called_new(
    show: Callable[..., ImportPreview], empty_study: Workspace, tmp_path: Path
) -> None:
    empty_study.catalog.add([NewImage("benign/x.png", "x", ".png", "benign", 64, 64)], "1 image imported")
    for name in ("loose files", "benign"):
        (tmp_path / "more" / name).mkdir(parents=True)
        Image.new("L", (64, 64), 99).save(tmp_path / "more" / name / "one.png")
    preview = show(tmp_path / "more")
    assert texts(preview.found) == [("benign", "1"), ("loose files (a new class)", "1")]
