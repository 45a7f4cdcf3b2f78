"""The view for a blinded review of a run's images: start, answer, read the result."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMessageBox, QProgressBar, QStackedLayout, QVBoxLayout, QWidget

from busapp.engine.catalog import Kind
from busapp.engine.events import Event, Progress
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import BlindReview, begin, finish, most_of_each, prepare, reviews_of, save
from busapp.engine.utils.steps import run_unless_stopped
from busapp.engine.utils.words import many
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.runs.run_view import RunView
from busapp.gui.synthesis.blind_end import BlindEnd
from busapp.gui.synthesis.blind_question import BlindQuestion
from busapp.gui.synthesis.blind_start import BlindStart
from busapp.gui.widgets.background import Background, Handle
from busapp.gui.widgets.warning_frame import words_label

_LEAVE = "← &Leave it for now (Esc)"


@dataclass(frozen=True, slots=True)
class _Prepared:
    review: BlindReview
    pictures: dict[int, Pixels]


class BlindReviewView(RunView):
    """Each answer is saved at once. While the review asks, the screen gives no hint of the truth.

    Signals:
        changed: a review was finished, and images may have been set aside.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Blind review", parent)
        self.workspace: Workspace | None = None
        self.run: Run | None = None
        self.review: BlindReview | None = None
        self._pictures: dict[int, Pixels] = {}
        self._loader = Background(self)
        self._loader.made.connect(self._on_prepared)
        self._loader.failed.connect(self._on_not_prepared)
        self._loader.progressed.connect(self._show_progress)
        self._finisher = Background(self)  # a second one, because leaving must not stop a review from being finished
        self._finisher.made.connect(self._on_finished)
        self._finisher.failed.connect(self._on_not_prepared)
        self._back_words = self.back_button.text()
        self._lay_out()

    def _lay_out(self) -> None:
        self.start_page = BlindStart()
        self.start_page.start_requested.connect(self._start)
        self.start_page.resume_requested.connect(self._resume)
        self.start_page.end_requested.connect(self._end_early)
        self.start_page.opened.connect(self._show_end)
        self.question_page = BlindQuestion()
        self.question_page.end_wanted.connect(lambda: self._end_early(self.review))
        self.question_page.called.connect(self._on_called)
        self.question_page.judged.connect(self._on_judged)
        self.end_page = BlindEnd()
        self.end_page.list_wanted.connect(self.show_start)
        self.end_page.catalog_changed.connect(self.changed)
        self.waiting = words_label("muted")
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Images that are prepared")
        waiting_page = QWidget()
        column = QVBoxLayout(waiting_page)
        column.addStretch()
        column.addWidget(self.waiting)
        column.addWidget(self.progress)
        column.addStretch()
        self._pages = QStackedLayout()
        for page in (self.start_page, waiting_page, self.question_page, self.end_page):
            self._pages.addWidget(page)
        self._waiting_page = waiting_page
        self.column.addLayout(self._pages, 1)

    # -- pages ---------------------------------------------------------------------------------------------

    def show_run(self, workspace: Workspace, run: Run) -> None:
        """Offer a review of a run's images."""
        self.workspace, self.run = workspace, run
        self.heading.setText(f"Blind review: {run.info.name}")
        self.show_start()
        self.start_page.offer_usual()

    def show_start(self) -> None:
        """Show the first page."""
        assert self.workspace is not None and self.run is not None
        self._drop()
        self.start_page.show_run(self.run, reviews_of(self.run), most_of_each(self.workspace, self.run))
        self._show_page(self.start_page)
        target: QWidget = self.start_page.reader
        if self.start_page.reader.text().strip():
            is_left = self.start_page.left_review is not None
            target = self.start_page.resume_button if is_left else self.start_page.start_button
        target.setFocus()

    def refresh(self, workspace: Workspace) -> None:
        if self.run is None or not self.run.folder.exists():
            self.left.emit()
        elif self._pages.currentWidget() is self.start_page:
            self.start_page.show_run(self.run, reviews_of(self.run), most_of_each(workspace, self.run))
        elif self._pages.currentWidget() is self.end_page and self.review is not None:
            self.end_page.show_review(workspace, self.review)

    def close_view(self) -> None:
        self._drop()
        self.run = None

    def stop(self) -> None:
        self._loader.stop()
        self._finisher.stop()
        self.end_page.stop()

    def _show_page(self, page: QWidget) -> None:
        asks = page is self.question_page or page is self._waiting_page
        self.back_button.setText(_LEAVE if asks else self._back_words)
        self._pages.setCurrentWidget(page)

    def _drop(self) -> None:
        """Close the review; discard images that are being prepared."""
        self._loader.ask(None)
        self.review, self._pictures = None, {}

    # -- starting and resuming -----------------------------------------------------------------------------

    def _start(self, reader: str, n_of_each: int) -> None:
        workspace, run = self.workspace, self.run
        assert workspace is not None and run is not None
        user_settings.remember_reader(" ".join(reader.split()))
        self._prepare(lambda: begin(workspace, run, reader, n_of_each))

    def _resume(self, review: BlindReview) -> None:
        user_settings.remember_reader(review.reader)
        self._prepare(lambda: review)

    def _prepare(self, get_review: Callable[[], BlindReview]) -> None:
        workspace, run = self.workspace, self.run
        assert workspace is not None and run is not None

        def work(handle: Handle) -> _Prepared | None:
            def report(event: Event) -> None:
                if isinstance(event, Progress):
                    handle.report(event.done, event.total)

            prepared = run_unless_stopped(prepare(workspace, run, get_review()), handle.is_stopped, report)
            return None if prepared is None else _Prepared(*prepared)

        self._wait("Preparing the images…")
        self._loader.ask_long(work)

    def _wait(self, words: str) -> None:
        self.waiting.setText(words)
        self.progress.setRange(0, 0)
        self._show_page(self._waiting_page)
        self.back_button.setFocus()

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _on_prepared(self, found: object) -> None:
        if isinstance(found, _Prepared) and self.run is not None:
            self.review, self._pictures = found.review, found.pictures
            self._ask_next()

    def _on_not_prepared(self, sentence: str) -> None:
        if self.run is not None:
            self.show_start()
            self.start_page.show_problem(sentence)

    # -- asking --------------------------------------------------------------------------------------------

    def _ask_next(self) -> None:
        review = self.review
        assert review is not None
        if review.current is None:
            self._finish(review)
        else:
            self.question_page.show_question(review, self._pictures[review.current])
            self._show_page(self.question_page)
            self.question_page.setFocus()

    def _on_called(self, kind: Kind, seconds: float) -> None:
        assert self.review is not None
        if self._save(self.review.called(kind, seconds)):
            self.question_page.ask_fitness()

    def _on_judged(self, fit: bool, reason: str, seconds: float) -> None:
        assert self.review is not None
        if self._save(self.review.judged(fit, reason, seconds)):
            self._ask_next()

    def _save(self, answered: BlindReview) -> bool:
        """Save an answer. Returns False if that fails; the question is then asked again."""
        assert self.run is not None
        try:
            save(self.run, answered)
        except (UserError, OSError) as error:
            self.question_page.show_problem(f"The answer was not saved. {error}")
            return False
        self.review = answered
        return True

    # -- the end -------------------------------------------------------------------------------------------

    def _end_early(self, review: BlindReview | None) -> None:
        """Finish a review with the answers so far, if the user agrees."""
        page, run = self._pages.currentWidget(), self.run
        if review is None or not self._agrees_to_end(review):
            self.question_page.setFocus()
        elif (self._pages.currentWidget(), self.run) == (page, run):  # the view may have been closed during the dialog
            self.review = review
            self._finish(review)

    def _agrees_to_end(self, review: BlindReview) -> bool:
        question = QMessageBox(
            QMessageBox.Icon.Question,
            "End the review here",
            f"End the review by {review.reader} after {review.answered} of {many(review.asked, 'image')}?",
            parent=self,
        )
        question.setInformativeText(
            f"The result covers the {many(review.answered, 'image')} answered only. Synthetic ones called unfit are "
            "set aside. The review cannot be resumed afterwards."
        )
        end = question.addButton("End it", QMessageBox.ButtonRole.AcceptRole)
        question.setDefaultButton(question.addButton("Not yet", QMessageBox.ButtonRole.RejectRole))
        question.exec()
        return question.clickedButton() is end

    def _finish(self, review: BlindReview) -> None:
        workspace, run = self.workspace, self.run
        assert workspace is not None and run is not None
        self._wait("Counting the answers…")
        self._finisher.ask(lambda: finish(workspace, run, review))

    def _on_finished(self, found: object) -> None:
        assert isinstance(found, BlindReview)
        if self.review is not None and self.review.id == found.id:
            self._show_end(found)
        self.changed.emit()

    def _show_end(self, review: BlindReview) -> None:
        assert self.workspace is not None
        self.review, self._pictures = review, {}
        self.end_page.show_review(self.workspace, review)
        self._show_page(self.end_page)
        self.end_page.list_button.setFocus()
