"""An image to look at closely, with a heat map over it."""

from PIL import Image
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from busapp.engine.heat_map import COLOURS, HeatMap, colour_heat_map
from busapp.gui.theme import colours
from busapp.gui.widgets.image_canvas import ImageCanvas, to_qimage


def to_pixmap(image: Image.Image) -> QPixmap:
    """A picture for the screen."""
    return QPixmap.fromImage(to_qimage(image))


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


class HeatMapView(QWidget):
    """An image, its heat map over it with an opacity, and the colours' meaning. Hold H to hide the map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = ImageCanvas()
        self.view.setAccessibleDescription(f"{self.view.accessibleDescription()} Hold H to hide the heat map.")
        self.view.installEventFilter(self)

        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(40)
        self.opacity.setMinimumWidth(80)
        self.opacity.setAccessibleName("Opacity of the heat map, in per cent")
        self.opacity.setToolTip("Opacity of the heat map. Hold H to hide it.")
        self.opacity.valueChanged.connect(lambda value: self.view.set_overlay_opacity(value / 100))
        self.view.set_overlay_opacity(self.opacity.value() / 100)
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
        return self.view.overlay_is_visible

    def set_image(self, image: Image.Image) -> None:
        """Show an image, fitted, without a heat map."""
        self.view.show_picture(to_qimage(image))
        self.view.show_overlay(QImage())
        self.view.fit()

    def set_heat_map(self, heat_map: HeatMap | None) -> None:
        """Lay a map over the image; None takes it away."""
        if heat_map is None:
            self.view.show_overlay(QImage())
            return
        size = self.view.picture.size()
        self.view.show_overlay(to_qimage(colour_heat_map(heat_map, (size.width(), size.height()))))

    def show_heat_map(self, visible: bool) -> None:
        """Hide the map for a moment, or show it again."""
        self.view.set_overlay_visible(visible)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_H and not event.isAutoRepeat():
            if event.type() == QEvent.Type.KeyPress:
                self.show_heat_map(False)
            elif event.type() == QEvent.Type.KeyRelease:
                self.show_heat_map(True)
        return False
