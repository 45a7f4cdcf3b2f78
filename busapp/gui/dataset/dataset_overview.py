"""The right side of the Dataset tab: balance of the classes, facts about the images, and their distributions."""

from collections import Counter
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QMargins
from PySide6.QtWidgets import QLabel, QWidget

from busapp.engine.catalog import ImageRecord, Measures
from busapp.gui.dataset.class_balance import ClassBalance, ClassCount
from busapp.gui.dataset.distributions import Distributions
from busapp.gui.dataset.side_panel import SidePanel
from busapp.gui.theme import SPACE
from busapp.gui.widgets.warning_frame import words_label
from busapp.gui.words import places_in_words


class DatasetOverview(SidePanel):
    """Shows the images that `show_dataset` gets. Sites and devices are counted if any are known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Overview of the dataset", QMargins(SPACE, 0, 0, 0), parent)
        self.balance = ClassBalance()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "muted")
        self.places = words_label("muted")
        self.distributions = Distributions()
        self.add_heading("Class balance")
        self.column.addWidget(self.balance)
        self.column.addWidget(self.summary)
        self.column.addWidget(self.places)
        self.column.addSpacing(SPACE)
        self.add_heading("Distribution by class")
        self.column.addWidget(self.distributions, 1)
        self.column.addStretch()

    def show_dataset(
        self, images: Sequence[ImageRecord], measures: Mapping[int, Measures], facts: Sequence[str]
    ) -> None:
        """Show all images of the study, and facts about them in words. The distributions cover only real images in
        use."""
        classes = sorted({image.class_name for image in images})
        counted = Counter((image.class_name, "" if image.excluded is not None else image.kind) for image in images)
        self.balance.show_counts(
            [ClassCount(name, counted[name, "real"], counted[name, "synthetic"], counted[name, ""]) for name in classes]
        )
        self.summary.setText("; ".join(facts) + "." if facts else "")
        places = places_in_words(image for image in images if image.kind == "real")
        self.places.setText("\n".join(f"{line}." for line in places))
        self.places.setVisible(bool(places))
        in_use = [image for image in images if image.kind == "real" and image.excluded is None]
        self.distributions.show_images(in_use, measures, classes)
