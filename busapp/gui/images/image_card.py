"""An image as a card of the grid: its picture, its class as a colour and a word, and its marks."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QImage, QPainter, QPen, QPixmap

from busapp.engine.catalog import ImageRecord
from busapp.gui.images.image_model import Section
from busapp.gui.theme import Colours, class_colour, colours

GAP: Final = 4
_LABEL: Final = 20
_KEPT_BYTES: Final = 64 * 2**20


def card_size(side: int) -> QSize:
    """Size of a card with a picture of `side` pixels."""
    return QSize(side + 2 * GAP, side + _LABEL + 2 * GAP)


@dataclass(frozen=True, slots=True)
class Card:
    """Content of a card. `picture` is None until it is loaded, and null if the image cannot be read."""

    image: ImageRecord
    picture: QImage | None
    colour: QColor
    is_flagged: bool
    is_in_conflict: bool
    is_selected: bool


class Cards:
    """Paints cards and keeps them, so that scrolling only copies them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, bool], QPixmap] = OrderedDict()

    def clear(self) -> None:
        """Forget all cards, because size, colours or images have changed."""
        self._kept.clear()

    def kept(self, image_id: int, is_selected: bool) -> QPixmap | None:
        """The card of an image, if it is kept."""
        found = self._kept.get((image_id, is_selected))
        if found is not None:
            self._kept.move_to_end((image_id, is_selected))
        return found

    def keep(self, card: Card, side: int, font: QFont, ratio: float) -> QPixmap:
        """Paint a card and keep it. `ratio` is the number of device pixels in a pixel."""
        pixmap = QPixmap(card_size(side) * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setFont(font)
        paint_card(painter, QPoint(0, 0), card, side)
        painter.end()
        self._kept[card.image.id, card.is_selected] = pixmap
        if len(self._kept) * pixmap.width() * pixmap.height() * 4 > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return pixmap


def paint_card(painter: QPainter, corner: QPoint, card: Card, side: int) -> None:
    """Paint a card with its top left corner at `corner`. A selected card has the accent colour as its ground."""
    now = colours()
    square = QRect(corner + QPoint(GAP, GAP), QSize(side, side))
    if card.is_selected:
        half = GAP // 2
        painter.fillRect(QRect(corner, card_size(side)).adjusted(half, half, -half, -half), QColor(now.accent))
    _paint_picture(painter, square, card, now)
    if card.image.kind == "synthetic":
        mark_synthetic(painter, square)
    if card.is_in_conflict:
        _badge(painter, square.topRight() - QPoint(22, -4), "≠", now.on_accent, now.error)
    elif card.is_flagged:
        _badge(painter, square.topRight() - QPoint(22, -4), "!", now.base, now.warning)
    line = QRect(square.left(), square.bottom() + 2, square.width(), _LABEL - 2)
    swatch(painter, line.topLeft() + QPoint(2, 4), card.colour)
    painter.setPen(QColor(now.on_accent if card.is_selected else now.text))
    words = line.adjusted(16, 0, 0, 0)
    text = painter.fontMetrics().elidedText(card.image.class_name, Qt.TextElideMode.ElideRight, words.width())
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, text)


def _paint_picture(painter: QPainter, square: QRect, card: Card, now: Colours) -> None:
    painter.fillRect(square, QColor(now.alternate))
    if card.picture is None:
        return
    if card.picture.isNull():
        painter.setPen(QColor(now.muted))
        painter.drawText(square, Qt.AlignmentFlag.AlignCenter, "unreadable")
        return
    painter.setOpacity(0.35 if card.image.excluded is not None else 1.0)
    painter.drawImage(fitted_into(square, card.picture.size()), card.picture)
    painter.setOpacity(1.0)
    if card.image.excluded is not None:
        painter.setPen(QPen(QColor(now.error), 2))
        painter.drawLine(square.topLeft(), square.bottomRight())
        _badge(painter, square.bottomLeft() + QPoint(4, -22), "set aside", now.base, now.error)


def fitted_into(square: QRect, picture: QSize) -> QRect:
    """The largest rectangle of a picture's shape in the middle of a square."""
    place = QRect(QPoint(), picture.scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio))
    place.moveCenter(square.center())
    return place


def mark_synthetic(painter: QPainter, square: QRect) -> None:
    """Paint the dashed frame and the S of synthetic images over a picture that fills this square."""
    now = colours()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    # Dark dashes alone would be invisible on a dark picture, light ones on a light picture.
    for pen in (QPen(QColor(now.base), 2), QPen(QColor(now.text), 2, Qt.PenStyle.DashLine)):
        painter.setPen(pen)
        painter.drawRect(square.adjusted(1, 1, -1, -1))
    _badge(painter, square.topLeft() + QPoint(4, 4), "S", now.text, now.base)


def _badge(painter: QPainter, place: QPoint, text: str, ink: str, ground: str) -> None:
    font = painter.font()
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


def swatch(painter: QPainter, corner: QPoint, colour: QColor) -> None:
    """Paint the small square in the colour of a class. The name of the class stands beside it."""
    painter.setPen(QPen(QColor(colours().base), 1))
    painter.setBrush(QBrush(colour))
    painter.drawRect(QRect(corner, QSize(9, 9)))


def paint_header(painter: QPainter, area: QRect, section: Section, classes: list[str]) -> None:
    """Paint the line above the images of a class: its colour, its name and the number of images."""
    now = colours()
    painter.fillRect(area, QColor(now.window))
    painter.setPen(QColor(now.border))
    painter.drawLine(area.bottomLeft(), area.bottomRight())
    swatch(painter, QPoint(area.left() + GAP + 2, area.center().y() - 4), class_colour(section.class_name, classes))
    font = painter.font()
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    painter.setPen(QColor(now.text))
    words = area.adjusted(GAP + 18, 0, -GAP, 0)
    name = painter.fontMetrics().elidedText(section.class_name, Qt.TextElideMode.ElideRight, words.width())
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, name)
    words.setLeft(words.left() + painter.fontMetrics().horizontalAdvance(name) + 3 * GAP)
    painter.setFont(font)
    painter.setPen(QColor(now.muted))
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, section.in_words())
