"""The study's images as a grid of small pictures, class by class. It is fast enough for a hundred thousand images."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace
from busapp.gui.dataset.grid_layout import GridLayout
from busapp.gui.images.image_card import GAP, Card, Cards, card_size, paint_card, paint_header
from busapp.gui.images.image_model import ImageModel, Index
from busapp.gui.images.thumbnails import Look, Thumbnails
from busapp.gui.theme import class_colour, colours, theme

SMALLEST: Final = 64
LARGEST: Final = 224
_HEADER: Final = 28

_Move = QAbstractItemView.CursorAction


class ImageGrid(QListView):
    """Arrow keys move through the images, Space, Enter and a double-click open one, M shows lesion masks.

    The grid is a `QListView` because that handles selection, keys and screen readers. But the layout of `QListView`
    takes a seventh of a second for a hundred thousand images after every change of size, so positions come from a
    `GridLayout` instead.

    Signals:
        opened: the row of the image to show large.
        selection_changed: the selection has changed.
    """

    opened = Signal(int)
    selection_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images = ImageModel(self)
        self.thumbnails = Thumbnails(self)
        self.thumbnails.loaded.connect(self._on_loaded)
        self._cards = Cards()
        self._side = 128
        self._layout = GridLayout([], 1, card_size(self._side), 0)
        self._top_row = 0
        self._is_laying_out = False
        self._pressed = QPoint()
        self._band = QRect()
        self.setModel(self.images)
        self.setAccessibleName("Images of the study")
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(True)  # so that a drag may begin and end between the images
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.masks_action = QAction("Lesion masks", self)
        self.masks_action.setCheckable(True)
        self.masks_action.setShortcut(QKeySequence("M"))
        self.masks_action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.masks_action.setToolTip("Tint the lesion in the images that have a mask (M)")
        self.masks_action.toggled.connect(self._paint_anew)
        self.addAction(self.masks_action)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        self.selectionModel().selectionChanged.connect(self.selection_changed)
        theme.changed.connect(self._paint_anew)

    # -- content -------------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        """Show another study. The grid is empty until `show_images` is called."""
        self.thumbnails.open_study(workspace)
        self.show_images([], [], {}, frozenset())

    @property
    def side(self) -> int:
        """Width and height of the pictures, in pixels."""
        return self._side

    def set_side(self, side: int) -> None:
        """Show the pictures larger or smaller. The first visible one stays in view."""
        self._side = max(SMALLEST, min(LARGEST, side))
        self._cards.clear()
        self.doItemsLayout()

    def selected(self) -> list[ImageRecord]:
        """The selected images, in the order of the grid."""
        runs = sorted((run.top(), run.bottom() + 1) for run in self.selectionModel().selection().toList())
        return [image for start, end in runs for image in self.images.images[start:end]]

    def select(self, ids: Collection[int]) -> None:
        """Select exactly those of these images that are in the grid, and scroll to the first of them."""
        self.clearSelection()
        first = next((image.id for image in self.images.images if image.id in ids), None)
        if first is not None:
            self._select_again(ids, first)
            self.scrollTo(self.currentIndex())

    def show_images(
        self,
        images: Sequence[ImageRecord],
        classes: Sequence[str],
        flags: Mapping[int, list[str]],
        in_conflict: frozenset[int],
        *,
        by_class: bool = True,
    ) -> None:
        """Show these images, class by class or in the order given. Selection and scroll position stay."""
        selected = {image.id for image in self.selected()}
        current = self.currentIndex()
        current_id = self.images.images[current.row()].id if current.isValid() else None
        position = self.verticalScrollBar().value()
        self.images.show(images, classes, flags, in_conflict, by_class=by_class)
        self.masks_action.setEnabled(any(image.mask is not None for image in images))
        self._cards.clear()
        self.doItemsLayout()
        self._select_again(selected, current_id)
        self.verticalScrollBar().setValue(position)
        self._top_row = self._first_in_view()
        self.selection_changed.emit()

    def _select_again(self, selected: Collection[int], current_id: int | None) -> None:
        chosen: list[int] = []
        for row, image in enumerate(self.images.images if current_id is not None or selected else ()):
            if image.id in selected:
                chosen.append(row)
            if image.id == current_id:
                self.selectionModel().setCurrentIndex(
                    self.images.index(row), QItemSelectionModel.SelectionFlag.NoUpdate
                )
        self.selectionModel().select(self._selection(_runs(chosen)), QItemSelectionModel.SelectionFlag.Select)

    def _selection(self, runs: Iterator[range]) -> QItemSelection:
        selection = QItemSelection()
        for run in runs:
            selection.append(QItemSelectionRange(self.images.index(run.start), self.images.index(run.stop - 1)))
        return selection

    # -- layout --------------------------------------------------------------------------------------------

    def doItemsLayout(self) -> None:
        with self._in_place():
            # Skip QListView's own method, which would compute the position of every image.
            QAbstractItemView.doItemsLayout(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        with self._in_place():
            QAbstractItemView.resizeEvent(self, event)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Keep the first visible image in its place while the grid is laid out again."""
        if self._is_laying_out:
            yield
            return
        self._is_laying_out = True
        try:
            yield
            if self._top_row < self._layout.count:
                self.verticalScrollBar().setValue(self._layout.rect(self._top_row).top() - self._layout.header)
        finally:
            self._is_laying_out = False

    def updateGeometries(self) -> None:
        QAbstractItemView.updateGeometries(self)
        sections = self.images.sections
        counts = [section.count for section in sections] or [len(self.images.images)]
        card = card_size(self._side)
        header = _HEADER if sections else 0
        self._layout = GridLayout(counts if self.images.images else [], self.viewport().width(), card, header)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, self._layout.height + GAP - self.viewport().height()))
        bar.setPageStep(max(card.height(), self.viewport().height() - header))
        bar.setSingleStep(card.height() // 3)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if not self._is_laying_out:
            self._top_row = self._first_in_view()
        self.viewport().update()

    def _first_in_view(self) -> int:
        top = self.verticalOffset() + self._layout.header
        run = next(self._layout.rows_in(QRect(0, top, 1, self.viewport().height())), range(0, 1))
        return run.start

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def visualRect(self, index: Index) -> QRect:
        if not 0 <= index.row() < self._layout.count:
            return QRect()
        return self._layout.rect(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        is_under_header = bool(self._layout.count) and 0 <= point.y() < self._standing_header().bottom() + 1
        row = None if is_under_header else self._layout.row_at(point + QPoint(0, self.verticalOffset()))
        return self.images.index(row) if row is not None else QModelIndex()

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        if not 0 <= index.row() < self._layout.count:
            return
        cell = self._layout.rect(index.row())
        highest = cell.top() - self._layout.header
        lowest = cell.bottom() + 1 + GAP - self.viewport().height()
        value = self.verticalOffset()
        if hint == QAbstractItemView.ScrollHint.PositionAtTop:
            value = highest
        elif hint == QAbstractItemView.ScrollHint.PositionAtBottom:
            value = lowest
        elif hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            value = (highest + lowest) // 2
        else:
            value = min(max(value, lowest), highest)
        self.verticalScrollBar().setValue(value)

    # -- selecting -----------------------------------------------------------------------------------------

    def moveCursor(self, action: _Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count = self._layout.count
        if not count:
            return QModelIndex()
        row = self.currentIndex().row()
        if row < 0 and action != _Move.MoveEnd:
            return self.images.index(0)
        page = max(1, (self.viewport().height() - self._layout.header) // card_size(self._side).height())
        lines = {_Move.MoveUp: -1, _Move.MoveDown: 1, _Move.MovePageUp: -page, _Move.MovePageDown: page}
        if action in lines:
            return self.images.index(self._layout.moved(row, lines[action]))
        steps = {_Move.MoveHome: -count, _Move.MoveEnd: count, _Move.MoveLeft: -1, _Move.MovePrevious: -1}
        return self.images.index(max(0, min(count - 1, row + steps.get(action, 1))))

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        if self.state() == QAbstractItemView.State.DragSelectingState:
            runs = self._layout.rows_in(rect.normalized().translated(0, self.verticalOffset()))
        else:  # a range from one image to another, selected by keys or clicks with Shift
            ends = sorted(index.row() for index in (self.indexAt(rect.topLeft()), self.indexAt(rect.bottomRight())))
            runs = iter([range(ends[0], ends[1] + 1)] if ends[0] >= 0 else [])
        self.selectionModel().select(self._selection(runs), command)

    def selectAll(self) -> None:
        # QListView's own method visits every image.
        rows = [range(self._layout.count)] if self._layout.count else []
        self.selectionModel().select(self._selection(iter(rows)), QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        # Repainting the whole view is faster than computing the positions of all selected images.
        return QRegion(self.viewport().rect())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint() + QPoint(0, self.verticalOffset())
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        QAbstractItemView.mouseMoveEvent(self, event)
        if self.state() == QAbstractItemView.State.DragSelectingState:
            here = event.position().toPoint() + QPoint(0, self.verticalOffset())
            self._band = QRect(self._pressed, here).normalized()
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        QAbstractItemView.mouseReleaseEvent(self, event)
        self._band = QRect()
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Go to the first image of the class whose name begins with the letters typed."""
        row = 0
        for section in self.images.sections:
            if section.class_name.casefold().startswith(search.casefold()):
                self.setCurrentIndex(self.images.index(row))
                return
            row += section.count

    # -- painting ------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setFont(self.font())
        painter.fillRect(event.rect(), QColor(colours().base))
        # Not the bounding rectangle of the region: that includes images that need not be loaded now.
        region = event.region().translated(0, self.verticalOffset())
        areas: list[QRect] = list(region)  # type: ignore[call-overload]  # Qt's stubs do not know that it can be listed
        rows = {row for area in areas for run in self._layout.rows_in(area) for row in run}
        # The first image is requested last, because the last request is loaded first.
        for row in sorted(rows, reverse=True):
            self._paint_row(painter, row)
        if self.images.sections:
            self._paint_headers(painter)
        if not self._band.isNull():
            accent = QColor(colours().accent)
            painter.setPen(accent)
            accent.setAlpha(50)
            painter.setBrush(accent)
            painter.drawRect(self._band.translated(0, -self.verticalOffset()).adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_row(self, painter: QPainter, row: int) -> None:
        cell = self._layout.rect(row).translated(0, -self.verticalOffset())
        size = card_size(self._side)
        corner = cell.topLeft() + QPoint((cell.width() - size.width()) // 2, 0)
        index = self.images.index(row)
        image = self.images.images[row]
        is_selected = self.selectionModel().isSelected(index)
        kept = self._cards.kept(image.id, is_selected)
        if kept is not None:
            painter.drawPixmap(corner, kept)
        else:
            card, is_final = self._card(image, is_selected)
            if is_final:
                kept = self._cards.keep(card, self._side, self.font(), self.devicePixelRatioF())
                painter.drawPixmap(corner, kept)
            else:
                paint_card(painter, corner, card, self._side)
        if self.hasFocus() and index == self.currentIndex():
            painter.setPen(QPen(QColor(colours().text if is_selected else colours().accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            half = GAP // 2
            painter.drawRect(QRect(corner, size).adjusted(half, half, -half - 1, -half - 1))

    def _card(self, image: ImageRecord, is_selected: bool) -> tuple[Card, bool]:
        """The content of an image's card, and True if that is final."""
        look = Look(round(self._side * self.devicePixelRatioF()), self.masks_action.isChecked())
        small, is_final = self.thumbnails.get(image, look)
        colour = class_colour(image.class_name, self.images.classes)
        is_flagged = bool(self.images.quality_flags.get(image.id))
        return Card(image, small, colour, is_flagged, image.id in self.images.in_conflict, is_selected), is_final

    def _standing_header(self) -> QRect:
        """Position of the header at the top. It stays while the images of its section scroll below it, and moves out of
        view with the last of them."""
        top = self.verticalOffset()
        sections = self._layout.sections_in(top, top)
        if not sections:
            return QRect()
        header = self._layout.header_rect(sections[0])
        height = max(header.top(), min(top, self._layout.section_bottom(sections[0]) - header.height()))
        return header.translated(0, height - header.top() - top)

    def _paint_headers(self, painter: QPainter) -> None:
        top = self.verticalOffset()
        for number in reversed(self._layout.sections_in(top, top + self.viewport().height())):
            place = self._layout.header_rect(number).translated(0, -top)
            if place.top() <= 0:
                place = self._standing_header()
            paint_header(painter, place, self.images.sections[number], self.images.classes)

    def _paint_anew(self) -> None:
        self._cards.clear()
        self.viewport().update()

    def _on_loaded(self, sha256: str) -> None:
        view = self.viewport().rect().translated(0, self.verticalOffset())
        for run in self._layout.rows_in(view):
            for row in run:
                if self.images.images[row].sha256 == sha256:
                    self.viewport().update(self._layout.rect(row).translated(0, -self.verticalOffset()))


def _runs(rows: Sequence[int]) -> Iterator[range]:
    """Split rows in ascending order into runs of consecutive rows."""
    start = 0
    for position in range(1, len(rows) + 1):
        if position == len(rows) or rows[position] != rows[position - 1] + 1:
            yield range(rows[start], rows[position - 1] + 1)
            start = position
