"""A strip with the images of one cell of the confusion matrix, and heat maps over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QKeySequence, QPixmap, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.gui.images.heat_maps import HeatMaps, laid_over
from busapp.gui.images.thumbnails import Look, Thumbnails
from busapp.gui.validation.run_numbers import Tested
from busapp.gui.widgets.panels import SideBySide
from busapp.gui.widgets.warning_frame import words_label

SIDE = 80
_NARROW = 400
_ID = Qt.ItemDataRole.UserRole
NO_MODEL = (
    "No heat maps yet: the networks of the folds are not kept. “Use for diagnosis” trains a model on all images, "
    "which then draws them."
)
NO_MAPS = "This classifier has no heat maps: its answers do not change with a small change of an image."
BY_MODEL = (
    "Evidence for “{}”, from the model trained on all images of the run, including these; not by the network of the "
    "fold that classified them."
)


def whose_map(class_name: str, heat_maps: HeatMaps | None) -> str:
    """Words below heat maps: whose evidence they show, and where the model does not look."""
    unseen = heat_maps.unseen if heat_maps is not None else ""
    return f"{BY_MODEL.format(class_name)} {unseen}".rstrip()


@dataclass(frozen=True)
class Case:
    """A tested image that the study still has."""

    image: ImageRecord
    tested: Tested

    def in_words(self) -> list[str]:
        """File, true class, called class and probabilities, one line each."""
        prediction = self.tested.prediction
        shares = sorted(self.tested.probabilities.items(), key=lambda pair: -pair[1])
        return [
            prediction.file,
            f"True: {prediction.true}",
            f"Called: {prediction.predicted} (fold {prediction.fold})",
            "Probabilities: " + ", ".join(f"{name} {share:.2f}" for name, share in shares),
        ]


def cases_of_cell(
    workspace: Workspace, tested: Sequence[Tested] | None, pair: tuple[str, str], fold: int
) -> tuple[str, list[Case]]:
    """Return the heading and the images of a cell, the most certain first.

    `tested`: all tested images; None while no fold is finished. `pair`: true and called class. `fold` counts from 1;
    0 means all folds.
    """
    where = f"True {pair[0]}, called {pair[1]}, {f'fold {fold}' if fold else 'all folds'}"
    if tested is None:
        return f"{where}: the images are shown when a fold is finished.", []
    chosen = [
        each
        for each in tested
        if (each.prediction.true, each.prediction.predicted) == pair and fold in (0, each.prediction.fold)
    ]
    present = {image.id: image for image in workspace.catalog.images()} if chosen else {}
    cases = [Case(present[each.prediction.image_id], each) for each in chosen if each.prediction.image_id in present]
    cases.sort(key=lambda case: -case.tested.certainty)
    gone = len(chosen) - len(cases)
    left = f"; {many(gone, 'image')} more, not in the study any more" if gone else ""
    order = ", by certainty" if len(cases) > 1 else ""
    return f"{where}: {many(len(cases), 'image')}{order}{left}", cases


class _WithPicture(QStyledItemDelegate):
    """Asks for a picture when it is painted, so that only the visible images are loaded."""

    def __init__(self, strip: "ImageStrip") -> None:
        super().__init__(strip)
        self._strip = strip

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        picture = self._strip.picture(index.row())
        shown = QPixmap(SIDE, SIDE) if picture is None or picture.isNull() else QPixmap.fromImage(picture)
        if picture is None or picture.isNull():
            shown.fill(Qt.GlobalColor.transparent)
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
        option.icon = QIcon(shown)
        option.icon.addPixmap(shown, QIcon.Mode.Selected)  # Qt would tint it
        option.decorationSize = QSize(SIDE, SIDE)


class ImageStrip(QWidget):
    """Pictures side by side under a heading. Arrow keys move, Enter or a double-click opens an image, H toggles the
    heat maps, Esc closes the strip.

    Signals:
        opened: the row of the image to show large.
    """

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cases: list[Case] = []
        self._evidence_for = ""
        self.thumbnails = Thumbnails(self)
        self.thumbnails.loaded.connect(self._draw)
        self.heat_maps = HeatMaps(self)
        self._without = NO_MODEL
        self.heat_maps.made.connect(self._on_made)
        self.heat_maps.failed.connect(self._on_no_map)
        self.heading = words_label("heading")
        self.maps_box = QCheckBox("&Heat maps (H)")
        self.maps_box.toggled.connect(self._on_maps_toggled)
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip("Close the strip (Esc)")
        close.setAccessibleName("Close the strip")
        close.clicked.connect(self.hide)
        self.about_maps = words_label("muted")
        self._make_list()
        self._shortcut("H", self.maps_box.click)
        self._shortcut("Esc", self.hide)
        controls = QWidget()
        row = QHBoxLayout(controls)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.maps_box)
        row.addStretch()
        row.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(SideBySide(self.heading, controls, _NARROW, (1, 0)))
        layout.addWidget(self.about_maps)
        layout.addWidget(self.list)

    def _make_list(self) -> None:
        self.list = QListWidget()
        self.list.setAccessibleName("Images of the chosen cell")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.LeftToRight)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setIconSize(QSize(SIDE, SIDE))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideLeft)
        line = self.list.fontMetrics().height()
        self.list.setGridSize(QSize(SIDE + 24, SIDE + line + 8))
        self.list.setFixedHeight(SIDE + line + 32)
        self.list.setItemDelegate(_WithPicture(self))
        self.list.itemActivated.connect(lambda item: self.opened.emit(self.list.row(item)))

    def _shortcut(self, keys: str, slot: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(slot)

    def open_study(self, workspace: Workspace) -> None:
        """Show images of another study."""
        self.thumbnails.open_study(workspace)
        self.show_cases("", [], "")

    def use_model(self, workspace: Workspace, model: Path | None, without: str = NO_MODEL) -> None:
        """Draw heat maps with this model; None: there is none yet. `without` says what to do, or why there are none."""
        self.heat_maps.use(workspace, model)
        self._without = without
        self.maps_box.setEnabled(self.heat_maps.is_possible)
        if not self.heat_maps.is_possible:
            self.maps_box.setChecked(False)
        self._say_whose_maps()

    def show_cases(self, heading: str, cases: Sequence[Case], evidence_for: str) -> None:
        """Show these images under a heading. Heat maps show the evidence for the class `evidence_for`."""
        self.heading.setText(heading)
        if self.cases == list(cases) and self._evidence_for == evidence_for:
            return
        self.cases, self._evidence_for = list(cases), evidence_for
        self.heat_maps.forget_wanted()
        current = self.list.currentItem()
        current_id = current.data(_ID) if current is not None else None
        self.list.clear()
        for case in self.cases:
            item = QListWidgetItem(f"{Path(case.image.file).stem} · {case.tested.certainty:.2f}")
            item.setToolTip("\n".join(case.in_words()))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, ". ".join(case.in_words()))
            item.setData(_ID, case.image.id)
            self.list.addItem(item)
            if case.image.id == current_id:  # the selection stays when another fold is finished
                self.list.setCurrentItem(item)
        self._say_whose_maps()

    def select(self, row: int) -> None:
        """Select an image."""
        self.list.setCurrentRow(row)

    def stop(self) -> None:
        """Wait for running threads."""
        self.thumbnails.stop()
        self.heat_maps.stop()

    # -- pictures ------------------------------------------------------------------------------------------

    def _on_maps_toggled(self, wanted: bool) -> None:
        self._say_whose_maps()
        if not wanted:
            self.heat_maps.forget_wanted()
        self._draw()

    def _on_made(self) -> None:
        self._say_whose_maps()
        self._draw()

    def _draw(self) -> None:
        self.list.viewport().update()

    def _say_whose_maps(self) -> None:
        words = self._without if not self.heat_maps.is_possible else ""
        if self.maps_box.isChecked():
            words = whose_map(self._evidence_for, self.heat_maps)
        self.about_maps.setText(words)
        self.about_maps.setVisible(bool(words))

    def _on_no_map(self, sentence: str) -> None:
        self.maps_box.setChecked(False)
        self.about_maps.setText(f"No heat maps. {sentence}")
        self.about_maps.show()

    def picture(self, row: int) -> QImage | None:
        """Return the small picture of a row, with its heat map if chosen; None until it is loaded."""
        image = self.cases[row].image
        picture, _ = self.thumbnails.get(image, Look(SIDE, with_mask=False))
        if picture is None or picture.isNull() or not self.maps_box.isChecked():
            return picture
        maps = self.heat_maps.get(image)
        if maps is None:
            self.heat_maps.want(image)
        return laid_over(picture, maps[self._evidence_for]) if maps and self._evidence_for in maps else picture
