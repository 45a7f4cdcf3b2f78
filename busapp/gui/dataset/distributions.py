"""Distributions of size, brightness, contrast, colour and texture of the images of each class, as histograms.

Source: the GAN-ResNet paper, Figure 8 (spatial coverage, size, colour, texture) and Figures 9 and 11 (density, that is
mean intensity).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord, Measures
from busapp.engine.utils.histograms import histograms
from busapp.engine.utils.words import many
from busapp.gui.theme import SPACE, class_colour
from busapp.gui.widgets.curves import CurvePlot

_PROPERTIES: Final[dict[str, tuple[str, Callable[[ImageRecord, Measures], float]]]] = {
    "Brightness": ("Mean intensity (0 to 255)", lambda _, measures: measures.brightness),
    "Contrast": ("Standard deviation of grey", lambda _, measures: measures.contrast),
    "Texture": ("Entropy of co-occurrence (bits)", lambda _, measures: measures.texture),
    "Colour": ("Colourfulness", lambda _, measures: measures.colour),
    "Coverage": ("Share that is not empty margin", lambda _, measures: measures.coverage),
    "Size": ("Square root of the area (px)", lambda image, _: (image.width * image.height) ** 0.5),
}


class Distributions(QWidget):
    """Shows one property at a time, as numbers of images, or as shares of each class to compare classes of different
    size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: Sequence[ImageRecord] = ()
        self._measures: Mapping[int, Measures] = {}
        self._classes: Sequence[str] = ()
        self.property_box = QComboBox()
        self.property_box.setAccessibleName("Property")
        self.property_box.addItems(list(_PROPERTIES))
        self.property_box.currentIndexChanged.connect(self._draw)
        self.share_box = QCheckBox("Share of the class")
        self.share_box.setToolTip("Show the share of each class's images, to compare classes of different size")
        self.share_box.toggled.connect(self._draw)
        self.plot = CurvePlot("Brightness", "", "Images", whole_x=False)
        self.plot.setMinimumHeight(190)
        self.plot.setMaximumHeight(320)
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)  # directly below the choice if there is no plot
        self.sentence.setProperty("role", "muted")
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.property_box, 1)
        row.addWidget(self.share_box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(row)
        column.addWidget(self.plot, 1)
        column.addWidget(self.sentence)
        self.show_images([], {}, [])

    def show_images(
        self, images: Sequence[ImageRecord], measures: Mapping[int, Measures], classes: Sequence[str]
    ) -> None:
        """Show these images. Unmeasured ones are not in the plot, but their number is shown. `classes` determine the
        colours."""
        self._images, self._measures, self._classes = images, measures, classes
        self._draw()

    def _draw(self) -> None:
        name = self.property_box.currentText()
        x_axis, value = _PROPERTIES[name]
        share = self.share_box.isChecked()
        self.plot.clear_curves()
        self.plot.name_axes(name, x_axis, "Share of the class (%)" if share else "Images")
        values: dict[str, list[float]] = {}
        for image in self._images:
            measured = self._measures.get(image.id)
            if measured is not None:
                values.setdefault(image.class_name, []).append(value(image, measured))
        n = sum(map(len, values.values()))
        for box in (self.property_box, self.share_box):
            box.setEnabled(n > 0)
        self.plot.setVisible(n > 0)
        self._say(n)
        if not n:
            return
        edges, counts = histograms(values)
        for class_name in sorted(counts):
            heights = counts[class_name] * (100 / len(values[class_name]) if share else 1.0)
            colour = class_colour(class_name, self._classes).name()
            self.plot.define(class_name, class_name, colour, steps=True)
            for x, y in zip(edges, [*heights, 0.0], strict=True):
                self.plot.put(class_name, float(x), float(y))
        self.plot.draw()

    def _say(self, measured: int) -> None:
        left_out = len(self._images) - measured
        if not self._images:
            self.sentence.setText("")
        elif not measured:
            self.sentence.setText("“Check images” measures brightness, contrast, colour and texture of each image.")
        else:
            have = "has" if left_out == 1 else "have"
            self.sentence.setText(f"{many(left_out, 'image')} {have} not been measured yet." if left_out else "")
