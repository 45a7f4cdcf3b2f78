"""A large view of an image with a heat map over it."""

from collections.abc import Callable
from typing import Final

from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainterPath,
    QPen,
    QPolygonF,
    QShortcut,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QGraphicsItem,
    QGraphicsPathItem,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.images.heat_map import HeatMap, colour_heat_map, contours
from busapp.engine.images.marks import Box
from busapp.engine.images.pictures import SMALLEST_SIDE
from busapp.engine.images.preprocessing import Preprocessing
from busapp.gui.images.colour_scale import ColourScale
from busapp.gui.images.cover_boxes import SHADE
from busapp.gui.images.crop_band import CropBand
from busapp.gui.images.frame_slider import PAGES, FrameSlider
from busapp.gui.images.image_canvas import ARROWS, ImageCanvas, move_by_arrow, to_qimage
from busapp.gui.images.window_level import ONLY_SHOWN, Window, WindowMenu
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.flow_row import FlowRow

CROP_HINT: Final = "Drag a rectangle. With keys: arrows move it, Shift and arrows resize it, Enter crops. Esc cancels."
_FINE: Final = 512
"""Pixels of the longer side of a map over an image. Qt enlarges it further."""
_KEPT_ASPECT: Final = Qt.AspectRatioMode.KeepAspectRatio


class ColourBar(ColourScale):
    """The scale of a heat map's colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Colours of the heat map, from none to strongest evidence", "none", "strongest", parent=parent)


class Contour(QGraphicsPathItem):
    """The line at half of the strongest evidence: white over a wider dark line, so that it is visible everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self._shade = QGraphicsPathItem(self)
        self._shade.setFlag(QGraphicsItem.GraphicsItemFlag.ItemStacksBehindParent)
        for item, colour, width in ((self._shade, SHADE, 4), (self, "white", 1.6)):
            pen = QPen(QColor(colour), width)
            pen.setCosmetic(True)
            item.setPen(pen)

    def show_map(self, heat_map: HeatMap | None, size: tuple[int, int]) -> None:
        """Draw the line over an image of `size` (width, height), in pixels. None removes the line."""
        path = QPainterPath()
        for line in contours(heat_map, size) if heat_map is not None else ():
            path.addPolygon(QPolygonF([QPointF(x, y) for x, y in line]))
        self.setPath(path)
        self._shade.setPath(path)


class HeatMapView(QWidget):
    """An image with its heat map. Below it: the map's opacity and colours, the crop, and window and level.

    Hold H to hide the map. C begins to crop, Esc cancels. Page Up and Down change the frame of a loop, and so do the
    arrow keys while the whole image is visible. Dragging with the right button changes window and level.

    Signals:
        frame_wanted: the number of the frame that was chosen.
        crop_drawn: the `Box` to crop to, in pixels of the image shown.
        whole_wanted: the user wants to undo the crop.
    """

    frame_wanted = Signal(int)
    crop_drawn = Signal(object)
    whole_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: Image.Image | None = None
        self._drawn = QImage()
        self._heat_map: HeatMap | None = None
        self._preparing: Preprocessing | None = None
        self._dragged_from: QPoint | None = None
        self.window_shown = Window()
        self.band: CropBand | None = None
        self.view = ImageCanvas()
        self.view.setAccessibleDescription(f"{self.view.accessibleDescription()} Hold H to hide the heat map.")
        self.view.installEventFilter(self)
        self.view.viewport().installEventFilter(self)
        self.contour = Contour()
        self.view.scene().addItem(self.contour)
        self._drawing = Background(self)
        self._drawing.made.connect(self._show)
        self.frames = FrameSlider()
        self.frames.frame_wanted.connect(self.frame_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.frames)
        layout.addLayout(self._make_controls())
        self._crop_key = self._shortcut("C", self.begin_crop)
        self._leave_key = self._shortcut("Esc", self.leave_crop)
        self._refresh_crop()

    def _shortcut(self, key: str, on_pressed: Callable[[], None]) -> QShortcut:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(on_pressed)
        return shortcut

    def _make_controls(self) -> FlowRow:
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(40)
        self.opacity.setMinimumWidth(80)
        self.opacity.setAccessibleName("Opacity of the heat map, in per cent")
        self.opacity.setToolTip("Opacity of the heat map. Hold H to hide it.")
        self.opacity.valueChanged.connect(lambda value: self.view.set_overlay_opacity(value / 100))
        self.view.set_overlay_opacity(self.opacity.value() / 100)
        label = QLabel("&Heat map (hold H to hide)")
        label.setBuddy(self.opacity)
        self.colour_bar = ColourBar()
        self.contour_box = QCheckBox("C&ontour")
        self.contour_box.setToolTip("Outline the area in which the evidence is at least half of the strongest")
        self.contour_box.toggled.connect(self._show_contour)
        self.seen_box = QCheckBox("As the model &sees it")
        self.seen_box.setToolTip(
            "Show the image as the model gets it: resized, and prepared as its training images were"
        )
        self.seen_box.toggled.connect(lambda _: self._draw())
        self.crop_button = _button("Crop (C)", "Diagnose a part of the image: drag a rectangle", self._toggle_crop)
        self.crop_button.setCheckable(True)
        self.whole_button = _button("Whole image", "Undo the crop", self.whole_wanted.emit)
        self.window_menu = WindowMenu(self)
        self.window_menu.changed.connect(self.set_window)
        self.window_button = QPushButton("Window")
        self.window_button.setToolTip(f"Brightness and contrast (drag with the right button). {ONLY_SHOWN}")
        self.window_button.setMenu(self.window_menu)
        fit = _button("Fit", "Show the whole image (0, or double-click)", self.view.fit)
        controls = FlowRow()
        for widget in (label, self.opacity, self.colour_bar, self.contour_box, self.seen_box):
            controls.addWidget(widget)
        for button in (self.crop_button, self.whole_button, self.window_button, fit):
            controls.addWidget(button)
        return controls

    # -- what is shown -------------------------------------------------------------------------------------

    @property
    def heat_map_is_visible(self) -> bool:
        return self.view.overlay_is_visible

    def set_image(
        self,
        image: Image.Image,
        drawn: QImage | None = None,
        preparing: Preprocessing | None = None,
        *,
        is_cropped: bool = False,
        is_same: bool = False,
    ) -> None:
        """Show an image without a heat map.

        It is fitted to the view, except for another frame of the same image (`is_same`). `drawn` is the image already
        converted for Qt, because the conversion takes long for a large one. `preparing` is how the model gets
        its images; None if no model is known."""
        self.leave_crop()
        size_before = self._image.size if self._image is not None else None
        self._image, self._drawn = image, drawn if drawn is not None else to_qimage(image)
        self._preparing = preparing
        self.seen_box.setEnabled(preparing is not None)
        self.whole_button.setVisible(is_cropped)
        window = self.window_shown if is_same else Window()
        self.set_window(window)
        is_alike = is_same and image.size == size_before
        if not (is_alike and self._is_as_seen):  # else the former frame stays until the new one is prepared
            self._show(self._drawn if window.is_plain else to_qimage(window.applied(image)))
        self.set_heat_map(None)
        if not is_alike:
            self.view.fit()
        self._refresh_crop()

    def _show(self, drawn: QImage) -> None:
        self.view.show_picture(drawn, self._caption())

    def _caption(self) -> str:
        if self.band is not None:
            return CROP_HINT
        if self._is_as_seen and self._preparing is not None:
            return f"as the model sees it: {self._preparing.in_words}"
        window = self.window_shown
        return (
            "" if window.is_plain else f"window {window.width}, level {window.level}; the model sees the image as it is"
        )

    def set_window(self, window: Window) -> None:
        """Show the image with another window and level. The model still sees the unchanged image."""
        self.window_shown = window
        self.window_menu.show_window(window)
        self._draw()

    @property
    def _is_as_seen(self) -> bool:
        """True if the image is shown as the model gets it. Window and level then change nothing."""
        return self.seen_box.isChecked() and self._preparing is not None

    def _draw(self) -> None:
        """Show the image in the way that was chosen. A thread draws it, unless it is drawn already."""
        image, window, preparing = self._image, self.window_shown, self._preparing
        if image is not None and preparing is not None and self._is_as_seen:
            self._drawing.ask(lambda: to_qimage(preparing.over(image.convert("RGB"))))
        elif image is None or window.is_plain:
            self._drawing.ask(None)
            self._show(self._drawn)
        else:
            self._drawing.ask(lambda: to_qimage(window.applied(image)))

    def set_heat_map(self, heat_map: HeatMap | None) -> None:
        """Show a map over the image. None removes it."""
        self._heat_map = heat_map
        size = self.view.picture.size().boundedTo(self.view.picture.size().scaled(_FINE, _FINE, _KEPT_ASPECT))
        fine = max(1, size.width()), max(1, size.height())
        self.view.show_overlay(QImage() if heat_map is None else to_qimage(colour_heat_map(heat_map, fine)))
        self._show_contour()

    def _show_contour(self) -> None:
        is_wanted = self.contour_box.isChecked()
        size = self.view.picture.width(), self.view.picture.height()
        self.contour.show_map(self._heat_map if is_wanted else None, size)

    def show_heat_map(self, visible: bool) -> None:
        """Hide the map, or show it again."""
        self.view.set_overlay_visible(visible)
        self.contour.setVisible(visible)

    # -- cropping ------------------------------------------------------------------------------------------

    def begin_crop(self) -> None:
        """Let the user draw a rectangle to crop to."""
        if self._image is None or self.band is not None:
            return
        self.band = CropBand(*self._image.size)
        self.band.taken.connect(self._take_crop)
        self.band.too_small.connect(self._on_too_small)
        self.view.scene().addItem(self.band)
        self.show_heat_map(False)
        self._refresh_crop()
        self.view.setFocus()

    def leave_crop(self) -> None:
        """Stop cropping, and leave the image as it is."""
        if self.band is not None:
            self.view.scene().removeItem(self.band)
            self.band.deleteLater()
            self.band = None
            self.show_heat_map(True)
            self._refresh_crop()

    def _toggle_crop(self) -> None:
        if self.band is None:
            self.begin_crop()
        else:
            self.leave_crop()

    def _take_crop(self, box: Box) -> None:
        self.leave_crop()
        self.crop_drawn.emit(box)

    def _on_too_small(self) -> None:
        self.view.caption = f"That is too small. Draw at least {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels. {CROP_HINT}"
        self.view.viewport().update()

    def _refresh_crop(self) -> None:
        is_cropping = self.band is not None
        self.crop_button.setChecked(is_cropping)
        self.crop_button.setEnabled(self._image is not None)
        self._leave_key.setEnabled(is_cropping)
        self.view.caption = self._caption()
        self.view.viewport().update()

    # -- keys and the right button -------------------------------------------------------------------------

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and watched is self.view:
            return self._on_key(event)
        if isinstance(event, QMouseEvent) and watched is self.view.viewport():
            return self._on_mouse(event)
        return False

    def _on_key(self, event: QKeyEvent) -> bool:
        is_pressed, key = event.type() == QEvent.Type.KeyPress, Qt.Key(event.key())
        if key == Qt.Key.Key_H and not event.isAutoRepeat() and self.band is None:
            self.show_heat_map(not is_pressed)
            return False
        if not is_pressed:
            return False
        if self.band is not None:
            return self._on_crop_key(self.band, event)
        if key in PAGES:
            return self.frames.walk(PAGES[key])
        if key in ARROWS and self.view.is_fitted:
            return self.frames.walk(sum(ARROWS[key]))
        return False

    @staticmethod
    def _on_crop_key(band: CropBand, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key in ARROWS:
            move_by_arrow(event, band)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            band.take()
        else:
            return False
        return True

    def _on_mouse(self, event: QMouseEvent) -> bool:
        right, place = Qt.MouseButton.RightButton, event.position().toPoint()
        if event.type() == QEvent.Type.MouseButtonPress and event.button() == right:
            self._dragged_from = place
        elif event.type() == QEvent.Type.MouseMove and self._dragged_from is not None:
            way, self._dragged_from = place - self._dragged_from, place
            self.set_window(self.window_shown.moved(way.x(), way.y()))
        elif event.type() == QEvent.Type.MouseButtonRelease and event.button() == right:
            self._dragged_from = None
        else:
            return False
        return True


def _button(text: str, what: str, on_clicked: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(what)
    button.clicked.connect(lambda: on_clicked())
    return button
