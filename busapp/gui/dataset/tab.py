"""The Dataset tab: import images, look at them, find problems and correct them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.curation.duplicate_review import PairReview
from busapp.engine.events import Event, RunStarted
from busapp.engine.settings import CurateSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.gui.dataset.dataset_banner import DatasetBanner
from busapp.gui.dataset.dataset_overview import DatasetOverview
from busapp.gui.dataset.dataset_sidebar import DatasetSidebar
from busapp.gui.dataset.duplicate_review import DuplicateReview
from busapp.gui.dataset.image_actions import ImageActions
from busapp.gui.dataset.image_grid import LARGEST, SMALLEST, ImageGrid
from busapp.gui.dataset.import_preview import ImportPreview
from busapp.gui.dataset.import_summaries import ImportSummaries
from busapp.gui.images.image_model import facts
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.jobs.job_thread import JobOutcome
from busapp.gui.runs.study_tab import StudyTab
from busapp.gui.share_dialog import ShareDialog
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import remember_folder
from busapp.gui.widgets.empty_state import EmptyState


class DatasetTab(StudyTab):
    """The images of the study.

    Signals:
        sample_requested: the user wants the sample study.
    """

    sample_requested = Signal()

    job_kinds = ("import", "curate", "cover", "balance", "share", "demo")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: list[ImageRecord] = []
        self._classes: list[str] = []
        self._flags: dict[int, list[str]] = {}
        self._conflicts: list[tuple[int, int]] = []
        self._alike: set[int] = set()
        self._state: object = None
        self._before_addition: tuple[str, set[int]] = ("", set())
        self.setAcceptDrops(True)
        self.grid = ImageGrid()
        self.actions_on_images = ImageActions(self.grid.selected, self)
        self.open_action = QAction("Show large", self)
        self.sidebar = DatasetSidebar(self.actions_on_images)
        self.filters = self.sidebar.filters
        self.overview = DatasetOverview()
        self.review = DuplicateReview()
        self._lay_out()
        self._connect()
        self._on_selection()

    # -- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setObjectName("dataset")
        for part in (self.sidebar, self._middle(), self.overview):
            splitter.addWidget(part)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([250, 730, 300])
        for side in (0, 2):
            splitter.setCollapsible(side, True)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        column.addWidget(splitter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(page)
        framed = QVBoxLayout()
        framed.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        framed.addWidget(self.review)
        self._review_page = QWidget()
        self._review_page.setLayout(framed)
        self._pages.addWidget(self._review_page)

    def _middle(self) -> QWidget:
        self.banner = DatasetBanner()
        self.grid.insertActions(self.grid.masks_action, [self.open_action, *self.actions_on_images.all])
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.empty = EmptyState(
            "No images yet. Import a folder, or open the sample study.", "Import a folder…", "Open the sample study"
        )
        self.no_match = EmptyState("No image matches these filters.", "Show all")
        self._stack = QStackedLayout()
        for widget in (self.empty, self.no_match, self.grid):
            self._stack.addWidget(widget)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(SPACE, 0, SPACE, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.banner)
        column.addLayout(self._stack, 1)
        column.addLayout(self._bottom_row())
        return middle

    def _bottom_row(self) -> QHBoxLayout:
        self.hint = QLabel("Space: show large · X: set aside · Ctrl+Z: undo")
        self.hint.setProperty("role", "muted")
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.masks_box = QCheckBox("Lesion masks (M)")
        self.masks_box.setToolTip(self.grid.masks_action.toolTip())
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(SMALLEST, LARGEST)
        self.size_slider.setValue(self.grid.side)
        self.size_slider.setFixedWidth(160)
        self.size_slider.setAccessibleName("Size of the pictures")
        row = QHBoxLayout()
        row.addWidget(self.hint, 1)
        row.addWidget(self.masks_box)
        row.addWidget(QLabel("Size"))
        row.addWidget(self.size_slider)
        return row

    def _connect(self) -> None:
        self.banner.check_requested.connect(self._check)
        self.banner.review_requested.connect(self.open_review)
        self.banner.import_requested.connect(self.sidebar.open_import_menu)
        self.banner.summary_requested.connect(self._show_summaries)
        self.sidebar.sources_chosen.connect(self.import_from)
        self.sidebar.summaries_requested.connect(self._show_summaries)
        self.sidebar.check_requested.connect(self._check)
        self.sidebar.review_requested.connect(self.open_review)
        self.sidebar.export_requested.connect(self._export)
        self.filters.changed.connect(self._apply_filters)
        self.open_action.triggered.connect(lambda: self._view(self.grid.currentIndex().row()))
        self.grid.opened.connect(self._view)
        self.grid.selection_changed.connect(self._on_selection)
        self.grid.masks_action.toggled.connect(self.masks_box.setChecked)
        self.grid.masks_action.enabledChanged.connect(self.masks_box.setEnabled)
        self.masks_box.toggled.connect(self.grid.masks_action.setChecked)
        self.size_slider.valueChanged.connect(self.grid.set_side)
        self.empty.clicked.connect(self.sidebar.choose_folder)
        self.empty.second_clicked.connect(self.sample_requested)
        self.no_match.clicked.connect(self.filters.clear)
        self.actions_on_images.changed.connect(self.study_changed)
        self.actions_on_images.told.connect(lambda sentence: self.problem.emit(sentence, ""))
        self.actions_on_images.group_requested.connect(self.filters.show_group)
        self.actions_on_images.cover_requested.connect(self.start_requested)
        self.review.changed.connect(self.study_changed)
        self.review.left.connect(self._leave_review)

    # -- content -------------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        self.grid.open_study(workspace)
        self.actions_on_images.open_catalog(workspace.catalog)
        self._pages.setCurrentIndex(0)
        self._state = None
        self.workspace = None  # so that clearing the filters does not list the former study again
        self.filters.clear()
        self.banner.forget()
        super().open_study(workspace)
        self.banner.offer_to_complete(workspace)

    def open_run(self, run_id: str) -> None:
        """Show the result of a run, ready for the next step."""
        assert self.workspace is not None
        run = self.workspace.run(run_id)
        if run.info.kind == "curate":
            self.open_review()
        elif run.info.kind == "share":
            self._open_export(run.result() or {})
        elif run.info.kind in ("cover", "import", "balance"):
            self._pages.setCurrentIndex(0)
            if run.info.kind == "cover":
                self.filters.show_covered()
            else:
                self._show_added(run_id)

    def job_event(self, kind: str, event: Event) -> None:
        if kind in ("import", "balance") and isinstance(event, RunStarted):
            self._before_addition = event.run, {image.id for image in self._images}

    def job_ended(self, kind: str, outcome: JobOutcome) -> None:
        if kind == "curate" and outcome.state != "finished":
            self.banner.tell_again()
        if kind == "import" and outcome.state == "finished":
            self.banner.tell_import(outcome.result)
            self._state = None  # also an import that added nothing has something to tell

    def _show_added(self, run_id: str) -> None:
        """Show all images, and select those that a run has added. That is known only for the newest import or
        balancing."""
        self.filters.clear()
        newest, before = self._before_addition
        if run_id == newest:
            self.grid.select({image.id for image in self._images} - before)
        self.grid.setFocus()

    def _open_export(self, result: Mapping[str, Any]) -> None:
        """Open the folder of an export in the system's file manager."""
        out = Path(result.get("out", ""))
        if out.exists():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(out if out.is_dir() else out.parent)))
        else:
            self.problem.emit(f"The export is no longer there: {out}", "")

    def open_review(self) -> None:
        """Show near-duplicates side by side."""
        assert self.workspace is not None
        if self.review.workspace is self.workspace:
            self.review.refresh()
        else:
            self.review.open_study(self.workspace)
        self._pages.setCurrentWidget(self._review_page)
        self.review.setFocus()

    def _leave_review(self) -> None:
        self._pages.setCurrentIndex(0)
        self.banner.tell_again()
        self.grid.setFocus()

    def shut_down(self) -> None:
        self.grid.thumbnails.stop()
        self.review.stop()

    def refresh(self) -> None:
        if self.workspace is None:
            return
        catalog = self.workspace.catalog
        state = catalog.state()
        if state == self._state:
            return
        self._state = state
        self._images = catalog.images()
        self._classes = sorted({image.class_name for image in self._images})
        self._flags = catalog.flags()
        self._conflicts = catalog.conflicts()
        flags = {flag for names in self._flags.values() for flag in names}
        self.overview.show_dataset(self._images, catalog.measures(), self._facts())
        pairs = catalog.pairs()
        self.sidebar.offer(self._classes, flags, has_images=bool(self._images), has_pairs=bool(pairs))
        self.filters.offer_places(catalog.places("site"), catalog.places("device"))
        self._alike = {
            image_id for pair in pairs if pair.verdict != "different" for image_id in (pair.first, pair.second)
        }
        self.banner.tell_what_waits(self._images, PairReview(pairs, self._images, self._flags))
        self._apply_filters()
        if self._pages.currentWidget() is self._review_page:
            self.review.refresh()

    def _open_conflicts(self) -> list[tuple[int, int]]:
        """Pairs of images in use that look alike and have different classes."""
        in_use = {image.id for image in self._images if image.excluded is None}
        return [(first, second) for first, second in self._conflicts if first in in_use and second in in_use]

    def _facts(self) -> list[str]:
        """Facts about the images, in words."""
        real = [image for image in self._images if image.kind == "real"]
        if not self._images:
            return []
        known = [many(len(real), "real image")]
        groups = [
            size for size in Counter(image.group for image in real if image.excluded is None).values() if size > 1
        ]
        patients = len({image.patient for image in real if image.patient is not None})
        if patients:
            known.append(many(patients, "patient"))
        if groups:
            known.append(f"{sum(groups):,} images belong together, in {many(len(groups), 'group')}")
        elif any(image.checked for image in real):
            known.append("no images belong together")
        if real and not any(image.checked for image in real):
            known.append("not yet checked for near-duplicates")
        if self.workspace is not None and self.workspace.phantoms:
            known.append("all of them simulated phantoms, not patients")
        return known

    def _apply_filters(self) -> None:
        if self.workspace is None:
            return
        shown = self.filters.choose(self._images, self._flags, self._conflicts, self._alike)
        in_conflict = frozenset(image_id for pair in self._open_conflicts() for image_id in pair)
        is_sorted_by_group = self.filters.alike_box.currentIndex() > 0
        self.grid.show_images(shown, self._classes, self._flags, in_conflict, by_class=not is_sorted_by_group)
        self._stack.setCurrentWidget(self.grid if shown else self.no_match if self._images else self.empty)
        self._on_selection()

    def _on_selection(self) -> None:
        selected = self.grid.selected()
        self.sidebar.say_how_many(self.grid.images.rowCount(), len(self._images), len(selected))
        self.sidebar.describe(selected, self._facts_of)
        self.open_action.setEnabled(self.grid.currentIndex().isValid())
        self.actions_on_images.follow_selection()

    # -- what the user does --------------------------------------------------------------------------------

    def _check(self) -> None:
        self.start_requested.emit(CurateSettings())

    def _export(self) -> None:
        assert self.workspace is not None
        dialog = ShareDialog(self.workspace, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.start_requested.emit(dialog.settings()))
        dialog.text_requested.connect(lambda: self.filters.show_flag("text"))
        dialog.open()

    def _show_summaries(self) -> None:
        if self.workspace is not None:
            dialog = ImportSummaries(self.workspace, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def _view(self, row: int) -> None:
        assert self.workspace is not None
        viewer = ImageViewer(self.workspace, self.grid.images.images, row, self._facts_of, self)
        viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        viewer.catalog_changed.connect(self._on_covered)
        viewer.walked.connect(lambda _row: self._select(viewer.image))
        viewer.open()

    def _facts_of(self, image: ImageRecord) -> list[str]:
        return facts(image, self._flags.get(image.id, []), image.id in self.grid.images.in_conflict)

    def _select(self, image: ImageRecord) -> None:
        """Select an image in the grid, if it is still there. After covering, it may no longer pass the filters."""
        row = next((row for row, listed in enumerate(self.grid.images.images) if listed.id == image.id), None)
        if row is not None:
            self.grid.setCurrentIndex(self.grid.images.index(row))

    def _on_covered(self) -> None:
        self.refresh()  # the viewer reads the image's new flags right after this
        self.study_changed.emit()

    def import_from(self, sources: Sequence[Path]) -> None:
        """Show a preview of these folders or files. If the user confirms, import them."""
        if self.workspace is None:
            return
        remember_folder(sources[0].parent)
        dialog = ImportPreview(self.workspace, sources, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.start_requested.emit(dialog.settings()))
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        sources = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if sources:
            event.acceptProposedAction()
            self.import_from(sources)
