"""The Dataset tab: bring images in, look at them, set aside or reclassify them, see the balance of the classes."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.preprocessing import IMAGE_SUFFIXES
from busapp.engine.settings import CurateSettings
from busapp.engine.workspace import Workspace
from busapp.gui.study_tab import StudyTab
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import last_folder, remember_folder
from busapp.gui.widgets.class_balance import ClassBalance, ClassCount
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.image_filters import ImageFilters
from busapp.gui.widgets.image_grid import LARGEST, SMALLEST, ImageGrid
from busapp.gui.widgets.image_model import facts
from busapp.gui.widgets.image_viewer import ImageViewer
from busapp.gui.widgets.import_preview import ImportPreview
from busapp.gui.widgets.message_strip import Level, MessageStrip

_REASONS = (
    "near-duplicate",
    "contradicting labels",
    "poor image",
    "marks or text in the image",
    "not breast ultrasound",
)


class DatasetTab(StudyTab):
    """The images of the study.

    Signals:
        sample_requested: the user wants the sample study.
    """

    sample_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: list[ImageRecord] = []
        self._flags: dict[int, list[str]] = {}
        self._conflicts: list[tuple[int, int]] = []
        self._told = ""
        self.setAcceptDrops(True)
        self._make_actions()
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setObjectName("dataset")
        splitter.addWidget(self._left_panel())
        splitter.addWidget(self._middle())
        splitter.addWidget(self._right_panel())
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([260, 800, 240])
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        column.addWidget(splitter)
        self._on_selection()

    # -- layout --------------------------------------------------------------------------------------------

    def _make_actions(self) -> None:
        self.open_action = self._action("Show large", None, lambda: self._view(self.grid.currentIndex().row()))
        self.exclude_action = self._action("Set aside…", "X", self._exclude)
        self.bring_back_action = self._action("Bring back", "B", self._bring_back)
        self.reclassify_action = self._action("Change class…", "C", self._reclassify)

    def _action(self, text: str, keys: str | None, slot: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(slot)
        return action

    def _left_panel(self) -> QWidget:
        self.import_button = QPushButton("Import…")
        menu = QMenu(self.import_button)
        menu.addAction("Folder…", self._choose_folder)
        menu.addAction("Images…", self._choose_files)
        self.import_button.setMenu(menu)
        self.import_button.setToolTip("Folders of classes, BUSI as downloaded, or single images. Dropping works too.")
        self.curate_button = QPushButton("Find duplicates")
        self.curate_button.setToolTip("Finds near-duplicates, contradicting labels and doubtful images")
        self.curate_button.clicked.connect(lambda: self.start_requested.emit(CurateSettings()))

        self.filters = ImageFilters()
        self.filters.changed.connect(self._apply_filters)
        self.count_label = QLabel()
        self.count_label.setWordWrap(True)
        self.count_label.setProperty("role", "muted")

        panel = QWidget()
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, SPACE, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.import_button)
        column.addWidget(self.curate_button)
        column.addSpacing(SPACE)
        column.addWidget(_heading("Show"))
        column.addWidget(self.filters)
        column.addWidget(self.count_label)
        column.addSpacing(SPACE)
        column.addWidget(_heading("Selected images"))
        for action in (self.exclude_action, self.bring_back_action, self.reclassify_action):
            column.addWidget(self._button_of(action))
        column.addStretch()
        return panel

    def _button_of(self, action: QAction) -> QPushButton:
        """A button that does what the action does; the action keeps the key."""
        button = QPushButton(f"{action.text()}  ({action.shortcut().toString()})")
        button.clicked.connect(action.trigger)
        action.enabledChanged.connect(button.setEnabled)
        return button

    def _middle(self) -> QWidget:
        self.banner = MessageStrip()
        self.grid = ImageGrid()
        self.grid.opened.connect(self._view)
        self.grid.selection_changed.connect(self._on_selection)
        actions = [self.open_action, self.exclude_action, self.bring_back_action, self.reclassify_action]
        self.grid.insertActions(self.grid.masks_action, actions)
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.empty = EmptyState(
            "No images yet. Import a folder, or open the sample study.", "Import a folder…", "Open the sample study"
        )
        self.empty.clicked.connect(self._choose_folder)
        self.empty.second_clicked.connect(self.sample_requested)
        self.no_match = EmptyState("No image matches these filters.", "Show all")
        self.no_match.clicked.connect(self.filters.clear)
        self._stack = QStackedLayout()
        for widget in (self.empty, self.no_match, self.grid):
            self._stack.addWidget(widget)
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(SMALLEST, LARGEST)
        self.size_slider.setValue(self.grid.side)
        self.size_slider.setFixedWidth(160)
        self.size_slider.setAccessibleName("Size of the pictures")
        self.size_slider.valueChanged.connect(self.grid.set_side)
        self.hint = QLabel("Space shows large · X sets aside · C changes the class · Ctrl+Z undoes")
        self.hint.setProperty("role", "muted")
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        self.masks_box = QCheckBox("Lesion masks (M)")
        self.masks_box.setToolTip(self.grid.masks_action.toolTip())
        self.masks_box.toggled.connect(self.grid.masks_action.setChecked)
        self.grid.masks_action.toggled.connect(self.masks_box.setChecked)
        self.grid.masks_action.enabledChanged.connect(self.masks_box.setEnabled)
        row.addWidget(self.hint, 1)
        row.addWidget(self.masks_box)
        row.addWidget(QLabel("Size"))
        row.addWidget(self.size_slider)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(SPACE, 0, SPACE, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.banner)
        column.addLayout(self._stack, 1)
        column.addLayout(row)
        return middle

    def _right_panel(self) -> QWidget:
        self.balance = ClassBalance()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "muted")
        panel = QWidget()
        column = QVBoxLayout(panel)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(_heading("Class balance"))
        column.addWidget(self.balance)
        column.addWidget(self.summary)
        column.addStretch()
        return panel

    # -- content -------------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        self.grid.open_study(workspace)
        self.banner.clear()
        self._told = ""
        super().open_study(workspace)
        self.filters.clear()

    def open_run(self, run_id: str) -> None:
        """A search for duplicates is shown as what it found."""
        if self.workspace is not None and self.workspace.run(run_id).info.kind == "curate":
            self.filters.review_duplicates()

    def shut_down(self) -> None:
        self.grid.thumbnails.stop()

    def refresh(self) -> None:
        if self.workspace is None:
            return
        catalog = self.workspace.catalog
        self._images = catalog.images()
        self._flags = catalog.flags()
        self._conflicts = catalog.conflicts()
        self.filters.offer(self._classes(), {flag for names in self._flags.values() for flag in names})
        self.balance.show_counts(self._counts())
        self._tell_duplicates()
        self._apply_filters()

    def _classes(self) -> list[str]:
        return sorted({image.class_name for image in self._images})

    def _counts(self) -> list[ClassCount]:
        counted = Counter(
            (image.class_name, "set aside" if image.excluded is not None else image.kind) for image in self._images
        )
        return [
            ClassCount(name, counted[name, "real"], counted[name, "synthetic"], counted[name, "set aside"])
            for name in self._classes()
        ]

    def _group_sizes(self) -> Counter[int]:
        return Counter(image.group for image in self._images if image.excluded is None)

    def _open_conflicts(self) -> list[tuple[int, int]]:
        """Pairs with different classes of which neither was set aside nor reclassified since."""
        in_use = {image.id: image.class_name for image in self._images if image.excluded is None}
        return [
            (first, second)
            for first, second in self._conflicts
            if first in in_use and second in in_use and in_use[first] != in_use[second]
        ]

    def _tell_duplicates(self) -> None:
        groups = [size for size in self._group_sizes().values() if size > 1]
        conflicts = len(self._open_conflicts())
        alike = f"{sum(groups):,} images look alike, in {len(groups):,} groups"
        contested = f"{conflicts:,} pairs of them have different classes"
        real = [image for image in self._images if image.kind == "real"]
        parts = [f"{len(real):,} real images"]
        if any(image.checked for image in real):
            parts += [alike, contested]
        elif real:
            parts.append("near-duplicates were not looked for yet")
        if self._images and self.workspace is not None and self.workspace.phantoms:
            parts.append("all of them simulated phantoms, not patients")
        self.summary.setText("; ".join(parts) + "." if self._images else "")
        self._tell(f"{alike}; {contested}." if groups else "", "warning" if conflicts else "info")

    def _tell(self, sentence: str, level: Level) -> None:
        """The banner; a sentence that the user closed does not come back by itself."""
        if sentence == self._told:
            return
        self._told = sentence
        self.banner.clear()
        if sentence:
            self.banner.add(sentence, level=level, action="Review", on_action=self.filters.review_duplicates)

    def _apply_filters(self) -> None:
        if self.workspace is None:
            return
        shown = self.filters.choose(self._images, self._flags, self._conflicts)
        in_conflict = frozenset(image_id for pair in self._open_conflicts() for image_id in pair)
        is_sorted_by_group = self.filters.alike_box.currentIndex() > 0
        self.grid.show_images(shown, self._classes(), self._flags, in_conflict, by_class=not is_sorted_by_group)
        self._stack.setCurrentWidget(self.grid if shown else self.no_match if self._images else self.empty)
        self.curate_button.setEnabled(bool(self._images))
        self._on_selection()

    def _on_selection(self) -> None:
        selected = self.grid.selected()
        shown = self.grid.images.rowCount()
        self.count_label.setText(f"{shown:,} of {len(self._images):,} images, {len(selected):,} selected")
        self.open_action.setEnabled(bool(selected))
        self.exclude_action.setEnabled(any(image.excluded is None for image in selected))
        self.bring_back_action.setEnabled(any(image.excluded is not None for image in selected))
        self.reclassify_action.setEnabled(bool(selected))

    # -- what the user does --------------------------------------------------------------------------------

    def _view(self, row: int) -> None:
        assert self.workspace is not None
        conflicts = self.grid.images.in_conflict
        viewer = ImageViewer(
            self.workspace,
            self.grid.images.images,
            row,
            lambda image: facts(image, self._flags.get(image.id, []), image.id in conflicts),
            self,
        )
        viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        viewer.walked.connect(lambda at: self.grid.setCurrentIndex(self.grid.images.index(at)))
        viewer.open()

    def _exclude(self) -> None:
        assert self.workspace is not None
        selected = self.grid.selected()
        reason, agreed = QInputDialog.getItem(
            self, "Set aside", f"Why are these {len(selected):,} images set aside?", _REASONS, 0, True
        )
        if agreed and reason.strip():
            self.workspace.catalog.exclude([image.id for image in selected], reason.strip())
            self.study_changed.emit()

    def _bring_back(self) -> None:
        assert self.workspace is not None
        self.workspace.catalog.exclude([image.id for image in self.grid.selected()], None)
        self.study_changed.emit()

    def _reclassify(self) -> None:
        assert self.workspace is not None
        selected = self.grid.selected()
        classes = self.workspace.catalog.classes()
        name, agreed = QInputDialog.getItem(
            self,
            "Change class",
            f"Which class are these {len(selected):,} images?",
            classes,
            classes.index(selected[0].class_name),
            True,
        )
        if agreed and name.strip():
            self.workspace.catalog.reclassify([image.id for image in selected], name.strip())
            self.study_changed.emit()

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Import a folder of images", str(last_folder()))
        if name:
            self.import_from([Path(name)])

    def _choose_files(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
        names, _ = QFileDialog.getOpenFileNames(self, "Import images", str(last_folder()), f"Images ({patterns})")
        if names:
            self.import_from([Path(name) for name in names])

    def import_from(self, sources: Sequence[Path]) -> None:
        """Show what would come in from these folders or files; what the user agrees to is imported."""
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


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
