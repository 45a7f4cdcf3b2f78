"""The window on a laptop of 1366×768 pixels at 150 %: 911×512 points."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QDialog,
    QPushButton,
    QScrollArea,
    QTabBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot
from recorded_runs import SMALL, validation_run
from tiny_model import write_model

from busapp.engine.catalog import FoundPair
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.history_list import HistoryList
from busapp.gui.dataset.import_preview import ImportPreview
from busapp.gui.diagnosis.models_dialog import ModelsDialog
from busapp.gui.diagnosis.report_dialog import ReportDialog
from busapp.gui.help import About, Guide
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.main_window import MainWindow
from busapp.gui.share_dialog import ShareDialog
from busapp.gui.widgets.panels import SIDE_WIDTH

SCREEN = QSize(911, 512)
FRAME = QSize(16, 40)


@pytest.fixture
def small(qtbot: QtBot, phantom_study: Workspace) -> Iterator[MainWindow]:
    """The window at this size, with a study of checked images with a group, two runs and a model."""
    catalog = phantom_study.catalog
    first, second, third = (image.id for image in catalog.images(class_name="benign")[:3])
    pairs = [FoundPair(first, second, 0.99, "same picture"), FoundPair(second, third, 0.97, "same picture")]
    catalog.set_curation([image.id for image in catalog.images()], pairs, {}, {})
    for settings in (SMALL, SMALL.model_copy(update={"protocol": "published"})):
        validation_run(phantom_study, settings)
    write_model(phantom_study.models_dir / "tiny.onnx")
    window = MainWindow(phantom_study)
    window.resize(SCREEN)
    window.show()
    yield window
    window.queue.shut_down()
    window.close()
    window.deleteLater()


def cut_off(window: QWidget) -> list[str]:
    """The visible buttons that do not lie inside the window, or are smaller than their words. What is out of sight in
    an area that scrolls is not looked at."""
    bad = []
    for button in (*window.findChildren(QPushButton), *window.findChildren(QToolButton)):
        if not button.isVisible() or is_scrolled(button, window) or isinstance(button.parent(), QTabBar):
            continue
        place = QRect(button.mapTo(window, QPoint()), button.size())
        too_small = button.width() < button.minimumSizeHint().width() or button.height() < 16
        if not window.rect().contains(place) or too_small:
            bad.append(f"{button.text()} {place.getRect()}, needs {button.minimumSizeHint().toTuple()}")
    return bad


def wider_than_their_area(window: QWidget) -> list[str]:
    """The panels whose right edge is hidden, in areas that scroll only vertically."""
    areas = [area for area in window.findChildren(QScrollArea) if area.isVisible() and not area.isHidden()]
    never = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    return [
        f"{area.widget()} {area.widget().width()} in {area.viewport().width()}"
        for area in areas
        if area.horizontalScrollBarPolicy() == never and area.widget().width() > area.viewport().width()
    ]


def is_scrolled(button: QAbstractButton, window: QWidget) -> bool:
    parent = button.parentWidget()
    while parent is not None and parent is not window:
        if isinstance(parent, QAbstractScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def test_every_tab_fits_with_all_its_buttons(small: MainWindow) -> None:
    for index, name in enumerate(small.study_tabs):
        small.tabs.setCurrentIndex(index)
        QApplication.processEvents()
        assert small.size() == SCREEN, name
        assert cut_off(small) == [], name
        assert wider_than_their_area(small) == [], name
    needed = small.minimumSizeHint()
    assert needed.width() <= SCREEN.width() - FRAME.width()
    below_and_above = small.job_bar.sizeHint().height() + small.pages[0].strip.sizeHint().height()
    assert needed.height() + below_and_above <= SCREEN.height() - FRAME.height()  # also while a job runs


def test_every_view_in_a_tab_fits(small: MainWindow, qtbot: QtBot) -> None:
    small.tabs.setCurrentIndex(0)
    small.dataset.open_review()
    QApplication.processEvents()
    review = small.dataset.review
    assert review.next_button.isVisible() and not review.strip.isHidden()
    both = review.next_button.parentWidget()
    row = both.parentWidget() if both is not None else None
    assert both is not None and row is not None
    assert both.rect().contains(review.next_button.geometry()) and row.rect().contains(both.geometry())
    assert small.size() == SCREEN
    assert cut_off(small) == []
    small.tabs.setCurrentIndex(2)
    validation = small.validation
    qtbot.waitUntil(lambda: validation.numbers is not None, timeout=60_000)
    assert small.size() == SCREEN
    runs = [run.id for run in validation.workspace.runs("validate")]  # type: ignore[union-attr]
    views: dict[str, Callable[[], None]] = {
        "compare": lambda: validation.compare(runs),
        **{kind: partial(validation.show_measurement, kind) for kind in validation.measurements},
    }
    for name, show in views.items():
        show()
        QApplication.processEvents()
        assert small.size() == SCREEN, name
        assert cut_off(small) == [], name
        validation.leave_view()
    validation.pages.setCurrentIndex(1)
    QApplication.processEvents()
    assert small.size() == SCREEN
    assert wider_than_their_area(small) == []
    small.tabs.setCurrentIndex(3)
    small.diagnosis.diagnose(next(iter(small.diagnosis.workspace.root.rglob("*.png"))))  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: small.diagnosis.single.isVisible())
    QApplication.processEvents()
    assert small.size() == SCREEN
    assert cut_off(small) == []


def test_the_reasons_of_a_blind_review_fit(small: MainWindow) -> None:
    small.tabs.setCurrentIndex(1)
    page = small.synthesis.review_view.question_page
    assert page.minimumSizeHint().width() < SCREEN.width() - SIDE_WIDTH
    reasons = page.words.parentWidget()
    assert reasons is not None
    reasons.setFixedWidth(SCREEN.width() - SIDE_WIDTH)
    reasons.show()
    QApplication.processEvents()
    assert cut_off(reasons) == [] and reasons.rect().contains(page.words.geometry())


def test_every_dialog_fits(small: MainWindow, phantom_study: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    images = phantom_study.catalog.images()
    folder = tmp_path / "from a hospital"
    folder.mkdir()
    for image in images[:2]:
        (folder / image.file).parent.mkdir(exist_ok=True)
        shutil.copy(phantom_study.image_path(image), folder / image.file)
    (folder / "labels.csv").write_text(f"file,hospital\n{images[0].file},north\n{images[1].file},south\n")
    dialogs: dict[str, Callable[[], QDialog]] = {
        "models": lambda: ModelsDialog(phantom_study, small),
        "report": lambda: ReportDialog(1, lambda _reader, _patient: b"", small),
        "viewer": lambda: ImageViewer(phantom_study, images, 0, lambda image: [image.file], small),
        "import": lambda: ImportPreview(phantom_study, [folder], small),
        "history": lambda: HistoryList(phantom_study.catalog, small),
        "export": lambda: ShareDialog(phantom_study, small),
        "about": lambda: About(small),
        "guide": lambda: Guide(small),
    }
    for name, make in dialogs.items():
        dialog = make()
        dialog.show()
        QApplication.processEvents()
        needed = dialog.minimumSizeHint() + FRAME
        assert needed.width() <= SCREEN.width() and needed.height() <= SCREEN.height(), (name, needed)
        dialog.resize(SCREEN - FRAME)
        QApplication.processEvents()
        if isinstance(dialog, ImportPreview):
            site, update = dialog.options.columns["site_column"], dialog.options.editors["update"]
            qtbot.waitUntil(lambda: site.isVisible() and update.isVisible())  # noqa: B023 (waited for at once)
            qtbot.waitUntil(lambda: site.width() > 150)  # noqa: B023 (the same)
        assert cut_off(dialog) == [], name
        dialog.done(0)
        dialog.deleteLater()
