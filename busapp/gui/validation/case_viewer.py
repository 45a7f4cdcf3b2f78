"""A tested image, large, with its true and predicted class and the heat map of a model."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QCheckBox, QComboBox, QSlider, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace
from busapp.gui.images.heat_map_view import ColourBar
from busapp.gui.images.heat_maps import OPACITY, HeatMaps, coloured
from busapp.gui.images.image_viewer import ImageViewer
from busapp.gui.validation.image_strip import NO_MODEL, Case, whose_map
from busapp.gui.widgets.warning_frame import words_label


class CaseViewer(ImageViewer):
    """The viewer of the Dataset tab, with a heat map (H) instead of the tool that covers areas."""

    _heat_maps: HeatMaps | None = None

    def __init__(
        self,
        workspace: Workspace,
        cases: Sequence[Case],
        row: int,
        heat_maps: HeatMaps,
        with_map: bool,
        parent: QWidget | None = None,
    ) -> None:
        """`with_map`: show the heat map at once, if there is a model for it."""
        by_id = {case.image.id: case for case in cases}
        classes = list(cases[row].tested.probabilities)
        super().__init__(
            workspace,
            [case.image for case in cases],
            row,
            lambda image: by_id[image.id].in_words(),
            parent,
        )
        self.cover_button.hide()
        self._heat_maps = heat_maps
        self.evidence.addItems(classes)
        self.evidence.setCurrentText(cases[row].tested.prediction.predicted)
        self.map_box.setEnabled(heat_maps.is_possible)
        self.map_box.setChecked(with_map and heat_maps.is_possible)
        heat_maps.made.connect(self._on_made)
        self._lay_map()

    def extras(self) -> Sequence[QWidget]:
        self.map_box = QCheckBox("Heat map (H)")
        self.map_box.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that a click leaves the arrow keys to the viewer
        self.evidence = QComboBox()
        self.evidence.setAccessibleName("Evidence for this class")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(round(100 * OPACITY))
        self.opacity.setAccessibleName("Opacity of the heat map, in per cent")
        self.opacity.setToolTip("Opacity of the heat map")
        self.colour_bar = ColourBar()
        self.about_map = words_label("muted")
        self.map_box.toggled.connect(lambda _: self._lay_map())
        self.evidence.currentIndexChanged.connect(lambda _: self._lay_map())
        self.opacity.valueChanged.connect(lambda _: self._lay_map())
        return self.map_box, self.evidence, self.opacity, self.colour_bar, self.about_map

    def done(self, result: int) -> None:
        if self._heat_maps is not None:
            self._heat_maps.made.disconnect(self._on_made)
            self._heat_maps = None
        super().done(result)

    def _on_made(self, sha256: str) -> None:
        if sha256 == self.image.sha256:
            self._lay_map()

    def _lay_map(self) -> None:
        wanted = self.map_box.isChecked()
        for widget in (self.evidence, self.opacity, self.colour_bar):
            widget.setVisible(wanted)
        self.about_map.setText(whose_map(self.evidence.currentText(), self._heat_maps) if wanted else NO_MODEL)
        self.about_map.setVisible(wanted or not self.map_box.isEnabled())
        self._show_mask()

    def _overlay(self, image: ImageRecord) -> QImage:
        mask, picture = super()._overlay(image), self.canvas.picture
        if self._heat_maps is None or not self.map_box.isChecked() or picture.isNull():
            return mask
        maps = self._heat_maps.get(image)
        if maps is None:
            self._heat_maps.want(image)
        if not maps:
            return mask
        layer = QImage(picture.size(), QImage.Format.Format_ARGB32_Premultiplied)
        layer.fill(Qt.GlobalColor.transparent)
        painter = QPainter(layer)
        painter.setOpacity(self.opacity.value() / 100)
        painter.drawImage(0, 0, coloured(maps[self.evidence.currentText()], picture.size()))
        painter.setOpacity(1.0)
        painter.drawImage(layer.rect(), mask)
        painter.end()
        return layer

    def _on_key(self, key: int) -> bool:
        if key == Qt.Key.Key_H:
            self.map_box.click()
            return True
        return super()._on_key(key)
