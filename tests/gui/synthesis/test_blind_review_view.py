"""A blinded review as a reader does it: by keys, with interruptions, and without a hint of the truth."""

import pytest
from drawn_runs import drawn_images, drawn_run
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import BlindReview, begin, reviews_of
from busapp.gui import user_settings
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.synthesis.tab import SynthesisTab

CHOICE = {"real": Qt.Key.Key_R, "synthetic": Qt.Key.Key_S}


@pytest.fixture
def run(phantom_study: Workspace) -> Run:
    """A run with eight images in use; the study has eight real ones of its class."""
    return drawn_run(phantom_study, 8)


def _press(qtbot: QtBot, tab: SynthesisTab, *keys: Qt.Key) -> None:
    for key in keys:
        qtbot.keyClick(tab.focusWidget() or tab, key)


def _begin(qtbot: QtBot, tab: SynthesisTab, study: Workspace, reader: str = "Dr A", n: int = 8) -> None:
    """Open the review of the newest run and start it."""
    if tab.workspace is None:
        tab.open_study(study)
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    page = tab.review_view.start_page
    page.reader.clear()
    qtbot.keyClicks(page.reader, reader)
    page.count.setValue(n)
    qtbot.mouseClick(page.start_button, Qt.MouseButton.LeftButton)
    _wait_for_question(qtbot, tab)


def _wait_for_question(qtbot: QtBot, tab: SynthesisTab) -> None:
    qtbot.waitUntil(tab.review_view.question_page.isVisible)


def _wait_for_end(qtbot: QtBot, tab: SynthesisTab) -> None:
    qtbot.waitUntil(tab.review_view.end_page.isVisible, timeout=20_000)


def _kept(run: Run) -> BlindReview:
    return reviews_of(run)[0]


def _truth(run: Run) -> str:
    review = _kept(run)
    assert review.current is not None
    return review.questions[review.current].kind


def _answer_rightly(qtbot: QtBot, tab: SynthesisTab, run: Run, count: int) -> None:
    for _ in range(count):
        _press(qtbot, tab, CHOICE[_truth(run)], Qt.Key.Key_F)


def _said(widget: QWidget) -> list[str]:
    """All texts of a widget and its children, also for screen readers and in tooltips."""
    said: list[str] = []
    for one in [widget, *widget.findChildren(QWidget)]:
        said += [one.accessibleName(), one.accessibleDescription(), one.toolTip(), one.statusTip(), one.objectName()]
        said += [one.whatsThis(), one.windowTitle()]
        if isinstance(one, QLabel | QAbstractButton):
            said.append(one.text())
    return said


def test_without_images_in_use_the_button_says_what_is_missing(tab: SynthesisTab, phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 4)
    tab.open_study(phantom_study)
    assert tab.result.review_button.isEnabled()
    phantom_study.catalog.exclude([image.id for image in drawn_images(phantom_study, run)], "poor")
    tab.refresh()
    assert not tab.result.review_button.isEnabled()
    assert "no synthetic images of this run in use" in tab.result.review_button.toolTip()


def test_a_whole_review_by_keys(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run) -> None:
    _begin(qtbot, tab, phantom_study)
    page = tab.review_view.question_page
    assert not tab.result.isVisible() and not tab.losses.isVisible()
    assert page.place.text() == "Image 1 of 16"
    unfit = 0
    for number in range(1, 17):
        assert page.place.text() == f"Image {number} of 16"
        assert page.question.text() == "Is this image real or synthetic?"
        truth = _truth(run)
        if number <= 4:  # four wrong answers
            _press(qtbot, tab, CHOICE["real" if truth == "synthetic" else "synthetic"])
        else:
            _press(qtbot, tab, CHOICE[truth])
        assert page.question.text() == "Is it fit for training?"
        if truth == "synthetic" and unfit < 2:
            unfit += 1
            _press(qtbot, tab, Qt.Key.Key_U, Qt.Key.Key_2)
        else:
            _press(qtbot, tab, Qt.Key.Key_F)
        assert _kept(run).answered == number, "every answer is kept at once"
    _wait_for_end(qtbot, tab)
    end = tab.review_view.end_page
    assert "12 of 16 correct, 75 % (48 to 93)" in end.verdict.text()
    assert end.verdict.text().startswith("Not told apart from real images by this reader")
    assert "Few images prove little" in end.caution.text()
    assert "Dr A" in end.about.text()
    assert "2 images artefact or checkerboard" in end.fitness.text() and "Ctrl+Z" in end.fitness.text()
    reasons = {image.excluded for image in drawn_images(phantom_study, run)}
    assert reasons == {None, "unfit in a blind review by Dr A: artefact or checkerboard"}
    wrong = {"Synthetic, called real", "Real, called synthetic"}
    assert sum(tile.lines[0] in wrong for tile in end.tiles.tiles) == 4
    assert end.told.text().startswith("4 images judged wrongly: synthetic taken for real, or real for synthetic")
    _press(qtbot, tab, Qt.Key.Key_Escape)
    assert tab.result.isVisible()
    assert tab.result.reviewed.text().startswith("Reviewed by Dr A on ")
    assert "75 % (48 to 93)" in tab.result.reviewed.text()
    phantom_study.catalog.undo()
    assert {image.excluded for image in drawn_images(phantom_study, run)} == {None}
    assert user_settings.reader() == "Dr A"


def test_buttons_and_words_of_ones_own_do_what_keys_do(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _begin(qtbot, tab, phantom_study)
    page = tab.review_view.question_page
    qtbot.mouseClick(page.buttons["kind", "S"], Qt.MouseButton.LeftButton)
    qtbot.mouseClick(page.buttons["fitness", "U"], Qt.MouseButton.LeftButton)
    page.words.setFocus()
    qtbot.keyClick(page.words, Qt.Key.Key_Return)
    assert _kept(run).answered == 0, "unfit needs a reason"
    qtbot.keyClicks(page.words, "ribs in rows of 3, fur")
    assert _kept(run).answered == 0, "letters and digits are text here"
    qtbot.keyClick(page.words, Qt.Key.Key_Return)
    question = _kept(run).questions[0]
    assert (question.said, question.fit, question.reason) == ("synthetic", False, "ribs in rows of 3, fur")
    assert page.place.text() == "Image 2 of 16"
    _press(qtbot, tab, Qt.Key.Key_F, Qt.Key.Key_U, Qt.Key.Key_1)
    assert _kept(run).questions[1].said is None, "keys of later questions say nothing yet"
    _press(qtbot, tab, Qt.Key.Key_R, Qt.Key.Key_S)
    assert _kept(run).questions[1].said == "real", "what was said is not taken back"
    _press(qtbot, tab, Qt.Key.Key_U, Qt.Key.Key_F)
    assert _kept(run).questions[1].fit is True, "a slip of the finger is no judgement"


def test_a_review_is_left_and_gone_on_with(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run) -> None:
    _begin(qtbot, tab, phantom_study)
    assert "Leave it for now" in tab.review_view.back_button.text()
    _answer_rightly(qtbot, tab, run, 3)
    _press(qtbot, tab, CHOICE[_truth(run)], Qt.Key.Key_Escape)
    assert tab.result.isVisible() and tab.shown_instead is None
    QApplication.processEvents()  # for the new layout of the panels
    assert tab.minimumSizeHint().width() <= 1276, "a window of 1280 pixels must not grow"
    said = tab.result.reviewed.text()
    assert tab.result.reviewed.isVisible()
    assert "unfinished, with 3 of 16 images answered. It has set nothing aside yet" in said
    assert "correct" not in said, "there is no result before the end"
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    start = tab.review_view.start_page
    assert start.table.item(0, 2).text() == "3 of 16 answered"
    assert start.resume_button.isVisible() and not start.start_button.isEnabled()
    start.reader.setText("Dr B")
    assert not start.resume_button.isVisible() and start.start_button.isEnabled()
    start.reader.setText("dr a")
    qtbot.keyClick(start.reader, Qt.Key.Key_Return)
    _wait_for_question(qtbot, tab)
    page = tab.review_view.question_page
    assert page.place.text() == "Image 4 of 16"
    assert page.question.text() == "Is it fit for training?", "what was said of it stays said"
    _press(qtbot, tab, Qt.Key.Key_F)
    _answer_rightly(qtbot, tab, run, 12)
    _wait_for_end(qtbot, tab)
    assert "16 of 16 correct" in tab.review_view.end_page.verdict.text()
    assert not tab.review_view.end_page.tiles.isVisible()
    qtbot.mouseClick(tab.review_view.end_page.list_button, Qt.MouseButton.LeftButton)
    assert start.table.item(0, 2).text() == "finished"
    start.table.setFocus()
    start.table.setCurrentCell(0, 0)
    qtbot.keyClick(start.table, Qt.Key.Key_Return)
    assert tab.review_view.end_page.isVisible()


def _answer_dialog(qtbot: QtBot, seen: list[str], words: str) -> None:
    """Click a button of the next message box, and record its text."""

    def click() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append(f"{box.text()} {box.informativeText()}")
        button = next(button for button in box.buttons() if button.text() == words)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(0, click)


def test_a_review_is_ended_early_while_it_asks(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _begin(qtbot, tab, phantom_study)
    view, page = tab.review_view, tab.review_view.question_page
    assert not page.end_button.isEnabled(), "there is nothing to end with yet"
    n_unfit = 0
    for _ in range(6):
        truth = _truth(run)
        _press(qtbot, tab, CHOICE[truth])
        if truth == "synthetic" and n_unfit < 4:  # by chance all six can be synthetic, and four must stay in use
            n_unfit += 1
            _press(qtbot, tab, Qt.Key.Key_U, Qt.Key.Key_1)
        else:
            _press(qtbot, tab, Qt.Key.Key_F)
    seen: list[str] = []
    _answer_dialog(qtbot, seen, "Not yet")
    qtbot.mouseClick(page.end_button, Qt.MouseButton.LeftButton)
    assert "after 6 of 16 images" in seen[0] and "covers the 6 images answered only" in seen[0]
    assert _kept(run).result is None and page.isVisible()
    assert tab.focusWidget() is page, "keys answer again"
    _answer_dialog(qtbot, seen, "End it")
    qtbot.mouseClick(page.end_button, Qt.MouseButton.LeftButton)
    _wait_for_end(qtbot, tab)
    assert "6 of 6 correct" in view.end_page.verdict.text()
    assert {tile.lines[0] for tile in view.end_page.tiles.tiles} <= {"Synthetic, recognised", "Real, recognised"}
    assert "ended early, 6 of 16 images answered" in view.end_page.about.text()
    assert sum(bool(image.excluded) for image in drawn_images(phantom_study, run)) == n_unfit
    qtbot.mouseClick(view.end_page.list_button, Qt.MouseButton.LeftButton)
    start = view.start_page
    assert start.table.item(0, 2).text() == "ended after 6 of 16"
    assert not start.end_button.isVisible() and start.start_button.isEnabled()
    _press(qtbot, tab, Qt.Key.Key_Escape)
    assert "correct of 6 (ended early)" in tab.result.reviewed.text()


def test_a_review_that_somebody_left_is_ended_by_another_reader(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _begin(qtbot, tab, phantom_study)
    for _ in range(6):
        _press(qtbot, tab, Qt.Key.Key_S, Qt.Key.Key_U, Qt.Key.Key_1)
    unfit = {question.image for question in _kept(run).questions[:6] if question.kind == "synthetic"}
    _press(qtbot, tab, Qt.Key.Key_Escape)
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    start = tab.review_view.start_page
    start.reader.setText("Dr B")
    assert start.start_button.isEnabled() and not start.end_button.isVisible(), "it blocks nobody"
    start.table.setFocus()
    start.table.setCurrentCell(0, 0)
    qtbot.keyClick(start.table, Qt.Key.Key_Return)
    seen: list[str] = []
    _answer_dialog(qtbot, seen, "End it")
    qtbot.mouseClick(start.end_button, Qt.MouseButton.LeftButton)
    assert "by Dr A" in seen[0]
    _wait_for_end(qtbot, tab)
    assert {image.id for image in drawn_images(phantom_study, run) if image.excluded} == unfit


def test_what_a_review_changes_is_not_said_of_strict_validations(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    tab.open_study(phantom_study)
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    words = tab.review_view.start_page.about.text()
    assert "Under strict, a validation trains its own generators" in words and "out of training" not in words


def test_nothing_tells_the_truth_while_it_is_asked(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _begin(qtbot, tab, phantom_study)
    view, page = tab.review_view, tab.review_view.question_page
    files = {image.file for image in phantom_study.catalog.images()}
    seen: dict[str, set[tuple[str, ...]]] = {"real": set(), "synthetic": set()}
    frames: dict[str, set[tuple[int, ...]]] = {"real": set(), "synthetic": set()}
    for number in range(1, 17):
        truth = _truth(run)
        said = _said(view)
        assert not [words for words in said if any(file in words for file in files)]
        assert not page.canvas.is_synthetic and not page.canvas.caption and page.canvas.overlay.isNull()
        seen[truth].add(tuple(words.replace(f"Image {number} of", "Image N of") for words in said))
        picture = page.canvas.picture
        looks = picture.width(), picture.height(), picture.depth(), int(picture.hasAlpha())
        frames[truth].add((*looks, *_frame_of(page.canvas.grab().toImage())))
        _press(qtbot, tab, CHOICE["real"])
        assert not [words for words in _said(view) if any(file in words for file in files)]
        _press(qtbot, tab, Qt.Key.Key_F)
    assert seen["real"] == seen["synthetic"] and len(seen["real"]) == 1
    assert frames["real"] == frames["synthetic"] and len(frames["real"]) == 1
    _wait_for_end(qtbot, tab)


def _frame_of(shown: QImage) -> tuple[int, ...]:
    """Colours around the picture, where a frame or a badge would be."""
    right, bottom = shown.width() - 1, shown.height() - 1
    places = [QPoint(x, y) for x in (3, 20, right - 20, right - 3) for y in (3, bottom // 2, bottom - 3)]
    return tuple(QColor(shown.pixel(place)).rgb() for place in places)


def test_misjudged_images_are_shown_with_their_truth(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _begin(qtbot, tab, phantom_study, n=4)
    for _ in range(8):
        _press(qtbot, tab, Qt.Key.Key_R, Qt.Key.Key_F)
    _wait_for_end(qtbot, tab)
    tiles = tab.review_view.end_page.tiles
    assert [tile.lines[0] for tile in tiles.tiles] == ["Synthetic, called real"] * 4
    assert {tile.pictures[0].image.kind for tile in tiles.tiles if tile.pictures[0].image} == {"synthetic"}
    assert (
        tab.review_view.end_page.told.text()
        == "4 images judged wrongly: synthetic taken for real, or real for synthetic"
    )
    tiles.setFocus()
    qtbot.keyClick(tiles, Qt.Key.Key_Return)
    viewer = tab.review_view.end_page.findChild(ImageViewer)
    assert isinstance(viewer, ImageViewer)
    assert viewer.canvas.is_synthetic and "Synthetic, called real" in viewer.about.text()
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    assert tiles.currentIndex().row() == 1
    viewer.reject()


def test_images_that_went_missing_meanwhile_are_skipped(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    review = begin(phantom_study, run, "Dr A")
    lost = next(question for question in review.questions if question.kind == "real")
    record = phantom_study.catalog.image(lost.image)
    assert record is not None
    phantom_study.image_path(record).unlink()
    user_settings.remember_reader("Dr A")
    tab.review_view.start_page.reader.setText("Dr A")
    tab.open_study(phantom_study)
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(tab.review_view.start_page.resume_button, Qt.MouseButton.LeftButton)
    _wait_for_question(qtbot, tab)
    assert tab.review_view.question_page.place.text() == "Image 1 of 15"
    _answer_rightly(qtbot, tab, run, 15)
    _wait_for_end(qtbot, tab)
    assert "1 image could not be shown" in tab.review_view.end_page.about.text()


def test_too_few_images_are_told(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    drawn_run(phantom_study, 3)
    tab.open_study(phantom_study)
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    page = tab.review_view.start_page
    page.reader.setText("Dr A")
    assert "at least 4 synthetic images" in page.problem.text() and page.problem.isVisible()
    assert not page.start_button.isEnabled()


def test_an_answer_that_cannot_be_kept_is_asked_again(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    _begin(qtbot, tab, phantom_study)
    phantom_study.delete_run(run)  # as another window would
    page = tab.review_view.question_page
    _press(qtbot, tab, Qt.Key.Key_R)
    assert "was not saved" in page.problem.text() and "was deleted" in page.problem.text() and page.problem.isVisible()
    assert page.question.text() == "Is this image real or synthetic?"
    phantom_study.restore_run(run.id)
    _press(qtbot, tab, Qt.Key.Key_R)
    assert page.question.text() == "Is it fit for training?" and not page.problem.isVisible()


def test_another_run_a_started_and_a_deleted_one_leave_the_review(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, run: Run
) -> None:
    other = drawn_run(phantom_study, 4, class_name="normal")
    tab.open_study(phantom_study)
    tab.open_run(run.id)
    _begin(qtbot, tab, phantom_study)
    tab.follow_run(other.id)
    assert tab.review_view.question_page.isVisible(), "a run that begins by itself does not disturb a reader"
    _press(qtbot, tab, Qt.Key.Key_R)
    assert _kept(run).questions[0].said == "real"
    tab.open_run(other.id)
    assert tab.shown_instead is None
    tab.open_run(run.id)
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(tab.start_button, Qt.MouseButton.LeftButton)
    assert tab.shown_instead is None, "whoever starts a run wants to see it"
    qtbot.mouseClick(tab.result.review_button, Qt.MouseButton.LeftButton)
    phantom_study.delete_run(run)
    tab.refresh()
    assert tab.shown_instead is None and tab.run is not None and tab.run.id == other.id
