"""The study's images as a grid of small pictures that scrolls through tens of thousands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QBrush, QColor, QFont, QImage, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.workspace import Workspace
from busapp.gui.theme import class_colour, colours, theme
from busapp.gui.widgets.thumbnails import Thumbnails, fitted

SMALLEST: Final = 64
LARGEST: Final = 224
_LABEL: Final = 20
_GAP: Final = 4

RECORD_ROLE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class ImageModel(QAbstractListModel):
    """A list of `ImageRecord`s with their flags."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.images: list[ImageRecord] = []
        self.classes: list[str] = []
        self.quality_flags: Mapping[int, list[str]] = {}
        self.in_conflict: frozenset[int] = frozenset()
        self.thumbnails = Thumbnails(self)
        self.thumbnails.loaded.connect(self._on_loaded)
        self._rows_by_content: dict[str, list[int]] = {}

    def open_study(self, workspace: Workspace) -> None:
        """Take small pictures from another study; it has no images until `show` is called."""
        self.thumbnails.open_study(workspace)
        self.show([], [], {}, frozenset())

    def show(
        self,
        images: Sequence[ImageRecord],
        classes: Sequence[str],
        flags: Mapping[int, list[str]],
        in_conflict: frozenset[int],
    ) -> None:
        """List these images, in this order; `in_conflict` are the ids of images with contradicting duplicates."""
        self.beginResetModel()
        self.images = list(images)
        self.classes = list(classes)
        self.quality_flags = flags
        self.in_conflict = in_conflict
        self._rows_by_content = {}
        for row, image in enumerate(self.images):
            self._rows_by_content.setdefault(image.sha256, []).append(row)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self.images)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        image = self.images[index.row()]
        if role == RECORD_ROLE:
            return image
        if role == Qt.ItemDataRole.DisplayRole:
            return image.class_name
        if role == Qt.ItemDataRole.DecorationRole:
            return self.thumbnails.get(image)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "\n".join(facts(image, self.quality_flags.get(image.id, []), image.id in self.in_conflict))
        return None

    def _on_loaded(self, sha256: str) -> None:
        for row in self._rows_by_content.get(sha256, []):
            self.dataChanged.emit(self.index(row), self.index(row), [Qt.ItemDataRole.DecorationRole])


def facts(image: ImageRecord, flags: Sequence[str], is_in_conflict: bool) -> list[str]:
    """What there is to say about an image, a line for each."""
    lines = [image.file, f"{image.class_name}, {image.kind}, {image.width}×{image.height} px"]
    if image.excluded is not None:
        lines.append(f"Set aside: {image.excluded}")
    if is_in_conflict:
        lines.append("Looks like an image of another class")
    if image.group_id is not None:
        lines.append(f"Group {image.group}")
    if flags:
        lines.append("Flags: " + ", ".join(flags))
    return lines


class _CardDelegate(QStyledItemDelegate):
    """One image: its picture, its class by colour and word, a dashed frame and an S where it is synthetic."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.side = 128

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(self.side + 2 * _GAP, self.side + _LABEL + 2 * _GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        assert isinstance(model, ImageModel)
        image: ImageRecord = index.data(RECORD_ROLE)
        now = colours()
        whole: QRect = option.rect
        state: QStyle.StateFlag = option.state
        frame = whole.adjusted(_GAP // 2, _GAP // 2, -_GAP // 2, -_GAP // 2)
        square = QRect(whole.left() + _GAP, whole.top() + _GAP, self.side, self.side)
        painter.save()
        painter.setFont(option.font)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(frame, QColor(now.accent))
        self._paint_picture(painter, square, index.data(Qt.ItemDataRole.DecorationRole), image)
        if image.kind == "synthetic":
            painter.setPen(QPen(QColor(now.text), 2, Qt.PenStyle.DashLine))
            painter.drawRect(square.adjusted(1, 1, -1, -1))
            _badge(painter, square.topLeft() + QPoint(4, 4), "S", now.text, now.base)
        if image.id in model.in_conflict:
            _badge(painter, square.topRight() - QPoint(22, -4), "≠", now.on_accent, now.error)
        elif model.quality_flags.get(image.id):
            _badge(painter, square.topRight() - QPoint(22, -4), "!", now.base, now.warning)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        self._paint_label(painter, square, image, class_colour(image.class_name, model.classes), is_selected)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(now.text if is_selected else now.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(frame.adjusted(0, 0, -1, -1))
        painter.restore()

    def _paint_picture(self, painter: QPainter, square: QRect, small: QImage | None, image: ImageRecord) -> None:
        now = colours()
        painter.fillRect(square, QColor(now.alternate))
        if small is None:
            return
        if small.isNull():
            painter.setPen(QColor(now.muted))
            painter.drawText(square, Qt.AlignmentFlag.AlignCenter, "unreadable")
            return
        scaled = fitted(small, square.size())
        place = QRect(QPoint(), scaled.size())
        place.moveCenter(square.center())
        painter.setOpacity(0.35 if image.excluded is not None else 1.0)
        painter.drawImage(place, scaled)
        painter.setOpacity(1.0)
        if image.excluded is not None:
            painter.setPen(QPen(QColor(now.error), 2))
            painter.drawLine(square.topLeft(), square.bottomRight())
            _badge(painter, square.bottomLeft() + QPoint(4, -22), "set aside", now.base, now.error)

    def _paint_label(
        self, painter: QPainter, square: QRect, image: ImageRecord, colour: QColor, is_selected: bool
    ) -> None:
        now = colours()
        line = QRect(square.left(), square.bottom() + 2, square.width(), _LABEL - 2)
        painter.setPen(QPen(QColor(now.base), 1))
        painter.setBrush(QBrush(colour))
        painter.drawRect(line.left() + 2, line.top() + 4, 9, 9)
        painter.setPen(QColor(now.on_accent if is_selected else now.text))
        words = line.adjusted(16, 0, 0, 0)
        text = painter.fontMetrics().elidedText(image.class_name, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, text)


def _badge(painter: QPainter, place: QPoint, text: str, ink: str, ground: str) -> None:
    font = QFont(painter.font())
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    width = max(18, painter.fontMetrics().horizontalAdvance(text) + 10)
    area = QRect(place, QSize(width, 18))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ground))
    painter.drawRoundedRect(area, 3, 3)
    painter.setPen(QColor(ink))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
    painter.setFont(font)


class ImageGrid(QListView):
    """The grid. Arrow keys walk, Space, Enter and a double-click open.

    Signals:
        opened: the row of the image to show large.
        selection_changed: other images are selected.
    """

    opened = Signal(int)
    selection_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images = ImageModel(self)
        self._cards = _CardDelegate(self)
        self.setModel(self.images)
        self.setItemDelegate(self._cards)
        self.setAccessibleName("Images of the study")
        # Rows that wrap are laid out much faster than Qt's icon mode, and look the same.
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        self.selectionModel().selectionChanged.connect(self.selection_changed)
        theme.changed.connect(self.viewport().update)

    @property
    def side(self) -> int:
        """Width and height of the pictures, in pixels."""
        return self._cards.side

    def set_side(self, side: int) -> None:
        """Show the pictures larger or smaller, the first visible one staying in view."""
        top = self.indexAt(QPoint(_GAP * 2, _GAP * 2))
        self._cards.side = max(SMALLEST, min(LARGEST, side))
        self.scheduleDelayedItemsLayout()
        if top.isValid():
            self.scrollTo(top, QListView.ScrollHint.PositionAtTop)

    def selected(self) -> list[ImageRecord]:
        """The selected images, as listed."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.images.images[row] for row in rows]

    def show_images(
        self,
        images: Sequence[ImageRecord],
        classes: Sequence[str],
        flags: Mapping[int, list[str]],
        in_conflict: frozenset[int],
    ) -> None:
        """List these images; those that were selected stay selected, and the view stays where it was."""
        selected = {image.id for image in self.selected()}
        current = self.currentIndex()
        current_id = self.images.images[current.row()].id if current.isValid() else None
        position = self.verticalScrollBar().value()
        self.images.show(images, classes, flags, in_conflict)
        chosen = QItemSelection()
        for row, image in enumerate(self.images.images):
            if image.id in selected:
                chosen.select(self.images.index(row), self.images.index(row))
            if image.id == current_id:
                self.selectionModel().setCurrentIndex(
                    self.images.index(row), QItemSelectionModel.SelectionFlag.NoUpdate
                )
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.Select)
        self.verticalScrollBar().setValue(position)
        self.selection_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)
