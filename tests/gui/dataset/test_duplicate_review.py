import threading
from collections.abc import Iterator

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from busapp.engine.catalog import FoundPair, Pair
from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.duplicate_review import DuplicateReview
from busapp.gui.images import pair_pictures

NO_KEY = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def review(qtbot: QtBot) -> Iterator[DuplicateReview]:
    review = DuplicateReview()
    qtbot.addWidget(review)
    review.resize(1200, 700)
    review.show()
    yield review
    review.stop()


class Study:
    """Phantoms with five pairs that look alike: a-b, b-c and c-d form a group, e-n has two classes, f-g is mirrored."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.catalog = workspace, workspace.catalog
        benign = [image.id for image in self.catalog.images(class_name="benign")]
        self.a, self.b, self.c, self.d, self.e, self.f, self.g = benign[:7]
        self.n = self.catalog.images(class_name="normal")[0].id
        found = [
            FoundPair(self.a, self.b, 0.99, "same picture"),
            FoundPair(self.b, self.c, 0.97, "same picture"),
            FoundPair(self.c, self.d, 0.95, "same picture"),
            FoundPair(self.e, self.n, 0.98, "other marks"),
            FoundPair(self.f, self.g, 0.90, "mirrored, looks alike"),
        ]
        seen = [image.id for image in self.catalog.images()]
        self.catalog.set_curation(seen, found, {self.n: ["blur"]}, {})

    def pair(self, first: int, second: int) -> Pair:
        return next(pair for pair in self.catalog.pairs() if (pair.first, pair.second) == (first, second))

    def excluded(self) -> dict[int, str]:
        return {image.id: image.excluded for image in self.catalog.images() if image.excluded is not None}


@pytest.fixture
def study(phantom_study: Workspace) -> Study:
    return Study(phantom_study)


def _shown(review: DuplicateReview) -> tuple[int, int]:
    assert review.pair is not None
    return review.pair.first, review.pair.second


def _press(qtbot: QtBot, review: DuplicateReview, *keys: Qt.Key) -> None:
    for key in keys:
        qtbot.keyClick(review.focusWidget() or review, key)


def _button(review: DuplicateReview, text: str) -> QPushButton:
    return next(button for button in review.findChildren(QPushButton) if button.text().startswith(text))


def test_pairs_are_decided_by_keys_different_classes_first(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    assert _shown(review) == (study.e, study.n)
    assert review.head.progress_label.text() == "0 of 5 decided, 1 contradicting pair first"
    assert review.head.heading.text() == "Pair 1 of 5: other marks, likeness 0.98"
    assert review.head.contradiction.isVisible()
    assert "benign" in review.view.left.heading.text() and "normal" in review.view.right.heading.text()
    assert "Flags: blur" in review.view.right.about.text() and "Flags" not in review.view.left.about.text()
    _press(qtbot, review, Qt.Key.Key_2)
    assert study.pair(study.e, study.n).verdict == "different"
    assert _shown(review) == (study.f, study.g)
    assert not review.head.contradiction.isVisible()
    _press(qtbot, review, Qt.Key.Key_1)
    assert study.pair(study.f, study.g).verdict == "same"
    assert review.head.progress_label.text() == "2 of 5 decided"
    assert (review.head.progress.value(), review.head.progress.maximum()) == (2, 5)
    assert _shown(review) == (study.c, study.d)


def test_buttons_do_what_the_keys_do(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    qtbot.mouseClick(_button(review, "Same picture"), Qt.MouseButton.LeftButton)
    assert study.pair(study.e, study.n).verdict == "same"
    assert "Their classes still differ" in review.told.text()
    qtbot.mouseClick(_button(review, "Different pictures"), Qt.MouseButton.LeftButton)
    assert study.pair(study.f, study.g).verdict == "different"
    qtbot.mouseClick(_button(review, "Undo"), Qt.MouseButton.LeftButton)
    assert study.pair(study.f, study.g).verdict is None
    assert _shown(review) == (study.f, study.g)


@pytest.mark.parametrize("key", [Qt.Key.Key_Backspace, Qt.Key.Key_Z])
def test_undo_leads_back_to_the_pair_but_never_past_the_review(
    qtbot: QtBot, review: DuplicateReview, study: Study, key: Qt.Key
) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_1, Qt.Key.Key_2)
    modifier = Qt.KeyboardModifier.ControlModifier if key == Qt.Key.Key_Z else NO_KEY
    qtbot.keyClick(review, key, modifier)
    assert _shown(review) == (study.f, study.g)
    assert "Undone: 1 pair: different pictures" in review.told.text()
    qtbot.keyClick(review, key, modifier)
    assert _shown(review) == (study.e, study.n)
    assert study.pair(study.e, study.n).verdict is None
    qtbot.keyClick(review, key, modifier)
    assert "No decision of this review is left to undo" in review.told.text()
    assert len(study.catalog.pairs()) == 5, "what curation found must stay"


def test_set_aside_asks_which_one_and_why(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_3)
    assert review.bar.isVisible()
    assert review.bar.values.currentText() == "contradicting labels"
    assert review.focusWidget() is review.bar.buttons["right"], "the blurred one is suggested"
    _press(qtbot, review, Qt.Key.Key_L)
    assert study.excluded() == {study.e: "contradicting labels"}
    assert not review.bar.isVisible()
    assert _shown(review) == (study.f, study.g)
    _press(qtbot, review, Qt.Key.Key_3)
    assert review.bar.values.currentText() == "near-duplicate"
    qtbot.mouseClick(review.bar.buttons["both"], Qt.MouseButton.LeftButton)
    assert study.excluded()[study.f] == study.excluded()[study.g] == "near-duplicate"
    _press(qtbot, review, Qt.Key.Key_3, Qt.Key.Key_Escape)
    assert not review.bar.isVisible()
    assert len(study.excluded()) == 3
    _press(qtbot, review, Qt.Key.Key_L)
    assert len(study.excluded()) == 3, "L answers only while it is asked"


def test_a_reason_of_ones_own_is_typed(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_3)
    line = review.bar.values.lineEdit()
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, "blurred 12")
    assert review.bar.isVisible(), "letters and digits are text here"
    qtbot.mouseClick(review.bar.buttons["right"], Qt.MouseButton.LeftButton)
    assert study.excluded() == {study.n: "blurred 12"}


def test_a_class_is_changed_and_the_pair_stays_to_be_decided(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_C, Qt.Key.Key_R)
    assert {image.class_name for image in study.catalog.images() if image.id in (study.e, study.n)} == {"benign"}
    assert _shown(review) == (study.e, study.n)
    assert not review.head.contradiction.isVisible()
    assert "is now benign" in review.told.text()
    _press(qtbot, review, Qt.Key.Key_C)
    assert review.bar.values.itemText(0) == "malignant"
    qtbot.mouseClick(review.bar.buttons["left"], Qt.MouseButton.LeftButton)
    assert "malignant" in review.view.left.heading.text()
    _press(qtbot, review, Qt.Key.Key_Backspace, Qt.Key.Key_Backspace)
    assert "normal" in review.view.right.heading.text()


def test_arrows_walk_without_deciding(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    revision = study.catalog.revision()
    _press(qtbot, review, Qt.Key.Key_Right, Qt.Key.Key_Down)
    assert review.head.heading.text().startswith("Pair 3 of 5")
    _press(qtbot, review, Qt.Key.Key_End, Qt.Key.Key_Right)
    assert _shown(review) == (study.a, study.b)
    assert not review.next_button.isEnabled()
    _press(qtbot, review, Qt.Key.Key_Left)
    assert _shown(review) == (study.b, study.c)
    _press(qtbot, review, Qt.Key.Key_Home)
    assert _shown(review) == (study.e, study.n)
    assert study.catalog.revision() == revision
    _press(qtbot, review, Qt.Key.Key_End, Qt.Key.Key_1)
    assert _shown(review) == (study.e, study.n), "after the last pair come those that were passed over"


def test_pictures_are_those_of_the_pair_and_the_mirrored_one_is_turned(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    images = {image.id: image for image in study.catalog.images()}
    original = read_image(study.workspace.image_path(images[study.f]))
    original.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(study.workspace.image_path(images[study.g]))
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: not review.view.left.canvas.picture.isNull())
    left, right = (pane.canvas.picture.toImage() for pane in (review.view.left, review.view.right))
    assert left == right.flipped(Qt.Orientation.Horizontal)
    assert "On average 0.0 of 255" in review.view.third.about.text()
    assert left.pixelColor(20, 30).getRgb()[:3] == original.getpixel((20, 30))


def test_no_picture_of_another_pair_is_ever_shown(
    qtbot: QtBot, review: DuplicateReview, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, make_pictures = threading.Event(), pair_pictures.make_pictures

    def slow(workspace: Workspace, key: pair_pictures.PairKey) -> pair_pictures.PairPictures:
        go_on.wait(10)
        return make_pictures(workspace, key)

    monkeypatch.setattr(pair_pictures, "make_pictures", slow)
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_2, Qt.Key.Key_2)
    assert review.view.left.canvas.picture.isNull()
    assert review.view.left.canvas.sentence == "Loading…"
    shown = []
    review._loader.loaded.connect(lambda key: shown.append((key.first.id, key.second.id, review.view._pictures)))
    go_on.set()
    qtbot.waitUntil(lambda: not review.view.left.canvas.picture.isNull())
    late = [pictures for first, second, pictures in shown if (first, second) != _shown(review)]
    assert late and all(pictures is None for pictures in late if pictures is not review.view._pictures)
    _press(qtbot, review, Qt.Key.Key_Home)
    expected = review._loader.get(review._key(review.pair)) if review.pair else None
    assert review.view._pictures is expected


def test_the_next_pairs_are_loaded_before_they_are_looked_at(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    review.open_study(study.workspace)
    qtbot.waitUntil(lambda: len(review._loader._memory) == 5)
    _press(qtbot, review, Qt.Key.Key_1)
    assert not review.view.left.canvas.picture.isNull(), "it is there at once"


def test_an_unreadable_image_leaves_the_other_one_to_be_seen(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    images = {image.id: image for image in study.catalog.images()}
    study.workspace.image_path(images[study.n]).write_bytes(b"torn")
    review.open_study(study.workspace)
    qtbot.waitUntil(lambda: not review.view.left.canvas.picture.isNull())
    assert review.view.right.canvas.picture.isNull()
    assert review.view.right.canvas.sentence == "The file is not a readable image."
    assert review.view.left.canvas.sentence == ""
    assert review.view.third.canvas.picture.isNull()


def test_d_goes_from_the_difference_to_blinking_and_to_neither(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    review.open_study(study.workspace)
    qtbot.waitUntil(lambda: not review.view.third.canvas.picture.isNull())
    difference = review.view.third.canvas.picture.toImage()
    _press(qtbot, review, Qt.Key.Key_D)
    assert review.view.third.heading.text() == "Blinking: left"
    assert review.view.third.canvas.picture.toImage() == review.view.left.canvas.picture.toImage() != difference
    qtbot.waitUntil(lambda: review.view.third.heading.text() == "Blinking: right")
    assert review.view.third.canvas.picture.toImage() == review.view.right.canvas.picture.toImage()
    _press(qtbot, review, Qt.Key.Key_D)
    assert not review.view.third.isVisible()
    _press(qtbot, review, Qt.Key.Key_D)
    assert review.view.third.canvas.picture.toImage() == difference


def test_zooming_one_picture_zooms_all(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    qtbot.waitUntil(lambda: not review.view.third.canvas.picture.isNull())
    fitted = review.view.left.canvas.transform().m11()
    _press(qtbot, review, Qt.Key.Key_Plus, Qt.Key.Key_Plus)
    scales = {pane.canvas.transform().m11() for pane in (review.view.left, review.view.right, review.view.third)}
    assert len(scales) == 1 and scales.pop() > 1.5 * fitted
    _press(qtbot, review, Qt.Key.Key_0)
    assert review.view.right.canvas.transform().m11() == pytest.approx(fitted)


def test_a_group_is_accepted_at_once(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    assert not review.strip.isVisible()
    _press(qtbot, review, Qt.Key.Key_End)
    assert review.strip.isVisible()
    assert [image.id for image in review.strip.images] == [study.a, study.b, study.c, study.d]
    _press(qtbot, review, Qt.Key.Key_A)
    assert {pair.verdict for pair in study.catalog.pairs() if study.a <= pair.first <= study.c} == {"same"}
    assert review.told.text() == "Decided for 3 pairs: the same picture."
    assert review.head.progress_label.text() == "3 of 5 decided, 1 contradicting pair first"
    _press(qtbot, review, Qt.Key.Key_Backspace)
    assert review.head.progress_label.text().startswith("0 of 5")
    study.catalog.judge([(study.a, study.b)], "same")
    review.refresh()
    _press(qtbot, review, Qt.Key.Key_End)
    _press(qtbot, review, Qt.Key.Key_A)
    assert review.told.text() == "Decided for 2 pairs: the same picture."  # the third was decided before


def test_images_are_taken_out_of_a_group(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_End)
    assert not review.strip.split_button.isEnabled()
    for row in (2, 3):
        place = review.strip.list.visualRect(review.strip.list.model().index(row, 0)).center()
        qtbot.mouseClick(review.strip.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
    assert "2 selected" in review.strip.heading.text()
    qtbot.keyClick(review.strip.list, Qt.Key.Key_T)
    groups = {image.id: image.group for image in study.catalog.images()}
    assert groups[study.a] == groups[study.b] != groups[study.c] == groups[study.d]
    assert study.pair(study.b, study.c).verdict == "different"
    assert _shown(review) == (study.a, study.b), "the pair at hand stays"
    assert not review.strip.isVisible(), "two are no strip"
    _press(qtbot, review, Qt.Key.Key_Backspace)
    assert len(review.strip.images) == 4


def test_decided_pairs_can_be_walked_through_and_decided_anew(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_1, Qt.Key.Key_3, Qt.Key.Key_R)
    qtbot.mouseClick(review.head.decided_box, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    review.setFocus()
    _press(qtbot, review, Qt.Key.Key_Home)
    assert review.head.heading.text() == "Pair 1 of 5: other marks, likeness 0.98. Decided: the same picture"
    _press(qtbot, review, Qt.Key.Key_2)
    assert study.pair(study.e, study.n).verdict == "different"
    assert _shown(review) == (study.f, study.g)
    assert "Set aside: near-duplicate" in review.view.right.about.text()
    assert review.reopen_button.text() == "Bring back (U)"
    _press(qtbot, review, Qt.Key.Key_U)
    assert study.excluded() == {}
    assert _shown(review) == (study.f, study.g)
    _press(qtbot, review, Qt.Key.Key_Home, Qt.Key.Key_U)
    assert study.pair(study.e, study.n).verdict is None
    assert review.head.progress_label.text() == "0 of 5 decided, 1 contradicting pair first"


def test_after_the_last_pair_it_says_what_was_decided(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_1, Qt.Key.Key_3, Qt.Key.Key_R, *([Qt.Key.Key_2] * 3))
    assert review.empty.isVisible()
    words = review.empty.label.text()
    assert "All 5 pairs are decided: 1 the same picture, 3 different pictures, 1 with an image set aside" in words
    assert "still has two classes" in words
    _press(qtbot, review, Qt.Key.Key_1, Qt.Key.Key_3, Qt.Key.Key_C)
    assert review.head.progress_label.text() == "5 of 5 decided"
    qtbot.mouseClick(review.empty.second_button, Qt.MouseButton.LeftButton)
    assert _shown(review) == (study.e, study.n)


def test_without_pairs_it_says_why(review: DuplicateReview, phantom_study: Workspace) -> None:
    review.open_study(phantom_study)
    assert "not looked for yet" in review.empty.label.text()
    phantom_study.catalog.set_curation([image.id for image in phantom_study.catalog.images()], [], {}, {})
    review.refresh()
    assert review.empty.label.text() == "No images look alike."
    assert not review.empty.second_button.isVisible()


def test_other_tabs_are_told_when_it_is_left(qtbot: QtBot, review: DuplicateReview, study: Study) -> None:
    review.open_study(study.workspace)
    with qtbot.waitSignal(review.left), qtbot.assertNotEmitted(review.changed):
        _press(qtbot, review, Qt.Key.Key_Escape)
    with qtbot.assertNotEmitted(review.changed):
        _press(qtbot, review, Qt.Key.Key_1)
    with qtbot.waitSignals([review.changed, review.left]):
        _press(qtbot, review, Qt.Key.Key_Escape)
    _press(qtbot, review, Qt.Key.Key_1)
    with qtbot.waitSignal(review.changed):
        review.hide()


def test_changes_from_elsewhere_are_seen_and_the_pair_stays(
    qtbot: QtBot, review: DuplicateReview, study: Study
) -> None:
    review.open_study(study.workspace)
    _press(qtbot, review, Qt.Key.Key_Right, Qt.Key.Key_Right)
    at = _shown(review)
    study.catalog.exclude([study.n], "poor image")
    review.refresh()
    assert _shown(review) == at
    assert review.head.progress_label.text() == "1 of 5 decided"
    study.catalog.undo()
    review.refresh()
    assert _shown(review) == (study.e, study.n), "a pair that waits again is shown"


def test_one_patient_is_named(review: DuplicateReview, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [image._replace(patient="p1") for image in study.catalog.images()]
    monkeypatch.setattr(study.catalog, "images", lambda **_kwargs: images)
    review.open_study(study.workspace)
    assert "same patient" in review.view.left.about.text()
    assert "same patient" in review.view.right.about.text()
