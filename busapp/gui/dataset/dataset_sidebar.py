"""The left side of the Dataset tab: import, check and export images, and choose which ones are shown."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMargins, Signal
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu, QPushButton, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.preprocessing import IMAGE_SUFFIXES
from busapp.gui.dataset.image_actions import ImageActions
from busapp.gui.dataset.image_filters import ImageFilters
from busapp.gui.dataset.side_panel import SidePanel
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import last_folder
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import places_in_words


class DatasetSidebar(SidePanel):
    """Buttons and filters.

    Signals:
        sources_chosen: a list of `Path`s to import from.
        check_requested: find duplicates and doubtful images.
        review_requested: review the pairs that look alike.
        export_requested: export the images.
        summaries_requested: show what past imports assumed and left out.
    """

    sources_chosen = Signal(object)
    check_requested = Signal()
    review_requested = Signal()
    export_requested = Signal()
    summaries_requested = Signal()

    def __init__(self, actions: ImageActions, parent: QWidget | None = None) -> None:
        super().__init__("Import, filters, and actions on selected images", QMargins(0, 0, SPACE, 0), parent)
        self.import_button = QPushButton("Import…")
        self._imports = self._import_menu()
        self.import_button.setMenu(self._imports)
        self.import_button.setToolTip(
            "Folders of classes, BUSI as downloaded, ZIP archives, DICOM, or a table of files. You can also drop them "
            "on this tab."
        )
        self.check_button = QPushButton("Check images")
        self.check_button.setToolTip(
            "Find near-duplicates, contradicting labels and doubtful images, and measure all images"
        )
        self.check_button.clicked.connect(self.check_requested)
        self.review_button = QPushButton("Review pairs…")
        self.review_button.setToolTip("Compare images that look alike, and decide which show the same picture")
        self.review_button.clicked.connect(self.review_requested)
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip("Export the curated images as folders with a table, as COCO, or as a ZIP archive")
        self.export_button.clicked.connect(self.export_requested)
        self.filters = ImageFilters()
        self.count_label = QLabel()
        self.count_label.setWordWrap(True)
        self.count_label.setProperty("role", "muted")
        self.details = words_label("muted")
        self._lay_out(actions)

    def _lay_out(self, actions: ImageActions) -> None:
        for button in (self.import_button, self.check_button, self.review_button, self.export_button):
            self.column.addWidget(button)
        self.column.addSpacing(SPACE)
        self.add_heading("Show")
        self.column.addWidget(self.filters)
        self.column.addWidget(self.count_label)
        self.column.addSpacing(SPACE)
        self.add_heading("Selected images")
        self.column.addWidget(self.details)
        for action in actions.all:
            self.column.addWidget(actions.button(action))
        self.column.addStretch()

    def _import_menu(self) -> QMenu:
        images = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
        menu = QMenu(self)
        menu.addAction("Folder…", self.choose_folder)
        menu.addAction("Images…", lambda: self._choose_files("Import images", f"Images ({images})"))
        menu.addAction("ZIP archive…", lambda: self._choose_files("Import a ZIP archive", "ZIP archives (*.zip)"))
        menu.addAction(
            "DICOM files…", lambda: self._choose_files("Import DICOM files", "DICOM (*.dcm *.dicom);;All files (*)")
        )
        menu.addAction(
            "Table of files…",
            lambda: self._choose_files(
                "Import a table that names file, class and patient", "Tables (*.csv *.tsv *.txt *.xlsx *.xlsm)"
            ),
        )
        menu.addSeparator()
        menu.addAction("Import summaries…", self.summaries_requested.emit)
        return menu

    def open_import_menu(self) -> None:
        """Open the menu in which the user chooses what to import."""
        self._imports.popup(self.import_button.mapToGlobal(self.import_button.rect().bottomLeft()))

    def choose_folder(self) -> None:
        """Ask for a folder to import."""
        name = QFileDialog.getExistingDirectory(self, "Import a folder of images", str(last_folder()))
        if name:
            self.sources_chosen.emit([Path(name)])

    def _choose_files(self, title: str, kinds: str) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, title, str(last_folder()), kinds)
        if names:
            self.sources_chosen.emit([Path(name) for name in names])

    def say_how_many(self, shown: int, of: int, selected: int) -> None:
        """Show the number of images shown, in the study, and selected."""
        self.count_label.setText(f"{shown:,} of {of:,} images, {selected:,} selected")

    def describe(self, selected: Sequence[ImageRecord], facts_of: Callable[[ImageRecord], Sequence[str]]) -> None:
        """Show the facts of the selected image, or the sites and devices of several."""
        lines = facts_of(selected[0]) if len(selected) == 1 else places_in_words(selected)
        self.details.setText("\n".join(lines))
        self.details.setVisible(bool(lines))

    def offer(self, classes: Sequence[str], flags: set[str], *, has_images: bool, has_pairs: bool) -> None:
        """Offer these classes and flags in the filters, and enable the buttons that have something to work on."""
        self.filters.offer(classes, flags)
        self.check_button.setEnabled(has_images)
        self.review_button.setEnabled(has_pairs)
        self.export_button.setEnabled(has_images)
