"""The review of near-duplicates: one pair at a time in the whole tab, each decided with a single key."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QHideEvent, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord, Pair, Verdict
from busapp.engine.curation.duplicate_review import PairReview
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.choice_bar import ChoiceBar, Which
from busapp.gui.dataset.decisions import Decisions
from busapp.gui.dataset.group_strip import GroupStrip
from busapp.gui.dataset.keyed_actions import button_for, keyed_action
from busapp.gui.dataset.review_head import ReviewHead
from busapp.gui.images.pair_pictures import PairKey, PairLoader
from busapp.gui.images.pair_view import Facts, PairView
from busapp.gui.theme import SPACE
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.flow_row import FlowRow
from busapp.gui.widgets.panels import scrolling

NEAR_DUPLICATE: Final = "near-duplicate"
CONTRADICTING: Final = "contradicting labels"
_OTHERS: Final = "the class of the other image"
_AHEAD: Final = 4
"""Number of following pairs that are loaded in advance."""


class DuplicateReview(QWidget):
    """Shows near-duplicates side by side, in place of the grid.

    Signals:
        changed: the review has changed the catalog. Emitted when the review is closed or hidden, not after every
            decision, so that the next pair does not wait for hidden tabs.
        left: the user wants to return to the grid.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace: Workspace | None = None
        self._review = PairReview([], [], {})
        self._classes: list[str] = []
        self._shown: list[Pair] = []
        self._at = 0
        self._decisions: Decisions | None = None
        self._loader = PairLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self._answer: Callable[[list[ImageRecord], str], None] = lambda _images, _value: None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Review of near-duplicates")
        self._make_actions()
        self._lay_out()
        self._show_pair()

    # -- layout --------------------------------------------------------------------------------------------

    def _make_actions(self) -> None:
        self.same_action = self._action("Same picture", "1", lambda: self._judge("same"))
        self.different_action = self._action("Different pictures", "2", lambda: self._judge("different"))
        self.aside_action = self._action("Set aside…", "3", self._ask_aside)
        self.class_action = self._action("Change class…", "C", self._ask_class)
        self.reopen_action = self._action("Reopen", "U", self._reopen)
        self.undo_action = self._action("Undo", "Backspace", self._undo)
        self.third_action = self._action("Difference", "D", self._next_mode)
        self.all_same_action = self._action("All the same", "A", self._all_same)
        self.take_out_action = self._action("Take out of the group", "T", lambda: self.strip.split())
        self.leave_action = self._action("Back to the images", "Esc", self._leave)

    def _action(self, text: str, keys: str, slot: Callable[[], object]) -> QAction:
        self.addAction(action := keyed_action(self, text, keys, slot))
        return action

    def _lay_out(self) -> None:
        self.head = ReviewHead(button_for(self.leave_action))
        self.head.decided_too_wanted.connect(lambda _wanted: self._list_again(self.pair))
        self.view = PairView()
        self.bar = ChoiceBar(self)
        self.bar.chosen.connect(self._on_chosen)
        self.bar.closed.connect(self._on_question_closed)
        self.strip = GroupStrip()
        self.strip.same_wanted.connect(self._all_same)
        self.strip.split_wanted.connect(self._take_out)
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        self.told.setAccessibleName("Last decision")
        self.empty = EmptyState("", "Back to the images", "Show decided pairs")
        self.empty.clicked.connect(self._leave)
        self.empty.second_clicked.connect(lambda: self.head.decided_box.setChecked(True))

        pairs = QWidget()
        column = QVBoxLayout(pairs)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        self._controls = QStackedWidget()  # a question replaces the buttons, so that nothing else moves
        self._controls.addWidget(self._button_row())
        self._controls.addWidget(self.bar)
        self._controls.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        column.addWidget(self._controls)
        column.addWidget(self._pictures(), 1)
        self._stack = QStackedLayout()
        self._stack.addWidget(pairs)
        self._stack.addWidget(self.empty)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        whole.setSpacing(SPACE)
        whole.addWidget(self.head)
        whole.addLayout(self._stack, 1)
        whole.addWidget(self.told)

    def _pictures(self) -> QWidget:
        """The pair above its group. They scroll if the window is low."""
        pictures = QWidget()
        column = QVBoxLayout(pictures)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.view, 1)
        column.addWidget(self.strip)
        area = scrolling(pictures)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the arrow keys change the pair
        return area

    def _button_row(self) -> QWidget:
        buttons = QWidget()
        row = FlowRow(buttons)
        for action in (self.same_action, self.different_action, self.aside_action, self.class_action):
            row.addWidget(button_for(action))
        self.reopen_button = button_for(self.reopen_action)
        row.addWidget(self.reopen_button)
        row.addWidget(button_for(self.undo_action))
        row.add_gap()
        self.third_button = button_for(self.third_action)
        row.addWidget(self.third_button)
        self.previous_button = QPushButton("← Previous")
        self.previous_button.clicked.connect(lambda: self.walk(-1))
        self.next_button = QPushButton("Next →")
        self.next_button.clicked.connect(lambda: self.walk(1))
        row.add_together(self.previous_button, self.next_button)
        self._name_third()
        return buttons

    # -- content -------------------------------------------------------------------------------------------

    @property
    def pair(self) -> Pair | None:
        """The pair that is shown."""
        return self._shown[self._at] if self._shown else None

    def open_study(self, workspace: Workspace) -> None:
        """Review another study, from its first pair."""
        self.workspace = workspace
        self._review, self._shown, self._at = PairReview([], [], {}), [], 0
        self._decisions = Decisions(workspace.catalog)
        self.told.clear()
        self._loader.open_study(workspace)
        self.strip.thumbnails.open_study(workspace)
        self.head.decided_box.setChecked(False)
        self.refresh()

    def refresh(self) -> None:
        """Read the catalog again. The same pair stays on the screen, unless a decided one was reopened: that is shown
        instead."""
        self._look_again()
        self._list_again(self.pair)

    def stop(self) -> None:
        """Stop loading, and wait until the current pictures are loaded."""
        self._loader.stop()
        self.strip.thumbnails.stop()

    def _look_again(self) -> None:
        if self.workspace is None:
            return
        catalog = self.workspace.catalog
        before = {(pair.first, pair.second): self._review.waits(pair) for pair in self._review.pairs}
        pairs = catalog.pairs()
        # This runs after every decision, so it reads only images in pairs. Without any pair it reads all images, which
        # tell whether the study was checked.
        self._review = PairReview(pairs, catalog.images(in_pairs=bool(pairs)), catalog.flags())
        self._classes = catalog.classes()
        reopened = [pair for pair in self._review.waiting if before.get((pair.first, pair.second)) is False]
        if reopened:
            self._shown, self._at = reopened, 0

    def _list_again(self, *wanted: Pair | None) -> None:
        """List the pairs. Show the first of the wanted ones that is in the list, or else the first of the list."""
        self._shown = self._review.pairs if self.head.decided_box.isChecked() else self._review.waiting
        places = {(pair.first, pair.second): place for place, pair in enumerate(self._shown)}
        found = (places.get((pair.first, pair.second)) for pair in wanted if pair is not None)
        self._at = next((place for place in found if place is not None), 0)
        self._show_pair()

    def _show_pair(self) -> None:
        self.bar.close_question()
        pair = self.pair
        self.head.show_progress(self._review)
        self.head.show_pair(self._review, pair, self._at, len(self._shown))
        self._stack.setCurrentIndex(0 if pair else 1)
        for action in (self.same_action, self.different_action, self.aside_action, self.class_action):
            action.setEnabled(pair is not None)
        self.third_action.setEnabled(pair is not None)
        self.previous_button.setEnabled(self._at > 0)
        self.next_button.setEnabled(self._at < len(self._shown) - 1)
        if pair is None:
            self.reopen_action.setEnabled(False)
            self.strip.show_members([], (0, 0), [], {})
            self.empty.set_sentence(self._review.outcome_in_words())
            self.empty.second_button.setVisible(bool(self._review.pairs))
        else:
            self._show_facts(pair)
            self._show_pictures(pair)
            members = self._review.members(pair)
            self.strip.show_members(members, (pair.first, pair.second), self._classes, self._review.flags)
        has_group = pair is not None and not self.strip.isHidden()
        self.all_same_action.setEnabled(has_group)
        self.take_out_action.setEnabled(has_group)

    def _show_facts(self, pair: Pair) -> None:
        first, second = self._images(pair)
        is_same_patient = first.patient is not None and first.patient == second.patient
        notes = [[f"group {image.group}", *(["same patient"] if is_same_patient else [])] for image in (first, second)]
        flags = self._review.flags
        self.view.show_facts(
            Facts(first, self._classes, flags.get(first.id, []), notes[0]),
            Facts(second, self._classes, flags.get(second.id, []), notes[1]),
        )
        has_excluded = not self._review.is_in_use(pair)
        self.reopen_action.setText("Bring back" if has_excluded and pair.verdict is None else "Reopen")
        self.reopen_button.setText(f"{self.reopen_action.text()} (U)")
        self.reopen_action.setEnabled(has_excluded or pair.verdict is not None)
        self.reopen_button.setVisible(self.head.decided_box.isChecked())

    def _show_pictures(self, pair: Pair) -> None:
        ahead = [*self._shown[self._at : self._at + 1 + _AHEAD], *self._shown[max(0, self._at - 1) : self._at]]
        self._loader.want([self._key(other) for other in ahead])
        self.view.show_pictures(self._loader.get(self._key(pair)))

    def _on_loaded(self, key: PairKey) -> None:
        if self.pair is not None and self._key(self.pair).contents == key.contents:
            self.view.show_pictures(self._loader.get(key))

    def _images(self, pair: Pair) -> tuple[ImageRecord, ImageRecord]:
        return self._review.images[pair.first], self._review.images[pair.second]

    def _key(self, pair: Pair) -> PairKey:
        return PairKey(*self._images(pair), pair.how)

    # -- what the user does --------------------------------------------------------------------------------

    def walk(self, steps: int) -> None:
        """Show a later or earlier pair without deciding, at most the last or the first one."""
        at = max(0, min(len(self._shown) - 1, self._at + steps))
        if at != self._at:
            self._at = at
            self._show_pair()

    def _decide(self, decision: Callable[[Decisions], str], *, stays: bool = False) -> None:
        """Make a decision. Then show the next pair, or this one again if it `stays`."""
        assert self._decisions is not None
        after = self._shown[self._at + 1 :]
        wanted = [self.pair, *after] if stays else [*after, self.pair] if self.head.decided_box.isChecked() else after
        told = decision(self._decisions)
        self._look_again()
        self._list_again(*wanted)
        self.told.setText(told)

    def _judge(self, verdict: Verdict) -> None:
        pair = self.pair
        if pair is None:
            return
        self._decide(lambda decisions: decisions.judge([pair], verdict))
        if verdict == "same" and self._review.contradicts(pair):
            self.told.setText(
                f"{self.told.text()} Their classes still differ. The strict protocol skips both until one is changed."
            )

    def _reopen(self) -> None:
        """Take back the decision on the pair. If there is none, bring back its images that were set aside."""
        pair = self.pair
        if pair is None:
            return
        if pair.verdict is not None:
            self._decide(lambda decisions: decisions.judge([pair], None), stays=True)
        else:
            aside = [image for image in self._images(pair) if image.excluded is not None]
            self._decide(lambda decisions: decisions.bring_back(aside), stays=True)

    def _all_same(self) -> None:
        pairs = [pair for pair in self._review.pairs_within(self.strip.images) if pair.verdict is None]
        if pairs:
            self._decide(lambda decisions: decisions.judge(pairs, "same"))
        else:
            self.told.setText("All pairs of this group are already decided: the same picture.")

    def _take_out(self, images: list[ImageRecord]) -> None:
        self._decide(lambda decisions: decisions.split(images), stays=True)

    def _ask_aside(self) -> None:
        if self.pair is None:
            return
        reasons = [NEAR_DUPLICATE, CONTRADICTING]
        if self._review.contradicts(self.pair):
            reasons.reverse()
        suggested: Which = "left" if self._review.is_worth_less(*self._images(self.pair)) else "right"
        self._answer = lambda images, reason: self._decide(lambda decisions: decisions.set_aside(images, reason))
        self._ask("Set aside which image, and why?", reasons, ("left", "right", "both"), suggested, editable=True)

    def _ask_class(self) -> None:
        if self.pair is None:
            return
        own = {image.class_name for image in self._images(self.pair)}
        others = [name for name in self._classes if name not in own]
        values = [_OTHERS, *others] if len(own) > 1 else others
        if values:
            self._answer = self._reclassify
            self._ask("Change which image, and to which class?", values, ("left", "right"), "left", editable=False)
        else:
            self.told.setText("All images of the study have the same class. Give an image another class in the grid.")

    def _reclassify(self, images: list[ImageRecord], name: str) -> None:
        assert self.pair is not None
        image = images[0]
        other = next(other for other in self._images(self.pair) if other.id != image.id)
        class_name = other.class_name if name == _OTHERS else name
        self._decide(lambda decisions: decisions.reclassify(image, class_name), stays=True)

    def _ask(
        self, question: str, values: Sequence[str], sides: Sequence[Which], suggested: Which, *, editable: bool
    ) -> None:
        self._controls.setCurrentIndex(1)
        self.bar.ask(question, values, sides, suggested, editable=editable)

    def _on_chosen(self, which: str, value: str) -> None:
        if self.pair is not None:
            first, second = self._images(self.pair)
            self._answer({"left": [first], "right": [second], "both": [first, second]}[which], value)

    def _on_question_closed(self) -> None:
        self._controls.setCurrentIndex(0)
        self.setFocus()

    def _undo(self) -> None:
        if self._decisions is not None:
            told = self._decisions.undo()
            self.refresh()
            self.told.setText(told)

    def _next_mode(self) -> None:
        self.view.next_mode()
        self._name_third()

    def _name_third(self) -> None:
        following = {"difference": "Blink", "blink": "Side by side only", "off": "Difference"}[self.view.mode]
        self.third_button.setText(f"{following} (D)")

    def _leave(self) -> None:
        if self.bar.is_open:
            self.bar.close_question()
        else:
            self._report_changes()
            self.left.emit()

    def _report_changes(self) -> None:
        if self._decisions is not None and self._decisions.has_news:
            self._decisions.has_news = False
            self.changed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._report_changes()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        walks = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        walks |= {Qt.Key.Key_Home: -len(self._shown), Qt.Key.Key_End: len(self._shown)}
        zooms = (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus, Qt.Key.Key_0)
        if event.key() in walks:
            self.walk(walks[Qt.Key(event.key())])
        elif event.key() in zooms:
            self.view.zoom_by_key(event)
        elif event.matches(QKeySequence.StandardKey.Undo):
            self._undo()
        else:
            super().keyPressEvent(event)
