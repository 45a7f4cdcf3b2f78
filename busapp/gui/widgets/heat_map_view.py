"""An image to look at closely, with a heat map over it."""

from PIL import Image
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QGraphicsPixmapItem,
    QGraphicsScene,
    QGraphicsView,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.heat_map import COLOURS, HeatMap, colour_heat_map
from busapp.gui.theme import colours


def to_pixmap(image: Image.Image) -> QPixmap:
    """A picture for the screen."""
    rgb = image.convert("RGB")
    stored = QImage(rgb.tobytes(), rgb.width, rgb.height, 3 * rgb.width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(stored)


class ColourBar(QWidget):
    """What the colours of a heat map mean."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Colours of the heat map, from none to strongest evidence")
        self.setMinimumWidth(120)
        self.setFixedHeight(15 + self.fontMetrics().height())
        self._strip = to_pixmap(Image.fromarray(COLOURS[None]))

    def sizeHint(self) -> QSize:
        return QSize(160, 15 + self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        bar = QRectF(0.5, 0.5, self.width() - 1, 11)
        painter.drawPixmap(bar.toRect(), self._strip)
        painter.setPen(QColor(colours().border))
        painter.drawRect(bar)
        painter.setPen(QColor(colours().muted))
        words = QRectF(0, 13, self.width(), self.height() - 13)
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft, "none")
        painter.drawText(words, Qt.AlignmentFlag.AlignRight, "strongest")


class _ZoomView(QGraphicsView):
    """Wheel and + − zoom, dragging pans, double-click and 0 fit."""

    def __init__(self, scene: QGraphicsScene, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setBackgroundBrush(QColor("#0b0c0d"))
        self.setAccessibleName("Image")
        self.setAccessibleDescription("Plus and minus zoom, 0 fits, arrow keys move, hold H to hide the heat map.")
        self.is_fitted = True

    def fit(self) -> None:
        self.is_fitted = True
        self.fitInView(self.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)

    def zoom(self, factor: float) -> None:
        scale = self.transform().m11() * factor
        if 0.05 < scale < 40:
            self.is_fitted = False
            self.scale(factor, factor)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(1.0015 ** event.angleDelta().y())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1.25)
        elif event.key() == Qt.Key.Key_Minus:
            self.zoom(0.8)
        elif event.key() == Qt.Key.Key_0:
            self.fit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.is_fitted:
            self.fit()


class HeatMapView(QWidget):
    """An image, its heat map over it with an opacity, and the colours' meaning. Hold H to hide the map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = QGraphicsScene(self)
        self._image = QGraphicsPixmapItem()
        self._image.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
        self._heat = QGraphicsPixmapItem()
        self._heat.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
        self._scene.addItem(self._image)
        self._scene.addItem(self._heat)
        self.view = _ZoomView(self._scene)
        self.view.installEventFilter(self)

        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(40)
        self.opacity.setMinimumWidth(80)
        self.opacity.setAccessibleName("Opacity of the heat map, in per cent")
        self.opacity.setToolTip("Opacity of the heat map. Hold H to hide it.")
        self.opacity.valueChanged.connect(lambda value: self._heat.setOpacity(value / 100))
        self._heat.setOpacity(self.opacity.value() / 100)
        fit = QPushButton("Fit")
        fit.setToolTip("Show the whole image (0, or double-click)")
        fit.clicked.connect(self.view.fit)
        self.colour_bar = ColourBar()

        label = QLabel("&Heat map (hold H to hide)")
        label.setBuddy(self.opacity)
        controls = QHBoxLayout()
        controls.addWidget(label)
        controls.addWidget(self.opacity, 1)
        controls.addWidget(self.colour_bar)
        controls.addWidget(fit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view, 1)
        layout.addLayout(controls)

    @property
    def heat_map_is_visible(self) -> bool:
        return self._heat.isVisible() and not self._heat.pixmap().isNull()

    def set_image(self, image: Image.Image) -> None:
        """Show an image, fitted, without a heat map."""
        self._image.setPixmap(to_pixmap(image))
        self._heat.setPixmap(QPixmap())
        self._scene.setSceneRect(self._image.boundingRect())
        self.view.fit()

    def set_heat_map(self, heat_map: HeatMap | None) -> None:
        """Lay a map over the image; None takes it away."""
        if heat_map is None:
            self._heat.setPixmap(QPixmap())
            return
        size = self._image.pixmap().size()
        self._heat.setPixmap(to_pixmap(colour_heat_map(heat_map, (size.width(), size.height()))))

    def show_heat_map(self, visible: bool) -> None:
        """Hide the map for a moment, or show it again."""
        self._heat.setVisible(visible)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_H and not event.isAutoRepeat():
            if event.type() == QEvent.Type.KeyPress:
                self.show_heat_map(False)
            elif event.type() == QEvent.Type.KeyRelease:
                self.show_heat_map(True)
        return False
