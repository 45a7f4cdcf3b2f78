"""Filters that select the images to show, and their order."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QPushButton, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.curation.quality import FLAGS
from busapp.gui.words import NOT_KNOWN

ANY_FLAG: Final = "any flag"
NEAR_DUPLICATES: Final = "near-duplicates"
DIFFERENT_CLASSES: Final = "different classes"
SAME_GROUP: Final = "grouped"
IN_USE: Final = "in use"
SET_ASIDE: Final = "set aside"
COVERED: Final = "covered"


class ImageFilters(QWidget):
    """Filters by class, kind, state, flag, likeness, site, device, part of the file name, and group.

    The first entry of every list is "all". Sites and devices are hidden while none are known.

    Signals:
        changed: the user has changed a filter.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(6)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.class_box = _box("Class")
        self.kind_box = _box("Kind", ("real", "synthetic"))
        self.state_box = _box("State", (IN_USE, SET_ASIDE, COVERED))
        self.flag_box = _box("Flags")
        self.alike_box = _box("Look alike", (NEAR_DUPLICATES, DIFFERENT_CLASSES, SAME_GROUP))
        meanings = (
            "in a pair that looks alike, unless it was decided that the pictures are different",
            "near-duplicates in groups with different classes",
            "with another image of the same patient or picture: never split between training and test",
        )
        for index, meaning in enumerate(meanings, 1):
            self.alike_box.setItemData(index, meaning, Qt.ItemDataRole.ToolTipRole)
        self.site_box = _box("Site")
        self.device_box = _box("Device")
        self.name_edit = QLineEdit()
        self.name_edit.setAccessibleName("File name")
        self.name_edit.setPlaceholderText("part of the name")
        self.name_edit.setClearButtonEnabled(True)
        self.name_edit.setAcceptDrops(False)  # files dropped here are imported, as anywhere in the tab
        self.name_edit.textChanged.connect(self._on_change)
        self._group: int | None = None
        self._boxes = (
            self.class_box,
            self.kind_box,
            self.state_box,
            self.flag_box,
            self.alike_box,
            self.site_box,
            self.device_box,
        )
        for box in self._boxes:
            form.addRow(box.accessibleName(), box)
            box.currentIndexChanged.connect(self._on_change)
        self.offer_places([], [])
        form.addRow("Name", self.name_edit)
        self.clear_button = QPushButton("Show all")
        self.clear_button.setEnabled(False)
        self.clear_button.clicked.connect(self.clear)
        form.addRow(self.clear_button)

    def offer(self, classes: Sequence[str], flags: Collection[str]) -> None:
        """Offer these classes and flags. A choice that is still offered stays. Does not emit `changed`."""
        _offer(self.class_box, classes)
        _offer(self.flag_box, [ANY_FLAG, *sorted(flags)] if flags else [])
        for index in range(2, self.flag_box.count()):
            meaning = FLAGS.get(self.flag_box.itemText(index), "")
            self.flag_box.setItemData(index, meaning, Qt.ItemDataRole.ToolTipRole)

    def offer_places(self, sites: Sequence[str], devices: Sequence[str]) -> None:
        """Offer these sites and devices, and hide a list that would be empty. A choice that is still offered stays.
        Does not emit `changed`."""
        for box, names in ((self.site_box, sites), (self.device_box, devices)):
            _offer(box, [*names, NOT_KNOWN] if names else [])
            for index, name in enumerate(names, 1):
                box.setItemData(index, name, Qt.ItemDataRole.ToolTipRole)
            self._form.setRowVisible(box, bool(names))

    def clear(self) -> None:
        """Show all images."""
        self._set({})

    def show_group(self, group: int) -> None:
        """Show the images of one group, and clear all other filters."""
        self._set({}, group)

    def show_covered(self) -> None:
        """Show the images with covered areas, and clear all other filters."""
        self._set({self.state_box: COVERED})

    def show_flag(self, flag: str) -> None:
        """Show the images in use that have a flag, and clear all other filters."""
        self._set({self.flag_box: flag, self.state_box: IN_USE})

    def choose(
        self,
        images: Sequence[ImageRecord],
        flags: Mapping[int, list[str]],
        conflicts: Collection[tuple[int, int]],
        near_duplicates: Collection[int],
    ) -> list[ImageRecord]:
        """The images to show.

        With a filter by likeness they are sorted by group, so that the images of a group stand side by side. Groups
        with different classes come first. `near_duplicates` are the ids of images that look alike; `conflicts` are
        pairs of ids of near-duplicates with different classes."""
        tests = self._tests(flags)
        chosen = [image for image in images if all(test(image) for test in tests)]
        likeness = _choice(self.alike_box)
        if likeness is None:
            return chosen
        in_conflict = {image_id for pair in conflicts for image_id in pair}
        contested = {image.group for image in images if image.id in in_conflict}
        if likeness == SAME_GROUP:
            sizes = Counter(image.group for image in images)
            alike = [image for image in chosen if sizes[image.group] > 1]
        else:
            alike = [
                image
                for image in chosen
                if image.id in near_duplicates and (likeness == NEAR_DUPLICATES or image.group in contested)
            ]
        return sorted(alike, key=lambda image: (image.group not in contested, image.group, image.class_name, image.id))

    def _tests(self, flags: Mapping[int, list[str]]) -> list[Callable[[ImageRecord], bool]]:
        """The tests that an image must pass. The boxes are read once, not for each of a hundred thousand images."""
        class_name, kind, state, flag, _, site, device = map(_choice, self._boxes)
        part, group = self.name_edit.text().strip().casefold(), self._group
        wanted: list[tuple[bool, Callable[[ImageRecord], bool]]] = [
            (class_name is not None, lambda image: image.class_name == class_name),
            (kind is not None, lambda image: image.kind == kind),
            (state in (IN_USE, SET_ASIDE), lambda image: (image.excluded is None) == (state == IN_USE)),
            (state == COVERED, lambda image: image.original is not None),
            (flag == ANY_FLAG, lambda image: image.id in flags),
            (flag not in (None, ANY_FLAG), lambda image: flag in flags.get(image.id, ())),
            (site is not None, lambda image: (image.site or NOT_KNOWN) == site),
            (device is not None, lambda image: (image.device or NOT_KNOWN) == device),
            (bool(part), lambda image: part in image.file.casefold()),
            (group is not None, lambda image: image.group == group),
        ]
        return [test for is_active, test in wanted if is_active]

    def _set(self, choices: Mapping[QComboBox, str], group: int | None = None) -> None:
        self._group = group
        self.name_edit.blockSignals(True)
        self.name_edit.clear()
        self.name_edit.blockSignals(False)
        for box in self._boxes:
            box.blockSignals(True)
            box.setCurrentText(choices.get(box, box.itemText(0)))
            box.blockSignals(False)
        self._on_change()

    def _on_change(self) -> None:
        chosen = any(_choice(box) is not None for box in self._boxes)
        self.clear_button.setEnabled(chosen or self._group is not None or bool(self.name_edit.text()))
        self.clear_button.setText("Show all" if self._group is None else f"Group {self._group} only: show all")
        self.changed.emit()


def _box(name: str, options: Sequence[str] = ()) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    # A hospital's long name must not widen the sidebar.
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
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
