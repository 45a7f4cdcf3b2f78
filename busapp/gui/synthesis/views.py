"""What the Synthesis tab can show in the place of one run: its images reviewed blindly, and its nearest real images."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from busapp.engine.synthesis.blind_review import newest_finished, reviews_of, without_effect
from busapp.gui.runs.run_tab import RunTab
from busapp.gui.runs.run_view import RunView
from busapp.gui.share_dialog import ShareDialog
from busapp.gui.synthesis.blind_review import BlindReviewView
from busapp.gui.synthesis.nearest_view import NearestView
from busapp.gui.synthesis.synthesis_result import SynthesisResult

NOTHING_DRAWN = "The study has no synthetic images of this run in use"


class SynthesisViews(RunTab):
    """The buttons of the result lead to the views, and to the files that a run can be taken out as.

    Signals:
        worth_requested: the user wants to see what synthetic images do for the classifier.
        generator_requested: the id of the run whose generator is to be written into a file.
    """

    worth_requested = Signal()
    generator_requested = Signal(str)

    result: SynthesisResult

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.review_view = BlindReviewView()
        self.review_view.changed.connect(self.study_changed)
        self.nearest_view = NearestView()
        for view in (self.review_view, self.nearest_view):
            self.add_view(view)

    def arrange(
        self,
        settings: QWidget,
        start: Sequence[QWidget],
        pictures: Sequence[tuple[QWidget, int]],
        result: QWidget,
    ) -> None:
        super().arrange(settings, start, pictures, result)
        self.result.review_clicked.connect(self.show_review)
        self.result.nearest_clicked.connect(self.show_nearest)
        self.result.worth_clicked.connect(self.worth_requested)
        self.result.images_clicked.connect(self._export_images)
        self.result.generator_clicked.connect(self._export_generator)

    def show_review(self) -> None:
        """Review the images of the run blindly."""
        if self.workspace is not None and self.run is not None:
            self.show_instead(self.review_view)
            self.review_view.show_run(self.workspace, self.run)

    def show_nearest(self) -> None:
        """Show the images of the run beside their nearest training images."""
        if self.workspace is not None and self.run is not None:
            self.show_instead(self.nearest_view)
            self.nearest_view.show_run(self.workspace, self.run)
            self.nearest_view.back_button.setFocus()

    def _export_images(self) -> None:
        assert self.workspace is not None and self.run is not None
        dialog = ShareDialog(self.workspace, self, run=self.run.id)
        if dialog.exec():
            self.start_requested.emit(dialog.settings())

    def _export_generator(self) -> None:
        if self.run is not None:
            self.generator_requested.emit(self.run.id)

    def show_instead(self, view: RunView | None) -> None:
        super().show_instead(view)
        if view is None:  # a review may have been left
            self._look_at_images()

    def refresh(self) -> None:
        super().refresh()
        self._look_at_images()

    def load_run(self, run_id: str) -> None:
        super().load_run(run_id)
        self._look_at_images()

    def _look_at_images(self) -> None:
        """What can be done with the run's images, and what was said of them."""
        if self.workspace is None or self.run is None:
            return
        drawn = self.workspace.catalog.images(kind="synthetic", run=self.run.id, with_excluded=False)
        self.result.buttons.offer(self.result.review_button, "" if drawn else NOTHING_DRAWN)
        self.result.buttons.offer(self.result.nearest_button)
        self.result.export_images.setEnabled(bool(drawn))
        self.result.export_generator.setEnabled(self.run.info.state == "finished")
        reviews = reviews_of(self.run)
        self.result.show_review(newest_finished(reviews), without_effect(reviews))
