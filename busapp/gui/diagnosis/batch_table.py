"""A table of many diagnosed images; rows appear as the job runs."""

from pathlib import Path
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.contract.diagnosis import DiagnosedImage, ExternalResult
from busapp.engine.diagnosis.job import write_table
from busapp.engine.utils.words import many
from busapp.errors import UserError
from busapp.gui.diagnosis.external_panel import ExternalPanel
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import last_folder, remember_folder
from busapp.gui.widgets.panels import scrolling

ALL: Final = "all images"
ABSTAINED: Final = "without an answer"
EXTERNAL_WIDTH: Final = 420
NAME_WIDTH: Final = 180
_ENTRY: Final = Qt.ItemDataRole.UserRole
_SORT: Final = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex


class _Chosen(QSortFilterProxyModel):
    wanted = ALL
    cell: tuple[str, str] | None = None
    """True and most probable class of the counted images to show; None: all images."""

    def filterAcceptsRow(self, source_row: int, source_parent: _Index) -> bool:
        model = self.sourceModel()
        entry = model.index(source_row, 0, source_parent).data(_ENTRY)
        if self.cell is not None and (_counted_cell(entry) if entry else None) != self.cell:
            return False
        return self.wanted in (ALL, model.index(source_row, 1, source_parent).data(_SORT))


def _counted_cell(entry: DiagnosedImage) -> tuple[str, str] | None:
    """True and most probable class of an image; None if the confusion matrix does not count it."""
    probabilities = entry["probabilities"]
    if not probabilities or "not_counted" in entry or not entry.get("true"):
        return None
    return entry["true"], max(probabilities, key=probabilities.__getitem__)


class BatchTable(QWidget):
    """One row per image. A click on a heading sorts, the box filters, Enter or a double-click opens an image.

    Signals:
        opened: the file (`Path`) of a row.
        labels_chosen: a CSV table or a folder (`Path`) with the labels of the images.
        report_clicked: "Save report".
        problem: a sentence: the table could not be written.
    """

    opened = Signal(object)
    labels_chosen = Signal(object)
    report_clicked = Signal()
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: list[str] = []
        self._used = ""
        self._model = QStandardItemModel(self)
        self._proxy = _Chosen(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.setSortRole(_SORT)
        self.table = QTableView()
        self.table.setModel(self._proxy)
        self.table.setSortingEnabled(True)
        self.table.setAlternatingRowColors(True)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.setAccessibleName("Diagnosed images")
        self.table.activated.connect(self._open)
        self.filter = QComboBox()
        self.filter.setAccessibleName("Show")
        self.filter.currentTextChanged.connect(self._filter)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.labels_button = QPushButton("&Labels…")
        self.labels_button.setToolTip(
            "Choose a CSV table with the columns file and class. The images are diagnosed again, and the model is "
            "measured on them. Images in folders named after the classes need no table."
        )
        self.labels_button.clicked.connect(self._ask_for_labels)
        self.csv_button = QPushButton("Save &CSV…")
        self.csv_button.clicked.connect(self._save_csv)
        self.report_button = QPushButton("Save &report…")
        self.report_button.clicked.connect(self.report_clicked)

        label = QLabel("Sho&w")
        label.setBuddy(self.filter)
        top = QHBoxLayout()
        top.setSpacing(SPACE)
        top.addWidget(label)
        top.addWidget(self.filter)
        top.addWidget(self.count, 1)
        top.addWidget(self.labels_button)
        top.addWidget(self.csv_button)
        top.addWidget(self.report_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.external = ExternalPanel()
        self.external.cell_chosen.connect(lambda true, predicted: self._show_cell((true, predicted)))
        self.external.all_wanted.connect(lambda: self._show_cell(None))
        self._side = scrolling(self.external)
        self._side.setMinimumWidth(EXTERNAL_WIDTH)
        panels = QSplitter(Qt.Orientation.Horizontal)
        panels.setObjectName("batch-panels")
        panels.addWidget(self.table)
        panels.addWidget(self._side)
        panels.setStretchFactor(0, 1)
        panels.setSizes([10_000, EXTERNAL_WIDTH])
        panels.setChildrenCollapsible(False)
        layout.addLayout(top)
        layout.addWidget(panels, 1)
        self.clear()

    def show_model(self, name: str) -> None:
        """Show the name of the model that gave the answers."""
        self._used = name
        self._show_count()

    def clear(self) -> None:
        """Remove all images."""
        self._classes, self._used = [], ""
        self._model.clear()
        self._model.setHorizontalHeaderLabels(["Image", "Answer", "Remarks"])
        self._has_labels = False
        self._proxy.cell = None
        self._side.hide()
        self.filter.clear()
        self.filter.addItems([ALL, ABSTAINED])
        self._show_count()

    def add(self, entry: DiagnosedImage) -> None:
        """Add an image, as in `busapp diagnose --json`; unreadable ones have no probabilities."""
        if not self._classes and entry["probabilities"]:
            self._set_classes(list(entry["probabilities"]))
        path = Path(entry["file"])
        name = _item(path.name, path.name)
        name.setData(entry, _ENTRY)
        name.setToolTip(str(path))
        answer = entry["predicted"] or ABSTAINED
        cells = [name, _item(answer, answer)]
        for class_name in self._classes:
            probability = entry["probabilities"].get(class_name)
            cells.append(_item("–" if probability is None else f"{100 * probability:.1f} %", probability or 0.0))
            cells[-1].setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if "true" in entry and not self._has_labels:
            self._has_labels = True
            self._model.insertColumn(2)
            self._model.setHeaderData(2, Qt.Orientation.Horizontal, "True class")
        if self._has_labels:
            cells.insert(2, _item(entry.get("true", ""), entry.get("true", "")))
        remarks = " ".join([*entry["reasons"], entry.get("not_counted", ""), *entry.get("remarks", [])]).strip()
        cells.append(_item(remarks, remarks))
        self._model.appendRow(cells)
        self._show_count()

    def show_external(self, external: ExternalResult | None) -> None:
        """Show the external validation beside the images; None: they have no labels."""
        self._side.setVisible(external is not None)
        if external is not None:
            self.external.show_result(external)

    def entries(self) -> list[DiagnosedImage]:
        """The images that are shown now, in the order shown."""
        return [self._proxy.index(row, 0).data(_ENTRY) for row in range(self._proxy.rowCount())]

    def all_entries(self) -> list[DiagnosedImage]:
        """All images, shown or not, in the order of the job."""
        return [self._model.index(row, 0).data(_ENTRY) for row in range(self._model.rowCount())]

    @property
    def total(self) -> int:
        """Number of all rows, shown or not."""
        return self._model.rowCount()

    def _set_classes(self, classes: list[str]) -> None:
        self._classes = classes
        for position, name in enumerate(classes):
            self._model.insertColumn(2 + position)
            self._model.setHeaderData(2 + position, Qt.Orientation.Horizontal, f"p({name})")
        self.filter.insertItems(1, classes)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, NAME_WIDTH)
        header.setStretchLastSection(True)

    def _filter(self, wanted: str) -> None:
        self._proxy.beginFilterChange()
        self._proxy.wanted = wanted or ALL
        self._proxy.endFilterChange()
        self._show_count()

    def _show_cell(self, cell: tuple[str, str] | None) -> None:
        self._proxy.beginFilterChange()
        self._proxy.cell = cell
        self._proxy.endFilterChange()
        self._show_count()

    def _show_count(self) -> None:
        shown = self._proxy.rowCount()
        total = many(self.total, "image")
        count = total if shown == self.total else f"{shown:,} of {total}"
        self.count.setText(f"{count} · {self._used}" if self._used else count)
        for button in (self.csv_button, self.report_button, self.labels_button):
            button.setEnabled(shown > 0)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(Path(index.siblingAtColumn(0).data(_ENTRY)["file"]))

    def _ask_for_labels(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose the labels of these images", str(last_folder()), "Tables (*.csv *.tsv *.txt *.xlsx *.xlsm)"
        )
        if name:
            remember_folder(Path(name).parent)
            self.labels_chosen.emit(Path(name))

    def _save_csv(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the table", str(last_folder() / "diagnosis.csv"), "CSV (*.csv)"
        )
        if not name:
            return
        remember_folder(Path(name).parent)
        try:
            write_table(Path(name), self.entries(), tuple(self._classes))
        except (UserError, OSError) as error:
            self.problem.emit(f"The table could not be saved ({name}). {error}")


def _item(words: str, sort_by: str | float) -> QStandardItem:
    item = QStandardItem(words)
    item.setData(sort_by, _SORT)
    return item
