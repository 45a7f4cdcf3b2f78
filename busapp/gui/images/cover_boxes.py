"""The areas to cover, drawn over a picture. The user switches, moves and resizes them with mouse and keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QGraphicsObject,
    QGraphicsSceneHoverEvent,
    QGraphicsSceneMouseEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from busapp.engine.images.marks import Box

REACH: Final = 7
"""Screen pixels around an edge in which the mouse grabs that edge."""
SLACK: Final = 4
"""Screen pixels that the mouse may move during a click; beyond that it is a drag."""
SMALLEST: Final = 2
"""Smallest width and height of a box, in pixels of the picture."""
LINE: Final = "#56B4E9"
"""Okabe and Ito's sky blue. No class of ultrasound images has this colour."""
SHADE: Final = "#0b0c0d"
"""A dark line below the bright one, so that the outline is also visible on white."""
_OFF: Final = "#c8ccd0"


@dataclass(eq=False)
class Area:
    """A box in the picture's pixels. It will be covered if it `is_on`."""

    box: Box
    is_on: bool = True


class CoverBoxes(QGraphicsObject):
    """A layer over a picture. The picture's upper left corner is the scene's origin.

    A drag on empty ground draws a new area. A drag that begins inside an area moves it, one that begins at an edge
    resizes it. A click switches an area on or off. At most one area is chosen; the keys act on that one.

    Signals:
        changed: areas were added, removed, moved or switched, or another area was chosen.
    """

    changed = Signal()

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._width, self._height = width, height
        self.areas: list[Area] = []
        self.chosen: Area | None = None
        self._began: QPointF | None = None
        self._before: Box | None = None
        """The chosen area's box when the drag began; None if the drag draws a new area."""
        self._held: tuple[int, int] | None = None
        """The edges that the drag moves: -1 left or top, 1 right or bottom, 0 neither; None if it moves the area."""
        self._is_dragged = False
        self.setAcceptHoverEvents(True)
        self.setAcceptedMouseButtons(Qt.MouseButton.LeftButton)

    def boxes(self) -> list[Box]:
        """Boxes of the areas that will be covered."""
        return [area.box for area in self.areas if area.is_on]

    # -- editing -------------------------------------------------------------------------------------------

    def suggest(self, boxes: Iterable[tuple[Box, bool]]) -> None:
        """Add areas, on or off, in front of the areas that the user drew."""
        self.areas[:0] = [Area(box, is_on) for box, is_on in boxes]
        self._refresh()

    def add(self, box: Box) -> None:
        """Add an area and choose it."""
        self.chosen = Area(self._fitted(box))
        self.areas.append(self.chosen)
        self._refresh()

    def add_at(self, centre: QPointF, side: int) -> None:
        """Add an area around a point, `side` pixels wide and half as high."""
        left, top = round(centre.x()) - side // 2, round(centre.y()) - side // 4
        self.add((left, top, left + side, top + max(SMALLEST, side // 2)))

    def walk(self, step: int) -> bool:
        """Choose the next (1) or the previous (-1) area. False past the first or last one: then none is chosen."""
        begin = self.areas.index(self.chosen) if self.chosen is not None else -1 if step > 0 else len(self.areas)
        at = begin + step
        self.chosen = self.areas[at] if 0 <= at < len(self.areas) else None
        self._refresh()
        return self.chosen is not None

    def switch(self) -> None:
        """Switch the chosen area on or off."""
        if self.chosen is not None:
            self.chosen.is_on = not self.chosen.is_on
            self._refresh()

    def remove(self) -> None:
        """Remove the chosen area, and choose the next one."""
        if self.chosen is not None:
            at = self.areas.index(self.chosen)
            del self.areas[at]
            self.chosen = self.areas[min(at, len(self.areas) - 1)] if self.areas else None
            self._refresh()

    def nudge(self, right: int, down: int) -> None:
        """Move the chosen area, in pixels of the picture."""
        if self.chosen is not None:
            self._place(self.chosen, self._moved(self.chosen.box, right, down))

    def stretch(self, right: int, down: int) -> None:
        """Move the right and bottom edge of the chosen area, in pixels of the picture."""
        if self.chosen is not None:
            self._place(self.chosen, self._resized(self.chosen.box, (1, 1), right, down))

    def _place(self, area: Area, box: Box) -> None:
        area.box, area.is_on = box, True
        self._refresh()

    def _refresh(self) -> None:
        self.update()
        self.changed.emit()

    def _moved(self, box: Box, right: int, down: int) -> Box:
        width, height = box[2] - box[0], box[3] - box[1]
        left = max(0, min(self._width - width, box[0] + right))
        top = max(0, min(self._height - height, box[1] + down))
        return left, top, left + width, top + height

    def _resized(self, box: Box, edges: tuple[int, int], right: int, down: int) -> Box:
        left, top, end, bottom = box
        if edges[0] < 0:
            left = max(0, min(end - SMALLEST, left + right))
        elif edges[0] > 0:
            end = min(self._width, max(left + SMALLEST, end + right))
        if edges[1] < 0:
            top = max(0, min(bottom - SMALLEST, top + down))
        elif edges[1] > 0:
            bottom = min(self._height, max(top + SMALLEST, bottom + down))
        return left, top, end, bottom

    def _fitted(self, box: Box) -> Box:
        """The part of a box that lies in the picture, at least `SMALLEST` wide and high."""
        left, top = min(max(0, box[0]), self._width - SMALLEST), min(max(0, box[1]), self._height - SMALLEST)
        right, bottom = min(self._width, box[2]), min(self._height, box[3])
        return max(0, left), max(0, top), max(right, left + SMALLEST), max(bottom, top + SMALLEST)

    # -- the mouse -----------------------------------------------------------------------------------------

    def _scale(self) -> float:
        """Screen pixels for each pixel of the picture."""
        return self.scene().views()[0].transform().m11()

    def _at(self, place: QPointF) -> tuple[Area, tuple[int, int] | None] | None:
        """The area at a point, and the edges that the point is near, or None for those.

        The chosen area comes first, then small areas before large ones, because they may lie inside larger ones."""
        reach = REACH / self._scale()
        by_size = sorted(self.areas, key=lambda area: (area is not self.chosen, to_rect(area.box).width()))
        for area in by_size:
            rect = to_rect(area.box)
            if not rect.adjusted(-reach, -reach, reach, reach).contains(place):
                continue
            near = (
                _near(rect.left(), rect.right(), place.x(), reach),
                _near(rect.top(), rect.bottom(), place.y(), reach),
            )
            if near != (0, 0) or rect.contains(place):
                return area, near if near != (0, 0) else None
        return None

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        self._began, self._is_dragged = event.pos(), False
        found = self._at(event.pos())
        self.chosen, self._held = found if found else (None, None)
        self._before = self.chosen.box if self.chosen is not None else None
        self._refresh()

    def mouseMoveEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if self._began is None:
            return
        way = event.pos() - self._began
        if not self._is_dragged and max(abs(way.x()), abs(way.y())) * self._scale() <= SLACK:
            return
        self._is_dragged = True
        right, down = round(way.x()), round(way.y())
        drawn = to_box(QRectF(self._began, event.pos()).normalized())
        if self.chosen is None:
            self.add(drawn)
        elif self._before is None:
            self._place(self.chosen, self._fitted(drawn))
        elif self._held is None:
            self._place(self.chosen, self._moved(self._before, right, down))
        else:
            self._place(self.chosen, self._resized(self._before, self._held, right, down))

    def mouseReleaseEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if self._began is not None and not self._is_dragged:
            self.switch()
        self._began = None

    def hoverMoveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        found = self._at(event.pos())
        if found is None:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.setCursor(_CURSORS[found[1] or (0, 0)])

    # -- painting ------------------------------------------------------------------------------------------

    def boundingRect(self) -> QRectF:
        # A drag may begin outside the picture: names are often at its very edge.
        return QRectF(-self._width, -self._height, 3 * self._width, 3 * self._height)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        for area in self.areas:
            rect = to_rect(area.box)
            is_chosen = area is self.chosen
            colour = QColor(LINE if area.is_on else _OFF)
            if area.is_on:
                tint = QColor(colour)
                tint.setAlphaF(0.25)
                painter.fillRect(rect, tint)
            for shade, width in ((QColor(SHADE), 4 if is_chosen else 3), (colour, 2 if is_chosen else 1.5)):
                pen = QPen(shade, width, Qt.PenStyle.SolidLine if shade != colour else Qt.PenStyle.CustomDashLine)
                if shade == colour:
                    pen.setDashPattern([4, 3] if area.is_on else [1, 3])
                pen.setCosmetic(True)
                painter.setPen(pen)
                painter.drawRect(rect)
        if self.chosen is not None:
            self._draw_handles(painter, to_rect(self.chosen.box))

    def _draw_handles(self, painter: QPainter, rect: QRectF) -> None:
        side = 8 / self._scale()
        painter.setPen(QPen(QColor(SHADE), 0))
        painter.setBrush(QColor("white"))
        for x in (rect.left(), rect.center().x(), rect.right()):
            for y in (rect.top(), rect.center().y(), rect.bottom()):
                if QPointF(x, y) != rect.center():
                    painter.drawRect(QRectF(x - side / 2, y - side / 2, side, side))
        painter.setBrush(Qt.BrushStyle.NoBrush)


_CURSORS: Final = {
    (0, 0): Qt.CursorShape.SizeAllCursor,
    **dict.fromkeys(((-1, 0), (1, 0)), Qt.CursorShape.SizeHorCursor),
    **dict.fromkeys(((0, -1), (0, 1)), Qt.CursorShape.SizeVerCursor),
    **dict.fromkeys(((-1, -1), (1, 1)), Qt.CursorShape.SizeFDiagCursor),
    **dict.fromkeys(((-1, 1), (1, -1)), Qt.CursorShape.SizeBDiagCursor),
}


def _near(low: float, high: float, value: float, reach: float) -> int:
    """-1 near the low end, 1 near the high end, 0 near neither. In a small box the reach shrinks to a third of it, so
    that its middle can still be grabbed."""
    reach = min(reach, (high - low) / 3) if low < value < high else reach
    if value <= low + reach:
        return -1
    return 1 if value >= high - reach else 0


def to_rect(box: Box) -> QRectF:
    """A box, in pixels of the picture, as a rectangle of the scene. Both have the same origin."""
    left, top, right, bottom = box
    return QRectF(QRect(left, top, right - left, bottom - top))


def to_box(rect: QRectF) -> Box:
    """A rectangle of the scene, rounded to whole pixels."""
    return round(rect.left()), round(rect.top()), round(rect.right()), round(rect.bottom())
