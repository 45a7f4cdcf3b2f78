"""A picture that can be zoomed and moved, with a layer over it."""

from typing import Final, Protocol

import numpy as np
from PIL import Image
from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPixmap,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QGraphicsPixmapItem, QGraphicsScene, QGraphicsView, QWidget

from busapp.gui.images.image_card import mark_synthetic
from busapp.gui.theme import SPACE

_GROUND = "#0b0c0d"
_WORDS = "#e4e7ea"
ARROWS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
"""Direction of each key, to the right and down."""
_FAR: Final = 10
"""Pixels of the picture that an arrow key with Ctrl moves a box over it."""
_LARGEST_SCALE = 40.0
"""Most screen pixels for each pixel of the image. A tiny image gets more if it needs them to fill the canvas."""
_MASK_COLOUR = (240, 228, 66)
"""Okabe and Ito's yellow. No class has this colour as long as there are only three."""


class _Movable(Protocol):
    def nudge(self, right: int, down: int) -> None: ...

    def stretch(self, right: int, down: int) -> None: ...


def move_by_arrow(event: QKeyEvent, box: _Movable) -> None:
    """Move a box over the picture with one of the `ARROWS`: by 1 pixel of the picture, with Ctrl by 10. Shift resizes
    it instead."""
    right, down = ARROWS[Qt.Key(event.key())]
    step = _FAR if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1
    move = box.stretch if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else box.nudge
    move(step * right, step * down)


def to_qimage(image: Image.Image) -> QImage:
    """Convert a Pillow image for Qt. The result has its own copy of the bytes."""
    rgb = image.convert("RGB")
    return QImage(rgb.tobytes(), rgb.width, rgb.height, 3 * rgb.width, QImage.Format.Format_RGB888).copy()


def to_pixmap(image: Image.Image) -> QPixmap:
    """Convert a Pillow image for a label."""
    return QPixmap.fromImage(to_qimage(image))


class ImageCanvas(QGraphicsView):
    """Wheel and + − zoom, dragging and arrow keys pan, double-click and 0 fit. The scene is in the image's pixels.

    Items of a layer over the picture get the mouse events first. The middle button always pans.

    Signals:
        moved: another part of the picture is visible, or its scale has changed.
    """

    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture, self._overlay = QGraphicsPixmapItem(), QGraphicsPixmapItem()
        scene = QGraphicsScene(self)
        for item in (self._picture, self._overlay):
            item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
            scene.addItem(item)
        self.setScene(scene)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)  # the words must not scroll
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setBackgroundBrush(QColor(_GROUND))
        self.setAccessibleName("Image")
        self.setAccessibleDescription("Plus and minus zoom, 0 fits, arrow keys move.")
        self._panned_from: QPoint | None = None
        self.is_fitted = True
        self.sentence = ""
        """The reason why there is no picture, shown in its place."""
        self.caption = ""
        """Words in a corner of the picture that say what it is."""
        self.is_synthetic = False
        """True if the picture is marked as synthetic."""

    @property
    def picture(self) -> QPixmap:
        return self._picture.pixmap()

    @property
    def overlay(self) -> QPixmap:
        return self._overlay.pixmap()

    def show_picture(self, picture: QImage, caption: str = "") -> None:
        """Replace the picture. The visible part and the scale stay, unless the whole picture was visible."""
        self._picture.setPixmap(QPixmap.fromImage(picture))
        self.caption = caption
        self.setSceneRect(QRectF(picture.rect()))
        if self.is_fitted:
            self.fit()
        self.viewport().update()

    def show_overlay(self, overlay: QImage) -> None:
        """Lay an overlay over the whole picture, smoothly enlarged if it is smaller. A null image removes it."""
        if not overlay.isNull():
            across, down = self.picture.width() / overlay.width(), self.picture.height() / overlay.height()
            self._overlay.setTransform(QTransform.fromScale(across, down))
        self._overlay.setPixmap(QPixmap.fromImage(overlay))

    def set_overlay_opacity(self, opacity: float) -> None:
        """Set the opacity of the overlay, from 0 (invisible) to 1."""
        self._overlay.setOpacity(opacity)

    def set_overlay_visible(self, visible: bool) -> None:
        """Hide the overlay, or show it again."""
        self._overlay.setVisible(visible)

    @property
    def overlay_is_visible(self) -> bool:
        return self._overlay.isVisible() and not self.overlay.isNull()

    # -- the visible part ----------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole picture, as large as possible."""
        self.is_fitted = True
        self.fitInView(self.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)
        self.moved.emit()

    def zoom(self, factor: float, around: QGraphicsView.ViewportAnchor) -> None:
        """Zoom in or out, at most until the whole picture is visible. The point that `around` names stays in place."""
        if self.picture.isNull():
            return
        room, picture = self.viewport().rect(), self.sceneRect()
        fitted = min(room.width() / picture.width(), room.height() / picture.height())
        scale = self.transform().m11() * factor
        if scale <= fitted:
            self.fit()
        elif scale <= max(_LARGEST_SCALE, 4 * fitted):
            self.is_fitted = False
            self.setTransformationAnchor(around)
            self.scale(factor, factor)
            self.moved.emit()

    def look_like(self, other: "ImageCanvas") -> None:
        """Show the same part as another canvas of this size, without emitting `moved`."""
        was_silent = self.blockSignals(True)
        self.is_fitted = other.is_fitted
        self.setTransform(other.transform())
        self.horizontalScrollBar().setValue(other.horizontalScrollBar().value())
        self.verticalScrollBar().setValue(other.verticalScrollBar().value())
        self.blockSignals(was_silent)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self.moved.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(1.0015 ** event.angleDelta().y(), QGraphicsView.ViewportAnchor.AnchorUnderMouse)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = event.position().toPoint()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._panned_from is None:
            super().mouseMoveEvent(event)
            return
        place = event.position().toPoint()
        way, self._panned_from = place - self._panned_from, place
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - way.x())
        self.verticalScrollBar().setValue(self.verticalScrollBar().value() - way.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = None
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.ignore()
        super().mouseDoubleClickEvent(event)
        if not event.isAccepted():
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1.25, QGraphicsView.ViewportAnchor.AnchorViewCenter)
        elif event.key() == Qt.Key.Key_Minus:
            self.zoom(0.8, QGraphicsView.ViewportAnchor.AnchorViewCenter)
        elif event.key() == Qt.Key.Key_0:
            self.fit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.is_fitted:
            self.fit()

    # -- words ---------------------------------------------------------------------------------------------

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.resetTransform()
        painter.setPen(QColor(_WORDS))
        room = self.viewport().rect().adjusted(SPACE, SPACE, -SPACE, -SPACE)
        if self.picture.isNull():
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self.sentence)
            return
        if self.is_synthetic:
            seen = self.mapFromScene(self.sceneRect()).boundingRect().intersected(self.viewport().rect())
            mark_synthetic(painter, seen)
            painter.setPen(QColor(_WORDS))
        if self.caption:
            words = painter.boundingRect(room, Qt.AlignmentFlag.AlignLeft, self.caption)
            ground = QColor(_GROUND)
            ground.setAlphaF(0.75)
            painter.fillRect(words.adjusted(-SPACE // 2, -SPACE // 4, SPACE // 2, SPACE // 4), ground)
            painter.drawText(words, Qt.AlignmentFlag.AlignLeft, self.caption)


def mask_overlay(mask: Image.Image) -> QImage:
    """A lesion mask as a faint tint with a clear edge, transparent outside the lesion."""
    inside = np.asarray(mask.convert("L")) > 0
    padded = np.pad(inside, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    pixels = np.zeros((*inside.shape, 4), np.uint8)
    pixels[..., :3] = _MASK_COLOUR
    pixels[..., 3] = np.where(inside & ~core, 255, np.where(inside, 60, 0))
    height, width = inside.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
