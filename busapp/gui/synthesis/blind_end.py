"""The last page of a blinded review: the result, and the images that were misjudged or called unfit."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import REACH, BlindReview, Question, unfit_in_words
from busapp.engine.utils.words import many
from busapp.gui.images.image_model import facts
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.images.picture_tiles import Tile, TileList, TilePicture
from busapp.gui.synthesis.blind_start import share_cell
from busapp.gui.theme import SPACE
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import when_in_words

SIDE: Final = 144
"""Pixels of a small picture."""


class BlindEnd(QWidget):
    """Enter or a double-click on an image shows it large.

    Signals:
        list_wanted: the user wants to see all reviews of the run.
        catalog_changed: an image was covered in the large view.
    """

    list_wanted = Signal()
    catalog_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._shown: list[tuple[Question, ImageRecord | None]] = []
        self.verdict = words_label("heading")
        self.caution = words_label()
        self.about = words_label("muted")
        self.table = NumbersTable("Answers", sortable=False)
        self.fitness = words_label()
        self.told = words_label("heading")
        self.tiles = TileList("Images that were misjudged or called unfit", SIDE)
        self.tiles.opened.connect(self._view)
        self.list_button = QPushButton("All reviews of this &run")
        self.list_button.clicked.connect(self.list_wanted)
        foot = QHBoxLayout()
        foot.addWidget(self.list_button)
        foot.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        for widget in (self.verdict, self.caution, self.about, self.table, self.fitness, self.told):
            column.addWidget(widget)
        column.addWidget(self.tiles, 1)
        column.addStretch(0)
        column.addLayout(foot)

    def show_review(self, workspace: Workspace, review: BlindReview) -> None:
        """Show a finished review, with those of its images that the study still has."""
        result = review.result
        assert result is not None
        self._workspace = workspace
        self.verdict.setText(result.headline)
        self.caution.setText(result.caution)
        gone = f" {many(result.gone, 'image')} could not be shown." if result.gone else ""
        when = when_in_words(review.ended or review.began)
        images = many(review.asked, "image")
        if review.ended_early:
            images = f"ended early, {review.answered} of {images} answered,"
        self.about.setText(
            f"Reviewed by {review.reader}, {when}: {images} at {review.image_size}×{review.image_size} pixels. This is "
            f"one reader; another may judge differently.{gone} In brackets: exact 95 % intervals (Clopper and Pearson)."
        )
        rows = [
            ("Told apart", result.correct),
            ("Synthetic called synthetic (sensitivity)", result.sensitivity),
            ("Real called real (specificity)", result.specificity),
            ("Synthetic called fit", result.fit_synthetic),
            ("Real called fit", result.fit_real),
        ]
        self.table.show_cells(
            ["", "Images", "Share in % (95 % interval)"],
            [
                [
                    text(name),
                    Cell(f"{share.count} of {share.of}", share.count),
                    share_cell(share),
                ]
                for name, share in rows
            ],
        )
        self.table.setFixedHeight(self.table.sizeHint().height())
        self.fitness.setText(_fitness(review))
        self._show_images(workspace, review)

    def _show_images(self, workspace: Workspace, review: BlindReview) -> None:
        misjudged = [question for question in review.questions if question.is_misjudged]
        unfit = [question for question in review.questions if question.fit is False and not question.is_misjudged]
        self._shown = [(question, _as_shown(workspace, question)) for question in [*misjudged, *unfit]]
        also = f"; {len(unfit)} more called unfit" if unfit else ""
        if any(question.kind == "real" for question, _ in self._shown):
            also += ". Real ones are shown as in the study, not as small as in the review"
        self.told.setText(
            f"{many(len(misjudged), 'image')} judged wrongly: synthetic taken for real, or real for synthetic{also}"
            if self._shown
            else "Every answered image was recognised, and called fit."
        )
        tiles = [_tile(question, image) for question, image in self._shown]
        self.tiles.setVisible(bool(tiles))
        if self.tiles.tiles != tiles:
            self.tiles.show_tiles(workspace, tiles)

    def stop(self) -> None:
        """Wait for pictures that are being loaded."""
        self.tiles.stop()

    def _view(self, place: int) -> None:
        assert self._workspace is not None
        shown = [(question, image) for question, image in self._shown if image is not None]
        question = self._shown[place][0]
        row = next((at for at, (other, _) in enumerate(shown) if other is question), None)
        if row is None:
            return
        said = {image.id: question for question, image in shown}
        catalog = self._workspace.catalog

        def known(image: ImageRecord) -> list[str]:
            current = catalog.image(image.id) or image
            return [*facts(current, [], False), *_lines(said[image.id])]

        viewer = ImageViewer(self._workspace, [image for _, image in shown], row, known, self)
        viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        viewer.catalog_changed.connect(self.catalog_changed)
        viewer.walked.connect(lambda at: self.tiles.select(self._shown.index(shown[at])))
        viewer.open()


def _as_shown(workspace: Workspace, question: Question) -> ImageRecord | None:
    """Return the image if the study still has the same picture that the reader saw."""
    image = workspace.catalog.image(question.image)
    return image if image is not None and image.sha256 == question.sha256 else None


def _lines(question: Question) -> Sequence[str]:
    said = f"called {question.said}" if question.is_misjudged else "recognised"
    lines = [f"{question.kind.capitalize()}, {said}"]
    return lines if question.fit else [*lines, f"Unfit: {question.reason}"]


def _tile(question: Question, image: ImageRecord | None) -> Tile:
    return Tile((TilePicture(image),), tuple(_lines(question)))


def _fitness(review: BlindReview) -> str:
    """Describe the images called unfit, and state how many were set aside."""
    result = review.result
    assert result is not None
    drawn, real = unfit_in_words(review, "synthetic"), unfit_in_words(review, "real")
    sentences = [f"Synthetic images called unfit: {drawn}." if drawn else "No synthetic image was called unfit."]
    if result.set_aside:
        were = "image was" if result.set_aside == 1 else "images were"
        sentences.append(f"{result.set_aside:,} {were} set aside; Ctrl+Z in the Dataset tab undoes that.")
    if real:
        sentences.append(
            f"Real images called unfit: {real}. They are only counted: a defect that real images have too is not the "
            "generator's fault."
        )
    said = " ".join(sentences)
    return f"{said}\n{REACH}" if result.set_aside else said
