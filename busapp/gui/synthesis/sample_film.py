"""The samples of a generator as a film over the epochs, beside real images."""

from pathlib import Path
from typing import Final

from PIL import Image
from PySide6.QtCore import QRect, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QToolButton, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.study.workspace import Workspace
from busapp.gui.images.image_canvas import to_pixmap
from busapp.gui.theme import SPACE, colours
from busapp.gui.widgets.flow_row import FlowRow

FRAME_MS = 120
REAL_ROWS: Final = 4
REAL_COLUMNS: Final = 5
REAL_SIDE: Final = 96
"""Pixels of a real image in the grid."""


def grid_of_real_images(workspace: Workspace, class_name: str) -> QPixmap:
    """Real images of a class in rows and columns, like the samples; a null pixmap if the study has none.

    Raises:
        UserError: an image cannot be read.
    """
    of_group: dict[int, ImageRecord] = {}  # one of each group, so that no picture is shown twice
    for image in workspace.catalog.images(class_name=class_name, kind="real", with_excluded=False):
        of_group.setdefault(image.group, image)
    if not of_group:
        return QPixmap()
    paths = [workspace.image_path(image) for image in list(of_group.values())[: REAL_ROWS * REAL_COLUMNS]]
    grid = Image.new("RGB", (REAL_COLUMNS * REAL_SIDE, REAL_ROWS * REAL_SIDE))
    for index, square in enumerate(Preprocessing(REAL_SIDE).load(paths)):
        row, column = divmod(index, REAL_COLUMNS)
        grid.paste(Image.fromarray(square), (column * REAL_SIDE, row * REAL_SIDE))
    return to_pixmap(grid)


class _Picture(QWidget):
    """One grid of images. Synthetic ones have a dashed frame and an S."""

    def __init__(self, caption: str, is_synthetic: bool) -> None:
        super().__init__()
        self.pixmap = QPixmap()
        self._caption, self._is_synthetic = caption, is_synthetic
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(96, 96)
        self.setAccessibleName(caption)

    def sizeHint(self) -> QSize:
        return QSize(256, 280)

    def show_pixmap(self, pixmap: QPixmap) -> None:
        self.pixmap = pixmap
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QColor(colours().muted))
        line = self.fontMetrics().height()
        painter.drawText(QRect(0, 0, self.width(), line), Qt.AlignmentFlag.AlignHCenter, self._caption)
        room = self.rect().adjusted(2, line + 4, -2, -2)
        if self.pixmap.isNull() or room.isEmpty():
            return
        size = self.pixmap.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(room.x() + (room.width() - size.width()) // 2, room.y(), size.width(), size.height())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(place, self.pixmap)
        style = Qt.PenStyle.DashLine if self._is_synthetic else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(colours().muted), 2, style))
        painter.drawRect(place)
        if self._is_synthetic:
            badge = QRect(place.right() - line - 3, place.top() + 3, line, line)
            painter.fillRect(badge, QColor("#101418"))
            painter.setPen(QColor("#ffffff"))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, "S")


class SampleFilm(QWidget):
    """A grid of samples for each epoch. The slider and Play move through the epochs; Compare shows real images beside.

    While the newest grid is shown, a newer one replaces it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: dict[int, Path] = {}
        self.samples = _Picture("Synthetic", is_synthetic=True)
        self.real = _Picture("Real", is_synthetic=False)
        self.real.hide()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Epoch of the samples")
        self.slider.valueChanged.connect(self._show_frame)
        self.epoch_label = QLabel()
        self.epoch_label.setMinimumWidth(self.epoch_label.fontMetrics().horizontalAdvance("Epoch 00000"))
        self.play = QToolButton()
        self.play.setText("▶ Play")
        self.play.setCheckable(True)
        self.play.setToolTip("Play the samples from the first epoch to the last")
        self.play.setAccessibleName("Play the film of the samples")
        self.play.toggled.connect(self._set_playing)
        self.compare = QCheckBox("&Compare with real images")
        self.compare.toggled.connect(self.real.setVisible)
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._next_frame)

        pictures = QHBoxLayout()
        pictures.setSpacing(SPACE)
        pictures.addWidget(self.samples, 1)
        pictures.addWidget(self.real, 1)
        controls = FlowRow()
        controls.addWidget(self.play)
        controls.addWidget(self.slider)
        controls.addWidget(self.epoch_label)
        controls.addWidget(self.compare)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(pictures, 1)
        layout.addLayout(controls)
        self.setMinimumHeight(240)  # its controls may need two lines
        self.clear()

    @property
    def epoch(self) -> int | None:
        """The shown epoch; None without samples."""
        epochs = sorted(self._frames)
        return epochs[self.slider.value()] if epochs else None

    def clear(self) -> None:
        """Remove all samples."""
        self._frames.clear()
        self.play.setChecked(False)
        self.slider.setRange(0, 0)
        self._set_film_enabled(False)
        self._show_frame()

    def add(self, epoch: int, file: Path) -> None:
        """Add the samples of an epoch, an image file."""
        follows = self.slider.value() == self.slider.maximum()
        self._frames[epoch] = file
        self._set_film_enabled(True)
        self.slider.setMaximum(len(self._frames) - 1)
        if follows and not self.play.isChecked():
            self.slider.setValue(self.slider.maximum())
        self._show_frame()

    def _set_film_enabled(self, enabled: bool) -> None:
        """Enable the controls of the film. Compare stays enabled: it needs no samples."""
        self.play.setEnabled(enabled)
        self.slider.setEnabled(enabled)

    def _show_frame(self) -> None:
        epoch = self.epoch
        self.samples.show_pixmap(QPixmap(str(self._frames[epoch])) if epoch is not None else QPixmap())
        self.epoch_label.setText(f"Epoch {epoch}" if epoch is not None else "")

    def _set_playing(self, playing: bool) -> None:
        self.play.setText("⏸ Stop" if playing else "▶ Play")
        if playing:
            self.slider.setValue(0)
            self._timer.start()
        else:
            self._timer.stop()

    def _next_frame(self) -> None:
        if self.slider.value() >= self.slider.maximum():
            self.play.setChecked(False)
        else:
            self.slider.setValue(self.slider.value() + 1)
