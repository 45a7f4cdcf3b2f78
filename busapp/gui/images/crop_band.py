"""A rectangle that the user draws over a picture to crop it."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsObject, QGraphicsSceneMouseEvent, QStyleOptionGraphicsItem, QWidget

from busapp.engine.images.marks import Box
from busapp.engine.images.pictures import SMALLEST_SIDE
from busapp.gui.images.cover_boxes import LINE, SHADE, to_box, to_rect


class CropBand(QGraphicsObject):
    """A layer over a picture. The picture's upper left corner is the scene's origin.

    A drag draws the rectangle, and releasing the button accepts it. Keys move and resize it.

    Signals:
        taken: the `Box` that was drawn.
        too_small: a drag ended with a rectangle too small to diagnose. A mere click does not emit it.
    """

    taken = Signal(object)
    too_small = Signal()

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._width, self._height = width, height
        self._began: QPointF | None = None
        self.box: Box | None = None
        self.setAcceptedMouseButtons(Qt.MouseButton.LeftButton)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def take(self) -> None:
        """Accept the rectangle: emit `taken`, or `too_small`."""
        box = self.box
        if box is None:
            return
        if min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_SIDE:
            self.taken.emit(box)
            return
        self.box = None
        self.update()
        self.too_small.emit()

    def nudge(self, right: int, down: int) -> None:
        """Move the rectangle, in pixels of the picture. If there is none, draw one around the middle."""
        if self.box is None:
            self._set((self._width // 8, self._height // 8, self._width * 7 // 8, self._height * 7 // 8))
            return
        left, top, end, bottom = self.box
        right = max(-left, min(self._width - end, right))
        down = max(-top, min(self._height - bottom, down))
        self._set((left + right, top + down, end + right, bottom + down))

    def stretch(self, right: int, down: int) -> None:
        """Move the right and bottom edge, in pixels of the picture. If there is no rectangle, draw one."""
        if self.box is None:
            self.nudge(0, 0)
            return
        left, top, end, bottom = self.box
        end = max(left + SMALLEST_SIDE, min(self._width, end + right))
        bottom = max(top + SMALLEST_SIDE, min(self._height, bottom + down))
        self._set((left, top, min(self._width, end), min(self._height, bottom)))

    def _set(self, box: Box) -> None:
        self.box = box
        self.update()

    # -- the mouse -----------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        self._began, self.box = event.pos(), None
        self.update()

    def mouseMoveEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if self._began is not None:
            drawn = QRectF(self._began, event.pos()).normalized()
            self._set(to_box(drawn.intersected(QRectF(0, 0, self._width, self._height))))

    def mouseReleaseEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        self._began = None
        self.take()

    # -- painting ------------------------------------------------------------------------------------------

    def boundingRect(self) -> QRectF:
        # A drag may begin outside the picture.
        return QRectF(-self._width, -self._height, 3 * self._width, 3 * self._height)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        whole = QRectF(0, 0, self._width, self._height)
        inside = to_rect(self.box) if self.box is not None else whole
        if self.box is not None:
            outside = QPainterPath()
            outside.addRect(whole)
            outside.addRect(inside)  # odd-even fill: the part in both rectangles stays unpainted
            shade = QColor(SHADE)
            shade.setAlphaF(0.6)
            painter.fillPath(outside, shade)
        for colour, width in ((SHADE, 4), (LINE, 2)):
            pen = QPen(QColor(colour), width, Qt.PenStyle.DashLine if colour == LINE else Qt.PenStyle.SolidLine)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawRect(inside)
