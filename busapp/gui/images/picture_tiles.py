"""Tiles of one or several pictures side by side, with words below. Only the visible pictures are loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QTransform
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace
from busapp.gui.images.image_card import fitted_into, mark_synthetic
from busapp.gui.images.image_model import Index
from busapp.gui.images.thumbnails import Look, Thumbnails
from busapp.gui.theme import colours, theme

GAP: Final = 6


@dataclass(frozen=True, slots=True)
class TilePicture:
    """A picture of a tile. `image` is None if it is no longer in the study."""

    image: ImageRecord | None
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """The pictures of a tile, the `lines` of text below them, and below those a `warning` in the colour of warnings."""

    pictures: tuple[TilePicture, ...]
    lines: tuple[str, ...]
    warning: str = ""

    def in_words(self) -> str:
        """All text of the tile, line by line."""
        return "\n".join([*self.lines, *([self.warning] if self.warning else [])])


class _TileModel(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.tiles: list[Tile] = []

    def show(self, tiles: Sequence[Tile]) -> None:
        self.beginResetModel()
        self.tiles = list(tiles)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self.tiles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        ):
            return self.tiles[index.row()].in_words()
        return None


class _TilePainter(QStyledItemDelegate):
    def __init__(self, tiles: "TileList") -> None:
        super().__init__(tiles)
        self._tiles = tiles

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self._tiles.tile_size()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tile, now, side = self._tiles.tiles[index.row()], colours(), self._tiles.side
        area: QRect = option.rect
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if is_selected:
            painter.fillRect(area.adjusted(1, 1, -1, -1), QColor(now.accent))
        for place, picture in enumerate(tile.pictures):
            corner = area.topLeft() + QPoint(GAP + place * (side + GAP), GAP)
            self._paint_picture(painter, QRect(corner, QSize(side, side)), picture)
        line = painter.fontMetrics().height()
        room = QRect(area.left() + GAP, area.top() + side + 2 * GAP, area.width() - 2 * GAP, line)
        ink = now.on_accent if is_selected else now.text
        for words, colour in [*((words, ink) for words in tile.lines), (tile.warning, now.warning)]:
            painter.setPen(QColor(now.on_accent if is_selected else colour))
            short = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, short)
            room.translate(0, line)
        painter.restore()

    def _paint_picture(self, painter: QPainter, square: QRect, picture: TilePicture) -> None:
        now = colours()
        painter.fillRect(square, QColor(now.alternate))
        image = picture.image
        if image is None:
            self._say(painter, square, "no longer in the study")
            return
        found, _ = self._tiles.thumbnails.get(image, Look(square.width(), with_mask=False))
        if found is not None and found.isNull():
            self._say(painter, square, "unreadable")
        elif found is not None:
            shown = found.transformed(QTransform().scale(-1, 1)) if picture.mirrored else found
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(fitted_into(square, shown.size()), shown)
        if image.kind == "synthetic":
            mark_synthetic(painter, square)

    def _say(self, painter: QPainter, square: QRect, words: str) -> None:
        painter.setPen(QColor(colours().muted))
        painter.drawText(square, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), words)


class TileList(QListView):
    """A list of tiles. Arrow keys choose a tile, Enter or a double-click opens it.

    Signals:
        opened: the index of the tile to show large.
    """

    opened = Signal(int)

    def __init__(self, name: str, side: int, parent: QWidget | None = None) -> None:
        """`name` is read by screen readers. `side` is the width and height of a picture in pixels."""
        super().__init__(parent)
        self.side = side
        self._pictures = self._lines = 1
        self.thumbnails = Thumbnails(self)
        self.thumbnails.loaded.connect(lambda _sha256: self.viewport().update())
        self._model = _TileModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_TilePainter(self))
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.activated.connect(lambda index: self.opened.emit(index.row()))
        theme.changed.connect(self.viewport().update)

    @property
    def tiles(self) -> list[Tile]:
        """The tiles in the list."""
        return self._model.tiles

    def show_tiles(self, workspace: Workspace, tiles: Sequence[Tile]) -> None:
        """Show these tiles, with pictures from a study."""
        self._pictures = max((len(tile.pictures) for tile in tiles), default=1)
        self._lines = max((len(tile.lines) + bool(tile.warning) for tile in tiles), default=1)
        self.thumbnails.open_study(workspace)
        self._model.show(tiles)
        self.setGridSize(self.tile_size() + QSize(GAP, GAP))
        if tiles:
            self.setCurrentIndex(self._model.index(0))

    def tile_size(self) -> QSize:
        """Size of every tile, in pixels."""
        width = self._pictures * (self.side + GAP) + GAP
        return QSize(width, self.side + 3 * GAP + self._lines * self.fontMetrics().height())

    def select(self, place: int) -> None:
        """Make this tile the current one."""
        self.setCurrentIndex(self._model.index(place))

    def stop(self) -> None:
        """Stop loading, and wait until the current picture is loaded."""
        self.thumbnails.stop()
