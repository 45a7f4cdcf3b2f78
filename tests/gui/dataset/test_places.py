"""Sites and devices of images in the Dataset tab: filtered, shown, and set by hand."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.tab import DatasetTab


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> list[tuple[list[str], int]]:
    """Type this text into the next dialogs. Returns their choices, and which of them is chosen at first."""
    offered: list[tuple[list[str], int]] = []

    def get_item(*given: object) -> tuple[str, bool]:
        _, _, _, choices, first, is_editable = given
        assert isinstance(choices, list) and isinstance(first, int) and is_editable
        offered.append((choices, first))
        return text, True

    monkeypatch.setattr(QInputDialog, "getItem", get_item)
    return offered


def choose(tab: DatasetTab, *ids: int) -> None:
    tab.grid.setFocus()
    tab.grid.select(set(ids))


def test_nothing_is_said_of_sites_while_none_is_known(tab: DatasetTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    assert not tab.filters.site_box.isVisible() and not tab.filters.device_box.isVisible()
    assert not tab.overview.places.isVisible() and not tab.sidebar.details.isVisible()
    choose(tab, 1)
    assert "Site" not in tab.sidebar.details.text() and "benign, real, 64×64 px" in tab.sidebar.details.text()


def test_the_site_of_selected_images_is_set_by_a_key_and_undone(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.open_study(phantom_study)
    choose(tab, 1, 2, 3)
    offered = answer(monkeypatch, " UKE ")
    with qtbot.waitSignal(tab.study_changed):
        qtbot.keyClick(tab.grid, Qt.Key.Key_S)
    tab.refresh()
    assert [image.site for image in phantom_study.catalog.images()[:4]] == ["UKE"] * 3 + [None]
    assert [image.id for image in tab.grid.selected()] == [1, 2, 3]
    assert tab.sidebar.details.text() == "Site: UKE 3"
    assert tab.overview.places.text() == "Site: not known 21, UKE 3."
    choose(tab, 2)
    qtbot.keyClick(tab.grid, Qt.Key.Key_S)
    assert offered == [(["not known"], 0), (["not known", "UKE"], 1)]
    answer(monkeypatch, "not known")
    qtbot.keyClick(tab.grid, Qt.Key.Key_S)
    assert [image.site for image in phantom_study.catalog.images()[:3]] == ["UKE", None, "UKE"]
    assert phantom_study.catalog.history()[0].what == "1 image: site not known"
    phantom_study.catalog.undo()
    tab.refresh()
    assert "\nSite: UKE" in tab.sidebar.details.text()


def test_sites_and_devices_are_filters(
    qtbot: QtBot, tab: DatasetTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    phantom_study.catalog.set_site([1, 2, 3], "UKE")
    phantom_study.catalog.set_site([4], "Charité")
    tab.open_study(phantom_study)
    assert tab.filters.site_box.isVisible() and not tab.filters.device_box.isVisible()
    choose(tab, 1)
    answer(monkeypatch, "GE LOGIQ E9")
    qtbot.keyClick(tab.grid, Qt.Key.Key_D)
    tab.refresh()
    assert [tab.filters.site_box.itemText(n) for n in range(4)] == ["all", "Charité", "UKE", "not known"]
    tab.filters.site_box.setCurrentText("UKE")
    assert [image.id for image in tab.grid.images.images] == [1, 2, 3]
    tab.filters.device_box.setCurrentText("GE LOGIQ E9")
    assert [image.id for image in tab.grid.images.images] == [1]
    tab.filters.site_box.setCurrentText("not known")
    assert tab.no_match.isVisible()
    qtbot.mouseClick(tab.filters.clear_button, Qt.MouseButton.LeftButton)
    assert tab.grid.images.rowCount() == 24
    tab.filters.site_box.setCurrentText("not known")
    assert tab.grid.images.rowCount() == 20
    phantom_study.catalog.set_site(range(1, 5), None)
    tab.refresh()
    assert tab.grid.images.rowCount() == 24 and not tab.filters.site_box.isVisible()


def test_a_long_name_widens_no_side_of_the_tab(tab: DatasetTab, phantom_study: Workspace) -> None:
    phantom_study.catalog.set_site([1], "Universitätsklinikum " * 5)
    phantom_study.catalog.set_device([1], "x" * 100)
    tab.resize(1280, 740)
    tab.open_study(phantom_study)
    choose(tab, 1)
    for side in (tab.sidebar, tab.overview):
        assert side.widget().minimumSizeHint().width() <= side.viewport().width()
