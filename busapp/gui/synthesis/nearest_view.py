"""Each synthetic image of a run beside its nearest training image."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.nearest import Neighbours, StudyWithCopies, read_neighbours
from busapp.engine.utils.words import many
from busapp.gui.images.picture_tiles import Tile, TileList, TilePicture
from busapp.gui.runs.run_view import RunView
from busapp.gui.synthesis.nearest_viewer import NearestViewer
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.warning_frame import words_label

SIDE: Final = 128
"""Pixels of a small picture."""


class NearestView(RunView):
    """Synthetic images with their nearest training images, the most alike first, so that copies stand at the top. Enter
    or a double-click shows the two large."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Nearest training images", parent)
        self.neighbours: list[Neighbours] = []
        self._workspace: Workspace | None = None
        self._run: Run | None = None
        self._work = Background(self)
        self._work.made.connect(self._on_read)
        self._work.failed.connect(self._say)
        self.about = words_label("muted")
        self.tiles = TileList("Synthetic images and their nearest training images", SIDE)
        self.tiles.opened.connect(self._view)
        self.waiting = EmptyState("")
        listed = QWidget()
        below = QVBoxLayout(listed)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(SPACE)
        below.addWidget(self.about)
        below.addWidget(self.tiles, 1)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.waiting)
        self._stack.addWidget(listed)
        self.column.addLayout(self._stack, 1)

    def show_run(self, workspace: Workspace, run: Run) -> None:
        """Show the synthetic images of a run."""
        self._workspace, self._run, self.neighbours = workspace, run, []
        self.heading.setText(f"Nearest training images: {run.info.name}")
        self._say("Looking for the nearest training images…")
        self._work.ask(lambda: read_neighbours(workspace, run))

    def refresh(self, workspace: Workspace) -> None:
        run = self._run
        if run is None or not run.folder.exists():
            self.left.emit()
        else:
            self._work.ask(lambda: read_neighbours(workspace, run))

    def close_view(self) -> None:
        self._work.ask(None)
        self._run, self.neighbours = None, []
        if self._workspace is not None:
            self.tiles.show_tiles(self._workspace, [])

    def stop(self) -> None:
        self._work.stop()
        self.tiles.stop()

    def _say(self, sentence: str) -> None:
        self.waiting.set_sentence(sentence)
        self._stack.setCurrentIndex(0)

    def _on_read(self, found: object) -> None:
        assert isinstance(found, list) and self._workspace is not None and self._run is not None
        if not found:
            self._say("The run has no synthetic images.")
            return
        self._stack.setCurrentIndex(1)
        if found == self.neighbours:
            return
        at = self.tiles.currentIndex().row() if self.neighbours else 0
        self.neighbours = found
        self.about.setText(_about(found))
        self.tiles.show_tiles(StudyWithCopies.of(self._workspace, self._run), [_tile(row) for row in found])
        self.tiles.select(min(max(0, at), len(found) - 1))
        self.tiles.setFocus()

    def _view(self, place: int) -> None:
        assert self._workspace is not None and self._run is not None
        pairs = [row for row in self.neighbours if row.nearest is not None]
        if self.neighbours[place].nearest is None:
            return
        study = StudyWithCopies.of(self._workspace, self._run)
        viewer = NearestViewer(study, self._workspace.catalog.classes(), pairs, self.neighbours[place], self)
        viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        viewer.walked.connect(lambda row: self.tiles.select(self.neighbours.index(row)))
        viewer.open()


def _about(found: Sequence[Neighbours]) -> str:
    copies = sum(row.copy for row in found)
    words = (
        f"{many(len(found), 'synthetic image')}, each to the left of its nearest training image; the most alike come "
        "first. The correlation is that of small grey pictures: 1 means equal. If the mirror image of the training "
        "image is more alike, it is shown mirrored. "
    )
    if not copies:
        return f"{words}None is a copy."
    return f"{words}{copies:,} {'is a copy' if copies == 1 else 'are copies'} and not in the study."


def _tile(row: Neighbours) -> Tile:
    likeness, nearest, *rest = row.lines()
    pictures = TilePicture(row.drawn), TilePicture(row.nearest, row.mirrored)
    return Tile(pictures, (likeness, nearest), f"⚠ {rest[0]}" if rest else "")
