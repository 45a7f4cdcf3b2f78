"""Which of the study's images are shown, and in which order."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QPushButton, QWidget

from busapp.engine.catalog import ImageRecord

ANY_FLAG: Final = "any flag"
NEAR_DUPLICATES: Final = "near-duplicates"
DIFFERENT_CLASSES: Final = "different classes"


class ImageFilters(QWidget):
    """One choice each for class, kind, state, flag and likeness; the first of every list is "all".

    Signals:
        changed: another choice was made.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(6)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.class_box = _box("Class")
        self.kind_box = _box("Kind", ("real", "synthetic"))
        self.state_box = _box("State", ("in use", "set aside"))
        self.flag_box = _box("Flags")
        self.alike_box = _box("Look alike", (NEAR_DUPLICATES, DIFFERENT_CLASSES))
        self._boxes = (self.class_box, self.kind_box, self.state_box, self.flag_box, self.alike_box)
        for box in self._boxes:
            form.addRow(box.accessibleName(), box)
            box.currentIndexChanged.connect(self._on_change)
        self.clear_button = QPushButton("Show all")
        self.clear_button.setEnabled(False)
        self.clear_button.clicked.connect(self.clear)
        form.addRow(self.clear_button)

    def offer(self, classes: Sequence[str], flags: Collection[str]) -> None:
        """What there is to choose from; a choice that is still there stays. Does not emit `changed`."""
        _offer(self.class_box, classes)
        _offer(self.flag_box, [ANY_FLAG, *sorted(flags)] if flags else [])

    def clear(self) -> None:
        """Show all images."""
        self._set({})

    def review_duplicates(self) -> None:
        """Show the images that look alike, and nothing else filtered."""
        self._set({self.alike_box: NEAR_DUPLICATES})

    def choose(
        self,
        images: Sequence[ImageRecord],
        flags: Mapping[int, list[str]],
        conflicts: Collection[tuple[int, int]],
    ) -> list[ImageRecord]:
        """The images to show. Those that look alike come group by group, so that they stand side by side; groups
        with different classes, named by `conflicts` as pairs of image ids, come first."""
        chosen = [image for image in images if self._matches(image, flags.get(image.id, []))]
        likeness = _choice(self.alike_box)
        if likeness is None:
            return chosen
        in_conflict = {image_id for pair in conflicts for image_id in pair}
        contested = {image.group for image in images if image.id in in_conflict}
        sizes = Counter(image.group for image in images)
        alike = [
            image
            for image in chosen
            if sizes[image.group] > 1 and (likeness == NEAR_DUPLICATES or image.group in contested)
        ]
        return sorted(alike, key=lambda image: (image.group not in contested, image.group, image.class_name, image.id))

    def _matches(self, image: ImageRecord, flags: Sequence[str]) -> bool:
        state = "in use" if image.excluded is None else "set aside"
        return (
            _choice(self.class_box) in (None, image.class_name)
            and _choice(self.kind_box) in (None, image.kind)
            and _choice(self.state_box) in (None, state)
            and (_choice(self.flag_box) in (None, *flags) or (bool(flags) and _choice(self.flag_box) == ANY_FLAG))
        )

    def _set(self, choices: Mapping[QComboBox, str]) -> None:
        for box in self._boxes:
            box.blockSignals(True)
            box.setCurrentText(choices.get(box, box.itemText(0)))
            box.blockSignals(False)
        self._on_change()

    def _on_change(self) -> None:
        self.clear_button.setEnabled(any(_choice(box) is not None for box in self._boxes))
        self.changed.emit()


def _box(name: str, options: Sequence[str] = ()) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.addItems(["all", *options])
    return box


def _choice(box: QComboBox) -> str | None:
    return box.currentText() if box.currentIndex() > 0 else None


def _offer(box: QComboBox, options: Sequence[str]) -> None:
    chosen = box.currentText()
    box.blockSignals(True)
    box.clear()
    box.addItems(["all", *options])
    box.setCurrentIndex(max(0, box.findText(chosen)))
    box.blockSignals(False)
