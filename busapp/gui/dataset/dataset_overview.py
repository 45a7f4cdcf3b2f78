"""The right side of the Dataset tab: the balance of the classes, what is known of the images, and how they are
distributed."""

from collections import Counter
from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord, Measures
from busapp.gui.dataset.class_balance import ClassBalance, ClassCount
from busapp.gui.dataset.distributions import Distributions
from busapp.gui.theme import SPACE


class DatasetOverview(QScrollArea):
    """Follows what `show_dataset` is given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.balance = ClassBalance()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "muted")
        self.distributions = Distributions()
        panel = QWidget()
        column = QVBoxLayout(panel)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(heading("Class balance"))
        column.addWidget(self.balance)
        column.addWidget(self.summary)
        column.addSpacing(SPACE)
        column.addWidget(heading("Distribution by class"))
        column.addWidget(self.distributions, 1)
        column.addStretch()
        self.setWidget(panel)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Overview of the dataset")

    def show_dataset(
        self, images: Sequence[ImageRecord], measures: Mapping[int, Measures], facts: Sequence[str]
    ) -> None:
        """Show all images of the study and what is known of them, in words; the distributions are those of the real
        images in use."""
        classes = sorted({image.class_name for image in images})
        counted = Counter((image.class_name, "" if image.excluded is not None else image.kind) for image in images)
        self.balance.show_counts(
            [ClassCount(name, counted[name, "real"], counted[name, "synthetic"], counted[name, ""]) for name in classes]
        )
        self.summary.setText("; ".join(facts) + "." if facts else "")
        in_use = [image for image in images if image.kind == "real" and image.excluded is None]
        self.distributions.show_images(in_use, measures, classes)


def heading(text: str) -> QLabel:
    """The title of a part of the tab."""
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
