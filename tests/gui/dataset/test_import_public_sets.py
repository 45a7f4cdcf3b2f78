"""The preview of an import shows what public sets are, and asks only where their authors leave something open."""

from collections.abc import Callable
from pathlib import Path

import pytest
from public_sets import SETS, breastmnist, masks, pcam_hdf5, pictures
from pytestqt.qtbot import QtBot

from busapp.gui.dataset.import_preview import ImportPreview


def classes(dialog: ImportPreview) -> dict[str, str]:
    model = dialog.found.model()
    return {model.index(row, 0).data(): model.index(row, 1).data() for row in range(model.rowCount())}


@pytest.mark.parametrize("name", SETS)
def test_the_window_shows_what_a_public_set_is(show: Callable[..., ImportPreview], tmp_path: Path, name: str) -> None:
    expected = SETS[name]
    expected.build(tmp_path / "download")
    dialog = show(tmp_path / "download")
    assert classes(dialog) == {name: str(count) for name, count in expected.counts.items()}
    assert dialog.import_button.isEnabled()
    if expected.name:
        assert f"This looks like {expected.name}: " in dialog.findings.toPlainText()
    if expected.patients:
        assert f" of {expected.patients} patient" in dialog.summary.text()
    if expected.masks:
        assert f"{expected.masks} lesion mask" in dialog.summary.text()


def test_a_set_without_classes_is_asked_about(qtbot: QtBot, show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    pictures(tmp_path / "download" / "images", "a.png", "b.png")
    masks(tmp_path / "download" / "masks", "a.png", "b.png")
    dialog = show(tmp_path / "download")
    assert "Which class do they have?" in dialog.summary.text()
    assert classes(dialog) == {} and not dialog.import_button.isEnabled()
    dialog.options.class_box.setCurrentText("benign")
    qtbot.waitUntil(lambda: classes(dialog) == {"benign": "2"})
    assert "2 lesion masks" in dialog.summary.text()


def test_files_of_arrays_are_shown_like_folders(show: Callable[..., ImportPreview], tmp_path: Path) -> None:
    breastmnist(tmp_path / "breastmnist.npz")
    dialog = show(tmp_path / "breastmnist.npz")
    assert classes(dialog) == {"malignant": "4", "normal or benign": "5"}
    assert "Label 0 is malignant" in dialog.findings.toPlainText()
    dialog = show(pcam_hdf5(tmp_path / "pcam"))
    assert classes(dialog) == {"no tumour": "3", "tumour": "3"}
    assert "6 new images of 3 patients" in dialog.summary.text()
