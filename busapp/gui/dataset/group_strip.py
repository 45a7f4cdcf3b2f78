"""The images of one group in a row, to take some of them out, or to decide that all show the same picture."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.utils.words import many
from busapp.gui.images.image_card import GAP, Card, card_size, paint_card
from busapp.gui.images.image_model import Index, facts
from busapp.gui.images.thumbnails import Look, Thumbnails
from busapp.gui.theme import SPACE, class_colour, colours

SIDE: Final = 88


class _Members(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.images: list[ImageRecord] = []
        self.quality_flags: Mapping[int, list[str]] = {}
        self.pair: tuple[int, int] = (0, 0)
        """The ids of the two images in the large view, the left one first."""

    def show(self, images: Sequence[ImageRecord], flags: Mapping[int, list[str]]) -> None:
        self.beginResetModel()
        self.images, self.quality_flags = list(images), flags
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self.images)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        image = self.images[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return image.class_name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "\n".join([*facts(image, self.quality_flags.get(image.id, []), False), *self.side(image)])
        return None

    def side(self, image: ImageRecord) -> list[str]:
        """The side of the large view that shows an image; empty if neither does."""
        return [side for side, image_id in zip(("left", "right"), self.pair, strict=True) if image_id == image.id]


class _Cards(QStyledItemDelegate):
    """Paints members of the group like images of the grid."""

    def __init__(self, members: _Members, thumbnails: Thumbnails, classes: list[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._members = members
        self._thumbnails = thumbnails
        self.classes = classes

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return card_size(SIDE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        image = self._members.images[index.row()]
        ratio = painter.device().devicePixelRatio()
        picture, _ = self._thumbnails.get(image, Look(round(SIDE * ratio), with_mask=False))
        state, area = option.state, option.rect
        card = Card(
            image,
            picture,
            class_colour(image.class_name, self.classes),
            bool(self._members.quality_flags.get(image.id)),
            False,
            bool(state & QStyle.StateFlag.State_Selected),
        )
        paint_card(painter, QPoint(area.left(), area.top()), card, SIDE)
        for side in self._members.side(image):
            self._mark(painter, side, area)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(option.palette.text().color())
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(area.adjusted(0, 0, -1, -1))

    def _mark(self, painter: QPainter, side: str, area: QRect) -> None:
        words = painter.fontMetrics().boundingRect(side).size() + QSize(8, 2)
        ground = QRect(area.topLeft() + QPoint(GAP + 2, GAP + SIDE - words.height() - 2), words)
        painter.fillRect(ground, QColor(colours().base))
        painter.setPen(QColor(colours().text))
        painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, side)


class GroupStrip(QWidget):
    """Hidden if the group is only a pair.

    Signals:
        same_wanted: all members show the same picture.
        split_wanted: the members (`ImageRecord`) to take out of the group.
    """

    same_wanted = Signal()
    split_wanted = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.thumbnails = Thumbnails(self)
        self.heading = QLabel()
        self.heading.setProperty("role", "muted")
        self._members = _Members(self)
        self._cards = _Cards(self._members, self.thumbnails, [], self)
        self.list = QListView()
        self.list.setAccessibleName("Images of this group; Space selects")
        self.list.setModel(self._members)
        self.list.setItemDelegate(self._cards)
        self.list.setFlow(QListView.Flow.LeftToRight)
        self.list.setSelectionMode(QListView.SelectionMode.MultiSelection)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._fit_height()
        self.list.selectionModel().selectionChanged.connect(self._on_selection)
        self.list.horizontalScrollBar().rangeChanged.connect(lambda *_range: self._fit_height())
        self.thumbnails.loaded.connect(lambda _content: self.list.viewport().update())
        self.same_button = QPushButton("All the same (A)")
        self.same_button.setToolTip("Every pair of this group shows the same picture")
        self.same_button.clicked.connect(self.same_wanted)
        self.split_button = QPushButton("Take out of the group (T)")
        self.split_button.setToolTip("The selected images are different pictures from those that stay")
        self.split_button.clicked.connect(self.split)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addWidget(self.heading, 1)
        buttons.addWidget(self.same_button)
        buttons.addWidget(self.split_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(buttons)
        column.addWidget(self.list)
        self.hide()

    def _fit_height(self) -> None:
        """Leave room for the scroll bar only if it is needed."""
        bar = self.list.horizontalScrollBar()
        cards = card_size(SIDE).height() + 2 * self.list.frameWidth()
        self.list.setFixedHeight(cards + (bar.sizeHint().height() if bar.maximum() else 0))

    @property
    def images(self) -> list[ImageRecord]:
        """The members that are shown."""
        return list(self._members.images)

    def show_members(
        self,
        images: Sequence[ImageRecord],
        pair: tuple[int, int],
        classes: Sequence[str],
        flags: Mapping[int, list[str]],
    ) -> None:
        """Show a group. `pair` has the ids of the two images in the large view. With fewer than three images the strip
        is hidden, because the large view already shows all of them."""
        self.setVisible(len(images) > 2)
        shown = list(images) if len(images) > 2 else []
        if shown != self._members.images:
            self._cards.classes = list(classes)
            self._members.show(shown, flags)
        self._members.pair = pair
        self.list.viewport().update()
        self._on_selection()

    def selected(self) -> list[ImageRecord]:
        """The members that are selected."""
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        return [self._members.images[row] for row in rows]

    def split(self) -> None:
        """Request that the selected members are taken out of the group."""
        if self.split_button.isEnabled():
            self.split_wanted.emit(self.selected())

    def _on_selection(self) -> None:
        selected, count = len(self.selected()), len(self._members.images)
        self.split_button.setEnabled(0 < selected < count)
        chosen = f", {selected:,} selected" if selected else ""
        self.heading.setText(f"Group of {many(count, 'image')}, linked by pairs that look alike{chosen}")
